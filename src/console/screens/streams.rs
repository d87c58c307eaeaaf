//! Streams: how long, how fast, and how far their groups are behind. With `--all-streams` every stream
//! of the server: what is on the screen is read each time, the rest in rotation, with its age.

use super::{Listing, groups::Groups, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    trends::Trends,
};
use crate::ops::{
    StreamLine, StreamWatch,
    wording::{bytes, count, duration, rate},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Streams;

static COLUMNS: [Column; 12] = [
    Column::text("stream", 14, 60, 0),
    Column::number("length", 9, 0),
    Column::number("in", 9, 2),
    Column::number("out", 9, 3),
    Column::number("groups", 6, 4),
    Column::number("pending", 8, 2),
    Column::number("lag", 8, 1),
    Column::text("trend", 8, 12, 6),
    Column::number("memory", 8, 4),
    Column::text("first id", 15, 22, 9),
    Column::text("last id", 15, 22, 8),
    Column::number("read ago", 8, 7),
];

impl Listing for Streams {
    fn name(&self) -> &'static str {
        "streams"
    }

    fn title(&self) -> String {
        "Streams".to_owned()
    }

    fn query(&self, model: &Model, page: &Page) -> Option<Query> {
        let all = model.setting.all_streams;
        let height = crate::console::geometry::list_height(model, page);
        let visible = page.table.visible(height).map(|(_, row)| row.id.clone());
        Some(Query::Streams(StreamWatch {
            all,
            visible: if all { visible.collect() } else { Vec::new() },
        }))
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Streams(table)) = data else {
            return Vec::new();
        };
        let rows = table.lines.iter().enumerate();
        rows.map(|(item, line)| row(item, line, table.now_ms, &model.trends))
            .collect()
    }

    fn open(&self, _model: &Model, _page: &Page, row: &Row) -> Option<Place> {
        Some(Place::Groups(Groups {
            stream: row.id.clone(),
        }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Streams)
    }

    fn empty(&self) -> (String, Tint) {
        ("no stream is there".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "stream", "streams")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let Some(Data::Streams(table)) = &page.feed.data else {
            return None;
        };
        let mut remarks = Vec::new();
        if table.searching {
            remarks.push("still searching".to_owned());
        }
        if table.unread > 0 {
            remarks.push(format!("{} not read yet", count(table.unread as u64)));
        }
        if table.nameless > 0 {
            let n = count(table.nameless as u64);
            remarks.push(format!("{n} with a binary name left out"));
        }
        (!remarks.is_empty()).then(|| remarks.join(", "))
    }
}

fn row(item: usize, line: &StreamLine, now_ms: u64, trends: &Trends) -> Row {
    let mut row = Row {
        id: line.name.clone(),
        item,
        ..Row::default()
    };
    let name = Cell::text(&line.name).tint(if line.ours { Tint::Text } else { Tint::Dim });
    let Some(facts) = &line.facts else {
        row.cells = vec![name.tint(Tint::Dim)];
        row.cells.extend((1..COLUMNS.len()).map(|_| Cell::none()));
        return row;
    };
    let pending: u64 = facts.groups.iter().map(|g| g.pending).sum();
    let rates = trends.of(&line.name, "");
    let speed = |per_s: Option<f64>| per_s.map_or_else(Cell::none, |r| Cell::number(rate(r), r));
    let id = |id: &str| {
        if id.is_empty() {
            Cell::none()
        } else {
            Cell::text(id).dim()
        }
    };
    row.fault = facts.groups.iter().any(|g| g.lag.is_none());
    row.cells = vec![
        name,
        Cell::count(facts.length),
        speed(rates.and_then(|t| t.rate_in())),
        speed(rates.and_then(|t| t.rate_out())),
        Cell::count(facts.groups.len() as u64),
        Cell::count(pending),
        lag(facts.groups.iter().map(|g| g.lag)),
        Cell::text(rates.map_or_else(String::new, |t| t.spark(12))).tint(Tint::Accent),
        facts
            .memory_bytes
            .map_or_else(Cell::none, |n| Cell::number(bytes(n), n as f64).dim()),
        id(&facts.first_id),
        id(&facts.last_id),
        Cell::number(
            duration(now_ms.saturating_sub(line.read_at_ms)),
            now_ms.saturating_sub(line.read_at_ms) as f64,
        )
        .dim(),
    ];
    row
}

/// The longest lag of the groups; one that can't be known makes it unknown.
fn lag(lags: impl Iterator<Item = Option<u64>>) -> Cell {
    let mut most = None;
    for lag in lags {
        let Some(lag) = lag else {
            // Sorts before all others: it may be anything.
            return Cell::number("?", f64::MAX).tint(Tint::Warn);
        };
        most = most.max(Some(lag));
    }
    match most {
        Some(0) => Cell::count(0),
        Some(lag) => Cell::count(lag).tint(Tint::Title),
        None => Cell::none(),
    }
}
