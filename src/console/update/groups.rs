//! Groups made and moved, and consumers removed: the plan is read first, and is the question.

use super::super::{
    dialog::{Confirm, ConfirmStage},
    message::{Change, Cmd, Failure},
    model::{Model, Place, Tone},
    row::Tint,
};
use super::{confirm, notify};
use crate::ops::{GroupPlan, GroupVerb};

/// `NAME` or `NAME ID`, as typed.
pub(super) fn create(model: &mut Model, typed: &str) -> Vec<Cmd> {
    let mut words = typed.split_whitespace();
    let (Some(group), from, None) = (words.next(), words.next(), words.next()) else {
        notify(model, Tone::Bad, "expected a name, and 0, $ or an id");
        return Vec::new();
    };
    let from = from.unwrap_or("0").to_owned();
    plan(model, group, GroupVerb::Create { from })
}

pub(super) fn set_id(model: &mut Model, group: &str, typed: &str) -> Vec<Cmd> {
    let id = typed.trim().to_owned();
    plan(model, group, GroupVerb::Setid { id })
}

pub(super) fn delete_consumer(model: &mut Model) -> Vec<Cmd> {
    let page = model.page();
    let (Place::Consumers(place), Some(row)) = (&page.place, page.table.selected()) else {
        return Vec::new();
    };
    let (group, consumer) = (place.group.clone(), row.id.clone());
    plan(model, &group, GroupVerb::DeleteConsumer { consumer })
}

fn plan(model: &mut Model, group: &str, verb: GroupVerb) -> Vec<Cmd> {
    let stream = match &model.page().place {
        Place::Groups(place) => place.stream.clone(),
        Place::Consumers(place) => place.stream.clone(),
        _ => return Vec::new(),
    };
    let (title, button) = words(&verb);
    let change = Change::Group(Box::new(GroupPlan {
        stream: stream.clone(),
        group: group.to_owned(),
        sources: Vec::new(),
        before: Vec::new(),
        warnings: Vec::new(),
        commands: Vec::new(),
        verb: verb.clone(),
    }));
    let mut question = Confirm::new(confirm::number(model), title, button, 0, change);
    question.stage = ConfirmStage::Planning;
    let about = format!("{stream}  {group}");
    question.lines.push((about, Tint::Text));
    let dialog = question.number;
    confirm::ask(model, question);
    vec![Cmd::PlanGroup {
        dialog,
        stream,
        group: group.to_owned(),
        verb,
    }]
}

fn words(verb: &GroupVerb) -> (&'static str, &'static str) {
    match verb {
        GroupVerb::Create { .. } => ("Make a group", "Create"),
        GroupVerb::Setid { .. } => ("Set what a group has read", "Set"),
        GroupVerb::DeleteConsumer { .. } => ("Remove a consumer", "Remove"),
    }
}

pub(super) fn planned(
    model: &mut Model,
    number: u64,
    plan: Result<GroupPlan, Failure>,
) -> Vec<Cmd> {
    model.changed = true;
    let Some(question) = confirm::open(model, number) else {
        return Vec::new();
    };
    match plan {
        Err(failure) => question.refuse(failure.text),
        Ok(plan) => {
            let lines = [
                (&plan.before, Tint::Dim),
                (&plan.warnings, Tint::Warn),
                (&plan.commands, Tint::Accent),
            ];
            for (texts, tint) in lines {
                let lines = texts.iter().map(|text| (text.clone(), tint));
                question.lines.extend(lines);
            }
            question.planned(Change::Group(Box::new(plan)), 0);
        }
    }
    Vec::new()
}
