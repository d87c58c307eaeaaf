//! Pending entries put among the dead letters, or acknowledged: the ids are frozen, their plan is the question.

use super::super::{
    action::Act,
    dialog::{Confirm, ConfirmStage},
    message::{Change, Cmd, Failure},
    model::Model,
    row::Tint,
};
use super::{claim, confirm};
use crate::ops::{
    PlannedEnd, SettlePlan, SettleRequest, SettleVerb, Which,
    wording::{duration, times},
};

pub(super) fn open(model: &mut Model, act: Act) -> Vec<Cmd> {
    let (verb, title, button) = match act {
        Act::DeadLetter => (
            SettleVerb::DeadLetter,
            "Put pending entries among the dead letters",
            "Dead letter",
        ),
        _ => (
            SettleVerb::Acknowledge,
            "Acknowledge pending entries",
            "Acknowledge",
        ),
    };
    let requests = requests(model, verb);
    if requests.is_empty() {
        return Vec::new();
    }
    let change = Change::Settle(Vec::new());
    let mut question = Confirm::new(confirm::number(model), title, button, 0, change);
    question.stage = ConfirmStage::Planning;
    let dialog = question.number;
    confirm::ask(model, question);
    vec![Cmd::PlanSettle { dialog, requests }]
}

/// The marked or the selected entries, a request a group.
fn requests(model: &Model, verb: SettleVerb) -> Vec<SettleRequest> {
    let min_idle_ms = Some(model.setting.visibility_ms.max(1));
    let requests = claim::chosen(model)
        .into_iter()
        .map(|((stream, group), entries)| SettleRequest {
            verb,
            stream,
            group,
            min_idle_ms,
            which: Which::Entries(entries),
        });
    requests.collect()
}

pub(super) fn planned(
    model: &mut Model,
    number: u64,
    plans: Result<Vec<SettlePlan>, Failure>,
) -> Vec<Cmd> {
    model.changed = true;
    let Some(question) = confirm::open(model, number) else {
        return Vec::new();
    };
    let plans = match plans {
        Ok(plans) => plans,
        Err(failure) => {
            question.refuse(failure.text);
            return Vec::new();
        }
    };
    question.lines.extend(plans.iter().flat_map(lines));
    match plans.iter().map(|plan| plan.items.len() as u64).sum() {
        0 => question.refuse("none of them is pending any more"),
        count => question.planned(Change::Settle(plans), count),
    }
    Vec::new()
}

fn lines(plan: &SettlePlan) -> Vec<(String, Tint)> {
    let mut lines = vec![(format!("{}  {}", plan.stream, plan.group), Tint::Title)];
    lines.extend(plan.items.iter().map(|item| line(item, plan.min_idle_ms)));
    let absent = plan.absent.iter();
    lines.extend(absent.map(|id| (format!("{id}  is not pending any more"), Tint::Warn)));
    lines.push((plan.after.to_owned(), Tint::Dim));
    let commands = plan.commands.iter();
    lines.extend(commands.map(|command| (command.clone(), Tint::Accent)));
    lines
}

fn line(item: &PlannedEnd, min_idle_ms: u64) -> (String, Tint) {
    let PlannedEnd {
        entry,
        owner,
        idle_ms,
        deliveries,
        what,
    } = item;
    let (idle, times) = (duration(*idle_ms), times(*deliveries));
    let mut text = format!(
        "{}  held by {owner}, idle {idle}, delivered {times}",
        entry.id
    );
    if !what.is_empty() {
        text.push_str(&format!(", {what}"));
    }
    if *idle_ms < min_idle_ms {
        let least = duration(min_idle_ms);
        return (format!("{text}: stays, not idle for {least}"), Tint::Warn);
    }
    (text, Tint::Text)
}
