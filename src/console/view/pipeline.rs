//! The home screen: the stages from left to right as one pipe, campaigns, workers, and what is wrong.

use ratatui::{layout::Rect, text::Line};

use super::{
    campaigns, diagnosis,
    list::{self, Look},
    stage,
    text::Canvas,
};
use crate::console::{
    model::Model,
    screens::workers::{COLUMNS, row},
    table::Table,
    theme::Theme,
};
use crate::ops::Status;

/// Spaces between two stages.
const GAP: u16 = 3;
/// A stage without its chart.
const FACTS: u16 = 9;
/// From here on there is room for a list of workers beside the campaigns.
const SIDE_BY_SIDE: u16 = 170;

pub(super) fn draw(
    model: &Model,
    status: &Status,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    body: Rect,
) {
    let chart: u16 = match body.height {
        0..17 => 0,
        17..26 => 1,
        26..34 => 3,
        _ => 5,
    };
    stages(model, status, theme, canvas, body, chart);
    let top = (FACTS + chart + 1).min(body.height);
    let rest = Rect {
        y: body.y + top,
        height: body.height - top,
        ..body
    };
    let parts = share(model, status, rest);
    campaigns::draw(model, theme, canvas, parts.campaigns);
    if parts.workers.height > 1 {
        workers(model, theme, canvas, parts.workers);
    }
    let keys = &model.setting.keys;
    diagnosis::draw(status, keys, theme, canvas, parts.diagnosis);
}

fn workers(model: &Model, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    let mut table = Table::default();
    let rows = model.workers().iter().enumerate();
    table.fill(
        rows.map(|(item, worker)| row(item, worker)).collect(),
        &COLUMNS,
    );
    let look = Look {
        marks: false,
        selects: false,
        unmasked: false,
    };
    list::headings(&COLUMNS, &table, look, theme, canvas, area, Some("Workers"));
    let below = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    if table.is_empty() {
        let text = "none has ever started here: ./start.sh";
        canvas.line(below, 0, &Line::styled(text, theme.dim));
    }
    list::rows(&COLUMNS, &table, look, theme, canvas, below);
}

/// Where the lists below the stages go.
struct Parts {
    campaigns: Rect,
    workers: Rect,
    diagnosis: Rect,
}

/// What is wrong is never squeezed out; campaigns have at least three rows; workers get what is left,
/// or the place beside the campaigns where it is wide enough.
fn share(model: &Model, status: &Status, rest: Rect) -> Parts {
    let rows = |n: usize| {
        u16::try_from(n.max(1))
            .unwrap_or(u16::MAX)
            .saturating_add(1)
    };
    // A blank line or a heading stands above each part.
    let wrong = rows(status.findings.len()).min(rest.height.saturating_sub(4).max(2));
    let wrong = wrong.min(rest.height / 2);
    let room = rest.height.saturating_sub(wrong);
    let part = |rect: Rect, from: u16, height: u16| Rect {
        y: rest.y + from.min(rest.height),
        height: height.min(rest.height.saturating_sub(from)),
        ..rect
    };
    let wanted = rows(model.campaigns.data.as_ref().map_or(0, Vec::len));
    let workers = rows(model.workers().len());
    if rest.width >= SIDE_BY_SIDE {
        let gap = 4;
        let left = Rect {
            width: (rest.width - gap) / 2,
            ..rest
        };
        let right = Rect {
            x: left.right() + gap,
            width: rest.width - gap - left.width,
            ..rest
        };
        let high = wanted.max(workers).min(room);
        return Parts {
            campaigns: part(left, 0, high),
            workers: part(right, 0, high),
            diagnosis: part(rest, high + 1, wrong + 1),
        };
    }
    let spacious = room >= 12;
    let campaigns = if spacious {
        wanted.min((room / 2).max(room.saturating_sub(workers + 2)))
    } else {
        wanted.min(room)
    };
    let left = if spacious {
        room.saturating_sub(campaigns + 2)
    } else {
        0
    };
    let workers = workers.min(left);
    let from = campaigns + if workers > 1 { workers + 1 } else { 0 };
    Parts {
        campaigns: part(rest, 0, campaigns),
        workers: part(rest, campaigns + 1, workers),
        diagnosis: part(
            rest,
            from + u16::from(spacious),
            wrong + u16::from(spacious),
        ),
    }
}

fn stages(
    model: &Model,
    status: &Status,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    body: Rect,
    chart: u16,
) {
    let stages = &status.overview.stages;
    let Ok(many) = u16::try_from(stages.len()) else {
        return;
    };
    if many == 0 {
        return;
    }
    let wide = (body.width - GAP * (many - 1)) / many;
    // What doesn't divide evenly goes to the gaps, so that the last stage ends at the edge.
    let spare = body.width - GAP * (many - 1) - wide * many;
    let slowest = stage::slowest(stages);
    for (index, view) in stages.iter().enumerate() {
        let n = index as u16;
        let x = body.x + n * (wide + GAP) + (spare * n) / (many - 1).max(1);
        let area = Rect {
            x,
            width: wide,
            ..body
        };
        let is_slowest = slowest == Some(index);
        stage::draw(
            model, status, view, index, is_slowest, theme, canvas, area, chart,
        );
    }
}
