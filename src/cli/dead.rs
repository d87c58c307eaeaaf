//! `dead …`: look by cause, replay or drop, with a plan, a question and an outcome for each.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Answer, Out, ask, look::cut};
use crate::ops::{
    DeadAction, DeadDetails, DeadFilter, DeadOutcome, DeadPlan, DeadReport, Letter, LetterId, Ops,
    grouped,
    wording::{clock, count, dead_outcome},
};

#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// What nobody will try again, by cause
    #[command(after_help = "Examples:
  comms-tui dead list
  comms-tui dead list email-notification --campaign 7 --ids
  comms-tui dead list --cause 'mailbox full' --json")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// Each letter, not the groups
        #[arg(long)]
        ids: bool,
    },
    /// One letter, with the attempts that were made
    #[command(after_help = "Example:\n  comms-tui dead show email-notification 1731-0")]
    Show {
        stream: String,
        /// Its id, with its partition where two have the same: 1/1731-0
        id: LetterId,
    },
    /// Send again; an accepted mail is never sent twice
    #[command(after_help = "Examples:
  comms-tui dead replay --all --cause 41c0de --dry-run
  comms-tui dead replay --all --campaign 7 --canary --yes
  comms-tui dead replay email-notification --id 1731-0 --data '{\"v\":1,…}'")]
    Replay {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        choice: Choice,
        /// One first; the rest only if it was accepted
        #[arg(long)]
        canary: bool,
        /// The entry's data instead, JSON; with one --id
        #[arg(long, value_name = "JSON", conflicts_with = "data_file")]
        data: Option<String>,
        /// The same from a file
        #[arg(long, value_name = "PATH")]
        data_file: Option<PathBuf>,
    },
    /// Throw away
    #[command(after_help = "Example:\n  comms-tui dead drop campaign --id 1731-0 --yes")]
    Drop {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        choice: Choice,
    },
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Short name of a stream; all when missing
    pub stream: Option<String>,
    /// The fingerprint of a cause, or a part of its text
    #[arg(long)]
    pub cause: Option<String>,
    /// Only this campaign's
    #[arg(long, value_name = "ID")]
    pub campaign: Option<i64>,
}

#[derive(Debug, Args)]
pub struct Choice {
    /// A letter; may be repeated. With its partition where two have the same id: 1/1731-0
    #[arg(long = "id", value_name = "ID", required_unless_present = "all")]
    pub ids: Vec<LetterId>,
    /// Every letter that the filters take
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

impl Filter {
    fn of(&self, ids: &[LetterId]) -> DeadFilter {
        DeadFilter {
            stream: self.stream.clone(),
            ids: ids.to_vec(),
            cause: self.cause.clone(),
            campaign: self.campaign,
        }
    }
}

pub(super) async fn run(ops: &Ops, command: &DeadCommand, out: &Out) -> Result<Answer> {
    match command {
        DeadCommand::List { filter, ids } => list(ops, &filter.of(&[]), *ids, out).await,
        DeadCommand::Show { stream, id } => show(&ops.dead_letter(stream, id).await?, out),
        DeadCommand::Replay {
            filter,
            choice,
            canary,
            data,
            data_file,
        } => {
            let edited = match data_file {
                Some(path) => Some(
                    std::fs::read_to_string(path)
                        .with_context(|| format!("cannot read {}", path.display()))?,
                ),
                None => data.clone(),
            };
            let edited = edited.as_deref().map(str::trim);
            let plan = ops.plan_replay(&filter.of(&choice.ids), edited).await?;
            if !agreed(&plan, choice, "Replay", out)? {
                return Ok(Answer::of(choice.dry_run && !plan.items.is_empty()));
            }
            if *canary {
                return canary_first(ops, &plan, out).await;
            }
            report(&ops.replay_dead(&plan).await?, out)
        }
        DeadCommand::Drop { filter, choice } => {
            let plan = ops.plan_drop(&filter.of(&choice.ids)).await?;
            if !agreed(&plan, choice, "Drop", out)? {
                return Ok(Answer::of(choice.dry_run && !plan.items.is_empty()));
            }
            report(&ops.drop_dead(&plan).await?, out)
        }
    }
}

async fn list(ops: &Ops, filter: &DeadFilter, ids: bool, out: &Out) -> Result<Answer> {
    let found = ops.dead_letters(filter).await?;
    let groups = grouped(&found.letters);
    if out.json && ids {
        out.json(&found)?;
    } else if out.json {
        out.json(&json!({ "groups": groups, "more": found.more }))?;
    } else if found.letters.is_empty() {
        out.line("no dead letters")?;
    } else if ids {
        letters(&found.letters, out)?;
    } else {
        let rows = groups.into_iter().map(|group| {
            vec![
                group.fingerprint,
                count(group.count),
                group.stream,
                campaign(&group.flow),
                clock(group.last_at_ms),
                group.example_id,
                cut(&group.cause, 80),
            ]
        });
        let headings = [
            "CAUSE",
            ">LETTERS",
            "STREAM",
            ">CAMPAIGN",
            "LAST",
            "ONE OF THEM",
            "TEXT",
        ];
        out.table(&headings, rows.collect())?;
    }
    if found.more && !out.json {
        out.line("there are more than these")?;
    }
    Ok(Answer::Yes)
}

fn letters(letters: &[Letter], out: &Out) -> Result<()> {
    let rows = letters.iter().map(|one| {
        let letter = &one.letter;
        vec![
            letter.stream.clone(),
            one.id().to_string(),
            clock(letter.at_ms),
            campaign(&letter.flow),
            one.user().map_or_else(|| "-".to_owned(), |u| u.to_string()),
            letter.attempt.to_string(),
            one.fingerprint.clone(),
            cut(&letter.reason, 80),
        ]
    });
    let headings = [
        "STREAM",
        "ID",
        "AT",
        ">CAMPAIGN",
        ">USER",
        ">ATTEMPT",
        "CAUSE",
        "REASON",
    ];
    out.table(&headings, rows.collect())
}

fn campaign(flow: &str) -> String {
    if flow.is_empty() { "-" } else { flow }.to_owned()
}

fn show(details: &DeadDetails, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(details)?;
        return Ok(Answer::Yes);
    }
    let letter = &details.letter.letter;
    let facts = [
        (
            "letter",
            format!("{} {}", letter.stream, details.letter.id()),
        ),
        ("at", clock(letter.at_ms)),
        ("reason", letter.reason.clone()),
        (
            "cause",
            format!("{} {}", details.letter.fingerprint, details.letter.cause),
        ),
        ("type", letter.kind.clone()),
        ("campaign", campaign(&letter.flow)),
        (
            "attempt",
            format!("{}, round {}", letter.attempt, letter.round),
        ),
        ("data", letter.data.clone()),
        ("raw", letter.raw.clone().unwrap_or_default()),
    ];
    let rows = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    out.table(&["", ""], rows.collect())?;
    let Some(delivery) = &details.delivery else {
        out.line("\nThe ledger has no row for it.")?;
        return Ok(Answer::Yes);
    };
    out.line(format!(
        "\nThe ledger says {}, round {}. Attempts that didn't succeed:",
        delivery.status, delivery.round
    ))?;
    out.table(
        &[">ROUND", ">ATTEMPT", "AT", ">CODE", "ANSWER"],
        attempts(&delivery.history),
    )?;
    Ok(Answer::Yes)
}

pub(super) fn attempts(history: &[crate::store::Attempt]) -> Vec<Vec<String>> {
    let row = |attempt: &crate::store::Attempt| {
        vec![
            attempt.round.to_string(),
            attempt.attempt.to_string(),
            clock(u64::try_from(attempt.at_ms).unwrap_or(0)),
            attempt
                .code
                .map_or_else(|| "-".to_owned(), |code| code.to_string()),
            attempt.answer.clone(),
        ]
    };
    history.iter().map(row).collect()
}

/// Shows the plan where it is wanted, and asks where that is needed.
fn agreed(plan: &DeadPlan, choice: &Choice, verb: &str, out: &Out) -> Result<bool> {
    if choice.dry_run || plan.items.is_empty() {
        if out.json {
            out.json(plan)?;
        } else {
            print_plan(plan, out)?;
        }
        return Ok(false);
    }
    if choice.yes {
        return Ok(true);
    }
    ask::agreed(verb, plan.items.len(), || print_plan(plan, out), out)
}

fn print_plan(plan: &DeadPlan, out: &Out) -> Result<()> {
    let rows = plan.items.iter().map(|item| {
        let letter = &item.letter.letter;
        let action = match &item.action {
            DeadAction::Requeue { user, .. } => format!("queue user {user} again, by the ledger"),
            DeadAction::Append { kind, .. } => format!("append as {kind}"),
            DeadAction::Not { why, .. } => why.clone(),
        };
        vec![
            letter.stream.clone(),
            item.letter.id().to_string(),
            campaign(&letter.flow),
            action,
            cut(&letter.reason, 60),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        out.table(&["STREAM", "ID", ">CAMPAIGN", "WHAT", "REASON"], rows)?;
    }
    for id in &plan.absent {
        out.line(format!("{id} is no dead letter"))?;
    }
    let more = if plan.more {
        ", and there are more"
    } else {
        ""
    };
    out.line(format!(
        "{} dead letters{more}",
        count(plan.items.len() as u64)
    ))
}

/// Replays the first letter, and the rest when its mail was accepted.
async fn canary_first(ops: &Ops, plan: &DeadPlan, out: &Out) -> Result<Answer> {
    let done = ops.replay_canary_first(plan).await?;
    let answer = report(&done, out)?;
    let mut staying = done.results.iter().filter_map(|r| match &r.outcome {
        DeadOutcome::Stays { why } => Some(why),
        _ => None,
    });
    match staying.next() {
        Some(why) if done.done() > 0 => {
            bail!(
                "{why}; the other {} letters stay as they are",
                staying.count() + 1
            )
        }
        _ => Ok(answer),
    }
}

fn report(report: &DeadReport, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(report)?;
    } else {
        let rows = report.results.iter().map(|r| {
            vec![
                r.stream.clone(),
                r.id().to_string(),
                dead_outcome(&r.outcome),
            ]
        });
        out.table(&["STREAM", "ID", "OUTCOME"], rows.collect())?;
        out.line(format!(
            "{} of {} done",
            count(report.done() as u64),
            count(report.results.len() as u64)
        ))?;
        out.audited(report.audited)?;
    }
    Ok(Answer::of(report.done() > 0))
}
