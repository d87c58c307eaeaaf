//! What a mail looks like in JSON: the shapes of Inbucket's REST API v1. Here a mail is parsed.

use std::{collections::BTreeMap, sync::LazyLock};

use mail_parser::{Address, HeaderName, Message, MessageParser, MimeHeaders, PartType};
use serde::Serialize;

use super::mail::{self, Mail};

/// Header fields beyond this are not looked at when a mail is listed or searched, bytes.
const LISTED_BYTES: usize = 16 * 1024;

/// One line of a list.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) mailbox: String,
    pub(super) id: String,
    /// Like `"Ann Lee" <ann@example.com>`.
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) subject: String,
    /// When it arrived, RFC 3339.
    pub(super) date: String,
    #[serde(rename = "posix-millis")]
    pub(super) posix_millis: i64,
    /// Bytes of the message.
    pub(super) size: usize,
    pub(super) seen: bool,
}

/// A whole mail.
#[derive(Debug, Serialize)]
pub(super) struct Full {
    #[serde(flatten)]
    summary: Summary,
    body: Body,
    header: BTreeMap<String, Vec<String>>,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
struct Body {
    text: String,
    html: String,
}

#[derive(Debug, Serialize)]
struct Attachment {
    filename: String,
    #[serde(rename = "content-type")]
    content_type: String,
    #[serde(rename = "download-link")]
    download_link: String,
    #[serde(rename = "view-link")]
    view_link: String,
}

/// Only what a list shows.
static LISTED: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .header_text(HeaderName::Subject)
        .header_address(HeaderName::From)
        .header_address(HeaderName::To)
        .default_header_ignore()
});

impl Summary {
    pub(super) fn of(mail: &Mail, mailbox: String) -> Self {
        let source = mail.source();
        let head = LISTED.parse_headers(&source[..source.len().min(LISTED_BYTES)]);
        Self::new(mail, mailbox, head.as_ref())
    }

    fn new(mail: &Mail, mailbox: String, head: Option<&Message<'_>>) -> Self {
        let mut from = addresses(head.and_then(|m| m.from()));
        if from.is_empty() {
            from.push(format!("<{}>", mail.from()));
        }
        let mut to = addresses(head.and_then(|m| m.to()));
        if to.is_empty() {
            to = mail.recipients().map(|r| format!("<{r}>")).collect();
        }
        Self {
            mailbox,
            id: mail.id().to_string(),
            from: from.swap_remove(0),
            to,
            subject: head
                .and_then(|m| m.subject())
                .unwrap_or_default()
                .to_owned(),
            date: jiff::Timestamp::from_millisecond(mail.arrived_at_ms())
                .map_or_else(|_| String::new(), |at| at.to_string()),
            posix_millis: mail.arrived_at_ms(),
            size: mail.source().len(),
            seen: mail.seen(),
        }
    }

    /// Whether a word in lower case occurs in the addresses or the subject.
    pub(super) fn has(&self, word: &str) -> bool {
        [&self.from, &self.subject]
            .into_iter()
            .chain(&self.to)
            .any(|text| text.to_lowercase().contains(word))
    }
}

impl Full {
    /// `base` is where this server is reached, like `http://127.0.0.1:9000`.
    pub(super) fn of(mail: &Mail, mailbox: String, base: &str) -> Self {
        let parsed = MessageParser::default().parse(mail.source());
        let summary = Summary::new(mail, mailbox, parsed.as_ref());
        let attachments = parsed.as_ref().map_or_else(Vec::new, |message| {
            message
                .attachments()
                .enumerate()
                .map(|(nth, part)| Attachment::of(part, nth, &summary, base))
                .collect()
        });
        Self {
            body: Body {
                text: parsed.as_ref().and_then(text).unwrap_or_default(),
                html: parsed.as_ref().and_then(html).unwrap_or_default(),
            },
            header: header(mail.source()),
            attachments,
            summary,
        }
    }
}

impl Attachment {
    fn of(part: &mail_parser::MessagePart<'_>, nth: usize, of: &Summary, base: &str) -> Self {
        let filename = part.attachment_name().unwrap_or("attachment").to_owned();
        let link = url::Url::parse(base).map_or_else(
            |_| String::new(),
            |mut url| {
                if let Ok(mut path) = url.path_segments_mut() {
                    let nth = nth.to_string();
                    path.extend([
                        "serve",
                        "mailbox",
                        &of.mailbox,
                        &of.id,
                        "attach",
                        &nth,
                        &filename,
                    ]);
                }
                url.to_string()
            },
        );
        Self {
            filename,
            content_type: content_type(part),
            view_link: link.clone(),
            download_link: link,
        }
    }
}

/// The content of the nth attachment.
pub(super) fn attachment(mail: &Mail, nth: usize) -> Option<Vec<u8>> {
    let message = MessageParser::default().parse(mail.source())?;
    message
        .attachments()
        .nth(nth)
        .map(|part| part.contents().to_vec())
}

fn content_type(part: &mail_parser::MessagePart<'_>) -> String {
    part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |t| match t.subtype() {
            Some(subtype) => format!("{}/{subtype}", t.ctype()),
            None => t.ctype().to_owned(),
        },
    )
}

/// The plain text, made from the HTML when that is all there is.
fn text(message: &Message<'_>) -> Option<String> {
    message.body_text(0).map(|text| text.into_owned())
}

/// The HTML as it was sent; none is made from plain text.
fn html(message: &Message<'_>) -> Option<String> {
    message.html_bodies().find_map(|part| match &part.body {
        PartType::Html(html) => Some(html.to_string()),
        _ => None,
    })
}

/// Like Go's `mail.Address`, which Inbucket prints.
fn addresses(list: Option<&Address<'_>>) -> Vec<String> {
    list.into_iter()
        .flat_map(|list| list.iter())
        .map(|one| {
            let address = one.address().unwrap_or_default();
            match one.name() {
                Some(name) => format!("\"{}\" <{address}>", name.replace(['"', '\\'], "")),
                None => format!("<{address}>"),
            }
        })
        .collect()
}

/// Raw values, unfolded, under their names as Go writes them (`Message-Id`).
fn header(source: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut header = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in mail::header_fields(source) {
        let value = String::from_utf8_lossy(value).replace(['\r', '\n'], "");
        header.entry(go_name(name)).or_default().push(value);
    }
    header
}

fn go_name(name: &[u8]) -> String {
    let mut word_start = true;
    String::from_utf8_lossy(name)
        .chars()
        .map(|c| {
            let cased = if word_start {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            word_start = c == '-';
            cased
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MULTIPART: &[u8] = b"From: \"Ann Lee\" <ann@example.com>\r\nTo: <bob@example.com>, eve@example.com\r\n\
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMESSAGE-ID: <1@x>\r\nX-Folded: one\r\n two\r\n\
Content-Type: multipart/mixed; boundary=m\r\n\r\n\
--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain\r\n\
--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>rich</b>\r\n--a--\r\n\
--m\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"a b.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--m--\r\n";

    #[test]
    fn a_mail_has_the_shape_of_inbucket() {
        let mail = Mail::of("ann@x", &["bob@example.com"], MULTIPART);
        let full = serde_json::to_value(Full::of(&mail, "bob".to_owned(), "http://h:9")).unwrap();
        assert_eq!(full["from"], "\"Ann Lee\" <ann@example.com>");
        assert_eq!(
            full["to"],
            serde_json::json!(["<bob@example.com>", "<eve@example.com>"])
        );
        assert_eq!(full["subject"], "Grüße");
        assert_eq!(full["date"], "2023-11-14T22:13:20Z");
        assert_eq!(full["posix-millis"], 1_700_000_000_000_i64);
        assert_eq!(full["size"], MULTIPART.len());
        assert_eq!(full["seen"], false);
        assert_eq!(full["body"]["text"].as_str().unwrap().trim(), "plain");
        assert_eq!(full["body"]["html"].as_str().unwrap().trim(), "<b>rich</b>");
        assert_eq!(full["header"]["Message-Id"][0], "<1@x>");
        assert_eq!(full["header"]["X-Folded"][0], "one two");
        let attachment = &full["attachments"][0];
        assert_eq!(attachment["filename"], "a b.png");
        assert_eq!(attachment["content-type"], "image/png");
        assert_eq!(
            attachment["download-link"],
            "http://h:9/serve/mailbox/bob/0/attach/0/a%20b.png"
        );
        assert_eq!(super::attachment(&mail, 0).unwrap(), b"\x89PNG");
    }

    #[test]
    fn a_mail_without_headers_shows_its_envelope() {
        let mail = Mail::of("", &["bob@example.com"], b"\r\nno header at all");
        let summary = Summary::of(&mail, "bob".to_owned());
        assert_eq!(
            (summary.from.as_str(), summary.subject.as_str()),
            ("<>", "")
        );
        assert_eq!(summary.to, ["<bob@example.com>"]);
        assert!(summary.has("bob@") && !summary.has("ann"));
    }
}
