//! Keys: first to the text field that has the focus, then through the table of actions.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::{
    action::{Act, is_valid, meant_by},
    dialog::{ClaimField, CreateField, Dialog, Input},
    message::Cmd,
    model::{Model, Screen, Tone, key_of},
};
use super::{claim, create, feeds, notify};

/// Rows of PgUp and PgDn.
const PAGE: usize = 10;

pub(super) fn key(model: &mut Model, event: &KeyEvent) -> Vec<Cmd> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if typed(model, event) {
        model.changed = true;
        return Vec::new();
    }
    let Some(action) = meant_by(model, event) else {
        return Vec::new();
    };
    if action.mutates
        && let Some(refusal) = model.refusal()
    {
        notify(model, Tone::Bad, refusal);
        return Vec::new();
    }
    if !is_valid(model, action) {
        return Vec::new();
    }
    model.changed = true;
    act(model, action.act)
}

pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Cmd> {
    if let Some(input) = focused_input(model) {
        for c in text.chars() {
            input.push(c);
        }
        model.changed = true;
    }
    Vec::new()
}

/// True when the key was text for the field with the focus.
fn typed(model: &mut Model, event: &KeyEvent) -> bool {
    let control = event
        .modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    let Some(input) = focused_input(model) else {
        return false;
    };
    match event.code {
        KeyCode::Char('u') if event.modifiers == KeyModifiers::CONTROL => input.0.clear(),
        KeyCode::Char(c) if !control => input.push(c),
        KeyCode::Backspace => {
            input.0.pop();
        }
        _ => return false,
    }
    true
}

fn focused_input(model: &mut Model) -> Option<&mut Input> {
    match model.dialog.as_mut()? {
        Dialog::Create(form) if form.sending => None,
        Dialog::Create(form) => match form.focus {
            CreateField::Name => Some(&mut form.name),
            CreateField::Subject => Some(&mut form.subject),
            CreateField::Typed => Some(&mut form.typed),
            _ => None,
        },
        Dialog::Claim(dialog) if dialog.focus == ClaimField::Typed => Some(&mut dialog.typed),
        Dialog::Claim(_) | Dialog::Help { .. } => None,
    }
}

fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    match act {
        Act::Quit => return vec![Cmd::Quit],
        Act::Suspend => return vec![Cmd::Suspend],
        Act::Help => model.dialog = Some(Dialog::Help { scroll: 0 }),
        Act::Close => model.dialog = None,
        Act::Create => return create::open(model),
        Act::Claim => return claim::open(model),
        Act::Mark => mark(model),
        Act::MarkAll => mark_all(model),
        Act::Go(screen) => return go(model, screen),
        Act::NextScreen => {
            let here = Screen::ALL
                .iter()
                .position(|s| *s == model.screen)
                .unwrap_or(0);
            return go(model, Screen::ALL[(here + 1) % Screen::ALL.len()]);
        }
        Act::Refresh => return feeds::refresh(model),
        Act::Up => step(model, -1),
        Act::Down => step(model, 1),
        Act::PageUp => step(model, -(PAGE as isize)),
        Act::PageDown => step(model, PAGE as isize),
        Act::First => step(model, isize::MIN),
        Act::Last => step(model, isize::MAX),
        Act::NextField | Act::PreviousField | Act::Less | Act::More | Act::Press => {
            return match model.dialog {
                Some(Dialog::Create(_)) => create::act(model, act),
                Some(Dialog::Claim(_)) => claim::act(model, act),
                _ => Vec::new(),
            };
        }
    }
    Vec::new()
}

fn go(model: &mut Model, screen: Screen) -> Vec<Cmd> {
    model.screen = screen;
    if screen == Screen::Pending && !model.stuck.in_flight && !model.is_away() {
        model.stuck.due_at_ms = model.now_ms;
    }
    feeds::tick(model)
}

fn step(model: &mut Model, by: isize) {
    match &mut model.dialog {
        Some(Dialog::Help { scroll }) => {
            *scroll = scroll
                .saturating_add_signed(by.clamp(-100, 100) as i16)
                .min(200);
            return;
        }
        Some(Dialog::Claim(dialog)) => {
            dialog.scroll = dialog
                .scroll
                .saturating_add_signed(by.clamp(-100, 100) as i16);
            return;
        }
        Some(Dialog::Create(_)) => return,
        None => {}
    }
    let moved = |row: Option<usize>, rows: usize| -> Option<usize> {
        Some(row?.saturating_add_signed(by).min(rows.checked_sub(1)?))
    };
    match model.screen {
        Screen::Pending => {
            if let Some(row) = moved(model.selected_entry(), model.stuck_entries().len()) {
                model.entry.row = row;
                model.entry.id = model.stuck_entries().get(row).map(key_of);
            }
        }
        Screen::Workers => {
            if let Some(row) = moved(model.selected_worker(), model.workers().len()) {
                model.worker.row = row;
                model.worker.id = model.workers().get(row).map(|w| w.name.clone());
            }
        }
        Screen::Pipeline => {}
    }
}

fn mark(model: &mut Model) {
    let Some(row) = model.selected_entry() else {
        return;
    };
    if let Some(key) = model.stuck_entries().get(row).map(key_of)
        && !model.marks.remove(&key)
    {
        model.marks.insert(key);
    }
    step(model, 1);
}

fn mark_all(model: &mut Model) {
    if model.marks.len() == model.stuck_entries().len() {
        model.marks.clear();
    } else {
        model.marks = model.stuck_entries().iter().map(key_of).collect();
    }
}
