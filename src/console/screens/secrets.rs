//! What Vault holds for each service and profile; values are masked before they come here.

use super::{Listing, entry::Fields, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::wording::duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Secrets;

static COLUMNS: [Column; 4] = [
    Column::text("service", 20, 30, 0),
    Column::text("profile", 7, 10, 0),
    Column::text("state", 7, 60, 0),
    Column::text("holds", 20, 100, 1),
];

impl Listing for Secrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn title(&self) -> String {
        "Secrets".to_owned()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Secrets)
    }

    fn every_ms(&self) -> Option<u64> {
        Some(10_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Secrets(status)) = data else {
            return Vec::new();
        };
        let rows = status.paths.iter().enumerate();
        rows.map(|(item, path)| Row {
            id: path.path.clone(),
            cells: vec![
                Cell::text(&path.service).tint(Tint::Title),
                Cell::text(&path.profile),
                Cell::text(&path.state).tint(if path.found { Tint::Good } else { Tint::Warn }),
                Cell::text(path.values.keys().cloned().collect::<Vec<_>>().join("  ")).dim(),
            ],
            fault: !path.found,
            item,
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::Secrets(status)) = &page.feed.data else {
            return None;
        };
        let path = status.paths.get(row.item)?;
        let values: Vec<(String, String)> = path
            .values
            .iter()
            .map(|(name, masked)| (name.clone(), masked.clone()))
            .collect();
        (!values.is_empty()).then(|| Place::Fields(Fields::new(&path.path, &values)))
    }

    fn empty(&self) -> (String, Tint) {
        (
            "VAULT_ADDR is not set for this console: it asks no Vault".to_owned(),
            Tint::Dim,
        )
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "path", "paths")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let Some(Data::Secrets(status)) = &page.feed.data else {
            return None;
        };
        if status.addr.is_empty() {
            return Some(format!("Vault {}", status.state));
        }
        let life = match status.token_ttl_s {
            Some(ttl_s) => format!(", token {} left", duration(ttl_s * 1_000)),
            None => String::new(),
        };
        Some(format!("Vault at {}: {}{life}", status.addr, status.state))
    }
}
