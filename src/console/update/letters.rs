//! Dead letters that go again, or away: the ids are frozen when it is asked, their plan is the question, and
//! what was planned is what is done.

use std::collections::BTreeMap;

use super::super::{
    action::{ACTIONS, Act},
    dialog::{Confirm, ConfirmStage},
    input::Input,
    message::{Change, Cmd, Failure, Letters},
    model::{Asked, Model, Place, Prompt, Tone},
    row::Tint,
    screens::letters::letter_of,
    view::text::{cut, masked, shown},
};
use super::{confirm, notify};
use crate::ops::{
    DeadAction, DeadFilter, DeadPlan, Letter, LetterId, PlannedLetter,
    wording::{bytes, count},
};

/// The longest data that is edited in a line, bytes.
const DATA_MOST: usize = 64 * 1024;
/// Letters of each kind that the question names.
const NAMED: usize = 3;
/// Cells of edited data that the question shows.
const DATA_SHOWN: usize = 600;

/// Asks about the marked or the selected letters.
pub(super) fn ask(model: &mut Model, act: Act) -> Vec<Cmd> {
    let page = model.page();
    let rows = page.table.chosen();
    let letters = rows.iter().filter_map(|row| letter_of(page, row));
    let ids = letters.map(Letter::id).collect();
    let plan = Box::default();
    let (title, verb, change) = match act {
        Act::Drop => ("Throw dead letters away", "Drop", Change::DropLetters(plan)),
        Act::Canary => (
            "Send one again, then the others",
            "Replay",
            Change::ReplayLetters { plan, canary: true },
        ),
        _ => (
            "Send dead letters again",
            "Replay",
            Change::ReplayLetters {
                plan,
                canary: false,
            },
        ),
    };
    let asked = match act {
        Act::Drop => Letters::Drop,
        _ => Letters::Replay { edited: None },
    };
    let question = Confirm::new(confirm::number(model), title, verb, 0, change);
    look(model, question, ids, asked)
}

/// Opens the question; its plan is asked for.
fn look(model: &mut Model, mut question: Confirm, ids: Vec<LetterId>, asked: Letters) -> Vec<Cmd> {
    let Place::Letters(place) = &model.page().place else {
        return Vec::new();
    };
    if ids.is_empty() {
        return Vec::new();
    }
    let cause = shown(&place.cause, model.unmasked);
    question.lines.push((cause, Tint::Title));
    question.stage = ConfirmStage::Planning;
    let cmd = Cmd::PlanLetters {
        dialog: question.number,
        filter: DeadFilter {
            ids,
            ..place.filter()
        },
        asked,
    };
    confirm::ask(model, question);
    vec![cmd]
}

/// The data of the selected letter is typed anew. All of it is seen then, so addresses must be shown.
pub(super) fn edit(model: &mut Model) {
    let page = model.page();
    let Some(row) = page.table.selected() else {
        return;
    };
    let Some(letter) = letter_of(page, row) else {
        return;
    };
    let (about, data) = (row.id.clone(), letter.letter.data.clone());
    if !model.unmasked && masked(&data) != data {
        let (show, edit) = (key(model, Act::Unmask), key(model, Act::Edit));
        let text =
            format!("its data holds an address: {show} shows addresses, then {edit} edits it");
        return notify(model, Tone::Bad, text);
    }
    if data.len() > DATA_MOST {
        let most = bytes(DATA_MOST as u64);
        let text = format!("its data is longer than {most}: `dead replay --data-file` takes it");
        return notify(model, Tone::Bad, text);
    }
    model.notice = None;
    model.prompt = Some(Prompt {
        asked: Asked::Edit,
        input: Input::with_room(data, DATA_MOST),
        about,
    });
}

/// The key of an action as it is bound.
fn key(model: &Model, act: Act) -> String {
    let action = ACTIONS.iter().find(|action| action.act == act);
    let key = action.and_then(|action| model.setting.keys.of(action).first());
    key.map_or_else(String::new, |key| key.name())
}

/// Asks about one letter with other data. What is no JSON can be typed on.
pub(super) fn edited(model: &mut Model, mut prompt: Prompt) -> Vec<Cmd> {
    let data = prompt.input.text().trim().to_owned();
    let read = serde_json::from_str::<serde::de::IgnoredAny>(prompt.input.text());
    if let Err(error) = read {
        if error.line() == 1 && !error.is_eof() {
            prompt.input.go_to(error.column().saturating_sub(1));
        }
        model.prompt = Some(prompt);
        notify(model, Tone::Bad, format!("no JSON: {error}"));
        return Vec::new();
    }
    let Ok(id) = prompt.about.parse() else {
        return Vec::new();
    };
    let change = Change::ReplayLetters {
        plan: Box::default(),
        canary: false,
    };
    let title = "Send a dead letter with other data";
    let mut question = Confirm::new(confirm::number(model), title, "Replay", 0, change);
    question.prompt = Some(prompt);
    let edited = Some(data);
    look(model, question, vec![id], Letters::Replay { edited })
}

pub(super) fn planned(model: &mut Model, number: u64, plan: Result<DeadPlan, Failure>) -> Vec<Cmd> {
    model.changed = true;
    let unmasked = model.unmasked;
    let Some(question) = confirm::open(model, number) else {
        return Vec::new();
    };
    match (plan, question.prompt.take()) {
        (Ok(plan), _) => show(question, plan, unmasked),
        (Err(failure), None) => question.refuse(failure.text),
        // What was typed can be mended.
        (Err(failure), Some(prompt)) => {
            model.dialog = None;
            model.prompt = Some(prompt);
            notify(model, Tone::Bad, failure.text);
        }
    }
    Vec::new()
}

/// What will be done, or why nothing can be.
fn show(question: &mut Confirm, plan: DeadPlan, unmasked: bool) {
    let drops = matches!(question.change, Change::DropLetters(_));
    let canary = matches!(question.change, Change::ReplayLetters { canary: true, .. });
    let parts = parts(&plan, drops);
    let sum = |kinds: &[Kind]| -> u64 {
        let mine = parts.iter().filter(|((kind, _), _)| kinds.contains(kind));
        mine.map(|(_, letters)| letters.len() as u64).sum()
    };
    let (goes, settled) = (
        sum(&[Kind::Dropped, Kind::Queued, Kind::Appended]),
        sum(&[Kind::Settled]),
    );
    let first = plan.canary().filter(|_| canary);
    if canary && first.is_none() {
        question.refuse("none of these goes through the ledger, so none can be the first");
    } else if goes + settled == 0 {
        question.refuse("there is nothing that could be done to them");
    }
    if let Some(item) = first.and_then(|first| plan.items.get(first)) {
        let text = format!("first {}", named(item));
        question.lines.push((text, Tint::Accent));
    }
    for ((kind, what), letters) in &parts {
        let text = format!("{} {what}", count(letters.len() as u64));
        question.lines.push((text, kind.tint()));
        let names = letters.iter().map(|item| named(item));
        first_of(question, names, letters.len());
    }
    if !plan.absent.is_empty() {
        let text = format!("{} gone meanwhile", count(plan.absent.len() as u64));
        question.lines.push((text, Tint::Warn));
        first_of(question, plan.absent.iter().cloned(), plan.absent.len());
    }
    if let Some(data) = plan.items.iter().find_map(|item| item.edited.as_deref()) {
        let text = format!("with {}", cut(&shown(data, unmasked), DATA_SHOWN));
        question.lines.push((text, Tint::Text));
    }
    if question.stage == ConfirmStage::Refused {
        return;
    }
    let after = match (drops, canary) {
        (true, _) => "They are gone for ever; the ledger still says who failed.",
        (_, true) => "The others only when the mail of the first one was accepted.",
        _ => "The ledger has the last word: what was accepted is not sent again.",
    };
    question.lines.push((after.to_owned(), Tint::Dim));
    if goes == 0 {
        "Remove".clone_into(&mut question.verb);
    }
    let plan = Box::new(plan);
    let change = match drops {
        true => Change::DropLetters(plan),
        false => Change::ReplayLetters { plan, canary },
    };
    question.planned(change, if goes == 0 { settled } else { goes });
}

/// What becomes of a letter, in the order in which it is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Dropped,
    Queued,
    Appended,
    /// Nothing is left to decide.
    Settled,
    Stays,
}

impl Kind {
    fn tint(self) -> Tint {
        match self {
            Self::Dropped | Self::Stays => Tint::Warn,
            Self::Queued | Self::Appended => Tint::Good,
            Self::Settled => Tint::Text,
        }
    }
}

/// The letters of which the same becomes together, and what that is.
fn parts(plan: &DeadPlan, drops: bool) -> BTreeMap<(Kind, String), Vec<&PlannedLetter>> {
    let mut parts: BTreeMap<_, Vec<&PlannedLetter>> = BTreeMap::new();
    for item in &plan.items {
        let part = match &item.action {
            _ if drops => (Kind::Dropped, "thrown away".to_owned()),
            DeadAction::Requeue { .. } => (Kind::Queued, "queued again by the ledger".to_owned()),
            DeadAction::Append { kind, .. } => {
                (Kind::Appended, format!("appended to the stream as {kind}"))
            }
            DeadAction::Not { why, over: true } => (
                Kind::Settled,
                format!("not sent again, only removed here: {why}"),
            ),
            DeadAction::Not { why, over: false } => (Kind::Stays, format!("left here: {why}")),
        };
        parts.entry(part).or_default().push(item);
    }
    parts
}

fn named(item: &PlannedLetter) -> String {
    let letter = &item.letter;
    match letter.user() {
        Some(user) => format!("{}  user {user}", letter.id()),
        None => letter.id().to_string(),
    }
}

fn first_of(question: &mut Confirm, names: impl Iterator<Item = String>, all: usize) {
    let lines = names
        .take(NAMED)
        .map(|name| (format!("  {name}"), Tint::Text));
    question.lines.extend(lines);
    if let Some(more) = all.checked_sub(NAMED).filter(|more| *more > 0) {
        let text = format!("  and {} more", count(more as u64));
        question.lines.push((text, Tint::Dim));
    }
}
