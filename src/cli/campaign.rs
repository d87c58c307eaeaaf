//! `campaign …`: create, look, steer, wait.

use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{
    Answer, Out,
    args::{CampaignCommand, CreateArgs},
    status::campaign_table,
};
use crate::ops::{
    AgainReport, AskedWords, CampaignRow, CampaignView, NewCampaign, Ops, Resolution, RetryPlan,
    wording::{count, duration, rate, signed},
};

const LOOK_EVERY: Duration = Duration::from_millis(250);

pub(super) async fn run(ops: &Ops, command: &CampaignCommand, out: &Out) -> Result<Answer> {
    match command {
        CampaignCommand::Create(args) => create(ops, args, out).await,
        CampaignCommand::List { limit } => {
            let rows = ops.campaigns(*limit).await?;
            if out.json {
                let views: Vec<&CampaignView> = rows.iter().map(|r| &r.view).collect();
                out.json(&views)?;
            } else if rows.is_empty() {
                out.line("no campaign yet: comms-tui campaign create --name hello --wait")?;
            } else {
                campaign_table(&rows, out)?;
            }
            Ok(Answer::Yes)
        }
        CampaignCommand::Show { id } => show(ops.show(*id).await?, out),
        CampaignCommand::Pause { id } => show(ops.pause(*id).await?, out),
        CampaignCommand::Resume { id } => show(ops.resume(*id).await?, out),
        CampaignCommand::Cancel { id } => show(ops.cancel(*id).await?, out),
        CampaignCommand::Report { id } => {
            super::deliveries::report(&ops.campaign_report(*id).await?, out)
        }
        CampaignCommand::TestSend { id, to, user } => {
            let mail = ops.test_send(*id, to, *user).await?;
            super::template::test_sent(mail, to, out)
        }
        CampaignCommand::RetryFailed {
            id,
            filter,
            dry_run,
        } => {
            let plan = ops.plan_retry(*id, &filter.filter(None)).await?;
            if *dry_run {
                return planned(&plan, out);
            }
            again(&ops.retry_failed(&plan).await?, "queued again", out)
        }
        CampaignCommand::Resolve {
            id, resend, user, ..
        } => {
            let (resolution, done) = if *resend {
                (Resolution::Resend, "queued again")
            } else {
                (Resolution::Accepted, "counted as accepted")
            };
            again(&ops.resolve(*id, resolution, *user).await?, done, out)
        }
        CampaignCommand::Reconcile { id } => show(ops.reconcile(*id).await?, out),
    }
}

fn planned(plan: &RetryPlan, out: &Out) -> Result<Answer> {
    let (id, n) = (plan.campaign, plan.deliveries());
    if out.json {
        out.json(&json!({ "campaign": id, "status": plan.status, "deliveries": n }))?;
    } else {
        let n = count(n);
        out.line(format!(
            "{n} would be queued again, campaign {id} is {}",
            plan.status
        ))?;
    }
    Ok(if n == 0 { Answer::No } else { Answer::Yes })
}

fn again(report: &AgainReport, done: &str, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(report)?;
    } else {
        let (n, id) = (count(report.deliveries), report.campaign.id);
        let status = &report.campaign.status;
        out.line(format!(
            "{n} deliveries of campaign {id} {done}; it is {status}"
        ))?;
        if report.passed_over > 0 {
            let over = count(report.passed_over);
            out.line(format!(
                "{over} had not failed any more, and were passed over"
            ))?;
        }
    }
    Ok(if report.deliveries == 0 {
        Answer::No
    } else {
        Answer::Yes
    })
}

pub(super) async fn pause_all(ops: &Ops, out: &Out) -> Result<Answer> {
    let all = ops.pause_all().await?;
    let failed = all.iter().any(|paused| !paused.error.is_empty());
    if out.json {
        out.json(&all)?;
    } else if all.is_empty() {
        out.line("no campaign runs")?;
    } else {
        let rows = all.into_iter().map(|paused| {
            let outcome = match paused.error.as_str() {
                "" => "paused".to_owned(),
                _ => paused.error,
            };
            vec![paused.id.to_string(), paused.name, outcome]
        });
        out.table(&[">ID", "CAMPAIGN", "OUTCOME"], rows.collect())?;
    }
    Ok(if failed { Answer::No } else { Answer::Yes })
}

async fn create(ops: &Ops, args: &CreateArgs, out: &Out) -> Result<Answer> {
    let view = ops
        .create(NewCampaign {
            name: args.name.clone().unwrap_or_else(made_up_name),
            words: AskedWords {
                template: args.template.clone(),
                ..args.words.asked()?
            },
            at: args.at.clone(),
            tz: args.tz.clone(),
            in_doubt: args.in_doubt.clone(),
            idempotency_key: args.idempotency_key.clone(),
        })
        .await?;
    if !args.wait {
        return show(view, out);
    }
    let view = wait(ops, view, out).await?;
    let failed = view.failed > 0 || view.status == "cancelled";
    show(view, out)?;
    Ok(if failed { Answer::No } else { Answer::Yes })
}

/// Follows it until it has ended. Redis or SQL being away is a state of the wait, not its end.
async fn wait(ops: &Ops, mut view: CampaignView, out: &Out) -> Result<CampaignView> {
    let bar = if out.json {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(0)
    };
    let style = ProgressStyle::with_template("{prefix} {bar:32.cyan} {percent:>3} % {msg}")?;
    bar.set_style(style.progress_chars("━━─"));
    bar.set_prefix(view.name.clone());
    while !matches!(view.status.as_str(), "finished" | "cancelled") {
        tokio::time::sleep(LOOK_EVERY).await;
        match ops.campaign(view.id).await {
            Ok(row) => {
                bar.set_length(row.total.unwrap_or(0).max(0).unsigned_abs());
                bar.set_position(row.closed().max(0).unsigned_abs());
                bar.set_message(message(&row));
                view = row.view;
            }
            Err(error) if error.is_away() => bar.set_message(format!("{error}, trying again")),
            Err(error) => {
                bar.abandon();
                return Err(error.into());
            }
        }
    }
    bar.finish_and_clear();
    Ok(view)
}

fn message(row: &CampaignRow) -> String {
    let view = &row.view;
    let total = row.total.map_or_else(|| "?".to_owned(), signed);
    let mut text = format!("{} / {total}  {}", signed(row.closed()), rate(view.rate));
    if let Some(eta_s) = view.eta_s {
        text.push_str(&format!("  {} left", duration(eta_s * 1_000)));
    }
    if view.failed > 0 {
        text.push_str(&format!("  {} failed", count(view.failed.unsigned_abs())));
    }
    if view.status != "running" {
        text.push_str(&format!("  {}", view.status));
    }
    if let Some(reason) = &view.reason {
        text.push_str(&format!(": {reason}"));
    }
    text
}

pub(super) fn show(view: CampaignView, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(&view)?;
        return Ok(Answer::Yes);
    }
    let reason = view.reason.as_deref().unwrap_or("");
    let mut rows = vec![
        vec!["campaign".to_owned(), format!("{} {}", view.id, view.name)],
        vec![
            "status".to_owned(),
            format!("{} {reason}", view.status).trim().to_owned(),
        ],
        vec!["subject".to_owned(), view.subject.clone()],
        vec!["created".to_owned(), view.created_at.clone()],
    ];
    if let Some(at) = &view.start_at {
        rows.push(vec!["start".to_owned(), at.clone()]);
    }
    if let Some(template) = &view.template {
        rows.push(vec!["template".to_owned(), template.clone()]);
    }
    if let Some(at) = &view.finished_at {
        rows.push(vec!["finished".to_owned(), at.clone()]);
    }
    rows.push(vec!["rate".to_owned(), rate(view.rate)]);
    if let Some(eta_s) = view.eta_s {
        rows.push(vec!["left".to_owned(), duration(eta_s * 1_000)]);
    }
    out.table(&["", ""], rows)?;
    figures(&view, out)?;
    Ok(Answer::Yes)
}

/// Its counters, and whether they balance.
pub(super) fn figures(view: &CampaignView, out: &Out) -> Result<()> {
    let numbers = [
        ("queued", view.queued),
        ("accepted", view.accepted),
        ("failed", view.failed),
        ("suppressed", view.suppressed),
        ("cancelled", view.cancelled),
        ("retrying", view.retrying),
        ("in flight", view.in_flight),
        ("in doubt", view.in_doubt),
        ("parked", view.parked),
    ];
    let rows = numbers
        .iter()
        .map(|(name, n)| vec![(*name).to_owned(), signed(*n)])
        .collect();
    out.table(&["", ">"], rows)?;
    out.line(if view.balanced {
        "\nIt balances."
    } else {
        "\nIt does NOT balance."
    })?;
    Ok(())
}

fn made_up_name() -> String {
    let now = jiff::ZonedDateTime::now();
    format!("campaign {}", now.strftime("%Y-%m-%d %H:%M:%S"))
}
