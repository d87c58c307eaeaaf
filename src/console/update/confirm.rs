//! A change that is asked for: Cancel has the focus, what must be typed is typed, and then the outcome of
//! each id is shown.

use super::super::{
    action::Act,
    dialog::{Confirm, ConfirmField, ConfirmStage, Dialog},
    message::{Change, Cmd, Failure},
    model::{Model, Place, Tone},
    screens::letters::letter_of,
    table::Tint,
    view::text::shown,
};
use super::{feeds, notify};
use crate::ops::{DeadFilter, Worker, wording::count};

/// What must be typed to leave read-only mode.
const UNLOCK: &str = "unlock";

pub(super) fn ask(model: &mut Model, confirm: Confirm) {
    model.dialog = Some(Dialog::Confirm(confirm));
}

pub(super) fn number(model: &mut Model) -> u64 {
    model.dialogs += 1;
    model.dialogs
}

pub(super) fn pause_all(model: &mut Model) -> Vec<Cmd> {
    let rows = model.campaigns.data.iter().flatten();
    let running = rows.filter(|row| row.view.status == "running");
    let running: Vec<(i64, String)> = running
        .map(|row| (row.view.id, row.view.name.clone()))
        .collect();
    if running.is_empty() {
        notify(model, Tone::Good, "no campaign is running");
        return Vec::new();
    }
    let ids = running.iter().map(|(id, _)| *id).collect();
    let n = running.len() as u64;
    let mut confirm = Confirm::new(
        number(model),
        "Pause every running campaign",
        "Pause",
        n,
        Change::PauseCampaigns(ids),
    );
    for (id, name) in running {
        confirm.lines.push((format!("{id}  {name}"), Tint::Text));
    }
    let after = "No more of their mails are started, until each is resumed.";
    confirm.lines.push((after.to_owned(), Tint::Dim));
    ask(model, confirm);
    Vec::new()
}

/// The chosen letters, frozen by their ids.
fn chosen_letters(model: &Model) -> Option<(DeadFilter, Vec<String>)> {
    let page = model.page();
    let Place::Letters(letters) = &page.place else {
        return None;
    };
    let chosen = page.table.chosen();
    let ids: Vec<String> = chosen.iter().map(|row| row.id.clone()).collect();
    let reasons = chosen
        .iter()
        .filter_map(|row| letter_of(page, row))
        .map(|one| {
            shown(
                &format!("{}  {}", one.letter.id, one.letter.reason),
                model.unmasked,
            )
        });
    let filter = DeadFilter {
        ids,
        ..letters.filter()
    };
    Some((filter, reasons.collect()))
}

pub(super) fn letters(model: &mut Model, act: Act) -> Vec<Cmd> {
    let Some((filter, reasons)) = chosen_letters(model).filter(|(f, _)| !f.ids.is_empty()) else {
        return Vec::new();
    };
    let n = filter.ids.len() as u64;
    let replayed = |canary| Change::ReplayLetters {
        filter: filter.clone(),
        canary,
        edited: None,
    };
    let ledger = "Through the ledger: a mail that was accepted is not sent again.";
    let (title, verb, change, after) = match act {
        Act::Drop => (
            "Throw dead letters away",
            "Drop",
            Change::DropLetters(filter.clone()),
            "They are gone for ever; the ledger still says who failed.",
        ),
        Act::Canary => (
            "Send one again, then the others",
            "Replay",
            replayed(true),
            "The others only when the first one was accepted. An accepted mail is not sent again.",
        ),
        _ => ("Send dead letters again", "Replay", replayed(false), ledger),
    };
    let mut confirm = Confirm::new(number(model), title, verb, n, change);
    for reason in reasons {
        confirm.lines.push((reason, Tint::Text));
    }
    confirm.lines.push((after.to_owned(), Tint::Dim));
    ask(model, confirm);
    Vec::new()
}

/// One letter with other data.
pub(super) fn replay_edited(model: &mut Model, id: &str, data: &str) {
    let Place::Letters(letters) = &model.page().place else {
        return;
    };
    let change = Change::ReplayLetters {
        filter: DeadFilter {
            ids: vec![id.to_owned()],
            ..letters.filter()
        },
        canary: false,
        edited: Some(data.to_owned()),
    };
    let title = "Send a dead letter with other data";
    let mut confirm = Confirm::new(number(model), title, "Replay", 1, change);
    let data = shown(data, model.unmasked);
    confirm.lines.push((format!("{id}  {data}"), Tint::Text));
    let after = "It is checked as its stage would read it, and goes through the ledger.";
    confirm.lines.push((after.to_owned(), Tint::Dim));
    ask(model, confirm);
}

/// Lets the selected worker end; who is left for its work is said before.
pub(super) fn drain(model: &mut Model) -> Vec<Cmd> {
    let workers = model.workers();
    let selected = model.page().table.selected();
    let Some(worker) = selected.and_then(|row| workers.get(row.item)).cloned() else {
        return Vec::new();
    };
    let service = worker.info.service.clone();
    let stays = |w: &&Worker| {
        w.live && w.name != worker.name && w.info.service == service && w.info.state != "draining"
    };
    let (left, tint) = match workers.iter().filter(stays).count() {
        0 => (
            format!("It is the only {service}: its work waits until one is started again."),
            Tint::Warn,
        ),
        1 => (format!("One more {service} is alive."), Tint::Dim),
        n => (format!("{n} more of {service} are alive."), Tint::Dim),
    };
    let hand = format!("{service}, {} in hand", count(worker.info.in_hand));
    let after =
        "It finishes what it has in hand, hands the rest back, and ends. No mail is sent twice.";
    let change = Change::Drain(worker.name.clone());
    let mut confirm = Confirm::new(number(model), "Drain a worker", "Drain", 0, change);
    confirm.lines = vec![
        (worker.name, Tint::Title),
        (hand, Tint::Text),
        (left, tint),
        (after.to_owned(), Tint::Dim),
    ];
    ask(model, confirm);
    Vec::new()
}

/// Locks at once; unlocking must be typed.
pub(super) fn read_only(model: &mut Model) -> Vec<Cmd> {
    if !model.setting.read_only {
        model.setting.read_only = true;
        notify(model, Tone::Good, "read-only: nothing can be changed");
        return vec![Cmd::SetReadOnly(true)];
    }
    let mut confirm = Confirm::new(number(model), "Unlock changes", "Unlock", 0, Change::Unlock);
    let where_to = format!(
        "Changes would go to {} (profile {}).",
        model.setting.address, model.setting.profile
    );
    confirm.lines.push((where_to, Tint::Text));
    confirm.word = Some(UNLOCK.to_owned());
    confirm.focus = ConfirmField::Typed;
    ask(model, confirm);
    Vec::new()
}

pub(super) fn act(model: &mut Model, act: Act) -> Vec<Cmd> {
    let refusal = model.refusal();
    let Some(Dialog::Confirm(confirm)) = &mut model.dialog else {
        return Vec::new();
    };
    match act {
        Act::NextField | Act::More => confirm.focus = neighbour(confirm, 1),
        Act::PreviousField | Act::Less => confirm.focus = neighbour(confirm, -1),
        Act::Press => match confirm.focus {
            ConfirmField::Cancel => model.dialog = None,
            ConfirmField::Do => return send(model, refusal),
            ConfirmField::Typed => confirm.focus = neighbour(confirm, 1),
        },
        _ => {}
    }
    Vec::new()
}

fn neighbour(confirm: &Confirm, by: isize) -> ConfirmField {
    let fields = confirm.fields();
    let here = fields.iter().position(|f| *f == confirm.focus).unwrap_or(0);
    let there = (here as isize + by).rem_euclid(fields.len() as isize);
    fields[there as usize]
}

fn send(model: &mut Model, refusal: Option<&str>) -> Vec<Cmd> {
    let Some(Dialog::Confirm(confirm)) = &mut model.dialog else {
        return Vec::new();
    };
    let unlocks = confirm.change == Change::Unlock;
    let refusal = refusal.filter(|_| !unlocks).map(str::to_owned);
    if let Some(obstacle) = refusal.or_else(|| confirm.obstacle()) {
        confirm.error = Some(obstacle);
        return Vec::new();
    }
    if unlocks {
        model.dialog = None;
        model.setting.read_only = false;
        notify(model, Tone::Good, "changes are possible again");
        return vec![Cmd::SetReadOnly(false)];
    }
    confirm.stage = ConfirmStage::Working;
    confirm.focus = ConfirmField::Cancel;
    confirm.error = None;
    vec![Cmd::Change {
        dialog: confirm.number,
        change: confirm.change.clone(),
    }]
}

pub(super) fn changed(
    model: &mut Model,
    number: u64,
    result: Result<Vec<(String, String, bool)>, Failure>,
) -> Vec<Cmd> {
    model.changed = true;
    let open = match &mut model.dialog {
        Some(Dialog::Confirm(confirm)) if confirm.number == number => Some(confirm),
        _ => None,
    };
    match (open, result) {
        (Some(confirm), Ok(outcomes)) => {
            confirm.scroll = 0;
            confirm.stage = ConfirmStage::Done(outcomes);
        }
        (Some(confirm), Err(failure)) => {
            // Whether it happened isn't known: it may be asked for again, and is harmless when it was.
            confirm.stage = ConfirmStage::Asking;
            confirm.error = Some(failure.text);
        }
        // It was closed meanwhile; the audit has the outcome, and this line the sum.
        (None, Ok(outcomes)) => {
            let good = outcomes.iter().filter(|(_, _, good)| *good).count();
            let text = format!(
                "{} of {} done",
                count(good as u64),
                count(outcomes.len() as u64)
            );
            notify(model, Tone::Good, text);
        }
        (None, Err(failure)) => notify(model, Tone::Bad, failure.text),
    }
    feeds::refresh(model)
}
