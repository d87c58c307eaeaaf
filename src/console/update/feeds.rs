//! Fetching again and again: one request per kind under way, one more after it when wanted. A reply
//! carries the generation of its request; a late one is dropped.

use super::super::{
    dialog::{ClaimStage, Dialog},
    message::{Cmd, Failure},
    model::{Feed, Link, Model, Tone, View},
};
use super::{claim, create, lists, notify, pages};
use crate::ops::{CampaignRow, Status, wording::duration};

const REFRESH_MS: u64 = 1_000;
const BUSY_REFRESH_MS: u64 = 250;
const RETRY_FIRST_MS: u64 = 500;
const RETRY_MOST_MS: u64 = 5_000;
/// While data is old its age is on the screen, and changes this often.
const AGE_MS: u64 = 1_000;
/// What `+` and `-` choose between, ms.
const PACES_MS: [u64; 8] = [250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// When `Msg::Tick` is wanted next, ms since the start.
pub(crate) fn next_wake_ms(model: &Model) -> u64 {
    let mut wake = u64::MAX;
    for view in wanted(model) {
        wake = wake.min(due_at_ms(model, *view));
    }
    if wants_page(model) {
        wake = wake.min(pages::due_at_ms(model));
    }
    if model.frozen_at_ms.is_some() {
        wake = wake.min(model.now_ms - model.now_ms % AGE_MS + AGE_MS);
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
fn wanted(model: &Model) -> &'static [View] {
    if model.frozen_at_ms.is_some() {
        return &[];
    }
    if model.is_away() {
        return &[View::Status];
    }
    &[View::Status, View::Campaigns]
}

/// The list shown is fetched too, unless a question lies over it: then it stands still.
fn wants_page(model: &Model) -> bool {
    let stands = model.frozen_at_ms.is_some() && model.page().feed.data.is_some();
    !stands && !model.is_away() && model.dialog.is_none()
}

fn due_at_ms(model: &Model, view: View) -> u64 {
    let (in_flight, due) = match view {
        View::Status => (model.status.in_flight, model.status.due_at_ms),
        View::Campaigns => (model.campaigns.in_flight, model.campaigns.due_at_ms),
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
    if model.is_away() || model.frozen_at_ms.is_some() {
        // The age and the countdown.
        model.changed = true;
    }
    let mut cmds = Vec::new();
    for view in wanted(model) {
        if due_at_ms(model, *view) <= now_ms {
            cmds.push(send(model, *view));
        }
    }
    if wants_page(model) && pages::due_at_ms(model) <= now_ms {
        cmds.extend(pages::send(model));
    }
    cmds.extend(claim::look_after(model));
    cmds
}

/// Looks again at once, or as soon as the request under way is answered.
pub(super) fn refresh(model: &mut Model) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    for view in wanted(model) {
        if due_at_ms(model, *view) == u64::MAX {
            match view {
                View::Status => model.status.again = true,
                View::Campaigns => model.campaigns.again = true,
            }
        } else {
            cmds.push(send(model, *view));
        }
    }
    if model.frozen_at_ms.is_none() && !model.is_away() {
        cmds.extend(pages::refresh(model));
    }
    cmds
}

/// Everything stands still, or goes on.
pub(super) fn freeze(model: &mut Model) -> Vec<Cmd> {
    if model.frozen_at_ms.take().is_some() {
        return refresh(model);
    }
    model.frozen_at_ms = Some(model.now_ms);
    Vec::new()
}

pub(super) fn earlier(model: &mut Model) {
    if !model.past.earlier() {
        notify(model, Tone::Bad, "there is nothing earlier");
    }
    lists::fill_from_status(model);
}

pub(super) fn later(model: &mut Model) {
    model.past.later();
    lists::fill_from_status(model);
}

pub(super) fn pace(model: &mut Model, slower: bool) {
    let now = model.setting.refresh_ms.unwrap_or(REFRESH_MS);
    let next = if slower {
        PACES_MS.into_iter().find(|ms| *ms > now)
    } else {
        PACES_MS.into_iter().rev().find(|ms| *ms < now)
    };
    let pace_ms = next.unwrap_or(now);
    model.setting.refresh_ms = Some(pace_ms);
    notify(
        model,
        Tone::Good,
        format!("looks every {}", duration(pace_ms)),
    );
}

fn send(model: &mut Model, view: View) -> Cmd {
    let generation = match view {
        View::Status => begin(&mut model.status),
        View::Campaigns => begin(&mut model.campaigns),
    };
    Cmd::Fetch { view, generation }
}

pub(super) fn begin<T>(feed: &mut Feed<T>) -> u64 {
    feed.generation += 1;
    feed.in_flight = true;
    feed.again = false;
    feed.generation
}

/// Takes a reply in; `None` for a late one, else whether something visible changed.
pub(super) fn arrive<T: PartialEq>(
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

pub(super) fn interval_ms(model: &Model) -> u64 {
    if let Some(pace_ms) = model.setting.refresh_ms {
        pace_ms
    } else if model.is_busy() {
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
    let mut cmds = Vec::new();
    match failure {
        None => {
            cmds.extend(came(model));
            if changed && !model.past.is_looked_at() {
                lists::fill_from_status(model);
            }
        }
        Some(reason) => went(model, reason),
    }
    if model.status.again || (model.status.due_at_ms <= now_ms && !model.is_away()) {
        cmds.push(send(model, View::Status));
    }
    cmds
}

/// Redis answers.
fn came(model: &mut Model) -> Vec<Cmd> {
    let mut cmds = Vec::new();
    if model.is_away() {
        cmds = create::ask_again(model);
        cmds.extend(claim::ask_again(model));
        notify(model, Tone::Good, "Redis is back");
        let now_ms = model.now_ms;
        model.campaigns.due_at_ms = now_ms;
        model.page_mut().feed.due_at_ms = now_ms;
    }
    if model.link != Link::Up {
        model.link = Link::Up;
        model.changed = true;
    }
    if let Some(status) = &model.status.data {
        model.history.add(&status.overview);
        model.past.add(status);
    }
    cmds
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
    if model.is_busy() && model.setting.refresh_ms.is_none() {
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
