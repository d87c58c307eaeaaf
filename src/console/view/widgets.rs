//! The small things that screens are made of.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::text::{left, right, width};
use crate::console::theme::Theme;
use crate::ops::wording::{SEPARATOR, rate};

/// Stands before a selected row, in every theme.
pub(super) const POINTER: &str = "▸";

/// `━━━━━━ 18 240 /s ━━━━━━▶`, or a dotted line where nothing flows.
pub(super) fn pipe(per_s: Option<f64>, cells: usize, style: Style, theme: &Theme) -> Line<'static> {
    let flows = per_s.is_some_and(|r| r > 0.0);
    let (dash, style) = if flows {
        ("━", style)
    } else {
        ("┄", theme.faint)
    };
    let label = match per_s {
        None => String::new(),
        Some(r) => format!(" {} ", rate(r)),
    };
    let room = cells.saturating_sub(width(&label) + 1);
    let before = room / 2;
    let label_style = if flows { theme.title } else { theme.dim };
    Line::from(vec![
        Span::styled(dash.repeat(before), style),
        Span::styled(label, label_style),
        Span::styled(dash.repeat(room - before), style),
        Span::styled("▶", style),
    ])
}

/// A progress bar as wide as asked, in eighths of a cell where the theme has colours.
pub(super) fn bar(
    share: Option<f64>,
    cells: usize,
    style: Style,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let Some(share) = share else {
        return vec![Span::styled("┄".repeat(cells), theme.faint)];
    };
    let halves = (share.clamp(0.0, 1.0) * cells as f64 * 2.0).floor() as usize;
    let (full, half) = (halves / 2, halves % 2);
    let rest = cells - full - half;
    vec![
        Span::styled("━".repeat(full), style),
        Span::styled("╸".repeat(half), style),
        Span::styled("─".repeat(rest), theme.faint),
    ]
}

/// A chart of `rows` rows, oldest on the left; the ground line shows where there was no flow.
pub(super) fn spark(
    series: &[Option<f64>],
    rows: usize,
    style: Style,
    theme: &Theme,
) -> Vec<Line<'static>> {
    const STEPS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let most = series.iter().flatten().copied().fold(0.0, f64::max);
    let height = |value: f64| -> usize {
        if value <= 0.0 || most <= 0.0 {
            return 0;
        }
        ((value / most * (rows * 8) as f64).round() as usize).max(1)
    };
    (0..rows)
        .map(|row| {
            let floor = (rows - 1 - row) * 8;
            let spans = series.iter().map(|value| {
                let eighths = value.map_or(0, height).saturating_sub(floor).min(8);
                if eighths == 0 && floor == 0 {
                    return Span::styled("▁", theme.faint);
                }
                Span::styled(STEPS[eighths], style)
            });
            Line::from(spans.collect::<Vec<_>>())
        })
        .collect()
}

/// `label          value`, the value on the right.
pub(super) fn fact(
    label: &str,
    value: &str,
    cells: usize,
    style: Style,
    theme: &Theme,
) -> Line<'static> {
    let value_cells = width(value).min(cells);
    Line::from(vec![
        Span::styled(left(label, cells - value_cells), theme.dim),
        Span::styled(right(value, value_cells), style),
    ])
}

/// `1 234` as `1.2k` where there is no room for more.
pub(super) fn short(n: u64, cells: usize) -> String {
    let full = crate::ops::wording::count(n);
    if width(&full) <= cells {
        return full;
    }
    let compact = match n {
        0..1_000_000 => format!("{}k", n / 1_000),
        1_000_000..1_000_000_000 => format!("{}M", n / 1_000_000),
        _ => format!("{}G", n / 1_000_000_000),
    };
    compact.replace(SEPARATOR, "")
}
