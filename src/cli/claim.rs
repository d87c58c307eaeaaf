//! `claim`: the plan, the question, the outcome of each id.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, Out, args::ClaimArgs, ask::agreed};
use crate::ops::{
    ClaimPlan, ClaimReport, ClaimRequest, Ops,
    wording::{count, duration, outcome},
};

pub(super) async fn run(ops: &Ops, args: &ClaimArgs, out: &Out) -> Result<Answer> {
    let plan = ops
        .plan_claim(&ClaimRequest {
            stream: args.stream.clone(),
            group: args.group.clone(),
            to: Some(args.to.clone()),
            min_idle_ms: args.chosen.min_idle,
            which: args.chosen.which(),
        })
        .await?;
    let (is_empty, dry_run) = (plan.items.is_empty(), args.chosen.dry_run);
    if dry_run || is_empty {
        match (out.json, dry_run) {
            (true, true) => out.json(&json!({ "plan": plan, "commands": plan.commands() }))?,
            (true, false) => out.json(&json!({ "results": [], "absent": plan.absent }))?,
            (false, _) => print_plan(&plan, out)?,
        }
        return Ok(Answer::of(!is_empty));
    }
    let print = || print_plan(&plan, out);
    if !args.chosen.yes && !agreed("Claim", plan.items.len(), print, out)? {
        return Ok(Answer::No);
    }
    let report = ops.claim(&plan).await?;
    if out.json {
        out.json(&with_absent(&report, &plan.absent)?)?;
    } else {
        print_report(&report, out)?;
        out.audited(report.audited)?;
    }
    Ok(Answer::of(report.claimed() > 0))
}

fn print_plan(plan: &ClaimPlan, out: &Out) -> Result<()> {
    let rows = plan
        .items
        .iter()
        .map(|item| {
            vec![
                item.entry.id.clone(),
                item.owner.clone(),
                duration(item.idle_ms),
                format!(
                    "{} → {}",
                    count(item.deliveries),
                    count(item.deliveries + 1)
                ),
                plan.to.clone(),
            ]
        })
        .collect::<Vec<_>>();
    if !rows.is_empty() {
        out.table(&[">ID", "OWNER", ">IDLE", ">DELIVERIES", "TO"], rows)?;
        for command in plan.commands() {
            out.line(command)?;
        }
    }
    for id in &plan.absent {
        out.line(format!("{id} is not pending"))?;
    }
    let more = if plan.more {
        ", and there are more"
    } else {
        ""
    };
    out.line(format!(
        "{} entries to claim{more}",
        count(plan.items.len() as u64)
    ))
}

fn print_report(report: &ClaimReport, out: &Out) -> Result<()> {
    let rows = report
        .results
        .iter()
        .map(|r| vec![r.entry.id.clone(), outcome(&r.outcome)])
        .collect();
    out.table(&[">ID", "OUTCOME"], rows)?;
    out.line(format!(
        "{} of {} claimed by {}",
        count(report.claimed() as u64),
        count(report.results.len() as u64),
        report.to
    ))
}

/// A report, with the ids that were asked for and weren't pending any more.
pub(super) fn with_absent(report: &impl Serialize, absent: &[String]) -> Result<Value> {
    let mut report = serde_json::to_value(report)?;
    report["absent"] = json!(absent);
    Ok(report)
}
