//! What operators did, newest first; Enter shows one in full.

use super::{Listing, entry::Fields, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{
    AuditEntry,
    wording::{clock, count},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Audit;

static COLUMNS: [Column; 6] = [
    Column::text("at", 8, 8, 0),
    Column::text("who", 10, 30, 2),
    Column::text("what", 14, 40, 0),
    Column::text("ids", 6, 24, 3),
    Column::text("before", 10, 60, 4),
    Column::text("after", 10, 60, 1),
];

impl Listing for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn title(&self) -> String {
        "Audit".to_owned()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Audit)
    }

    fn every_ms(&self) -> Option<u64> {
        Some(2_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Audit(entries)) = data else {
            return Vec::new();
        };
        let rows = entries.iter().enumerate();
        rows.map(|(item, entry)| Row {
            id: entry.id.clone(),
            cells: vec![
                Cell::text(clock(entry.at_ms)).dim(),
                Cell::text(&entry.who),
                Cell::text(&entry.what).tint(Tint::Title),
                Cell::text(&entry.ids).dim(),
                Cell::text(&entry.before).private(),
                Cell::text(&entry.after),
            ],
            fault: false,
            item,
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let entry = entry_of(page, row)?;
        let left_out = left_out(entry);
        let command: Vec<&str> = entry.command.lines().chain(left_out.as_deref()).collect();
        let fields = [
            ("who", &entry.who),
            ("what", &entry.what),
            ("ids", &entry.ids),
            ("before", &entry.before),
            ("after", &entry.after),
            ("redis-cli", &command.join("\n")),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.clone()));
        Some(Place::Fields(Fields::new(&entry.id, &fields)))
    }

    /// The commands for redis-cli, where there are some.
    fn copied(&self, page: &Page, row: &Row) -> String {
        entry_of(page, row).map_or_else(String::new, |entry| entry.command.clone())
    }

    fn copy_remark(&self, page: &Page, row: &Row) -> Option<String> {
        let entry = entry_of(page, row)?;
        match entry.command.as_str() {
            "" => Some(format!(
                "{} is no Redis command: nothing is copied",
                entry.what
            )),
            _ => left_out(entry),
        }
    }

    fn empty(&self) -> (String, Tint) {
        ("nobody has changed anything yet".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "change", "changes")
    }
}

/// Said when an entry has no room for all commands.
fn left_out(entry: &AuditEntry) -> Option<String> {
    (entry.left_out > 0).then(|| {
        let n = count(entry.left_out);
        format!("… and {n} more like it, for which the audit has no room")
    })
}

fn entry_of<'a>(page: &'a Page, row: &Row) -> Option<&'a AuditEntry> {
    match &page.feed.data {
        Some(Data::Audit(entries)) => entries.get(row.item),
        _ => None,
    }
}
