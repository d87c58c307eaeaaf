//! `group …` and `secrets`.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Answer, Out, ask::agreed};
use crate::ops::{GroupPlan, GroupVerb, Ops, wording::duration};

#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Make a group
    #[command(
        after_help = "Example:\n  comms-tui group create some:stream readers --from '$' --dry-run"
    )]
    Create {
        #[command(flatten)]
        on: On,
        /// It reads what comes after this: 0, $ or an id
        #[arg(long, value_name = "ID", default_value = "0")]
        from: String,
    },
    /// Set what a group has read
    #[command(after_help = "Example:\n  comms-tui group setid some:stream readers 1731000000000-0")]
    Setid {
        #[command(flatten)]
        on: On,
        /// It goes on after this: 0, $ or an id
        id: String,
    },
    /// Remove a consumer that is gone and holds nothing
    #[command(
        after_help = "Example:\n  comms-tui group delete-consumer email-notification email-service host-41-17"
    )]
    DeleteConsumer {
        #[command(flatten)]
        on: On,
        consumer: String,
    },
}

#[derive(Debug, Args)]
pub struct On {
    /// Short name of a stream, or the key of any other
    pub stream: String,
    pub group: String,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

pub(super) async fn group(ops: &Ops, command: &GroupCommand, out: &Out) -> Result<Answer> {
    let (on, verb) = match command {
        GroupCommand::Create { on, from } => (on, GroupVerb::Create { from: from.clone() }),
        GroupCommand::Setid { on, id } => (on, GroupVerb::Setid { id: id.clone() }),
        GroupCommand::DeleteConsumer { on, consumer } => {
            let consumer = consumer.clone();
            (on, GroupVerb::DeleteConsumer { consumer })
        }
    };
    let plan = ops.plan_group(&on.stream, &on.group, verb).await?;
    if on.dry_run {
        if out.json {
            out.json(&plan)?;
        } else {
            print_plan(&plan, out)?;
        }
        return Ok(Answer::Yes);
    }
    let print = || print_plan(&plan, out);
    if !on.yes && !agreed("Change", plan.sources.len(), print, out)? {
        return Ok(Answer::No);
    }
    let results = ops.change_group(&plan).await?;
    if out.json {
        out.json(&results)?;
    } else {
        let rows = results
            .iter()
            .map(|r| vec![r.source.key.clone(), r.text.clone()]);
        out.table(&["KEY", "OUTCOME"], rows.collect())?;
    }
    let done = results.iter().any(|r| r.done);
    Ok(if done { Answer::Yes } else { Answer::No })
}

fn print_plan(plan: &GroupPlan, out: &Out) -> Result<()> {
    for line in plan
        .before
        .iter()
        .chain(&plan.warnings)
        .chain(&plan.commands)
    {
        out.line(line)?;
    }
    Ok(())
}

pub(super) async fn secrets(ops: &Ops, out: &Out) -> Result<Answer> {
    let status = ops.secrets().await;
    if out.json {
        out.json(&status)?;
    } else if status.addr.is_empty() {
        out.line(&status.state)?;
    } else {
        let life = match status.token_ttl_s {
            Some(ttl_s) => format!(", {} left", duration(ttl_s * 1_000)),
            None => String::new(),
        };
        out.line(format!(
            "Vault at {}: {}; we log in by {}{life}\n",
            status.addr, status.state, status.auth
        ))?;
        let rows = status.paths.iter().map(|path| {
            let values = path.values.iter();
            let values: Vec<String> = values
                .map(|(name, masked)| format!("{name} {masked}"))
                .collect();
            vec![path.path.clone(), path.state.clone(), values.join("  ")]
        });
        out.table(&["PATH", "STATE", "VALUES"], rows.collect())?;
    }
    let fine = status.addr.is_empty() || status.usable;
    Ok(if fine { Answer::Yes } else { Answer::No })
}
