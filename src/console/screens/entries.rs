//! The entries of one stream, page by page, from the newest or from an id.

use super::{
    Listing,
    entry::{Fields, recipient_of, summary},
    plural,
};
use crate::console::{
    action::Scope,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    table::{Cell, Column, Row, Tint},
};
use crate::ops::wording::clock;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Entries {
    pub stream: String,
    /// The newest first, else the oldest first.
    pub newest: bool,
    /// Where each page looked at so far began; the last one is shown.
    pub from: Vec<String>,
}

impl Entries {
    pub(in crate::console) fn of(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            newest: true,
            from: Vec::new(),
        }
    }
}

static COLUMNS: [Column; 4] = [
    Column::text("id", 15, 24, 0),
    Column::text("at", 8, 8, 2),
    Column::text("type", 10, 24, 1),
    Column::text("what", 20, 300, 0),
];

impl Listing for Entries {
    fn name(&self) -> &'static str {
        "entries"
    }

    fn title(&self) -> String {
        format!("{} entries", self.stream)
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Entries {
            stream: self.stream.clone(),
            newest: self.newest,
            from: self.from.last().cloned().unwrap_or_default(),
        })
    }

    fn every_ms(&self) -> Option<u64> {
        // What is being read stands still; the newest are looked for again with `r`.
        None
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Entries(entries)) = data else {
            return Vec::new();
        };
        let rows = entries.iter().enumerate();
        rows.map(|(item, entry)| {
            let kind = entry.fields.iter().find(|(name, _)| name == "type");
            let at_ms = entry.id.split('-').next().and_then(|ms| ms.parse().ok());
            Row {
                id: entry.id.clone(),
                item,
                fault: false,
                cells: vec![
                    Cell::text(&entry.id),
                    Cell::text(clock(at_ms.unwrap_or(0))).dim(),
                    kind.map_or_else(Cell::none, |(_, kind)| Cell::text(kind)),
                    Cell::text(summary(Some(&entry.fields))).dim().private(),
                ],
            }
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::Entries(entries)) = &page.feed.data else {
            return None;
        };
        let entry = entries.get(row.item)?;
        Some(Place::Fields(Fields::new(&entry.id, &entry.fields)))
    }

    fn recipient(&self, page: &Page, row: &Row) -> Option<(i64, i64)> {
        let Some(Data::Entries(entries)) = &page.feed.data else {
            return None;
        };
        recipient_of(Some(&entries.get(row.item)?.fields))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Entries)
    }

    fn empty(&self) -> (String, Tint) {
        ("no entry is there".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "entry", "entries")
    }

    fn remark(&self, _page: &Page) -> Option<String> {
        let order = if self.newest { "newest" } else { "oldest" };
        Some(match self.from.last().map(String::as_str) {
            None | Some("") => format!("{order} first"),
            Some(from) if self.newest => format!("newest first, before {from}"),
            Some(from) => format!("oldest first, from {from}"),
        })
    }
}
