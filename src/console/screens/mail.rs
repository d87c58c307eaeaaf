//! One mail: its head, then its text.

use super::{Listing, plural, text_lines, trace::Way};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Row, Tint},
    view::text::wrap_words,
};
use crate::ops::{MailText, wording::bytes};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Mail {
    pub mailbox: String,
    pub id: String,
    pub subject: String,
}

static COLUMNS: [Column; 2] = [
    Column::text("", 8, 8, 0),
    Column::text("mail", 20, 1_000, 0),
];

impl Listing for Mail {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn title(&self) -> String {
        self.subject.clone()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Mail {
            mailbox: self.mailbox.clone(),
            id: self.id.clone(),
        })
    }

    fn every_ms(&self) -> Option<u64> {
        None
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Mail(mail)) = data else {
            return Vec::new();
        };
        let cells = text_lines::room(model, 8);
        text_lines::rows(lines(mail), |text| wrap_words(text, cells))
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let (campaign, user) = self.recipient(page, row)?;
        Some(Place::Trace(Way { campaign, user }))
    }

    fn recipient(&self, page: &Page, _row: &Row) -> Option<(i64, i64)> {
        match &page.feed.data {
            Some(Data::Mail(mail)) => mail.recipient(),
            _ => None,
        }
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(1)
    }

    fn empty(&self) -> (String, Tint) {
        ("it is empty".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }
}

fn lines(mail: &MailText) -> Vec<(&'static str, String)> {
    let message = &mail.message;
    let mut lines = vec![
        ("from", message.from.clone()),
        ("to", message.to.join(", ")),
        ("subject", message.subject.clone()),
        ("date", message.date.clone()),
        ("size", bytes(message.size)),
        ("", String::new()),
    ];
    let text = |lines: &mut Vec<_>, name, text: &str| {
        let body = text.trim_end().lines().enumerate();
        lines.extend(body.map(|(n, line)| (if n == 0 { name } else { "" }, line.to_owned())));
    };
    text(&mut lines, "text", &mail.body.text);
    if !mail.body.html.trim().is_empty() {
        lines.push(("", String::new()));
        text(&mut lines, "as HTML", &html_as_text(&mail.body.html));
    }
    lines.push(("", String::new()));
    text(&mut lines, "source", &mail.source);
    lines
}

/// What a reader sees of HTML: no tags, a line for each block, the usual entities.
fn html_as_text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        out.push_str(rest[..start].trim_matches(['\n', '\r']));
        let tag_end = rest[start..]
            .find('>')
            .map_or(rest.len(), |n| start + n + 1);
        let tag = rest[start..tag_end].trim_matches(['<', '>', '/']);
        let name: String = tag.chars().take_while(|c| c.is_alphanumeric()).collect();
        let name = name.to_lowercase();
        let mut next = tag_end;
        if matches!(name.as_str(), "style" | "script" | "head") && !rest[start..].starts_with("</")
        {
            let end = format!("</{name}");
            next = rest[tag_end..]
                .to_lowercase()
                .find(&end)
                .map_or(rest.len(), |n| tag_end + n);
        } else if matches!(
            name.as_str(),
            "p" | "br" | "div" | "tr" | "li" | "h1" | "h2" | "h3"
        ) && !out.ends_with('\n')
        {
            out.push('\n');
        }
        rest = rest.get(next..).unwrap_or("");
    }
    out.push_str(rest);
    let entities = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    let text = entities
        .iter()
        .fold(out, |text, (entity, c)| text.replace(entity, c));
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_read_as_a_person_reads_it() {
        let html = "<html><head><style>p { color: red }</style></head><body><p>Dear Ann &amp; Bob,</p>\
                    <p>it is <b>winter</b>.<br>Yours</p></body></html>";
        assert_eq!(html_as_text(html), "Dear Ann & Bob,\nit is winter.\nYours");
        for broken in ["<", "<<<", "a<b", "<style>", "ß<p", "İ<head>İ"] {
            html_as_text(broken);
        }
    }
}
