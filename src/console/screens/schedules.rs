//! Campaigns that start again and again; Enter shows one.

use super::{Listing, plural, schedule::Opened};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{FireView, ScheduleView, wording::duration};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Schedules;

static COLUMNS: [Column; 8] = [
    Column::number("id", 4, 0),
    Column::text("name", 14, 40, 0),
    Column::text("status", 6, 6, 0),
    Column::number("in", 6, 0),
    Column::text("next", 16, 24, 3),
    Column::text("last", 14, 40, 1),
    Column::text("when", 16, 60, 2),
    Column::text("zone", 8, 24, 4),
];

impl Listing for Schedules {
    fn name(&self) -> &'static str {
        "schedules"
    }

    fn title(&self) -> String {
        "Schedules".to_owned()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Schedules)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Schedules(schedules)) = data else {
            return Vec::new();
        };
        let now_ms = model.shown_status().map(|s| s.overview.server.now_ms);
        let rows = schedules.iter().enumerate();
        rows.map(|(item, view)| cells(item, view, now_ms)).collect()
    }

    fn open(&self, _model: &Model, _page: &Page, row: &Row) -> Option<Place> {
        let id = row.id.parse().ok()?;
        Some(Place::Schedule(Opened { id }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Schedules)
    }

    fn empty(&self) -> (String, Tint) {
        let text = "no schedule yet: n makes campaigns that start again and again";
        (text.to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "schedule", "schedules")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::SCHEDULES as usize;
        more.then(|| "the first ones; all: comms-tui schedule list".to_owned())
    }
}

fn cells(item: usize, view: &ScheduleView, now_ms: Option<u64>) -> Row {
    let next = view.next.first();
    Row {
        id: view.id.to_string(),
        item,
        fault: is_stopped(view)
            || view
                .last
                .as_ref()
                .is_some_and(|last| last.outcome == "skipped"),
        cells: vec![
            Cell::number(view.id.to_string(), view.id as f64),
            Cell::text(&view.name).tint(Tint::Title),
            Cell::text(&view.status).tint(tint_of(view)),
            left(view, now_ms),
            next.map_or_else(Cell::none, |next| Cell::text(next).dim()),
            view.last.as_ref().map_or_else(Cell::none, last),
            Cell::text(&view.cron_words),
            Cell::text(&view.tz).dim(),
        ],
    }
}

/// How long until the next start.
fn left(view: &ScheduleView, now_ms: Option<u64>) -> Cell {
    let next = view.next_at_ms.filter(|_| view.status == "active");
    let (Some(next), Some(now)) = (next.and_then(|at| u64::try_from(at).ok()), now_ms) else {
        return Cell::none();
    };
    let left = next.saturating_sub(now);
    Cell::number(duration(left), left as f64)
}

fn last(fire: &FireView) -> Cell {
    match (fire.campaign_id, &fire.campaign_status) {
        (Some(id), Some(status)) => {
            Cell::text(format!("campaign {id} {status}")).tint(super::campaigns::tint_of(status))
        }
        _ => outcome(fire),
    }
}

pub(super) fn outcome(fire: &FireView) -> Cell {
    let tint = match fire.outcome.as_str() {
        "started" => Tint::Good,
        "skipped" => Tint::Warn,
        _ => Tint::Text,
    };
    Cell::text(&fire.outcome).tint(tint)
}

/// Somebody or something stopped it.
fn is_stopped(view: &ScheduleView) -> bool {
    view.status == "paused"
}

pub(super) fn tint_of(view: &ScheduleView) -> Tint {
    match view.status.as_str() {
        "active" => Tint::Good,
        "paused" => Tint::Warn,
        _ => Tint::Dim,
    }
}
