//! Fetching again and again: one request per kind under way, one more after it when wanted. A reply
//! carries the generation of its request; a late one is dropped.

use super::super::{
    dialog::{ClaimStage, Dialog},
    message::{Cmd, Failure},
    model::{Feed, Link, Model, Screen, Tone, View},
};
use super::{claim, notify};
use crate::ops::{CampaignRow, Status, Stuck};

const REFRESH_MS: u64 = 1_000;
const BUSY_REFRESH_MS: u64 = 250;
const RETRY_FIRST_MS: u64 = 500;
const RETRY_MOST_MS: u64 = 5_000;
/// While data is old its age is on the screen, and changes this often.
const AGE_MS: u64 = 1_000;

/// When `Msg::Tick` is wanted next, ms since the start.
pub(crate) fn next_wake_ms(model: &Model) -> u64 {
    let mut wake = u64::MAX;
    for view in wanted(model) {
        wake = wake.min(due_at_ms(model, view));
    }
    if let Link::Away { retry_at_ms, .. } = model.link {
        wake = wake.min(retry_at_ms.max(model.now_ms));
        wake = wake.min(model.now_ms - model.now_ms % AGE_MS + AGE_MS);
    }
    if let Some(notice) = &model.notice {
        wake = wake.min(notice.until_ms);
    }
    if let Some(Dialog::Claim(dialog)) = &model.dialog
        && let ClaimStage::Done {
            look_at_ms,
            looking: false,
            ..
        } = dialog.stage
    {
        wake = wake.min(look_at_ms);
    }
    wake
}

/// What the screen shows needs these. While Redis is away one question is enough.
fn wanted(model: &Model) -> Vec<View> {
    if model.is_away() {
        return vec![View::Status];
    }
    match model.screen {
        Screen::Pending => vec![View::Status, View::Stuck, View::Campaigns],
        Screen::Pipeline | Screen::Workers => vec![View::Status, View::Campaigns],
    }
}

fn due_at_ms(model: &Model, view: View) -> u64 {
    let (in_flight, due) = match view {
        View::Status => (model.status.in_flight, model.status.due_at_ms),
        View::Campaigns => (model.campaigns.in_flight, model.campaigns.due_at_ms),
        View::Stuck => (model.stuck.in_flight, model.stuck.due_at_ms),
    };
    if in_flight { u64::MAX } else { due }
}

/// Sends what is due, and lets go what has had its time.
pub(super) fn tick(model: &mut Model) -> Vec<Cmd> {
    let now_ms = model.now_ms;
    if model.notice.as_ref().is_some_and(|n| n.until_ms <= now_ms) {
        model.notice = None;
        model.changed = true;
    }
    if model.is_away() {
        // The age and the countdown.
        model.changed = true;
    }
    let mut cmds = Vec::new();
    for view in wanted(model) {
        if due_at_ms(model, view) <= now_ms {
            cmds.push(send(model, view));
        }
    }
    cmds.extend(claim::look_after(model));
    cmds
}

/// Looks again at once, or as soon as the request under way is answered.
pub(super) fn refresh(model: &mut Model) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    for view in wanted(model) {
        if due_at_ms(model, view) == u64::MAX {
            match view {
                View::Status => model.status.again = true,
                View::Campaigns => model.campaigns.again = true,
                View::Stuck => model.stuck.again = true,
            }
        } else {
            cmds.push(send(model, view));
        }
    }
    cmds
}

fn send(model: &mut Model, view: View) -> Cmd {
    let generation = match view {
        View::Status => begin(&mut model.status),
        View::Campaigns => begin(&mut model.campaigns),
        View::Stuck => begin(&mut model.stuck),
    };
    Cmd::Fetch { view, generation }
}

fn begin<T>(feed: &mut Feed<T>) -> u64 {
    feed.generation += 1;
    feed.in_flight = true;
    feed.again = false;
    feed.generation
}

/// Takes a reply in; `None` for a late one, else whether something visible changed.
fn arrive<T: PartialEq>(
    feed: &mut Feed<T>,
    now_ms: u64,
    interval_ms: u64,
    generation: u64,
    result: Result<T, String>,
) -> Option<bool> {
    if generation != feed.generation || !feed.in_flight {
        return None;
    }
    feed.in_flight = false;
    feed.due_at_ms = if feed.again {
        now_ms
    } else {
        now_ms + interval_ms
    };
    match result {
        Ok(data) => {
            let changed = feed.error.is_some() || feed.data.as_ref() != Some(&data);
            feed.data = Some(data);
            feed.at_ms = now_ms;
            feed.error = None;
            Some(changed)
        }
        Err(error) => {
            let changed = feed.error.as_ref() != Some(&error);
            feed.error = Some(error);
            Some(changed)
        }
    }
}

fn interval_ms(model: &Model) -> u64 {
    if model.is_busy() {
        BUSY_REFRESH_MS
    } else {
        REFRESH_MS
    }
}

pub(super) fn status(
    model: &mut Model,
    generation: u64,
    result: Result<Box<Status>, Failure>,
) -> Vec<Cmd> {
    let (now_ms, interval) = (model.now_ms, interval_ms(model));
    let failure = result.as_ref().err().map(|f| f.text.clone());
    let result = result.map(|s| *s).map_err(|f| f.text);
    let Some(changed) = arrive(&mut model.status, now_ms, interval, generation, result) else {
        return Vec::new();
    };
    model.changed |= changed;
    match failure {
        None => came(model),
        Some(reason) => went(model, reason),
    }
    if model.status.again || (model.status.due_at_ms <= now_ms && !model.is_away()) {
        return vec![send(model, View::Status)];
    }
    Vec::new()
}

/// Redis answers.
fn came(model: &mut Model) {
    if model.is_away() {
        notify(model, Tone::Good, "Redis is back");
        let now_ms = model.now_ms;
        model.campaigns.due_at_ms = now_ms;
        model.stuck.due_at_ms = now_ms;
    }
    if model.link != Link::Up {
        model.link = Link::Up;
        model.changed = true;
    }
    if let Some(status) = &model.status.data {
        model.history.add(&status.overview);
    }
}

/// It doesn't: the data stays, and the next look is a little later each time.
fn went(model: &mut Model, reason: String) {
    let delay_ms = match model.link {
        Link::Away { delay_ms, .. } => (delay_ms * 2).min(RETRY_MOST_MS),
        _ => RETRY_FIRST_MS,
    };
    let retry_at_ms = model.now_ms + delay_ms;
    model.status.due_at_ms = retry_at_ms;
    model.link = Link::Away {
        reason,
        retry_at_ms,
        delay_ms,
    };
    model.changed = true;
}

pub(super) fn campaigns(
    model: &mut Model,
    generation: u64,
    result: Result<Vec<CampaignRow>, Failure>,
) -> Vec<Cmd> {
    let (now_ms, interval) = (model.now_ms, interval_ms(model));
    let result = result.map_err(|f| f.text);
    let changed = arrive(&mut model.campaigns, now_ms, interval, generation, result);
    model.changed |= changed.unwrap_or(false);
    if model.is_busy() {
        // It has just begun to run: don't wait for the slow rhythm.
        let soon = now_ms + BUSY_REFRESH_MS;
        model.status.due_at_ms = model.status.due_at_ms.min(soon);
        model.campaigns.due_at_ms = model.campaigns.due_at_ms.min(soon);
    }
    if changed.is_some() && model.campaigns.due_at_ms <= now_ms {
        return vec![send(model, View::Campaigns)];
    }
    Vec::new()
}

pub(super) fn stuck(
    model: &mut Model,
    generation: u64,
    result: Result<Stuck, Failure>,
) -> Vec<Cmd> {
    let now_ms = model.now_ms;
    let result = result.map_err(|f| f.text);
    // Keeps the selection's place for when its entry is gone.
    let row = model.selected_entry();
    let changed = arrive(&mut model.stuck, now_ms, REFRESH_MS, generation, result);
    if changed == Some(true) {
        model.changed = true;
        model.entry.row = row.unwrap_or(0);
        let left: std::collections::BTreeSet<_> = model
            .stuck_entries()
            .iter()
            .map(super::super::model::key_of)
            .collect();
        model.marks.retain(|mark| left.contains(mark));
        if let Some(row) = model.selected_entry() {
            model.entry.id = model
                .stuck_entries()
                .get(row)
                .map(super::super::model::key_of);
        }
    }
    if changed.is_some() && model.stuck.due_at_ms <= now_ms {
        return vec![send(model, View::Stuck)];
    }
    Vec::new()
}
