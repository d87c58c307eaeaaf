//! Draining a worker: who it is and who is left for its work is looked at first, and is the question.

use super::super::{
    dialog::{Confirm, ConfirmStage},
    message::{Change, Cmd, Failure},
    model::Model,
    row::Tint,
};
use super::confirm;
use crate::ops::{DrainPlan, wording::count};

/// Asks about the selected worker.
pub(super) fn drain(model: &mut Model) -> Vec<Cmd> {
    let selected = model.page().table.selected();
    let Some(worker) = selected
        .and_then(|row| model.workers().get(row.item))
        .cloned()
    else {
        return Vec::new();
    };
    let name = worker.name.clone();
    let change = Change::Drain(Box::new(DrainPlan {
        worker,
        others: 0,
        warnings: Vec::new(),
        command: String::new(),
    }));
    let dialog = confirm::number(model);
    let mut question = Confirm::new(dialog, "Drain a worker", "Drain", 0, change);
    question.stage = ConfirmStage::Planning;
    question.lines.push((name.clone(), Tint::Title));
    confirm::ask(model, question);
    vec![Cmd::PlanDrain {
        dialog,
        worker: name,
    }]
}

pub(super) fn planned(
    model: &mut Model,
    number: u64,
    plan: Result<DrainPlan, Failure>,
) -> Vec<Cmd> {
    model.changed = true;
    let Some(question) = confirm::open(model, number) else {
        return Vec::new();
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(failure) => {
            question.refuse(failure.text);
            return Vec::new();
        }
    };
    let info = &plan.worker.info;
    let hand = format!(
        "{} on {}, {} in hand",
        info.service,
        info.host,
        count(info.in_hand)
    );
    question.lines.push((hand, Tint::Text));
    match plan.others {
        0 => {}
        1 => {
            let text = format!("One more {} is alive.", info.service);
            question.lines.push((text, Tint::Dim));
        }
        n => {
            let text = format!("{n} more of {} are alive.", info.service);
            question.lines.push((text, Tint::Dim));
        }
    }
    let warnings = plan.warnings.iter().map(|text| (text.clone(), Tint::Warn));
    question.lines.extend(warnings);
    let after =
        "It finishes what it has in hand, hands the rest back, and ends. No mail is sent twice.";
    question.lines.push((after.to_owned(), Tint::Dim));
    question.lines.push((plan.command.clone(), Tint::Accent));
    question.planned(Change::Drain(Box::new(plan)), 0);
    Vec::new()
}
