//! The one table of what can be done: it drives the keys, the footer, the help and the gate that
//! keeps mutations from happening in read-only mode or while Redis is away.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    dialog::Dialog,
    model::{Model, Screen},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    Claim,
    Mark,
    MarkAll,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Go(Screen),
    NextScreen,
    Refresh,
    Help,
    Quit,
    Suspend,
    Close,
    NextField,
    PreviousField,
    Less,
    More,
    Press,
}

/// Where an action is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Anywhere,
    /// No dialog is open.
    Screens,
    Lists,
    Pending,
    /// Not on the pending screen, which has its own claim.
    Help,
    Forms,
}

impl Scope {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Anywhere",
            Self::Screens => "Screens",
            Self::Lists => "Lists",
            Self::Pending => "Pending entries",
            Self::Help => "This help",
            Self::Forms => "Questions",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chord {
    pub code: KeyCode,
    pub ctrl: bool,
}

const fn key(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}

const fn char(c: char) -> Chord {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Chord {
    Chord {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

impl Chord {
    fn matches(self, event: &KeyEvent) -> bool {
        self.code == event.code
            && self.ctrl == event.modifiers.contains(KeyModifiers::CONTROL)
            && !event.modifiers.contains(KeyModifiers::ALT)
    }

    /// As it is shown to people.
    pub(super) fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::Enter => "enter".to_owned(),
            KeyCode::Esc => "esc".to_owned(),
            KeyCode::Tab => "tab".to_owned(),
            KeyCode::BackTab => "shift-tab".to_owned(),
            KeyCode::PageUp => "pgup".to_owned(),
            KeyCode::PageDown => "pgdn".to_owned(),
            KeyCode::Home => "home".to_owned(),
            KeyCode::End => "end".to_owned(),
            _ => "?".to_owned(),
        };
        if self.ctrl {
            format!("ctrl-{name}")
        } else {
            name
        }
    }
}

pub(super) struct Action {
    pub act: Act,
    pub scope: Scope,
    pub keys: &'static [Chord],
    /// One word for the footer; empty: not shown there.
    pub label: &'static str,
    pub help: &'static str,
    /// It changes something in Redis or SQL, or leads there.
    pub mutates: bool,
}

const fn look(
    act: Act,
    scope: Scope,
    keys: &'static [Chord],
    label: &'static str,
    help: &'static str,
) -> Action {
    Action {
        act,
        scope,
        keys,
        label,
        help,
        mutates: false,
    }
}

const fn change(
    act: Act,
    scope: Scope,
    keys: &'static [Chord],
    label: &'static str,
    help: &'static str,
) -> Action {
    Action {
        act,
        scope,
        keys,
        label,
        help,
        mutates: true,
    }
}

use KeyCode::{BackTab, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up};

/// In the order of the footer.
#[rustfmt::skip] // One action a line, as a table.
pub(super) static ACTIONS: &[Action] = &[
    change(Act::Create, Scope::Screens, &[char('c')], "create", "create a campaign"),
    change(Act::Claim, Scope::Pending, &[char('C')], "claim", "give the marked or the selected entry to a live consumer"),
    look(Act::Mark, Scope::Pending, &[char(' ')], "mark", "mark or unmark the entry and go on"),
    look(Act::MarkAll, Scope::Pending, &[char('a')], "mark all", "mark all that are listed, or none"),
    look(Act::Help, Scope::Screens, &[char('?')], "help", "all keys"),
    look(Act::Quit, Scope::Screens, &[char('q')], "quit", "leave"),
    look(Act::Refresh, Scope::Screens, &[char('r')], "refresh", "look again now"),
    look(Act::NextScreen, Scope::Screens, &[key(Tab)], "screens", "the next screen"),
    look(Act::Up, Scope::Lists, &[key(Up), char('k')], "", "up"),
    look(Act::Down, Scope::Lists, &[key(Down), char('j')], "", "down"),
    look(Act::PageUp, Scope::Lists, &[key(PageUp)], "", "ten up"),
    look(Act::PageDown, Scope::Lists, &[key(PageDown)], "", "ten down"),
    look(Act::First, Scope::Lists, &[key(Home), char('g')], "", "first"),
    look(Act::Last, Scope::Lists, &[key(End), char('G')], "", "last"),
    look(Act::Go(Screen::Pipeline), Scope::Screens, &[char('1')], "", "the pipeline: what flows, what waits, what is wrong"),
    look(Act::Go(Screen::Pending), Scope::Screens, &[char('4')], "", "pending entries that nobody works on"),
    look(Act::Go(Screen::Workers), Scope::Screens, &[char('8')], "", "workers: who is alive and how fast"),
    look(Act::Up, Scope::Help, &[key(Up), char('k')], "", "up"),
    look(Act::Down, Scope::Help, &[key(Down), char('j')], "scroll", "down"),
    look(Act::Close, Scope::Help, &[key(Esc), char('?'), char('q')], "close", "close"),
    look(Act::NextField, Scope::Forms, &[key(Tab), key(Down)], "next", "next field"),
    look(Act::PreviousField, Scope::Forms, &[key(BackTab), key(Up)], "", "previous field"),
    look(Act::Less, Scope::Forms, &[key(Left)], "", "the choice before"),
    look(Act::More, Scope::Forms, &[key(Right)], "choose", "the next choice"),
    look(Act::PageUp, Scope::Forms, &[key(PageUp)], "", "scroll up"),
    look(Act::PageDown, Scope::Forms, &[key(PageDown)], "", "scroll down"),
    look(Act::Press, Scope::Forms, &[key(Enter)], "ok", "go on, or press the button"),
    look(Act::Close, Scope::Forms, &[key(Esc)], "cancel", "close, nothing is done"),
    look(Act::Quit, Scope::Anywhere, &[ctrl('c')], "", "leave"),
    look(Act::Suspend, Scope::Anywhere, &[ctrl('z')], "", "to the background; fg comes back"),
];

/// The scopes that hold now; the nearest first.
pub(super) fn scopes(model: &Model) -> Vec<Scope> {
    match (&model.dialog, model.screen) {
        (Some(Dialog::Help { .. }), _) => vec![Scope::Help, Scope::Anywhere],
        (Some(_), _) => vec![Scope::Forms, Scope::Anywhere],
        (None, Screen::Pending) => {
            vec![
                Scope::Pending,
                Scope::Lists,
                Scope::Screens,
                Scope::Anywhere,
            ]
        }
        (None, Screen::Workers) => vec![Scope::Lists, Scope::Screens, Scope::Anywhere],
        (None, Screen::Pipeline) => vec![Scope::Screens, Scope::Anywhere],
    }
}

/// The action that a key means now.
pub(super) fn meant_by(model: &Model, event: &KeyEvent) -> Option<&'static Action> {
    scopes(model).into_iter().find_map(|scope| {
        ACTIONS
            .iter()
            .find(|a| a.scope == scope && a.keys.iter().any(|k| k.matches(event)))
    })
}

/// It would do something now.
pub(super) fn is_valid(model: &Model, action: &Action) -> bool {
    if action.mutates && model.refusal().is_some() {
        return false;
    }
    match (action.act, action.scope) {
        (Act::Claim | Act::Mark | Act::MarkAll, _) | (_, Scope::Lists) => {
            model.screen != Screen::Pending || !model.stuck_entries().is_empty()
        }
        _ => true,
    }
}

/// What the footer shows: valid now, in the order of the table.
pub(super) fn footer(model: &Model) -> impl Iterator<Item = &'static Action> {
    let scopes = scopes(model);
    ACTIONS
        .iter()
        .filter(move |a| !a.label.is_empty() && scopes.contains(&a.scope))
        .filter(|a| is_valid(model, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_one_thing_in_each_scope() {
        for (n, a) in ACTIONS.iter().enumerate() {
            for b in &ACTIONS[n + 1..] {
                let clash = a.scope == b.scope && a.keys.iter().any(|k| b.keys.contains(k));
                assert!(!clash, "{:?} and {:?} in {:?}", a.act, b.act, a.scope);
            }
        }
    }

    #[test]
    fn every_action_has_a_key_and_a_help_text() {
        for action in ACTIONS {
            assert!(
                !action.keys.is_empty() && !action.help.is_empty(),
                "{:?}",
                action.act
            );
        }
    }

    #[test]
    fn nothing_dangerous_is_on_a_control_key() {
        for action in ACTIONS.iter().filter(|a| a.mutates) {
            assert!(action.keys.iter().all(|k| !k.ctrl), "{:?}", action.act);
        }
        for dangerous in ['k', 'd', 'a'] {
            let used = ACTIONS.iter().any(|a| a.keys.contains(&ctrl(dangerous)));
            assert!(!used, "ctrl-{dangerous}");
        }
    }
}
