//! The recipients for whom a campaign failed for one reason; Enter traces one.

use super::{Listing, plural, trace::Way};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{FailureGroup, wording::clock};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Failed {
    pub campaign: i64,
    pub group: FailureGroup,
}

static COLUMNS: [Column; 6] = [
    Column::number("user", 8, 0),
    Column::number("round", 5, 3),
    Column::number("attempt", 7, 2),
    Column::text("at", 8, 8, 1),
    Column::number("code", 4, 0),
    Column::text("answer", 20, 200, 0),
];

impl Listing for Failed {
    fn name(&self) -> &'static str {
        "failures"
    }

    fn title(&self) -> String {
        self.group.cause.clone()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Failed {
            campaign: self.campaign,
            group: self.group.clone(),
        })
    }

    fn every_ms(&self) -> Option<u64> {
        Some(5_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Failed(rows)) = data else {
            return Vec::new();
        };
        let rows = rows.iter().enumerate();
        rows.map(|(item, delivery)| Row {
            id: delivery.user_id.to_string(),
            cells: vec![
                Cell::number(delivery.user_id.to_string(), delivery.user_id as f64),
                Cell::count(u64::from(delivery.round)),
                Cell::count(u64::from(delivery.attempt)),
                Cell::text(clock(u64::try_from(delivery.updated_at_ms).unwrap_or(0))).dim(),
                delivery
                    .code
                    .map_or_else(Cell::none, |code| Cell::count(u64::from(code))),
                Cell::text(delivery.answer.as_deref().unwrap_or("–")).private(),
            ],
            fault: true,
            item,
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let (campaign, user) = self.recipient(page, row)?;
        Some(Place::Trace(Way { campaign, user }))
    }

    fn recipient(&self, _page: &Page, row: &Row) -> Option<(i64, i64)> {
        Some((self.campaign, row.id.parse().ok()?))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Failures)
    }

    fn marks(&self) -> bool {
        true
    }

    fn empty(&self) -> (String, Tint) {
        ("nobody any more".to_owned(), Tint::Good)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "recipient", "recipients")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::PAGE;
        more.then(|| "the first page".to_owned())
    }
}
