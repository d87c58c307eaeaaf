//! What one consumer holds: its pending entries, lowest id first.

use super::{
    Listing,
    entry::{Fields, recipient_of, summary},
    plural,
};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{PendingEntry, wording::duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Held {
    pub stream: String,
    pub group: String,
    pub consumer: String,
}

pub(in crate::console) static COLUMNS: [Column; 4] = [
    Column::text("id", 15, 24, 0),
    Column::number("idle", 8, 0),
    Column::number("tries", 5, 1),
    Column::text("what", 12, 160, 2),
];

impl Listing for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    fn title(&self) -> String {
        self.consumer.clone()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Held {
            stream: self.stream.clone(),
            group: self.group.clone(),
            consumer: Some(self.consumer.clone()),
        })
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Held(entries)) = data else {
            return Vec::new();
        };
        let rows = entries.iter().enumerate();
        rows.map(|(item, entry)| row(item, entry, model.setting.visibility_ms))
            .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let entry = held_of(page, row)?;
        Some(Place::Fields(Fields::new(
            &entry.id,
            entry.fields.as_ref()?,
        )))
    }

    fn recipient(&self, page: &Page, row: &Row) -> Option<(i64, i64)> {
        recipient_of(held_of(page, row)?.fields.as_deref())
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Pending)
    }

    fn marks(&self) -> bool {
        true
    }

    fn copied(&self, page: &Page, row: &Row) -> String {
        held_of(page, row).map_or_else(String::new, |e| e.id.clone())
    }

    fn empty(&self) -> (String, Tint) {
        ("it holds nothing".to_owned(), Tint::Good)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "entry", "entries")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::PAGE;
        more.then(|| "the first page".to_owned())
    }
}

pub(in crate::console) fn row(item: usize, entry: &PendingEntry, visibility_ms: u64) -> Row {
    let old = entry.idle_ms >= visibility_ms;
    let tint = if old { Tint::Warn } else { Tint::Text };
    Row {
        id: format!("{} {}", entry.source.key, entry.id),
        item,
        fault: old,
        cells: vec![
            Cell::text(&entry.id),
            Cell::number(duration(entry.idle_ms), entry.idle_ms as f64).tint(tint),
            Cell::count(entry.deliveries),
            Cell::text(summary(entry.fields.as_deref())).dim().private(),
        ],
    }
}

/// The entry of a row.
pub(in crate::console) fn held_of<'a>(page: &'a Page, row: &Row) -> Option<&'a PendingEntry> {
    match &page.feed.data {
        Some(Data::Held(entries)) => entries.get(row.item),
        _ => None,
    }
}
