//! Dead letters, by cause; Enter leads to the letters of a cause.

use super::{Listing, letters::Letters, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    table::Sort,
};
use crate::ops::{DeadGroup, wording::clock};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Dead;

static COLUMNS: [Column; 5] = [
    Column::number("letters", 9, 0),
    Column::text("stream", 18, 40, 2),
    Column::number("campaign", 8, 1),
    Column::text("last", 8, 8, 3),
    Column::text("cause", 20, 200, 0),
];

impl Listing for Dead {
    fn name(&self) -> &'static str {
        "dead"
    }

    fn title(&self) -> String {
        "Dead letters".to_owned()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::DeadGroups)
    }

    fn every_ms(&self) -> Option<u64> {
        Some(3_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::DeadGroups(groups, _)) = data else {
            return Vec::new();
        };
        let rows = groups.iter().enumerate();
        rows.map(|(item, group)| Row {
            id: id_of(group),
            cells: vec![
                Cell::count(group.count).tint(Tint::Bad),
                Cell::text(&group.stream),
                match group.flow.parse::<f64>() {
                    Ok(id) => Cell::number(&group.flow, id),
                    Err(_) => Cell::none(),
                },
                Cell::text(clock(group.last_at_ms)).dim(),
                Cell::text(&group.cause).private(),
            ],
            fault: true,
            item,
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::DeadGroups(groups, _)) = &page.feed.data else {
            return None;
        };
        let group = groups.get(row.item)?;
        Some(Place::Letters(Letters {
            stream: group.stream.clone(),
            flow: group.flow.clone(),
            fingerprint: group.fingerprint.clone(),
            cause: group.cause.clone(),
        }))
    }

    fn sort(&self) -> Option<Sort> {
        Some(Sort {
            column: 0,
            descending: true,
        })
    }

    fn copied(&self, page: &Page, row: &Row) -> String {
        match &page.feed.data {
            Some(Data::DeadGroups(groups, _)) => groups
                .get(row.item)
                .map_or_else(String::new, |group| group.fingerprint.clone()),
            _ => String::new(),
        }
    }

    fn empty(&self) -> (String, Tint) {
        ("no dead letters".to_owned(), Tint::Good)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "cause", "causes")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        match &page.feed.data {
            Some(Data::DeadGroups(_, true)) => Some("there are more than are read".to_owned()),
            _ => None,
        }
    }
}

fn id_of(group: &DeadGroup) -> String {
    format!("{} {} {}", group.fingerprint, group.stream, group.flow)
}
