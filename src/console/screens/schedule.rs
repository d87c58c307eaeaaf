//! One schedule: its rule, the next starts, and what became of the last ones. Enter on a start that made a
//! campaign leads to it.

use super::{
    Listing,
    campaign::Details,
    plural,
    schedules::{outcome, tint_of},
};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{FireView, ScheduleDetail, wording::duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Opened {
    pub id: i64,
}

static COLUMNS: [Column; 4] = [
    Column::text("", 10, 12, 0),
    Column::text("what", 25, 120, 0),
    Column::text("outcome", 8, 10, 0),
    Column::text("campaign", 10, 40, 0),
];

impl Listing for Opened {
    fn name(&self) -> &'static str {
        "schedule"
    }

    fn title(&self) -> String {
        format!("schedule {}", self.id)
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Schedule { id: self.id })
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Schedule(detail)) = data else {
            return Vec::new();
        };
        let mut rows = facts(detail);
        rows.extend(starts(detail));
        rows
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::Schedule(detail)) = &page.feed.data else {
            return None;
        };
        let fire = row.id.strip_prefix("last ")?.parse::<usize>().ok()?;
        let id = detail.history.get(fire)?.campaign_id?;
        Some(Place::Details(Details { id }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Schedules)
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(1)
    }

    fn empty(&self) -> (String, Tint) {
        ("there is no such schedule".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }
}

fn row(id: String, name: &str, what: Cell, outcome: Cell, campaign: Cell) -> Row {
    Row {
        id,
        cells: vec![Cell::text(name).dim(), what, outcome, campaign],
        fault: false,
        item: 0,
    }
}

fn facts(detail: &ScheduleDetail) -> Vec<Row> {
    let view = &detail.view;
    let status = match &view.reason {
        Some(reason) => format!("{}: {reason}", view.status),
        None => view.status.clone(),
    };
    let missed = match view.misfire.as_str() {
        "all" => format!("all are made up for, at most {}", view.misfire_cap),
        "skip" => "they are left out".to_owned(),
        _ => "one campaign makes up for all".to_owned(),
    };
    let words = view.template.as_deref().unwrap_or("built in or its own");
    let facts = [
        ("name", Cell::text(&view.name).tint(Tint::Title)),
        ("status", Cell::text(status).tint(tint_of(view))),
        ("when", Cell::text(&view.cron_words)),
        ("cron", Cell::text(format!("{}   {}", view.cron, view.tz))),
        ("missed times", Cell::text(missed)),
        ("subject", Cell::text(&view.subject)),
        ("template", Cell::text(words)),
        ("in doubt", Cell::text(&view.in_doubt_policy)),
        ("created", Cell::text(&view.created_at)),
    ];
    let none = || Cell::text("");
    let rows = facts.into_iter();
    rows.map(|(name, what)| row(name.to_owned(), name, what, none(), none()))
        .collect()
}

/// The next ones, then the last ones, the newest first.
fn starts(detail: &ScheduleDetail) -> Vec<Row> {
    let name = |n: usize, name: &'static str| if n == 0 { name } else { "" };
    let next = detail.view.next.iter().enumerate().map(|(n, at)| {
        let (id, none) = (format!("next {n}"), || Cell::text(""));
        row(id, name(n, "next"), Cell::text(at), none(), none())
    });
    let last = detail.history.iter().enumerate().map(|(n, fire)| {
        let id = format!("last {n}");
        row(
            id,
            name(n, "last"),
            Cell::text(planned(fire)),
            outcome(fire),
            campaign(fire),
        )
    });
    next.chain(last).collect()
}

fn planned(fire: &FireView) -> String {
    match &fire.until {
        Some(until) => format!("{} to {until}", fire.planned),
        None if fire.late_ms >= 1_000 => {
            let late = duration(fire.late_ms.unsigned_abs());
            format!("{}, {late} late", fire.planned)
        }
        None => fire.planned.clone(),
    }
}

fn campaign(fire: &FireView) -> Cell {
    match (fire.campaign_id, fire.campaign_status.as_deref()) {
        (Some(id), Some(status)) => {
            Cell::text(format!("{id} {status}")).tint(super::campaigns::tint_of(status))
        }
        (Some(id), None) => Cell::text(format!("{id} is gone")).dim(),
        _ => Cell::text(""),
    }
}
