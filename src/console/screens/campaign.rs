//! One campaign: its counters, and below them why it failed for whom. Enter on a reason leads to its recipients.

use super::{Listing, campaigns::tint_of, failures::Failed, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
};
use crate::ops::{
    CampaignView, Failures,
    wording::{duration, rate, signed},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Details {
    pub id: i64,
}

static COLUMNS: [Column; 3] = [
    Column::text("", 10, 14, 0),
    Column::number("number", 8, 0),
    Column::text("what", 20, 160, 0),
];

impl Listing for Details {
    fn name(&self) -> &'static str {
        "campaign"
    }

    fn title(&self) -> String {
        format!("campaign {}", self.id)
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Campaign { id: self.id })
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Campaign(view, failures)) = data else {
            return Vec::new();
        };
        let mut rows = facts(view);
        rows.extend(counters(view));
        rows.extend(reasons(failures));
        rows
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let Some(Data::Campaign(_, failures)) = &page.feed.data else {
            return None;
        };
        let group = row.id.strip_prefix("reason ")?.parse::<usize>().ok()?;
        Some(Place::Failed(Failed {
            campaign: self.id,
            group: failures.groups.get(group)?.clone(),
        }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Campaigns)
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(2)
    }

    fn empty(&self) -> (String, Tint) {
        ("there is no such campaign".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        match &page.feed.data {
            Some(Data::Campaign(view, _)) if !view.balanced => {
                Some("its counters do NOT balance: comms-tui doctor --deep".to_owned())
            }
            Some(Data::Campaign(_, failures)) if failures.more => {
                Some("more failed than were read".to_owned())
            }
            _ => None,
        }
    }
}

fn row(id: String, name: &str, number: Cell, what: Cell) -> Row {
    Row {
        id,
        cells: vec![Cell::text(name).dim(), number, what],
        fault: false,
        item: 0,
    }
}

fn facts(view: &CampaignView) -> Vec<Row> {
    let status = match &view.reason {
        Some(reason) => format!("{}: {reason}", view.status),
        None => view.status.clone(),
    };
    let mut facts = vec![
        ("name", Cell::text(&view.name).tint(Tint::Title)),
        ("status", Cell::text(status).tint(tint_of(&view.status))),
        ("subject", Cell::text(&view.subject)),
        ("in doubt", Cell::text(&view.in_doubt_policy)),
        ("created", Cell::text(&view.created_at)),
    ];
    if let Some(at) = &view.finished_at {
        facts.push(("finished", Cell::text(at)));
    }
    facts.push(("rate", Cell::text(rate(view.rate))));
    if let Some(eta_s) = view.eta_s {
        facts.push(("left", Cell::text(duration(eta_s * 1_000))));
    }
    let rows = facts.into_iter();
    rows.map(|(name, what)| row(name.to_owned(), name, Cell::text(""), what))
        .collect()
}

fn counters(view: &CampaignView) -> Vec<Row> {
    let counters = [
        ("queued", view.queued, Tint::Text),
        ("accepted", view.accepted, Tint::Good),
        ("failed", view.failed, Tint::Bad),
        ("suppressed", view.suppressed, Tint::Text),
        ("cancelled", view.cancelled, Tint::Text),
        ("retrying", view.retrying, Tint::Warn),
        ("in flight", view.in_flight, Tint::Text),
        ("held in doubt", view.in_doubt, Tint::Warn),
        ("parked", view.parked, Tint::Text),
    ];
    let rows = counters.into_iter();
    rows.map(|(name, n, tint)| {
        let tint = if n == 0 { Tint::Dim } else { tint };
        let number = Cell::number(signed(n), n as f64).tint(tint);
        row(format!("counter {name}"), name, number, Cell::text(""))
    })
    .collect()
}

fn reasons(failures: &Failures) -> Vec<Row> {
    let rows = failures.groups.iter().enumerate();
    rows.map(|(n, group)| {
        let code = group
            .code
            .map_or_else(String::new, |code| format!("{code} "));
        Row {
            fault: true,
            ..row(
                format!("reason {n}"),
                if n == 0 { "why" } else { "" },
                Cell::count(group.count),
                Cell::text(format!("{}: {code}{}", group.status, group.cause)).private(),
            )
        }
    })
    .collect()
}
