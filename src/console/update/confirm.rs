//! A change that is asked for: Cancel has the focus, what must be typed is typed, and then the outcome of
//! each id is shown.

use super::super::{
    action::Act,
    dialog::{Confirm, ConfirmField, ConfirmStage, Dialog},
    message::{Change, Cmd, Failure},
    model::{Model, Tone},
    row::Tint,
};
use super::{feeds, notify};
use crate::ops::wording::count;

/// What must be typed to leave read-only mode.
const UNLOCK: &str = "unlock";

pub(super) fn ask(model: &mut Model, confirm: Confirm) {
    model.dialog = Some(Dialog::Confirm(confirm));
}

/// The question of that number, if it is open.
pub(super) fn open(model: &mut Model, number: u64) -> Option<&mut Confirm> {
    match &mut model.dialog {
        Some(Dialog::Confirm(confirm)) if confirm.number == number => Some(confirm),
        _ => None,
    }
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
    let now_ms = model.now_ms;
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
    confirm.sent_at_ms = now_ms;
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
    let open = open(model, number);
    match (open, result) {
        (Some(confirm), Ok(outcomes)) => {
            confirm.scroll = 0;
            confirm.stage = ConfirmStage::Done(outcomes);
        }
        (Some(confirm), Err(failure)) => {
            // It may be asked for again, and is harmless when it happened.
            confirm.stage = ConfirmStage::Asking;
            confirm.error = Some(failure.text);
        }
        // It was closed meanwhile; the audit has the outcome, and this line the sum.
        (None, Ok(outcomes)) => {
            let good = outcomes.iter().filter(|(_, _, good)| *good).count();
            let tone = match good == outcomes.len() {
                true => Tone::Good,
                false => Tone::Bad,
            };
            let (good, all) = (count(good as u64), count(outcomes.len() as u64));
            notify(model, tone, format!("{good} of {all} done"));
        }
        (None, Err(failure)) => notify(model, Tone::Bad, failure.text),
    }
    feeds::refresh(model)
}
