//! The home screen: the stages from left to right as one pipe, campaigns, workers, and what is wrong.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    campaigns,
    text::{Canvas, cut, left, width},
    widgets::{fact, pipe, spark},
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
const WIDE: u16 = 110;
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
        26..40 => 3,
        _ => 5,
    };
    stages(model, status, theme, canvas, body, chart);
    let top = FACTS + chart + 1;
    let rest = Rect {
        y: body.y + top.min(body.height),
        height: body.height.saturating_sub(top),
        ..body
    };
    // What is wrong stands below, but is never squeezed out by lists.
    let findings = status.findings.len() as u16;
    let wrong = match findings {
        0 => 1,
        n => (n + 1).min((rest.height / 2).max(2)),
    };
    let lists = Rect {
        height: rest
            .height
            .saturating_sub(wrong + u16::from(rest.height > wrong + 4)),
        ..rest
    };
    let below = Rect {
        y: rest.bottom().saturating_sub(wrong),
        height: wrong.min(rest.height),
        ..rest
    };
    if body.width >= WIDE {
        let gap = 4;
        let half = Rect {
            width: (lists.width - gap) * 58 / 100,
            ..lists
        };
        campaigns::draw(model, theme, canvas, half);
        let other = Rect {
            x: half.right() + gap,
            width: lists.width - gap - half.width,
            ..lists
        };
        workers::list(model, theme, canvas, other, None);
    } else if lists.height >= 14 {
        let upper = Rect {
            height: lists.height / 2,
            ..lists
        };
        campaigns::draw(model, theme, canvas, upper);
        let lower = Rect {
            y: upper.bottom() + 1,
            height: lists.height - upper.height - 1,
            ..lists
        };
        workers::list(model, theme, canvas, lower, None);
    } else {
        campaigns::draw(model, theme, canvas, lists);
    }
    diagnosis(status, theme, canvas, below);
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
    let rate = model.history.rate(index, Flow::Out);
    canvas.line(area, 2, &pipe(rate, cells, hue, theme));
    if chart > 0 {
        let series = model.history.series(index, Flow::Out, cells);
        for (row, line) in spark(&series, usize::from(chart), hue, theme)
            .iter()
            .enumerate()
        {
            canvas.line(area, 3 + row as u16, line);
        }
    }
    let facts = facts(model, status, stage, theme);
    for (row, (label, value, style)) in facts.iter().enumerate() {
        let line = fact(label, value, cells, *style, theme);
        canvas.line(area, 3 + chart + row as u16, &line);
    }
}

fn facts(
    model: &Model,
    status: &Status,
    stage: &StreamView,
    theme: &Theme,
) -> Vec<(&'static str, String, Style)> {
    let overview = &status.overview;
    let live = overview
        .workers
        .iter()
        .filter(|w| w.live && w.info.service == stage.group)
        .count();
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
    let waiting = stage.retry + stage.parked;
    let retry = match stage.parked {
        0 => count(stage.retry),
        parked => format!("{} + {} parked", count(stage.retry), count(parked)),
    };
    facts.push((
        "retry",
        retry,
        if waiting > 0 { theme.warn } else { theme.text },
    ));
    let workers = match stage.dead {
        0 => ("workers", count(live as u64)),
        dead => ("workers, dead", format!("{live}, {}", count(dead))),
    };
    let style = match (live, stage.dead) {
        (0, _) => theme.bad,
        (_, 0) => theme.text,
        _ => theme.warn,
    };
    facts.push((workers.0, workers.1, style));
    facts
}

fn diagnosis(status: &Status, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    if status.findings.is_empty() {
        canvas.line(area, 0, &Line::styled("✓ nothing is wrong", theme.good));
        return;
    }
    canvas.line(area, 0, &Line::styled("Diagnosis", theme.title));
    let room = usize::from(area.height.saturating_sub(1));
    for (row, finding) in status.findings.iter().take(room).enumerate() {
        let hidden = status.findings.len() - row - 1;
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
