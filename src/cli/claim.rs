//! `claim`: the plan, the question, the outcome of each id.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};
use serde_json::json;

use super::{Answer, Out, args::ClaimArgs};
use crate::ops::{
    ClaimPlan, ClaimReport, ClaimRequest, Ops, Which,
    wording::{count, duration, outcome},
};

/// Above this many entries the number must be typed.
const TYPED: usize = 100;

pub(super) async fn run(ops: &Ops, args: &ClaimArgs, out: &Out) -> Result<Answer> {
    let plan = ops
        .plan_claim(&ClaimRequest {
            stream: args.stream.clone(),
            group: args.group.clone(),
            to: Some(args.to.clone()),
            min_idle_ms: args.min_idle,
            which: if args.all {
                Which::All
            } else {
                Which::Ids(args.ids.clone())
            },
        })
        .await?;
    if args.dry_run {
        if out.json {
            out.json(&json!({ "plan": plan, "commands": plan.commands() }))?;
        } else {
            print_plan(&plan, out)?;
        }
        return Ok(if plan.items.is_empty() {
            Answer::No
        } else {
            Answer::Yes
        });
    }
    if plan.items.is_empty() {
        if out.json {
            out.json(&json!({ "results": [], "absent": plan.absent }))?;
        } else {
            print_plan(&plan, out)?;
        }
        return Ok(Answer::No);
    }
    if !args.yes {
        if !io::stdin().is_terminal() {
            bail!("nobody is there to ask: add --yes, or --dry-run to see the plan");
        }
        print_plan(&plan, out)?;
        if !confirmed("Claim", plan.items.len())? {
            out.line("nothing was changed")?;
            return Ok(Answer::No);
        }
    }
    let report = ops.claim(&plan).await?;
    if out.json {
        out.json(&report)?;
    } else {
        print_report(&report, out)?;
    }
    Ok(if report.claimed() == 0 {
        Answer::No
    } else {
        Answer::Yes
    })
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

/// Asks; many have to be counted.
pub(super) fn confirmed(verb: &str, entries: usize) -> Result<bool> {
    let expected = if entries > TYPED {
        entries.to_string()
    } else {
        "y".to_owned()
    };
    let mut out = io::stdout().lock();
    write!(out, "{verb} them? Type {expected} to go on: ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case(&expected))
}
