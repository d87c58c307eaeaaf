//! What each message changes. Pure: no clock, no I/O; what is to be done outside comes back as
//! commands.

#[cfg(test)]
mod again_tests;
mod campaigns;
mod claim;
#[cfg(test)]
mod claim_all_tests;
#[cfg(test)]
mod claim_tests;
mod confirm;
#[cfg(test)]
mod copy_tests;
mod create;
#[cfg(test)]
mod create_tests;
mod feeds;
#[cfg(test)]
mod feeds_tests;
mod groups;
#[cfg(test)]
mod groups_tests;
#[cfg(test)]
mod key_tests;
mod keys;
mod letters;
#[cfg(test)]
mod letters_tests;
mod lists;
mod mouse;
mod pages;
mod palette;
#[cfg(test)]
pub(super) mod pressing;
#[cfg(test)]
mod schedule_tests;
mod schedules;
mod settle;
#[cfg(test)]
mod settle_tests;
#[cfg(test)]
mod still_tests;
#[cfg(test)]
mod tests;
mod workers;

pub(super) use feeds::next_wake_ms;
pub(super) use palette::found as palette_found;

use super::{
    message::{Cmd, Msg},
    model::{Model, Notice, Tone},
};

/// How long a notice stays, ms.
const NOTICE_MS: u64 = 6_000;

/// Takes one message at the moment `now_ms` (since the start).
pub(super) fn update(model: &mut Model, now_ms: u64, msg: Msg) -> Vec<Cmd> {
    model.now_ms = now_ms.max(model.now_ms);
    match msg {
        Msg::Key(event) => {
            let mut cmds = keys::key(model, &event);
            cmds.extend(create::follow(model));
            cmds
        }
        Msg::Paste(text) => {
            let mut cmds = keys::paste(model, &text);
            cmds.extend(create::follow(model));
            cmds
        }
        Msg::Mouse(event) => mouse::mouse(model, event),
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            // Texts are wrapped at the edge.
            let number = model.page().number;
            lists::fill(model, number);
            model.changed = true;
            Vec::new()
        }
        Msg::Redraw => {
            model.changed = true;
            Vec::new()
        }
        Msg::Tick => feeds::tick(model),
        Msg::Status(generation, result) => feeds::status(model, generation, result),
        Msg::Campaigns(generation, result) => feeds::campaigns(model, generation, result),
        Msg::Page {
            page,
            generation,
            result,
        } => pages::arrived(model, page, generation, result),
        Msg::NotSwitched(why) => {
            notify(model, Tone::Bad, why);
            Vec::new()
        }
        Msg::Audience(dialog, result) => create::audience(model, dialog, result),
        Msg::Templates(dialog, names) => create::templates(model, dialog, names),
        Msg::Ahead(dialog, when, result) => create::ahead(model, dialog, &when, result),
        Msg::Previewed(dialog, user, result) => create::previewed(model, dialog, user, result),
        Msg::TestSent(dialog, result) => create::test_sent(model, dialog, result),
        Msg::Created(dialog, result) => create::created(model, dialog, result),
        Msg::Planned { dialog, part, plan } => claim::planned(model, dialog, part, plan),
        Msg::Claimed(dialog, results) => claim::claimed(model, dialog, results),
        Msg::ClaimLeft(dialog, left) => claim::left(model, dialog, left),
        Msg::RetryPlanned(dialog, plan) => campaigns::planned(model, dialog, plan),
        Msg::GroupPlanned(dialog, plan) => groups::planned(model, dialog, plan),
        Msg::SettlePlanned(dialog, plans) => settle::planned(model, dialog, plans),
        Msg::LettersPlanned(dialog, plan) => letters::planned(model, dialog, plan),
        Msg::DrainPlanned(dialog, plan) => workers::planned(model, dialog, plan),
        Msg::Changed(dialog, result) => confirm::changed(model, dialog, result),
    }
}

fn notify(model: &mut Model, tone: Tone, text: impl Into<String>) {
    model.notice = Some(Notice {
        text: text.into(),
        tone,
        until_ms: model.now_ms + NOTICE_MS,
    });
    model.changed = true;
}
