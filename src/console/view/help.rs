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
    theme::Theme,
};

const ORDER: [Scope; 5] = [
    Scope::Screens,
    Scope::Lists,
    Scope::Pending,
    Scope::Forms,
    Scope::Anywhere,
];

pub(super) fn draw(theme: &Theme, scroll: u16, canvas: &mut Canvas<'_>, area: Rect) {
    let lines = lines(theme);
    let high = (lines.len() + 2) as u16;
    let inside = popup::open(
        canvas,
        area,
        (76, high.min(area.height.saturating_sub(2))),
        "Keys",
        theme,
    );
    let most = lines.len().saturating_sub(usize::from(inside.height));
    let first = usize::from(scroll).min(most);
    for (row, line) in lines
        .iter()
        .skip(first)
        .take(usize::from(inside.height))
        .enumerate()
    {
        canvas.line(inside, row as u16, line);
    }
}

fn lines(theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for scope in ORDER {
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(scope.title(), theme.title));
        for action in ACTIONS.iter().filter(|a| a.scope == scope) {
            let keys: Vec<String> = action.keys.iter().map(|k| k.name()).collect();
            lines.push(Line::from(vec![
                Span::styled(format!("  {}", left(&keys.join(" "), 14)), theme.accent),
                Span::styled(action.help, theme.text),
            ]));
        }
    }
    lines
}
