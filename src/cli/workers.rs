//! `workers` and `workers drain`.

use anyhow::Result;
use clap::Subcommand;

use super::{Answer, Out, ask::agreed, look};
use crate::ops::{DrainPlan, Ops, wording::count};

#[derive(Debug, Subcommand)]
pub enum WorkersCommand {
    /// Let one finish what it has in hand, hand the rest back, and end
    #[command(
        after_help = "Examples:\n  comms-tui workers drain host-41-17 --dry-run\n  comms-tui workers drain host-41-17 --yes\n\nIt works across hosts: the worker's next heartbeat reads it from Redis."
    )]
    Drain {
        /// Its consumer name (see `comms-tui workers`)
        name: String,
        /// Print the plan and stop
        #[arg(long)]
        dry_run: bool,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(ops: &Ops, command: Option<&WorkersCommand>, out: &Out) -> Result<Answer> {
    let Some(WorkersCommand::Drain { name, dry_run, yes }) = command else {
        return look::workers(ops, out).await;
    };
    let plan = ops.plan_drain(name).await?;
    if *dry_run && out.json {
        out.json(&plan)?;
        return Ok(Answer::Yes);
    }
    let print = || print_plan(&plan, out);
    if *dry_run {
        print()?;
        return Ok(Answer::Yes);
    }
    if !yes && !agreed("Drain", 1, print, out)? {
        return Ok(Answer::No);
    }
    let report = ops.drain(&plan).await?;
    if out.json {
        out.json(&report)?;
    } else {
        out.line(format!(
            "{name} is told to drain; comms-tui workers shows it"
        ))?;
    }
    Ok(Answer::Yes)
}

fn print_plan(plan: &DrainPlan, out: &Out) -> Result<()> {
    let (name, info) = (&plan.worker.name, &plan.worker.info);
    out.line(format!(
        "{name}: {} on {}, {} in hand; {} more of its service alive",
        info.service,
        info.host,
        count(info.in_hand),
        plan.others
    ))?;
    for warning in &plan.warnings {
        out.line(warning)?;
    }
    out.line(&plan.command)
}
