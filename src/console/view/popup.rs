//! A box over the screen, for one question.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::text::{Canvas, cut, width};
use crate::console::theme::Theme;

/// Said while a change is under way.
pub(super) const GOES_ON: &str = "esc closes this, it goes on";

/// Draws a box of at most that size in the middle, and returns its inside.
pub(super) fn open(
    canvas: &mut Canvas<'_>,
    area: Rect,
    (wide, high): (u16, u16),
    title: &str,
    theme: &Theme,
) -> Rect {
    let wide = wide.min(area.width);
    let high = high.min(area.height);
    let outer = Rect {
        x: area.x + (area.width - wide) / 2,
        y: area.y + (area.height - high) / 2,
        width: wide,
        height: high,
    };
    canvas.clear(outer);
    if wide < 8 || high < 4 {
        return outer;
    }
    let inside = usize::from(wide - 2);
    let title = format!(" {} ", cut(title, inside.saturating_sub(4)));
    let rest = inside.saturating_sub(1 + width(&title));
    canvas.line(
        outer,
        0,
        &Line::from(vec![
            Span::styled("╭─", theme.accent),
            Span::styled(title, theme.title),
            Span::styled(format!("{}╮", "─".repeat(rest)), theme.accent),
        ]),
    );
    for row in 1..high - 1 {
        canvas.line(outer, row, &Line::styled("│", theme.accent));
        canvas.line_right(outer, row, &Line::styled("│", theme.accent));
    }
    let bottom = format!("╰{}╯", "─".repeat(inside));
    canvas.line(outer, high - 1, &Line::styled(bottom, theme.accent));
    Rect {
        x: outer.x + 2,
        y: outer.y + 1,
        width: wide - 4,
        height: high - 2,
    }
}

/// `[ Cancel ]`, with the pointer when it has the focus.
pub(super) fn button(
    label: &str,
    focused: bool,
    style: Style,
    theme: &Theme,
) -> Vec<Span<'static>> {
    if focused {
        vec![
            Span::styled("▸", theme.accent),
            Span::styled(format!("[ {label} ]"), style.patch(theme.selected)),
        ]
    } else {
        vec![Span::raw(" "), Span::styled(format!("[ {label} ]"), style)]
    }
}

/// A label and its field; the pointer when it has the focus.
pub(super) fn field(
    label: &str,
    value: Vec<Span<'static>>,
    focused: bool,
    theme: &Theme,
) -> Line<'static> {
    let pointer = if focused { "▸" } else { " " };
    let mut spans = vec![
        Span::styled(format!("{pointer} "), theme.accent),
        Span::styled(super::text::left(label, 12), theme.dim),
    ];
    spans.extend(value);
    Line::from(spans)
}

/// A choice between values: `‹ resend ›`.
pub(super) fn choice(value: &str, focused: bool, theme: &Theme) -> Span<'static> {
    if focused {
        Span::styled(format!("‹ {value} ›"), theme.title)
    } else {
        Span::styled(format!("  {value}"), theme.text)
    }
}
