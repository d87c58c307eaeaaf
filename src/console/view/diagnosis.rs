//! What is wrong, a line each, with the keys that lead to the remedy.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::text::{Canvas, cut, width};
use crate::console::{
    action::{ACTIONS, Act},
    keymap::Keymap,
    model::Screen,
    theme::Theme,
};
use crate::ops::{Finding, Remedy, Severity, Status};

/// Below a heading where there is room for one, else below a blank line.
pub(super) fn draw(
    status: &Status,
    keys: &Keymap,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
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
            keys,
            usize::from(area.width),
            last.then_some(hidden),
            theme,
        );
        canvas.line(area, 1 + row as u16, &line);
    }
}

fn finding_line(
    finding: &Finding,
    keys: &Keymap,
    cells: usize,
    hidden: Option<usize>,
    theme: &Theme,
) -> Line<'static> {
    let (symbol, style) = match finding.severity {
        Severity::Fault => ("✗", theme.bad),
        Severity::Warning => ("!", theme.warn),
        Severity::Note | Severity::Ok => ("·", theme.dim),
    };
    let next = match finding.remedy.map(|r| remedy_keys(r, keys)) {
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
    Line::from(vec![
        Span::styled(format!("{symbol} "), style),
        Span::styled(text, theme.text),
        Span::styled(tail, theme.accent),
        Span::styled(more, theme.dim),
    ])
}

/// The keys that lead to the remedy, as they are bound now.
fn remedy_keys(remedy: Remedy, keys: &Keymap) -> String {
    let key = |act: Act| {
        let action = ACTIONS.iter().find(|a| a.act == act);
        let chord = action.and_then(|a| keys.of(a).first());
        chord.map(|k| k.name()).unwrap_or_default()
    };
    match remedy {
        Remedy::Claim => format!("{} {}", key(Act::Go(Screen::Pending)), key(Act::Claim)),
        Remedy::Bury => format!("{} {}", key(Act::Go(Screen::Pending)), key(Act::DeadLetter)),
        Remedy::Workers => key(Act::Go(Screen::Workers)),
        Remedy::DeadLetters => key(Act::Go(Screen::Dead)),
    }
}
