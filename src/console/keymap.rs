//! Which keys mean which action: those of the table, unless the settings bind others.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{ACTIONS, Action};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chord {
    pub code: KeyCode,
    pub ctrl: bool,
}

pub(super) const fn key(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}

pub(super) const fn char(c: char) -> Chord {
    key(KeyCode::Char(c))
}

pub(super) const fn ctrl(c: char) -> Chord {
    Chord {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

/// Keys by the names that people read and write.
const NAMED: [(&str, KeyCode); 15] = [
    ("space", KeyCode::Char(' ')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
];

impl Chord {
    pub(super) fn matches(self, event: &KeyEvent) -> bool {
        self.code == event.code
            && self.ctrl == event.modifiers.contains(KeyModifiers::CONTROL)
            && !event.modifiers.contains(KeyModifiers::ALT)
    }

    /// As it is shown to people.
    pub(super) fn name(self) -> String {
        let name = match self.code {
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            code => match NAMED.iter().find(|(_, c)| *c == code) {
                Some((name, _)) => (*name).to_owned(),
                None => match code {
                    KeyCode::Char(c) => c.to_string(),
                    _ => "?".to_owned(),
                },
            },
        };
        if self.ctrl {
            format!("ctrl-{name}")
        } else {
            name
        }
    }

    /// From what is written in the settings: `C`, `space`, `ctrl-r`, `pgdn`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (is_ctrl, name) = match text.strip_prefix("ctrl-") {
            Some(name) if !name.is_empty() => (true, name),
            _ => (false, text),
        };
        let code = match NAMED.iter().find(|(n, _)| *n == name) {
            Some((_, code)) => *code,
            None => {
                let mut chars = name.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) if !c.is_control() => KeyCode::Char(c),
                    _ => return None,
                }
            }
        };
        Some(Self {
            code,
            ctrl: is_ctrl,
        })
    }
}

/// Names of actions, and the keys that the settings give them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Keymap(BTreeMap<&'static str, Vec<Chord>>);

impl Keymap {
    /// # Errors
    /// When there is no such action or key, a dangerous action would be on a control key or a lower-case
    /// letter, or one key would mean two things at one place.
    pub(super) fn new(bindings: &BTreeMap<String, Vec<String>>) -> Result<Self> {
        let mut map = Self::default();
        for (name, keys) in bindings {
            let Some(action) = ACTIONS.iter().find(|a| a.name == name.as_str()) else {
                let nearest = ACTIONS
                    .iter()
                    .map(|a| a.name)
                    .min_by_key(|known| crate::config::distance(known, name))
                    .unwrap_or_default();
                bail!("there is no action {name:?}, did you mean {nearest:?}?");
            };
            let mut chords = Vec::new();
            for text in keys {
                let Some(chord) = Chord::parse(text) else {
                    bail!("{name}: {text:?} is no key; write C, space, pgdn or ctrl-r");
                };
                if action.dangerous && !is_deliberate(chord) {
                    bail!("{name} is dangerous: it needs an uppercase letter, not {text:?}");
                }
                chords.push(chord);
            }
            map.0.insert(action.name, chords);
        }
        map.check()?;
        Ok(map)
    }

    fn check(&self) -> Result<()> {
        for (n, a) in ACTIONS.iter().enumerate() {
            for b in &ACTIONS[n + 1..] {
                let clash = self.of(a).iter().find(|k| self.of(b).contains(k));
                if let Some(chord) = clash.filter(|_| a.scope == b.scope) {
                    let (a, b) = (a.name, b.name);
                    bail!("{:?} would mean both {a} and {b}", chord.name());
                }
            }
        }
        Ok(())
    }

    pub(super) fn of<'a>(&'a self, action: &'a Action) -> &'a [Chord] {
        self.0.get(action.name).map_or(action.keys, Vec::as_slice)
    }
}

/// Not pressed by accident.
pub(super) fn is_deliberate(chord: Chord) -> bool {
    matches!(chord.code, KeyCode::Char(c) if c.is_uppercase()) && !chord.ctrl
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str, keys: &[&str]) -> Result<Keymap> {
        let keys = keys.iter().map(|k| (*k).to_owned()).collect();
        Keymap::new(&BTreeMap::from([(name.to_owned(), keys)]))
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for action in ACTIONS {
            for chord in action.keys {
                let name = chord.name();
                let arrow = ["↑", "↓", "←", "→"].iter().any(|a| name.ends_with(a));
                assert!(arrow || Chord::parse(&name) == Some(*chord), "{name}");
            }
        }
        for wrong in ["", "ctrl-", "f99", "ab", "\u{7}"] {
            assert_eq!(Chord::parse(wrong).map(|c| c.ctrl), None, "{wrong:?}");
        }
    }

    #[test]
    fn bindings_are_checked() {
        assert!(map("refresh", &["R", "ctrl-r"]).is_ok());
        let error = |name: &str, keys: &[&str]| map(name, keys).expect_err("wrong").to_string();
        assert!(error("refesh", &["R"]).contains("\"refresh\""));
        assert!(error("refresh", &["what"]).contains("no key"));
        assert!(error("claim", &["x"]).contains("uppercase"));
        assert!(error("claim", &["ctrl-k"]).contains("uppercase"));
        assert!(error("refresh", &["q"]).contains("both"));
    }
}
