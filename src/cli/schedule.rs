//! `schedule …`: campaigns that start again and again.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Answer, Out, words::WordsArgs};
use crate::ops::{AskedSchedule, AskedWords, FireView, Ops, ScheduleDetail, ScheduleView};

#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// A campaign by a cron expression
    #[command(after_help = "Examples:
  comms-tui schedule create --name 'Weekly news' --cron '0 9 * * 1' --tz Europe/Istanbul
  comms-tui schedule create --name tick --cron '*/30 * * * * *' --misfire skip

Five fields are minute, hour, day, month, weekday; six have seconds before them. A time that the clock
skips in spring is due right after the gap, one that it shows twice in autumn the first time; rules with
* or */n as hour follow the clock.")]
    Create {
        #[command(flatten)]
        args: ScheduleArgs,
        /// The same key and arguments give the same schedule again
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// All of them, with their next start
    #[command(after_help = "Example:\n  comms-tui schedule list --json")]
    List {
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// After this id
        #[arg(long, default_value_t = 0)]
        after: i64,
    },
    /// One: its next five starts, and what became of the last ten
    #[command(after_help = "Example:\n  comms-tui schedule show 3")]
    Show { id: i64 },
    /// Let its times pass until it is resumed
    #[command(after_help = "Example:\n  comms-tui schedule pause 3")]
    Pause { id: i64 },
    /// Go on with its next time
    #[command(after_help = "Example:\n  comms-tui schedule resume 3")]
    Resume { id: i64 },
    /// Start a campaign of it now, beside the plan
    #[command(after_help = "Example:\n  comms-tui schedule run 3 --idempotency-key today")]
    Run {
        id: i64,
        /// The same key gives the same campaign again
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Change what is given
    #[command(after_help = "Example:\n  comms-tui schedule edit 3 --cron '0 10 * * 1'")]
    Edit {
        id: i64,
        #[command(flatten)]
        args: ScheduleArgs,
    },
    /// Forget it; its campaigns stay
    #[command(after_help = "Example:\n  comms-tui schedule remove 3")]
    Remove { id: i64 },
}

#[derive(Debug, Args)]
pub struct ScheduleArgs {
    #[arg(long)]
    pub name: Option<String>,
    /// When, like '0 9 * * 1' (Mondays at 9)
    #[arg(long, value_name = "EXPRESSION")]
    pub cron: Option<String>,
    /// Time zone, like Europe/Istanbul; UTC when missing
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// For times that no scheduler was there for: skip, once (one start stands for all), or all
    #[arg(long, value_name = "POLICY", value_parser = ["skip", "once", "all"])]
    pub misfire: Option<String>,
    /// With all: at most so many, the last ones; 10 when missing
    #[arg(long, value_name = "N")]
    pub misfire_cap: Option<u32>,
    /// When a server's answer was lost: resend never misses, hold never doubles
    #[arg(long, value_name = "POLICY", value_parser = ["resend", "hold"])]
    pub in_doubt: Option<String>,
    /// A stored template: NAME, or NAME@VERSION; its words of now are taken
    #[arg(long)]
    pub template: Option<String>,
    #[command(flatten)]
    pub words: WordsArgs,
}

impl ScheduleArgs {
    fn asked(&self) -> Result<AskedSchedule> {
        Ok(AskedSchedule {
            name: self.name.clone(),
            cron: self.cron.clone(),
            tz: self.tz.clone(),
            misfire: self.misfire.clone(),
            misfire_cap: self.misfire_cap,
            in_doubt: self.in_doubt.clone(),
            words: AskedWords {
                template: self.template.clone(),
                ..self.words.asked()?
            },
            idempotency_key: None,
        })
    }
}

pub(super) async fn run(ops: &Ops, command: &ScheduleCommand, out: &Out) -> Result<Answer> {
    let view = match command {
        ScheduleCommand::Create {
            args,
            idempotency_key,
        } => {
            let asked = AskedSchedule {
                idempotency_key: idempotency_key.clone(),
                ..args.asked()?
            };
            ops.create_schedule(asked).await?
        }
        ScheduleCommand::List { limit, after } => {
            return list(&ops.schedules(*limit, *after).await?, out);
        }
        ScheduleCommand::Show { id } => return show(&ops.schedule(*id).await?, out),
        ScheduleCommand::Pause { id } => ops.pause_schedule(*id).await?,
        ScheduleCommand::Resume { id } => ops.resume_schedule(*id).await?,
        ScheduleCommand::Run {
            id,
            idempotency_key: key,
        } => {
            let view = ops.run_schedule(*id, key.as_deref()).await?;
            return super::campaign::show(view, out);
        }
        ScheduleCommand::Edit { id, args } => ops.edit_schedule(*id, args.asked()?).await?,
        ScheduleCommand::Remove { id } => {
            ops.remove_schedule(*id).await?;
            if out.json {
                out.json(&serde_json::json!({ "removed": id }))?;
            } else {
                out.line(format!("schedule {id} is removed; its campaigns stay"))?;
            }
            return Ok(Answer::Yes);
        }
    };
    show(&ops.schedule(view.id).await?, out)
}

fn list(views: &[ScheduleView], out: &Out) -> Result<Answer> {
    if out.json {
        out.json(&views)?;
    } else if views.is_empty() {
        out.line("no schedule yet: comms-tui schedule create --name news --cron '0 9 * * 1'")?;
    } else {
        let rows = views
            .iter()
            .map(|view| {
                vec![
                    view.id.to_string(),
                    view.name.clone(),
                    view.status.clone(),
                    view.cron_words.clone(),
                    view.tz.clone(),
                    view.next.first().cloned().unwrap_or_default(),
                    view.last.as_ref().map_or_else(String::new, outcome),
                ]
            })
            .collect();
        let headings = [">ID", "NAME", "STATUS", "WHEN", "ZONE", "NEXT", "LAST"];
        out.table(&headings, rows)?;
    }
    Ok(Answer::Yes)
}

fn show(detail: &ScheduleDetail, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(detail)?;
        return Ok(Answer::Yes);
    }
    let view = &detail.view;
    let reason = view.reason.as_deref().unwrap_or("");
    let misfire = match view.misfire.as_str() {
        "all" => format!("all, at most {}", view.misfire_cap),
        other => other.to_owned(),
    };
    let pair = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        pair("schedule", format!("{} {}", view.id, view.name)),
        pair(
            "status",
            format!("{} {reason}", view.status).trim().to_owned(),
        ),
        pair(
            "when",
            format!("{} ({}, {})", view.cron_words, view.cron, view.tz),
        ),
        pair("misfire", misfire),
        pair("subject", view.subject.clone()),
    ];
    if let Some(template) = &view.template {
        rows.push(pair("template", template.clone()));
    }
    for (n, next) in view.next.iter().enumerate() {
        rows.push(pair(if n == 0 { "next" } else { "" }, next.clone()));
    }
    out.table(&["", ""], rows)?;
    if !detail.history.is_empty() {
        let rows = detail
            .history
            .iter()
            .map(|fire| {
                let late = match fire.outcome.as_str() {
                    "started" => format!("{} ms", fire.late_ms),
                    _ => String::new(),
                };
                vec![fire.planned.clone(), outcome(fire), late]
            })
            .collect();
        out.table(&["PLANNED", "OUTCOME", ">LATE"], rows)?;
    }
    Ok(Answer::Yes)
}

fn outcome(fire: &FireView) -> String {
    let mut text = fire.outcome.clone();
    if let Some(until) = &fire.until {
        text.push_str(&format!(" until {until}"));
    }
    if let Some(id) = fire.campaign_id {
        let status = fire.campaign_status.as_deref().unwrap_or("gone");
        text.push_str(&format!(", campaign {id} {status}"));
    }
    text
}
