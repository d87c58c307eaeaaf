//! What is rendered is what is read: mails parsed back by a parser that isn't the writer's.

use mail_parser::MessageParser;
use proptest::prelude::*;

use super::{
    Letter, Recipient, Sender, Template,
    built_in::{BUILT_IN_HTML, BUILT_IN_SUBJECT, BUILT_IN_TEXT},
    message_id,
    template::Variables,
};

struct Parsed {
    subject: String,
    to: String,
    text: String,
    html: Option<String>,
}

fn parsed(bytes: &[u8]) -> Parsed {
    let mail = MessageParser::new().parse(bytes).expect("a mail");
    let to = mail.to().and_then(|to| to.first()).expect("a recipient");
    let lines = |text: &str| text.replace("\r\n", "\n");
    Parsed {
        subject: mail.subject().unwrap_or_default().to_owned(),
        to: to.address().unwrap_or_default().to_owned(),
        text: lines(&mail.body_text(0).expect("a text")),
        html: (mail.html_body_count() > 0 && mail.html_part(0).is_some_and(|p| p.is_text_html()))
            .then(|| lines(&mail.body_html(0).expect("HTML"))),
    }
}

/// Line lengths and what a line may hold (RFC 5322 2.1.1, RFC 5321 4.5.3.1.6): ours are ASCII.
fn is_fit_for_smtp(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or("\n");
    bytes.is_ascii()
        && text
            .split("\r\n")
            .all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0']))
}

fn check(template: &Template, recipient: &Recipient<'_>) {
    let rendered = template.render(recipient).expect("renders");
    let sender = Sender::new("Comms <campaigns@example.com>", "comms.example.com").expect("valid");
    let name = recipient.name();
    let letter = Letter {
        name: &name,
        email: recipient.email,
        campaign_id: recipient.campaign_id,
        message_id: &message_id("1", recipient.user_id, "email", "comms.example.com"),
    };
    let bytes = sender.compose(&letter, rendered.clone()).expect("composed");
    assert!(
        is_fit_for_smtp(&bytes),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    let parsed = parsed(&bytes);
    // White space at a line's end is nothing that a reader sees.
    let same = |a: &str, b: &str| {
        let lines = |text: &str| text.replace("\r\n", "\n").trim_end_matches('\n').to_owned();
        assert_eq!(lines(a), lines(b));
    };
    assert_eq!(parsed.subject, rendered.subject);
    assert_eq!(parsed.to, recipient.email);
    same(&parsed.text, &rendered.text);
    match (&parsed.html, &rendered.html) {
        (Some(parsed), Some(rendered)) => same(parsed, rendered),
        (parsed, rendered) => assert_eq!(parsed.is_some(), rendered.is_some()),
    }
}

#[test]
fn difficult_words_arrive_as_they_were_written() {
    let long = "long ".repeat(400) + &"x".repeat(3_000);
    let dots = format!(".\n..\n.leading\n{long}\n.\nÄ emoji 🎄👩‍👩‍👧 and 漢字\ttab\n=3D =\n-- \nend.");
    let none = Variables::new();
    let html = format!("<p>{{{{ name }}}}</p>\n.\n<p>{long} 🎉 &amp; ü</p>\n.");
    for (first_name, last_name) in [
        ("Zoë", "Müller-Lüdenscheidt"),
        ("李", "小龍"),
        ("🎅", "\"Santa\" <claus@example.org>"),
        ("O'Brien, Jr.", "=?utf-8?q?x?="),
        ("", ""),
    ] {
        let recipient = Recipient {
            first_name,
            last_name,
            email: "zoe.7@example.com",
            user_id: 7,
            campaign_id: "1",
            campaign_name: "Grüße 🎁 — eine sehr lange Überschrift, die umgebrochen werden muss, und noch mehr",
        };
        for (subject, text, html) in [
            (BUILT_IN_SUBJECT, BUILT_IN_TEXT, BUILT_IN_HTML),
            ("{{ campaign.name }} 🎄", dots.as_str(), ""),
            ("ü {{ name }}", dots.as_str(), html.as_str()),
            ("=?utf-8?q?not_encoded?=", "", html.as_str()),
        ] {
            check(
                &Template::compile(subject, text, html, &none).expect("valid"),
                &recipient,
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any words in any field, and any template that compiles.
    #[test]
    fn rendering_never_panics_and_reads_back(
        subject in "[ -~à-ü漢🎄]{0,90}",
        text in "(\\.|[ -~à-ü漢🎄]|\\n){1,400}",
        html in "(<p>|</p>|\\.|[ -~à-ü漢🎄]|\\n){0,400}",
        first_name in "\\PC{0,20}",
        last_name in "[ -~à-ü漢🎄]{0,20}",
        campaign_name in "\\PC{1,60}",
        variable in any::<String>(),
    ) {
        let mut variables = Variables::new();
        variables.insert("x".to_owned(), variable.clone().into());
        let text = format!("{text}{{{{ vars.x|replace('\\r', '') }}}}");
        let Ok(template) = Template::compile(&format!("{subject}{{{{ name }}}}"), &text, &html, &variables) else {
            return Ok(());
        };
        let recipient = Recipient {
            first_name: &first_name,
            last_name: &last_name,
            email: "zoe.7@example.com",
            user_id: 7,
            campaign_id: "1",
            campaign_name: &campaign_name,
        };
        check(&template, &recipient);
    }
}
