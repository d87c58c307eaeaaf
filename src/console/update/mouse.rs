//! The mouse: a click selects, a click on what is selected opens, the wheel moves.

use ratatui::{
    crossterm::event::{MouseButton, MouseEvent, MouseEventKind},
    layout::{Position, Rect},
};

use super::super::{dialog::Dialog, geometry, message::Cmd, model::Model, view::tab_spans};
use super::{keys, lists};

/// Rows that one notch of the wheel moves.
const NOTCH: isize = 3;

pub(super) fn mouse(model: &mut Model, event: MouseEvent) -> Vec<Cmd> {
    let by = match event.kind {
        MouseEventKind::ScrollUp => -NOTCH,
        MouseEventKind::ScrollDown => NOTCH,
        MouseEventKind::Down(MouseButton::Left) => return click(model, event.column, event.row),
        _ => return Vec::new(),
    };
    model.changed = true;
    match model.dialog {
        None => lists::wheel(model, by),
        Some(Dialog::Help { .. } | Dialog::Claim(_) | Dialog::Confirm(_)) => {
            keys::scroll(model, by)
        }
        Some(_) => {}
    }
    Vec::new()
}

fn click(model: &mut Model, column: u16, row: u16) -> Vec<Cmd> {
    // A question is answered by keys: nothing is confirmed by a click that went astray.
    if model.dialog.is_some() || geometry::is_narrow(Rect::new(0, 0, model.size.0, model.size.1)) {
        return Vec::new();
    }
    model.changed = true;
    if row == 1 {
        let tab = tab_spans(model)
            .into_iter()
            .find_map(|(screen, cells)| cells.contains(&usize::from(column)).then_some(screen));
        return tab.map_or_else(Vec::new, |screen| lists::go(model, screen));
    }
    let Some(parts) = geometry::parts(model, model.page()) else {
        return Vec::new();
    };
    if !parts.rows.contains(Position::new(column, row)) {
        return Vec::new();
    }
    let table = &mut model.page_mut().table;
    let at = table.top() + usize::from(row - parts.rows.y);
    if at >= table.len() {
        return Vec::new();
    }
    if table.at() == Some(at) {
        return lists::open(model);
    }
    table.select(at);
    table.follows = false;
    Vec::new()
}
