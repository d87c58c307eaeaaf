//! What is done to a schedule: run now, pause, resume, remove. Each asks first; editing opens the form.

use super::super::{
    action::Act,
    dialog::{Confirm, ConfirmStage},
    message::{Change, Cmd, Failure, ScheduleVerb},
    model::{Model, Place, Tone},
    row::Tint,
};
use super::{confirm, create, notify};
use crate::{
    console::data::Data,
    ops::{ScheduleView, wording::count},
};

fn chosen(model: &Model) -> Option<&ScheduleView> {
    let page = model.page();
    match (&page.place, &page.feed.data) {
        (Place::Schedules(_), Some(Data::Schedules(schedules))) => {
            schedules.get(page.table.selected()?.item)
        }
        (Place::Schedule(_), Some(Data::Schedule(detail))) => Some(&detail.view),
        _ => None,
    }
}

pub(super) fn edit(model: &mut Model) -> Vec<Cmd> {
    match chosen(model).cloned() {
        Some(schedule) => create::edit(model, &schedule),
        None => Vec::new(),
    }
}

pub(super) fn ask(model: &mut Model, act: Act) -> Vec<Cmd> {
    let Some(it) = chosen(model) else {
        return Vec::new();
    };
    let (title, button, verb, allowed, after): (_, _, _, &[&str], _) = match act {
        Act::PauseSchedule => (
            "Pause a schedule",
            "Pause",
            ScheduleVerb::Pause,
            &["active"],
            "Its times pass without a campaign, and don't count as missed.",
        ),
        Act::ResumeSchedule => (
            "Resume a schedule",
            "Resume",
            ScheduleVerb::Resume,
            &["paused"],
            "It goes on with the next time after now.",
        ),
        Act::RemoveSchedule => (
            "Remove a schedule",
            "Remove",
            ScheduleVerb::Remove,
            &["active", "paused", "ended"],
            "It starts nothing more; its campaigns stay.",
        ),
        _ => (
            "Run a schedule now",
            "Mail",
            ScheduleVerb::Run,
            &["active", "paused", "ended"],
            "A campaign of it starts at once, to all users; the plan stays as it is.",
        ),
    };
    let (id, status) = (it.id, it.status.clone());
    let line = format!("{id}  {}, {}: {}", it.name, it.status, it.cron_words);
    if !allowed.contains(&status.as_str()) {
        notify(model, Tone::Bad, format!("schedule {id} is {status}"));
        return Vec::new();
    }
    let number = confirm::number(model);
    let mut question = Confirm::new(number, title, button, 0, Change::Schedule(verb, id));
    question.lines.push((line, Tint::Text));
    question.lines.push((after.to_owned(), Tint::Dim));
    let mails = verb == ScheduleVerb::Run;
    if mails {
        question.stage = ConfirmStage::Planning;
    }
    confirm::ask(model, question);
    let count = mails.then_some(Cmd::CountAudience { dialog: number });
    count.into_iter().collect()
}

/// How many a run would mail is known: it must be typed, as for a campaign.
pub(super) fn counted(model: &mut Model, number: u64, audience: Result<u64, Failure>) {
    let Some(question) = confirm::open(model, number) else {
        return;
    };
    match audience {
        Err(failure) => question.refuse(format!("the audience is not known: {}", failure.text)),
        Ok(0) => question.refuse("nobody would get it: the audience is empty"),
        Ok(people) => {
            let text = format!("{} people get one mail each.", count(people));
            question.lines.push((text, Tint::Text));
            let change = question.change.clone();
            question.planned(change, people);
        }
    }
    model.changed = true;
}
