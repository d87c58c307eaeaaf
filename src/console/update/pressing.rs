//! For tests: keys as a person presses them.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::update;
use crate::console::{
    keymap::Chord,
    message::{Cmd, Msg},
    model::Model,
};

pub(crate) fn press_key(model: &mut Model, event: KeyEvent) -> Vec<Cmd> {
    update(model, model.now_ms, Msg::Key(event))
}

/// Keys as the settings name them, with spaces between them: `c`, `space`, `backtab`, `ctrl-c`.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let events = keys.split_whitespace().map(|name| {
        let chord = Chord::parse(name).unwrap_or_else(|| panic!("{name:?} is no key"));
        let held = match chord.ctrl {
            true => KeyModifiers::CONTROL,
            false => KeyModifiers::NONE,
        };
        KeyEvent::new(chord.code, held)
    });
    events.flat_map(|event| press_key(model, event)).collect()
}

/// Character by character; a line feed is Enter, and a tab is Tab.
pub(crate) fn type_keys(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let codes = keys.chars().map(|c| match c {
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        c => KeyCode::Char(c),
    });
    codes
        .flat_map(|code| press_key(model, KeyEvent::from(code)))
        .collect()
}
