//! Steering a campaign, and sending again to those for whom it failed. Each asks first.

use std::sync::Arc;

use super::super::{
    action::Act,
    dialog::{Confirm, ConfirmStage},
    message::{Change, Cmd, Failure},
    model::{Model, Place, Tone},
    row::Tint,
    screens::{deliveries::Deliveries, report::Report},
};
use super::{confirm, lists, notify};
use crate::{console::data::Data, ops::RetryPlan};

/// What is asked about: a campaign, its name and status, and how many deliveries failed.
struct Chosen {
    id: i64,
    name: String,
    status: String,
    failed: u64,
}

fn chosen(model: &Model) -> Option<Chosen> {
    let page = model.page();
    let of = |view: &crate::ops::CampaignView| Chosen {
        id: view.id,
        name: view.name.clone(),
        status: view.status.clone(),
        failed: view.failed.max(0).unsigned_abs(),
    };
    match (&page.place, &page.feed.data) {
        (Place::Campaigns(_), Some(Data::Campaigns(rows))) => {
            let row = page.table.selected()?;
            rows.get(row.item).map(|row| of(&row.view))
        }
        (Place::Details(_), Some(Data::Campaign(view, _))) => Some(of(view)),
        _ => None,
    }
}

pub(super) fn ask(model: &mut Model, act: Act) -> Vec<Cmd> {
    if let Place::Failed(failed) = &model.page().place {
        let (campaign, cause) = (failed.campaign, failed.group.cause.clone());
        return retry_users(model, campaign, &cause);
    }
    let Some(it) = chosen(model) else {
        return Vec::new();
    };
    let id = it.id;
    let (title, verb, change, allowed, after): (_, _, _, &[&str], _) = match act {
        Act::Pause => (
            "Pause a campaign",
            "Pause",
            Change::PauseCampaigns(vec![id]),
            &["running"],
            "No more of its mails are started, until it is resumed.",
        ),
        Act::Resume => (
            "Resume a campaign",
            "Resume",
            Change::ResumeCampaign(id),
            &["paused"],
            "Its mails go on where they stood.",
        ),
        Act::Cancel => (
            "End a campaign",
            "End",
            Change::CancelCampaign(id),
            &["running", "paused", "scheduled", "lost"],
            "What was not sent will not be, for ever.",
        ),
        _ => return retry_all(model, &it),
    };
    if !allowed.contains(&it.status.as_str()) {
        notify(model, Tone::Bad, format!("campaign {id} is {}", it.status));
        return Vec::new();
    }
    let mut question = Confirm::new(confirm::number(model), title, verb, 1, change);
    let line = format!("{id}  {}, {}", it.name, it.status);
    question.lines.push((line, Tint::Text));
    question.lines.push((after.to_owned(), Tint::Dim));
    confirm::ask(model, question);
    Vec::new()
}

/// Its report, or who got it.
pub(super) fn look(model: &mut Model, act: Act) -> Vec<Cmd> {
    let Some(it) = chosen(model) else {
        return Vec::new();
    };
    let place = match act {
        Act::Report => Place::Report(Report { id: it.id }),
        _ => Place::Deliveries(Deliveries { campaign: it.id }),
    };
    lists::enter(model, place)
}

/// One mail of the campaign that was chosen when the address was asked for.
pub(super) fn test_send(model: &mut Model, row: &str, to: &str) -> Vec<Cmd> {
    let campaign = match &model.page().place {
        Place::Campaigns(_) => row.parse().ok(),
        Place::Details(details) => Some(details.id),
        _ => None,
    };
    let (Some(campaign), false) = (campaign, to.is_empty()) else {
        return Vec::new();
    };
    let change = Change::TestSend {
        campaign,
        to: to.to_owned(),
    };
    let number = confirm::number(model);
    let mut question = Confirm::new(number, "Send a test mail", "Send", 0, change);
    let line = format!("campaign {campaign}, as the first user would get it");
    question.lines.push((line, Tint::Text));
    question.lines.push((format!("to {to}"), Tint::Text));
    let after = "The campaign and its figures stay as they are.";
    question.lines.push((after.to_owned(), Tint::Dim));
    confirm::ask(model, question);
    Vec::new()
}

/// All for whom it failed; who they are is looked up anew.
fn retry_all(model: &mut Model, it: &Chosen) -> Vec<Cmd> {
    if it.failed == 0 {
        let text = format!("nobody failed in campaign {}", it.id);
        notify(model, Tone::Good, text);
        return Vec::new();
    }
    let line = format!("{}  {}, {}", it.id, it.name, it.status);
    plan_retry(model, it.id, Vec::new(), line)
}

/// The marked or the selected recipients.
fn retry_users(model: &mut Model, campaign: i64, cause: &str) -> Vec<Cmd> {
    let chosen = model.page().table.chosen();
    let users: Vec<i64> = chosen
        .iter()
        .filter_map(|row| row.id.parse().ok())
        .collect();
    if users.is_empty() {
        return Vec::new();
    }
    let line = format!("campaign {campaign}, failed: {cause}");
    plan_retry(model, campaign, users, line)
}

/// Opens the question; its plan is asked for.
fn plan_retry(model: &mut Model, campaign: i64, users: Vec<i64>, line: String) -> Vec<Cmd> {
    let (dialog, title) = (
        confirm::number(model),
        "Send again to those for whom it failed",
    );
    let change = Change::RetryFailed(Arc::default());
    let mut question = Confirm::new(dialog, title, "Send again to", 0, change);
    question.stage = ConfirmStage::Planning;
    question.lines.push((line, Tint::Text));
    confirm::ask(model, question);
    vec![Cmd::PlanRetry {
        dialog,
        campaign,
        users,
    }]
}

pub(super) fn planned(
    model: &mut Model,
    number: u64,
    plan: Result<RetryPlan, Failure>,
) -> Vec<Cmd> {
    model.changed = true;
    let Some(question) = confirm::open(model, number) else {
        return Vec::new();
    };
    match plan {
        Err(failure) => question.refuse(failure.text),
        Ok(plan) if plan.deliveries() == 0 => {
            question.stage = ConfirmStage::Refused;
            let text = "Nobody is failed any more.".to_owned();
            question.lines.push((text, Tint::Good));
        }
        Ok(plan) => {
            let count = plan.deliveries();
            question.planned(Change::RetryFailed(Arc::new(plan)), count);
            let text = "Those who failed by now, and nobody who fails later. Nobody who got the mail gets it twice.";
            question.lines.push((text.to_owned(), Tint::Dim));
        }
    }
    Vec::new()
}
