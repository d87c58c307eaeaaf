//! The palette: what was typed, what matches, and the key of each.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    popup,
    text::{Canvas, left, right},
    typing::typed,
    widgets::POINTER,
};
use crate::console::{action, dialog::Palette, model::Model, theme::Theme, update::palette_found};

const NAME_CELLS: usize = 18;

pub(super) fn draw(
    model: &Model,
    palette: &Palette,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
    let found = palette_found(model, palette);
    let wanted = u16::try_from(found.len().max(1) + 4).unwrap_or(u16::MAX);
    let high = wanted.clamp(8, 24).min(area.height.saturating_sub(2));
    let inside = popup::open(canvas, area, (76, high), "Do", theme);
    let cells = usize::from(inside.width);
    let mut line = vec![Span::styled(": ", theme.accent)];
    line.extend(typed(&palette.input, cells.saturating_sub(2), theme));
    canvas.line(inside, 0, &Line::from(line));
    if found.is_empty() {
        canvas.line(
            inside,
            2,
            &Line::styled("  nothing is called that", theme.dim),
        );
    }
    let room = usize::from(inside.height.saturating_sub(2)).max(1);
    let at = palette.at.min(found.len().saturating_sub(1));
    let first = (at + 1).saturating_sub(room);
    for ((n, action), y) in found.iter().enumerate().skip(first).take(room).zip(2..) {
        let valid = action::is_valid_here(model, action);
        let keys = model.setting.keys.of(action);
        let key = keys.first().map(|k| k.name()).unwrap_or_default();
        let chosen = n == at;
        let pointer = if chosen { POINTER } else { " " };
        let help = cells.saturating_sub(NAME_CELLS + 13);
        let (name, text) = if valid {
            (theme.title, theme.dim)
        } else {
            (theme.faint, theme.faint)
        };
        let does = if action::is_of_page(model, action) {
            action.help.to_owned()
        } else {
            format!("{}: {}", action.scope.title(), action.help)
        };
        let line = Line::from(vec![
            Span::styled(format!("{pointer} "), theme.accent),
            Span::styled(left(action.name, NAME_CELLS), name),
            Span::styled(left(&does, help), text),
            Span::styled(right(&key, 10), theme.accent),
        ]);
        canvas.line(inside, y, &line);
        if chosen {
            canvas.tint(inside, y, theme.selected);
        }
    }
}
