//! A line of text being typed, with a cursor.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::text::width;
use crate::ops::wording::clean;

/// Bytes, where nothing else is said: longer than any subject, address or filter should be.
const MOST: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    text: String,
    /// Before which byte the next character comes; a border between characters.
    at: usize,
    /// Bytes that there is room for.
    most: usize,
}

/// What a key did to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// It is no key of a text.
    Other,
    /// Only the cursor.
    Moved,
    Done,
    /// There is no room for the character.
    Full,
}

impl Default for Input {
    fn default() -> Self {
        Self::new("")
    }
}

impl Input {
    /// The cursor stands at its end.
    pub(super) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            at: text.len(),
            text,
            most: MOST,
        }
    }

    pub(super) fn with_room(text: impl Into<String>, most: usize) -> Self {
        Self {
            most,
            ..Self::new(text)
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn before(&self) -> &str {
        &self.text[..self.at]
    }

    pub(super) fn after(&self) -> &str {
        &self.text[self.at..]
    }

    /// True when what was typed is that number, with or without separators.
    pub(super) fn is_number(&self, n: u64) -> bool {
        let digits: String = self.text.chars().filter(char::is_ascii_digit).collect();
        digits.parse() == Ok(n)
    }

    /// Takes a pasted text in at the cursor, without its control characters; all of it or nothing.
    pub(super) fn paste(&mut self, text: &str) -> Edit {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        if self.text.len() + text.len() > self.most {
            return Edit::Full;
        }
        self.text.insert_str(self.at, &text);
        self.at += text.len();
        Edit::Done
    }

    pub(super) fn edit(&mut self, event: &KeyEvent) -> Edit {
        let held = event.modifiers - KeyModifiers::SHIFT;
        match event.code {
            KeyCode::Char('u') if held == KeyModifiers::CONTROL => self.remove(0, self.at),
            KeyCode::Char('w') if held == KeyModifiers::CONTROL => {
                self.remove(self.word_start(), self.at);
            }
            KeyCode::Char(c) if held.is_empty() => {
                return self.paste(c.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => self.remove(self.left(), self.at),
            KeyCode::Delete => self.remove(self.at, self.right()),
            key => return self.go(key),
        }
        Edit::Done
    }

    /// Puts the cursor before the character that the byte belongs to.
    pub(super) fn go_to(&mut self, byte: usize) {
        self.at = byte.min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at -= 1;
        }
    }

    fn go(&mut self, key: KeyCode) -> Edit {
        self.at = match key {
            KeyCode::Left => self.left(),
            KeyCode::Right => self.right(),
            KeyCode::Home => 0,
            KeyCode::End => self.text.len(),
            _ => return Edit::Other,
        };
        Edit::Moved
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.at = from;
    }

    /// Where the character before the cursor begins.
    fn left(&self) -> usize {
        let mut before = self.before().char_indices().rev();
        let start = before.find(|(_, c)| !joins(*c));
        start.map_or(0, |(at, _)| at)
    }

    /// Where the character at the cursor ends.
    fn right(&self) -> usize {
        let mut after = self.after().char_indices().skip(1);
        let next = after.find(|(_, c)| !joins(*c));
        next.map_or(self.text.len(), |(at, _)| self.at + at)
    }

    /// Where the word before the cursor begins.
    fn word_start(&self) -> usize {
        let word = self.before().trim_end();
        let space = word.char_indices().rfind(|(_, c)| c.is_whitespace());
        space.map_or(0, |(at, c)| at + c.len_utf8())
    }
}

/// An accent or the like, which belongs to the character before it.
fn joins(c: char) -> bool {
    width(&clean(c.encode_utf8(&mut [0; 4]))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, keys: &[KeyCode]) {
        for key in keys {
            let edit = input.edit(&KeyEvent::from(*key));
            assert!(matches!(edit, Edit::Moved | Edit::Done), "{edit:?}");
        }
    }

    fn control(input: &mut Input, key: char) {
        let event = KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
        assert_eq!(input.edit(&event), Edit::Done);
    }

    fn halves(input: &Input) -> (&str, &str) {
        (input.before(), input.after())
    }

    #[test]
    fn the_cursor_goes_by_what_is_seen_as_a_character() {
        let mut input = Input::new("a漢e\u{301}z");
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(input.before().to_owned());
            press(&mut input, &[KeyCode::Left]);
        }
        assert_eq!(seen, ["a漢e\u{301}z", "a漢e\u{301}", "a漢", "a", ""]);
        press(&mut input, &[KeyCode::Right, KeyCode::Right]);
        assert_eq!(halves(&input), ("a漢", "e\u{301}z"));
        press(&mut input, &[KeyCode::Delete]);
        assert_eq!(halves(&input), ("a漢", "z"));
        press(&mut input, &[KeyCode::Backspace, KeyCode::Char('ß')]);
        assert_eq!(halves(&input), ("aß", "z"));
        press(&mut input, &[KeyCode::End, KeyCode::Right, KeyCode::Delete]);
        assert_eq!(halves(&input), ("aßz", ""));
        press(&mut input, &[KeyCode::Home, KeyCode::Backspace]);
        assert_eq!(halves(&input), ("", "aßz"));
    }

    #[test]
    fn words_and_all_that_is_before_the_cursor_are_removed_by_one_key() {
        let mut input = Input::new("one two  three");
        press(&mut input, &[KeyCode::Left]);
        control(&mut input, 'w');
        assert_eq!(halves(&input), ("one two  ", "e"));
        control(&mut input, 'w');
        assert_eq!(halves(&input), ("one ", "e"));
        control(&mut input, 'u');
        assert_eq!(halves(&input), ("", "e"));
        let other = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(input.edit(&other), Edit::Other);
    }

    #[test]
    fn what_finds_no_room_is_refused_and_not_cut() {
        let mut input = Input::with_room("12345", 8);
        press(&mut input, &[KeyCode::Home]);
        assert_eq!(input.paste("abcd"), Edit::Full);
        assert_eq!(input.paste("a\u{7}b\nc"), Edit::Done);
        assert_eq!(halves(&input), ("abc", "12345"));
        let key = KeyEvent::from(KeyCode::Char('d'));
        assert_eq!(input.edit(&key), Edit::Full);
        assert_eq!(input.text(), "abc12345");
    }
}
