//! One recipient's message across all stages, in the order of time, with the wait before each step.

use super::{Listing, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::Page,
    row::{Cell, Row, Tint},
};
use crate::ops::wording::{clock, duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Way {
    /// 0 for a single mail.
    pub campaign: i64,
    pub user: i64,
}

static COLUMNS: [Column; 3] = [
    Column::text("at", 8, 8, 0),
    Column::number("wait", 8, 0),
    Column::text("what", 20, 240, 0),
];

impl Listing for Way {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn title(&self) -> String {
        match self.campaign {
            0 => format!("trace of mail {}", self.user),
            id => format!("trace of campaign {id}, user {}", self.user),
        }
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Trace {
            campaign: self.campaign,
            user: self.user,
        })
    }

    /// Whole streams are read for it.
    fn every_ms(&self) -> Option<u64> {
        None
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Trace(trace)) = data else {
            return Vec::new();
        };
        let steps = trace.steps.iter().enumerate();
        let mut rows: Vec<Row> = steps
            .map(|(item, step)| Row {
                id: item.to_string(),
                cells: vec![
                    Cell::text(clock(step.at_ms)).dim(),
                    match item {
                        0 => Cell::none(),
                        _ => Cell::number(duration(step.wait_ms), step.wait_ms as f64),
                    },
                    Cell::text(&step.what).private(),
                ],
                fault: false,
                item,
            })
            .collect();
        rows.push(Row {
            id: "now".to_owned(),
            cells: vec![
                Cell::text("now").tint(Tint::Accent),
                Cell::text(""),
                Cell::text(&trace.now).tint(Tint::Title).private(),
            ],
            fault: false,
            item: rows.len(),
        });
        rows
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(2)
    }

    fn empty(&self) -> (String, Tint) {
        ("nothing is known of it".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "step", "steps")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        match &page.feed.data {
            Some(Data::Trace(trace)) if trace.partial => {
                Some("not everything was read: there is too much".to_owned())
            }
            _ => Some("r looks again".to_owned()),
        }
    }
}
