//! The consumers of one group: what each holds, and when it last tried to read.

use super::{Listing, held::Held, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{ConsumerView, wording::duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Consumers {
    pub stream: String,
    pub group: String,
}

static COLUMNS: [Column; 5] = [
    Column::text("consumer", 14, 60, 0),
    Column::text("state", 8, 8, 0),
    Column::number("pending", 9, 0),
    Column::number("last read", 10, 0),
    Column::number("last got", 10, 1),
];

impl Listing for Consumers {
    fn name(&self) -> &'static str {
        "consumers"
    }

    fn title(&self) -> String {
        self.group.clone()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Groups {
            stream: self.stream.clone(),
        })
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Groups(groups)) = data else {
            return Vec::new();
        };
        let group = groups.iter().find(|g| g.group.name == self.group);
        let Some(group) = group else {
            return Vec::new();
        };
        let ours = group.live.is_some();
        let rows = group.group.consumers.iter().enumerate();
        rows.map(|(item, consumer)| row(model, ours, item, consumer))
            .collect()
    }

    fn open(&self, _model: &Model, _page: &Page, row: &Row) -> Option<Place> {
        Some(Place::Held(Held {
            stream: self.stream.clone(),
            group: self.group.clone(),
            consumer: row.id.clone(),
        }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Groups)
    }

    fn empty(&self) -> (String, Tint) {
        ("no consumer has ever read from it".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "consumer", "consumers")
    }
}

fn row(model: &Model, ours: bool, item: usize, consumer: &ConsumerView) -> Row {
    let live = model
        .workers()
        .iter()
        .any(|w| w.live && w.name == consumer.name);
    let reads = consumer.idle_ms < model.setting.visibility_ms;
    // A foreign consumer doesn't beat: all that is known is when it last read.
    let (state, tint) = match (ours, live, reads) {
        (true, true, _) => ("alive", Tint::Good),
        (true, false, _) => ("gone", Tint::Bad),
        (false, _, true) => ("reads", Tint::Good),
        (false, _, false) => ("silent", Tint::Warn),
    };
    let ago = |ms: u64| Cell::number(duration(ms), ms as f64);
    Row {
        id: consumer.name.clone(),
        item,
        fault: consumer.pending > 0 && tint != Tint::Good,
        cells: vec![
            Cell::text(&consumer.name),
            Cell::text(state).tint(tint),
            Cell::count(consumer.pending),
            ago(consumer.idle_ms),
            consumer.inactive_ms.map_or_else(Cell::none, ago),
        ],
    }
}
