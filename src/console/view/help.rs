//! All keys, generated from the table of actions.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    popup,
    text::{Canvas, left},
};
use crate::console::{
    action::{ACTIONS, Scope},
    keymap::Keymap,
    model::Model,
    theme::Theme,
};

pub(super) fn draw(model: &Model, scroll: usize, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = &model.setting.theme;
    let lines = lines(&model.setting.keys, theme);
    let high = (lines.len() + 2) as u16;
    let inside = popup::open(
        canvas,
        area,
        (76, high.min(area.height.saturating_sub(2))),
        "Keys",
        theme,
    );
    let most = lines.len().saturating_sub(usize::from(inside.height));
    let first = scroll.min(most);
    for (row, line) in lines
        .iter()
        .skip(first)
        .take(usize::from(inside.height))
        .enumerate()
    {
        canvas.line(inside, row as u16, line);
    }
}

pub(super) fn lines(map: &Keymap, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for scope in Scope::ALL {
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(scope.title(), theme.title));
        for action in ACTIONS.iter().filter(|a| a.scope == scope) {
            let keys: Vec<String> = map.of(action).iter().map(|k| k.name()).collect();
            let keys = if keys.is_empty() {
                format!(": {}", action.name)
            } else {
                keys.join(" ")
            };
            lines.push(Line::from(vec![
                Span::styled(format!("  {}", left(&keys, 14)), theme.accent),
                Span::styled(action.help, theme.text),
            ]));
        }
    }
    lines
}
