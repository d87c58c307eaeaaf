//! The home screen: the stages from left to right as one pipe, campaigns, workers, and what is wrong.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    campaigns,
    text::{Canvas, cut, left, width},
    widgets::{fact, pipe, short, spark},
    workers,
};
use crate::console::{
    action::{ACTIONS, Act},
    history::Flow,
    model::{Model, Screen},
    theme::Theme,
};
use crate::ops::{
    Finding, Remedy, Severity, Status, StreamView,
    wording::{count, duration},
};

/// Spaces between two stages.
const GAP: u16 = 3;
/// A stage without its chart.
const FACTS: u16 = 9;
/// From here on there is room for a list of workers beside the campaigns.
const SIDE_BY_SIDE: u16 = 170;
/// A time lag that marks a bottleneck, ms.
const SLOW_MS: u64 = 1_000;

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
        workers::list(model, theme, canvas, parts.workers, false);
    }
    diagnosis(status, theme, canvas, parts.diagnosis);
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
    let slowest = slowest(stages);
    for (index, stage) in stages.iter().enumerate() {
        let n = index as u16;
        let x = body.x + n * (wide + GAP) + (spare * n) / (many - 1).max(1);
        let area = Rect {
            x,
            width: wide,
            ..body
        };
        let is_slowest = slowest == Some(index);
        draw_stage(
            model, status, stage, index, is_slowest, theme, canvas, area, chart,
        );
    }
}

/// The stage whose first waiting entry has waited longest.
fn slowest(stages: &[StreamView]) -> Option<usize> {
    let lag = |s: &StreamView| s.own_group().map_or(0, |g| g.time_lag_ms);
    let (index, stage) = stages.iter().enumerate().max_by_key(|(_, s)| lag(s))?;
    (lag(stage) >= SLOW_MS).then_some(index)
}

#[expect(
    clippy::too_many_arguments,
    reason = "a stage is drawn from all of these, in one place"
)]
fn draw_stage(
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
    let rate = model.history.rate(from, flow);
    canvas.line(area, 2, &pipe(rate, cells, hue, theme));
    if chart > 0 {
        let series = model.history.series(from, flow, cells);
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

/// Below a heading where there is room for one, else below a blank line.
fn diagnosis(status: &Status, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    if status.findings.is_empty() {
        canvas.line(area, 1, &Line::styled("✓ nothing is wrong", theme.good));
        return;
    }
    let findings = status.findings.len();
    let room = usize::from(area.height.saturating_sub(1));
    if room > findings {
        canvas.line(area, 0, &Line::styled("Diagnosis", theme.title));
    }
    for (row, finding) in status.findings.iter().take(room).enumerate() {
        let hidden = findings - row - 1;
        let last = row + 1 == room && hidden > 0;
        let line = finding_line(
            finding,
            usize::from(area.width),
            last.then_some(hidden),
            theme,
        );
        canvas.line(area, 1 + row as u16, &line);
    }
}

fn finding_line(
    finding: &Finding,
    cells: usize,
    hidden: Option<usize>,
    theme: &Theme,
) -> Line<'static> {
    let (symbol, style) = match finding.severity {
        Severity::Fault => ("✗", theme.bad),
        Severity::Warning => ("!", theme.warn),
        Severity::Note | Severity::Ok => ("·", theme.dim),
    };
    let next = match finding.remedy.map(remedy_keys) {
        Some(keys) => keys,
        None if finding.next.is_empty() => String::new(),
        None => finding.next.clone(),
    };
    let more = hidden.map_or_else(String::new, |n| format!("  and {n} more"));
    let tail = if next.is_empty() {
        String::new()
    } else {
        format!(" → {next}")
    };
    let room = cells.saturating_sub(2 + width(&tail) + width(&more));
    let text = cut(&finding.text, room);
    let text = if more.is_empty() {
        text
    } else {
        left(&text, width(&text))
    };
    Line::from(vec![
        Span::styled(format!("{symbol} "), style),
        Span::styled(text, theme.text),
        Span::styled(tail, theme.accent),
        Span::styled(more, theme.dim),
    ])
}

/// The keys that lead to the remedy, from the table of actions.
fn remedy_keys(remedy: Remedy) -> String {
    let key = |act: Act| {
        let action = ACTIONS.iter().find(|a| a.act == act);
        let chord = action.and_then(|a| a.keys.first());
        chord.map(|k| k.name()).unwrap_or_default()
    };
    match remedy {
        Remedy::Claim => format!("{} {}", key(Act::Go(Screen::Pending)), key(Act::Claim)),
        Remedy::Workers => key(Act::Go(Screen::Workers)),
    }
}
