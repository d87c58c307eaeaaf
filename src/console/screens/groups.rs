//! The groups of one stream: how far behind, by entries and by time, and when they will have caught up.

use ratatui::text::Line;

use super::{Listing, consumers::Consumers, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    theme::Theme,
    view::text::cut,
};
use crate::ops::{
    GroupRow,
    wording::{count, duration, rate},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Groups {
    pub stream: String,
}

static COLUMNS: [Column; 12] = [
    Column::text("group", 14, 48, 0),
    Column::number("lag", 6, 0),
    Column::number("backlog", 8, 0),
    Column::number("time lag", 8, 0),
    Column::text("trend", 8, 12, 4),
    Column::number("in", 9, 5),
    Column::number("out", 9, 3),
    Column::number("drained in", 10, 2),
    Column::number("pending", 8, 1),
    Column::number("oldest idle", 11, 3),
    Column::number("consumers", 9, 5),
    Column::text("last delivered", 15, 22, 7),
];

impl Listing for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn title(&self) -> String {
        self.stream.clone()
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
        let rows = groups.iter().enumerate();
        rows.map(|(item, group)| row(model, item, group)).collect()
    }

    fn open(&self, _model: &Model, _page: &Page, row: &Row) -> Option<Place> {
        Some(Place::Consumers(Consumers {
            stream: self.stream.clone(),
            group: row.id.clone(),
        }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Groups)
    }

    fn detail_height(&self, _height: u16) -> u16 {
        2
    }

    fn detail(
        &self,
        _model: &Model,
        page: &Page,
        row: &Row,
        cells: usize,
        theme: &Theme,
    ) -> Vec<Line<'static>> {
        let group = match &page.feed.data {
            Some(Data::Groups(groups)) => groups.get(row.item),
            _ => None,
        };
        let Some(group) = group.filter(|g| g.group.lag.is_none()) else {
            return Vec::new();
        };
        let at_least = if group.group.backlog.at_least {
            "at least "
        } else {
            ""
        };
        let why = format!(
            "lag ?: Redis can't know it, for entries that {} hasn't read were deleted or trimmed",
            group.group.name
        );
        let counted = format!(
            "counted instead: {at_least}{} entries lie after {}",
            count(group.group.backlog.count),
            group.group.last_delivered_id
        );
        vec![
            Line::styled(cut(&why, cells), theme.warn),
            Line::styled(cut(&counted, cells), theme.dim),
        ]
    }

    fn empty(&self) -> (String, Tint) {
        ("no group reads it".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "group", "groups")
    }
}

fn row(model: &Model, item: usize, row: &GroupRow) -> Row {
    let group = &row.group;
    let trend = model.trends.of(&row.stream, &group.name);
    let speed = |per_s: Option<f64>| per_s.map_or_else(Cell::none, |r| Cell::number(rate(r), r));
    let backlog = group.backlog.count;
    let at_least = if group.backlog.at_least { "≥" } else { "" };
    let time_lag = if backlog == 0 {
        Cell::number("–", 0.0).dim()
    } else {
        Cell::number(duration(group.time_lag_ms), group.time_lag_ms as f64)
    };
    let drained = match (backlog, trend.and_then(|t| t.drained_in_s())) {
        (0, _) => Cell::number("–", 0.0).dim(),
        (_, Some(s)) => Cell::number(duration((s * 1_000.0) as u64), s),
        (_, None) => Cell::number("never", f64::MAX).tint(Tint::Warn),
    };
    let drained = if trend.is_none_or(|t| t.is_young()) && backlog > 0 {
        Cell::number("…", f64::MAX).dim()
    } else {
        drained
    };
    let old = group.oldest_idle_ms.unwrap_or(0) >= model.setting.visibility_ms;
    let idle = group.oldest_idle_ms.map_or_else(Cell::none, |ms| {
        Cell::number(duration(ms), ms as f64).tint(if old { Tint::Bad } else { Tint::Text })
    });
    let consumers = match row.live {
        Some(live) => format!("{live} of {}", group.consumers.len()),
        None => group.consumers.len().to_string(),
    };
    let nobody = row.live == Some(0) && backlog > 0;
    Row {
        id: group.name.clone(),
        item,
        fault: group.lag.is_none() || old || nobody,
        cells: vec![
            Cell::text(&group.name),
            group
                .lag
                .map_or_else(|| Cell::number("?", f64::MAX).tint(Tint::Warn), Cell::count),
            Cell::number(format!("{at_least}{}", count(backlog)), backlog as f64),
            time_lag,
            Cell::text(trend.map_or_else(String::new, |t| t.spark(12))).tint(Tint::Accent),
            speed(trend.and_then(|t| t.rate_in())),
            speed(trend.and_then(|t| t.rate_out())),
            drained,
            Cell::count(group.pending),
            idle,
            Cell::number(consumers, group.consumers.len() as f64).tint(if nobody {
                Tint::Bad
            } else {
                Tint::Text
            }),
            Cell::text(&group.last_delivered_id).dim(),
        ],
    }
}
