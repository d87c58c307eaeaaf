//! The newest campaigns; Enter shows one.

use super::{Listing, campaign::Details, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{
    CampaignRow,
    wording::{percent, rate},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Campaigns;

static COLUMNS: [Column; 10] = [
    Column::number("id", 4, 0),
    Column::text("name", 16, 50, 0),
    Column::text("status", 9, 10, 0),
    Column::number("done", 5, 1),
    Column::number("queued", 7, 3),
    Column::number("accepted", 8, 2),
    Column::number("failed", 6, 0),
    Column::number("in doubt", 8, 4),
    Column::number("open", 6, 5),
    Column::number("rate", 8, 6),
];

impl Listing for Campaigns {
    fn name(&self) -> &'static str {
        "campaigns"
    }

    fn title(&self) -> String {
        "Campaigns".to_owned()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Campaigns)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Campaigns(campaigns)) = data else {
            return Vec::new();
        };
        let rows = campaigns.iter().enumerate();
        rows.map(|(item, row)| cells(item, row)).collect()
    }

    fn open(&self, _model: &Model, _page: &Page, row: &Row) -> Option<Place> {
        let id = row.id.parse().ok()?;
        Some(Place::Details(Details { id }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Campaigns)
    }

    fn empty(&self) -> (String, Tint) {
        ("no campaign yet".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "campaign", "campaigns")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::LISTED;
        more.then(|| "the newest".to_owned())
    }
}

fn cells(item: usize, row: &CampaignRow) -> Row {
    let view = &row.view;
    let number = |n: i64| Cell::count(n.max(0).unsigned_abs());
    let or_none = |n: i64, tint| match n {
        0 => Cell::none(),
        n => number(n).tint(tint),
    };
    let done = row.progress();
    Row {
        id: view.id.to_string(),
        item,
        fault: !view.balanced || view.failed > 0 || view.status == "lost",
        cells: vec![
            Cell::number(view.id.to_string(), view.id as f64),
            Cell::text(&view.name).tint(Tint::Title),
            Cell::text(&view.status).tint(tint_of(&view.status)),
            done.map_or_else(Cell::none, |done| Cell::number(percent(done), done)),
            number(view.queued),
            number(view.accepted),
            or_none(view.failed, Tint::Bad),
            or_none(view.in_doubt, Tint::Warn),
            or_none(view.in_flight + view.retrying + view.parked, Tint::Text),
            match view.status.as_str() {
                "running" => Cell::number(rate(view.rate), view.rate),
                _ => Cell::none(),
            },
        ],
    }
}

pub(super) fn tint_of(status: &str) -> Tint {
    match status {
        "running" => Tint::Accent,
        "finished" => Tint::Good,
        "paused" => Tint::Warn,
        "lost" => Tint::Bad,
        _ => Tint::Dim,
    }
}
