//! The mails that arrived in the development inbox, newest first.

use super::{Listing, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    screens::mail::Mail,
};
use crate::ops::wording::bytes;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Inbox;

static COLUMNS: [Column; 4] = [
    Column::text("arrived", 19, 25, 2),
    Column::text("to", 16, 44, 0),
    Column::text("subject", 16, 90, 0),
    Column::number("size", 8, 3),
];

impl Listing for Inbox {
    fn name(&self) -> &'static str {
        "inbox"
    }

    fn title(&self) -> String {
        "Inbox".to_owned()
    }

    fn query(&self, _model: &Model, page: &Page) -> Option<Query> {
        // The inbox searches all of its mails, not only those listed. Fields and inverses are ours.
        let text = page.table.filter.text();
        let plain = !text.contains(['!', ':', '^', '$', '[', '(', '*', '\\', '|']);
        Some(Query::Inbox {
            search: if plain {
                text.to_owned()
            } else {
                String::new()
            },
        })
    }

    fn every_ms(&self) -> Option<u64> {
        Some(2_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Inbox(mails)) = data else {
            return Vec::new();
        };
        let rows = mails.iter().enumerate();
        rows.map(|(item, mail)| Row {
            id: format!("{} {}", mail.mailbox, mail.id),
            cells: vec![
                Cell::text(when(&mail.date)).dim(),
                Cell::text(mail.to.join(", ")).private(),
                Cell::text(&mail.subject),
                Cell::number(bytes(mail.size), mail.size as f64).dim(),
            ],
            fault: false,
            item,
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::Inbox(mails)) = &page.feed.data else {
            return None;
        };
        let mail = mails.get(row.item)?;
        Some(Place::Mail(Mail {
            mailbox: mail.mailbox.clone(),
            id: mail.id.clone(),
            subject: mail.subject.clone(),
        }))
    }

    fn empty(&self) -> (String, Tint) {
        ("no mail has arrived".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "mail", "mails")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::MAILS;
        more.then(|| "the newest; / searches all of them".to_owned())
    }
}

/// RFC 3339 as people read it: without the T, the fraction and the zone.
fn when(date: &str) -> String {
    date.get(..19).unwrap_or(date).replace('T', " ")
}
