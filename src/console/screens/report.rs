//! A campaign in figures: how fast, what the servers answered, which domains were slow.

use super::{Listing, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::Page,
    row::{Cell, Row, Tint},
};
use crate::ops::{
    CampaignReport, DeliveryStatus,
    wording::{count, duration, percent, rate},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Report {
    pub id: i64,
}

static COLUMNS: [Column; 4] = [
    Column::text("", 12, 16, 0),
    Column::number("number", 8, 0),
    Column::number("share", 6, 1),
    Column::text("what", 24, 160, 0),
];

impl Listing for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn title(&self) -> String {
        format!("report of campaign {}", self.id)
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Report { campaign: self.id })
    }

    /// It reads the whole ledger of the campaign.
    fn every_ms(&self) -> Option<u64> {
        Some(10_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Report(report)) = data else {
            return Vec::new();
        };
        let mut rows = totals(report);
        rows.extend(times(report));
        rows.extend(answers(report));
        rows.extend(domains(report));
        rows
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(3)
    }

    fn empty(&self) -> (String, Tint) {
        ("there is no such campaign".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }

    fn remark(&self, _page: &Page) -> Option<String> {
        Some(format!("the same: comms-tui campaign report {}", self.id))
    }
}

fn row(id: String, name: &str, number: Cell, share: Cell, what: Cell) -> Row {
    Row {
        id,
        cells: vec![Cell::text(name).dim(), number, share, what],
        fault: false,
        item: 0,
    }
}

fn share_of(part: i64, whole: i64) -> Cell {
    match whole {
        0 => Cell::none(),
        whole => {
            let share = part as f64 / whole as f64;
            Cell::number(percent(share), share).dim()
        }
    }
}

fn number(n: i64) -> Cell {
    Cell::count(n.max(0).unsigned_abs())
}

fn totals(report: &CampaignReport) -> Vec<Row> {
    let view = &report.campaign;
    let open = view.in_flight + view.retrying + view.parked;
    let totals = [
        ("queued", view.queued, Tint::Text, view.name.clone()),
        ("accepted", view.accepted, Tint::Good, again(report)),
        ("failed", view.failed, Tint::Bad, String::new()),
        ("suppressed", view.suppressed, Tint::Text, String::new()),
        ("cancelled", view.cancelled, Tint::Text, String::new()),
        ("in doubt", view.in_doubt, Tint::Warn, String::new()),
        ("open", open, Tint::Text, String::new()),
    ];
    let rows = totals.into_iter().map(|(name, n, tint, what)| {
        let tint = if n == 0 { Tint::Dim } else { tint };
        let share = share_of(n, view.queued);
        row(
            name.to_owned(),
            name,
            number(n).tint(tint),
            share,
            Cell::text(what),
        )
    });
    rows.collect()
}

fn again(report: &CampaignReport) -> String {
    match report.again {
        0 => String::new(),
        n => format!("{} of them at a later attempt", count(n.unsigned_abs())),
    }
}

fn times(report: &CampaignReport) -> Vec<Row> {
    let after = |ms: Option<i64>| {
        ms.map_or_else(Cell::none, |ms| {
            Cell::number(duration(ms.unsigned_abs()), ms as f64)
        })
    };
    let speed = report
        .accepted_rate
        .map_or_else(Cell::none, |per_s| Cell::number(rate(per_s), per_s));
    let times = [
        (
            "first after",
            after(report.first_ms),
            "the first was accepted",
        ),
        (
            "half after",
            after(report.half_ms),
            "half of them were accepted",
        ),
        ("last after", after(report.last_ms), "the last was accepted"),
        ("rate", speed, "accepted, from the first to the last"),
    ];
    let rows = times.into_iter().map(|(name, number, what)| {
        row(
            name.to_owned(),
            name,
            number,
            Cell::text(""),
            Cell::text(what).dim(),
        )
    });
    rows.collect()
}

fn answers(report: &CampaignReport) -> Vec<Row> {
    let rows = report.answers.iter().enumerate().map(|(n, answers)| {
        let code = answers
            .code
            .map_or_else(String::new, |code| format!(" {code}"));
        let example = answers.example.as_deref().unwrap_or_default();
        let tint = match answers.status {
            DeliveryStatus::Accepted => Tint::Good,
            DeliveryStatus::Failed => Tint::Bad,
            _ => Tint::Text,
        };
        Row {
            fault: answers.status == DeliveryStatus::Failed,
            ..row(
                format!("answer {n}"),
                if n == 0 { "answers" } else { "" },
                number(answers.number).tint(tint),
                share_of(answers.number, report.campaign.queued),
                Cell::text(format!("{}{code}  {example}", answers.status)).private(),
            )
        }
    });
    rows.collect()
}

fn domains(report: &CampaignReport) -> Vec<Row> {
    let rows = report
        .slowest_domains
        .iter()
        .enumerate()
        .map(|(n, domain)| {
            let mean = duration(domain.mean_ms.max(0.0) as u64);
            let longest = duration(domain.longest_ms.unsigned_abs());
            row(
                format!("domain {n}"),
                if n == 0 { "slowest domains" } else { "" },
                number(domain.accepted),
                share_of(domain.accepted, report.campaign.queued),
                Cell::text(format!(
                    "{}  {mean} on average, {longest} the longest",
                    domain.domain
                )),
            )
        });
    rows.collect()
}
