//! One stage: its edge to the next, its chart, its numbers.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    text::{Canvas, cut, width},
    widgets::{fact, pipe, short, spark},
};
use crate::console::{history::Flow, model::Model, theme::Theme};
use crate::ops::{
    Status, StreamView,
    wording::{count, duration},
};

/// A time lag that marks a bottleneck, ms.
const SLOW_MS: u64 = 1_000;

/// The stage whose first waiting entry has waited longest.
pub(super) fn slowest(stages: &[StreamView]) -> Option<usize> {
    let lag = |s: &StreamView| s.own_group().map_or(0, |g| g.time_lag_ms);
    let (index, stage) = stages.iter().enumerate().max_by_key(|(_, s)| lag(s))?;
    (lag(stage) >= SLOW_MS).then_some(index)
}

#[expect(
    clippy::too_many_arguments,
    reason = "a stage is drawn from all of these, in one place"
)]
pub(super) fn draw(
    model: &Model,
    status: &Status,
    stage: &StreamView,
    index: usize,
    is_slowest: bool,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    area: Rect,
    chart: u16,
) {
    let cells = usize::from(area.width);
    let hue = theme.stage(index);
    canvas.line(
        area,
        0,
        &Line::styled(cut(&stage.stream, cells), hue.patch(theme.title)),
    );
    if is_slowest {
        let room = cells.saturating_sub(width(&stage.stream) + 1);
        let badge = if room >= 12 { "▲ bottleneck" } else { "▲" };
        canvas.line_right(area, 0, &Line::styled(badge, theme.warn));
    }
    canvas.line(area, 1, &Line::styled(cut(&stage.group, cells), theme.dim));
    // An edge carries what the next stage is given; the last one, what has been handled.
    let (from, flow) = if index + 1 < status.overview.stages.len() {
        (index + 1, Flow::In)
    } else {
        (index, Flow::Out)
    };
    let rate = model
        .history
        .rate(from, flow, status.overview.server.now_ms);
    canvas.line(area, 2, &pipe(rate, cells, hue, theme));
    if chart > 0 {
        let series = model
            .history
            .series(from, flow, cells, status.overview.server.now_ms);
        for (row, line) in spark(&series, usize::from(chart), hue, theme)
            .iter()
            .enumerate()
        {
            canvas.line(area, 3 + row as u16, line);
        }
    }
    let facts = facts(model, stage, theme);
    let facts = facts.iter().map(|(l, v, s)| fact(l, v, cells, *s, theme));
    let lines = facts.chain(pairs(status, stage, cells, theme));
    for (row, line) in lines.enumerate() {
        canvas.line(area, 3 + chart + row as u16, &line);
    }
}

fn facts(model: &Model, stage: &StreamView, theme: &Theme) -> Vec<(&'static str, String, Style)> {
    let mut facts = Vec::new();
    let dash = || "–".to_owned();
    match stage.own_group() {
        None => {
            for label in ["backlog", "time lag", "pending", "oldest idle"] {
                facts.push((label, dash(), theme.dim));
            }
        }
        Some(group) => {
            let backlog = &group.backlog;
            let unsure = if group.lag.is_none() { "lag ?  " } else { "" };
            let at_least = if backlog.at_least { "≥" } else { "" };
            let style = if group.lag.is_none() {
                theme.warn
            } else {
                theme.text
            };
            facts.push((
                "backlog",
                format!("{unsure}{at_least}{}", count(backlog.count)),
                style,
            ));
            let style = if group.time_lag_ms >= SLOW_MS {
                theme.warn
            } else {
                theme.text
            };
            let lag = if backlog.count == 0 {
                dash()
            } else {
                duration(group.time_lag_ms)
            };
            facts.push(("time lag", lag, style));
            facts.push(("pending", count(group.pending), theme.text));
            let old = group.oldest_idle_ms.unwrap_or(0) >= model.setting.visibility_ms;
            let style = if old { theme.bad } else { theme.text };
            let idle = group.oldest_idle_ms.map_or_else(dash, duration);
            facts.push(("oldest idle", idle, style));
        }
    }
    facts
}

/// Two small numbers in one row: `retry  41   dead   1`.
fn pair(
    a: (&str, u64, Style),
    b: (&str, u64, Style),
    cells: usize,
    theme: &Theme,
) -> Line<'static> {
    let first = cells.saturating_sub(2) / 2;
    let second = cells.saturating_sub(first + 2);
    let half = |(label, n, style): (&str, u64, Style), cells: usize| {
        let value = short(n, cells.saturating_sub(width(label) + 1));
        fact(label, &value, cells, style, theme).spans
    };
    let mut spans = half(a, first);
    spans.push(Span::raw("  "));
    spans.extend(half(b, second));
    Line::from(spans)
}

fn pairs(status: &Status, stage: &StreamView, cells: usize, theme: &Theme) -> [Line<'static>; 2] {
    let workers = status.overview.workers.iter();
    let live = workers
        .filter(|w| w.live && w.info.service == stage.group)
        .count() as u64;
    let if_any = |n: u64, style: Style| if n > 0 { style } else { theme.text };
    [
        pair(
            ("retry", stage.retry, if_any(stage.retry, theme.warn)),
            ("dead", stage.dead, if_any(stage.dead, theme.bad)),
            cells,
            theme,
        ),
        pair(
            (
                "workers",
                live,
                if live == 0 { theme.bad } else { theme.text },
            ),
            ("parked", stage.parked, if_any(stage.parked, theme.warn)),
            cells,
            theme,
        ),
    ]
}
