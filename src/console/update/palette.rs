//! The palette: every action, found by typing parts of its name or of what it does. Those that are to be had
//! on the page shown come first.

use super::super::{
    action::{ACTIONS, Act, Action, Scope, is_of_page, is_valid_here},
    dialog::{Dialog, Palette},
    message::Cmd,
    model::{Model, Tone},
};
use super::{keys, notify};

/// What a name elsewhere is worse than the same here, and still better than a mere mention.
const ELSEWHERE: u32 = 50;

/// The actions that match, the best first; while nothing is typed as in the table, those of this page first.
pub(crate) fn found(model: &Model, palette: &Palette) -> Vec<&'static Action> {
    let is_elsewhere = |action: &Action| !is_of_page(model, action);
    let mut all: Vec<&Action> = ACTIONS.iter().filter(|a| is_of_a_page(a)).collect();
    all.sort_by_key(|action| is_elsewhere(action));
    let mut seen = Vec::new();
    all.retain(|action| {
        let new = !seen.contains(&action.act);
        seen.push(action.act);
        new
    });
    let mut scored: Vec<(u32, &Action)> = all
        .into_iter()
        .filter_map(|action| {
            let far = if is_elsewhere(action) { ELSEWHERE } else { 0 };
            Some((score(action, palette.input.text())? + far, action))
        })
        .collect();
    scored.sort_by_key(|(score, _)| *score);
    scored.into_iter().map(|(_, action)| action).collect()
}

/// It isn't a key of a question, nor the palette itself.
fn is_of_a_page(action: &Action) -> bool {
    let of_a_question = [Scope::Help, Scope::Palette, Scope::Forms].contains(&action.scope);
    !of_a_question && action.act != Act::Palette
}

/// Lower is better; `None` when it doesn't match.
fn score(action: &Action, typed: &str) -> Option<u32> {
    let in_name = fuzzy(action.name, typed);
    let in_help = fuzzy(action.help, typed).map(|score| score + 100);
    in_name.into_iter().chain(in_help).min()
}

/// The letters in their order, gaps counted; spaces don't count.
fn fuzzy(text: &str, typed: &str) -> Option<u32> {
    let mut letters = text.chars().flat_map(char::to_lowercase).enumerate();
    let mut gaps = 0;
    let mut last = None;
    for wanted in typed
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
    {
        let (at, _) = letters.find(|(_, c)| *c == wanted)?;
        gaps += last.map_or(at, |last: usize| at - last - 1);
        last = Some(at);
    }
    u32::try_from(gaps).ok()
}

pub(super) fn open(model: &mut Model) {
    model.dialog = Some(Dialog::Palette(Palette::default()));
}

pub(super) fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let Some(Dialog::Palette(palette)) = &model.dialog else {
        return Vec::new();
    };
    let found = found(model, palette);
    let at = palette.at.min(found.len().saturating_sub(1));
    let chosen = found.get(at).copied();
    let last = found.len().saturating_sub(1);
    match act {
        Act::Up | Act::Down => {
            if let Some(Dialog::Palette(palette)) = &mut model.dialog {
                palette.at = match act {
                    Act::Up => at.saturating_sub(1),
                    _ => (at + 1).min(last),
                };
            }
            Vec::new()
        }
        Act::Press => {
            model.dialog = None;
            chosen.map_or_else(Vec::new, |action| run(model, action))
        }
        _ => Vec::new(),
    }
}

fn run(model: &mut Model, action: &'static Action) -> Vec<Cmd> {
    if is_valid_here(model, action) {
        return keys::perform(model, action);
    }
    let refusal = model.refusal().filter(|_| action.mutates);
    let why = match refusal {
        Some(refusal) => refusal.to_owned(),
        None if is_of_page(model, action) => "there is nothing to do it to".to_owned(),
        None => format!("it belongs to {}", action.scope.title()),
    };
    notify(model, Tone::Bad, format!("{}: {why}", action.name));
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_their_order_match_and_the_closest_is_best() {
        assert_eq!(fuzzy("pause-all", "pause"), Some(0));
        assert_eq!(fuzzy("pause-all", "pall"), Some(5));
        assert_eq!(fuzzy("pause-all", "llap"), None);
        assert_eq!(fuzzy("anything", ""), Some(0));
        assert!(fuzzy("read-only", "r o") < fuzzy("refresh later or so", "r o"));
    }
}
