//! `dead-letter` and `ack`: the plan, the question, the outcome of each id.

use anyhow::Result;
use serde_json::json;

use super::{Answer, Out, args::SettleArgs, ask::agreed, claim::with_absent};
use crate::ops::{
    Ops, SettlePlan, SettleReport, SettleRequest, SettleVerb,
    wording::{count, duration, settle_outcome},
};

pub(super) async fn run(
    ops: &Ops,
    verb: SettleVerb,
    args: &SettleArgs,
    out: &Out,
) -> Result<Answer> {
    let plan = ops
        .plan_settle(&SettleRequest {
            verb,
            stream: args.stream.clone(),
            group: args.group.clone(),
            min_idle_ms: args.chosen.min_idle,
            which: args.chosen.which(),
        })
        .await?;
    let (is_empty, dry_run) = (plan.items.is_empty(), args.chosen.dry_run);
    if dry_run || is_empty {
        match (out.json, dry_run) {
            (true, true) => out.json(&json!({ "plan": plan }))?,
            (true, false) => out.json(&json!({ "results": [], "absent": plan.absent }))?,
            (false, _) => print_plan(&plan, out)?,
        }
        return Ok(Answer::of(!is_empty));
    }
    let asked = match verb {
        SettleVerb::DeadLetter => "Dead-letter",
        SettleVerb::Acknowledge => "Acknowledge",
    };
    let print = || print_plan(&plan, out);
    if !args.chosen.yes && !agreed(asked, plan.items.len(), print, out)? {
        return Ok(Answer::No);
    }
    let report = ops.settle(&plan).await?;
    if out.json {
        out.json(&with_absent(&report, &plan.absent)?)?;
    } else {
        print_report(&report, out)?;
        out.audited(report.audited)?;
    }
    Ok(Answer::of(report.done() > 0))
}

fn print_plan(plan: &SettlePlan, out: &Out) -> Result<()> {
    let rows = plan
        .items
        .iter()
        .map(|item| {
            vec![
                item.entry.id.clone(),
                item.owner.clone(),
                duration(item.idle_ms),
                count(item.deliveries),
                item.what.clone(),
            ]
        })
        .collect::<Vec<_>>();
    if !rows.is_empty() {
        out.table(&[">ID", "OWNER", ">IDLE", ">DELIVERIES", "WHAT"], rows)?;
        for command in &plan.commands {
            out.line(command)?;
        }
        out.line(plan.after)?;
    }
    for id in &plan.absent {
        out.line(format!("{id} is not pending"))?;
    }
    let more = if plan.more {
        ", and there are more"
    } else {
        ""
    };
    let what = match plan.verb {
        SettleVerb::DeadLetter => "put among the dead letters",
        SettleVerb::Acknowledge => "acknowledge",
    };
    out.line(format!(
        "{} entries to {what}{more}",
        count(plan.items.len() as u64)
    ))
}

fn print_report(report: &SettleReport, out: &Out) -> Result<()> {
    let rows = report
        .results
        .iter()
        .map(|r| vec![r.entry.id.clone(), settle_outcome(&r.outcome)])
        .collect();
    out.table(&[">ID", "OUTCOME"], rows)?;
    out.line(format!(
        "{} of {} ended",
        count(report.done() as u64),
        count(report.results.len() as u64),
    ))
}
