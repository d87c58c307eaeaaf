//! What is done to a schedule: run now, pause, resume, remove. Each asks first; editing opens the form.

use super::super::{
    action::Act,
    dialog::Confirm,
    message::{Change, Cmd, ScheduleVerb},
    model::{Model, Place, Tone},
    table::Tint,
};
use super::{confirm, create, notify};
use crate::{console::data::Data, ops::ScheduleView};

/// It mails everybody at once: the word must be typed.
const RUN: &str = "run";

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
            "Run now",
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
    question.word = (verb == ScheduleVerb::Run).then(|| RUN.to_owned());
    question.lines.push((line, Tint::Text));
    question.lines.push((after.to_owned(), Tint::Dim));
    confirm::ask(model, question);
    Vec::new()
}
