//! Pending entries put among the dead letters, or acknowledged: the ids are frozen, their plan is the question.

use std::collections::BTreeMap;

use super::super::{
    action::Act,
    dialog::{Confirm, ConfirmStage, Dialog},
    message::{Change, Cmd, Failure},
    model::Model,
    screens::{held::held_of, pending::stuck_of},
    table::Tint,
};
use super::confirm;
use crate::ops::{
    PlannedEnd, PlannedId, SettlePlan, SettleRequest, SettleVerb, Which,
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
    let page = model.page();
    let mut groups: BTreeMap<(String, String), Vec<PlannedId>> = BTreeMap::new();
    for row in page.table.chosen() {
        let stuck = stuck_of(page, row).map(|stuck| &stuck.entry);
        if let Some(entry) = stuck.or_else(|| held_of(page, row)) {
            let group = (entry.source.stream.clone(), entry.group.clone());
            groups.entry(group).or_default().push(PlannedId {
                source: entry.source.clone(),
                id: entry.id.clone(),
            });
        }
    }
    let min_idle_ms = Some(model.setting.visibility_ms.max(1));
    let requests = groups
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
    let Some(Dialog::Confirm(question)) = &mut model.dialog else {
        return Vec::new();
    };
    if question.number != number {
        return Vec::new();
    }
    model.changed = true;
    let plans = match plans {
        Ok(plans) => plans,
        Err(failure) => {
            question.stage = ConfirmStage::Refused;
            question.lines.push((failure.text, Tint::Bad));
            return Vec::new();
        }
    };
    let count = plans.iter().map(|plan| plan.items.len() as u64).sum();
    let (title, button) = (question.title.clone(), question.verb.clone());
    let change = Change::Settle(Vec::new());
    let mut asked = Confirm::new(number, &title, &button, count, change);
    for plan in &plans {
        asked.lines.extend(lines(plan));
    }
    if count == 0 {
        asked.stage = ConfirmStage::Refused;
        let none = "None of them is pending any more.";
        asked.lines.push((none.to_owned(), Tint::Bad));
    }
    asked.change = Change::Settle(plans);
    confirm::ask(model, asked);
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
