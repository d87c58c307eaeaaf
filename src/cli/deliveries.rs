//! `deliveries …`: who got what. `campaign report`: a campaign in figures.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Answer, Out, campaign::figures};
use crate::{
    ops::{
        CampaignReport, DeliveryPages, Format, Ops,
        wording::{at, duration, rate, signed},
    },
    store::{Addressed, DeliveryFilter, DeliveryStatus},
};

#[derive(Debug, Subcommand)]
pub enum DeliveriesCommand {
    /// A page of a campaign's deliveries
    #[command(after_help = "Examples:
  comms-tui deliveries list --campaign 7 --status failed
  comms-tui deliveries list --campaign 7 --code 550 --domain example.com --json
  comms-tui deliveries list --campaign 7 --address ann@example.com")]
    List {
        #[command(flatten)]
        filter: FilterArgs,
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// After this user
        #[arg(long, value_name = "ID", default_value_t = 0)]
        after: i64,
    },
    /// All of them, row by row
    #[command(after_help = "Examples:
  comms-tui deliveries export --campaign 7 > who-got-it.csv
  comms-tui deliveries export --campaign 7 --format jsonl --status failed | jq .answer")]
    Export {
        #[command(flatten)]
        filter: FilterArgs,
        #[arg(long, default_value_t = Format::Csv)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub struct FilterArgs {
    /// The campaign; 0 for single mails
    #[arg(long, value_name = "ID")]
    pub campaign: i64,
    /// sending, retrying, queued, accepted, failed, suppressed, cancelled or in_doubt
    #[arg(long)]
    pub status: Option<DeliveryStatus>,
    #[command(flatten)]
    pub chosen: ChosenArgs,
}

/// Whom it concerns. Each may be repeated, and one of its values must fit.
#[derive(Debug, Args)]
pub struct ChosenArgs {
    /// SMTP code of the last reply; may be repeated
    #[arg(long = "code", value_name = "CODE")]
    pub codes: Vec<u16>,
    /// Domain of the address; may be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// Address; may be repeated
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// User; may be repeated
    #[arg(long = "user", value_name = "ID")]
    pub users: Vec<i64>,
}

impl ChosenArgs {
    pub(super) fn filter(&self, status: Option<DeliveryStatus>) -> DeliveryFilter {
        DeliveryFilter {
            status,
            codes: self.codes.clone(),
            domains: self.domains.clone(),
            addresses: self.addresses.clone(),
            users: self.users.clone(),
        }
    }
}

impl FilterArgs {
    fn filter(&self) -> DeliveryFilter {
        self.chosen.filter(self.status)
    }
}

pub(super) async fn run(ops: &Ops, command: &DeliveriesCommand, out: &Out) -> Result<Answer> {
    match command {
        DeliveriesCommand::List {
            filter,
            limit,
            after,
        } => {
            let found = ops
                .deliveries(filter.campaign, &filter.filter(), *after, *limit)
                .await?;
            list(&found, out)
        }
        DeliveriesCommand::Export { filter, format } => export(ops, filter, *format, out).await,
    }
}

fn list(found: &[Addressed], out: &Out) -> Result<Answer> {
    if out.json {
        out.json(&found)?;
    } else if found.is_empty() {
        out.line("there is no such delivery")?;
    } else {
        let rows = found
            .iter()
            .map(|found| {
                let d = &found.delivery;
                vec![
                    d.user_id.to_string(),
                    found.address.clone().unwrap_or_default(),
                    d.status.as_str().to_owned(),
                    d.attempt.to_string(),
                    at(d.updated_at_ms),
                    d.code.map_or_else(String::new, |code| code.to_string()),
                    d.answer.clone().unwrap_or_default(),
                ]
            })
            .collect();
        let headings = [
            ">USER", "ADDRESS", "STATUS", ">ATTEMPT", "WHEN", ">CODE", "ANSWER",
        ];
        out.table(&headings, rows)?;
    }
    Ok(if found.is_empty() {
        Answer::No
    } else {
        Answer::Yes
    })
}

/// Page by page: a million rows take no more memory than a thousand.
async fn export(ops: &Ops, args: &FilterArgs, format: Format, out: &Out) -> Result<Answer> {
    let mut pages = DeliveryPages::new(args.campaign, args.filter(), format);
    while let Some(bytes) = pages.next(ops).await? {
        out.bytes(&bytes)?;
    }
    Ok(Answer::Yes)
}

pub(super) fn report(report: &CampaignReport, out: &Out) -> Result<Answer> {
    if out.json {
        out.json(report)?;
        return Ok(Answer::Yes);
    }
    let campaign = &report.campaign;
    let since =
        |ms: Option<i64>| ms.map_or_else(|| "–".to_owned(), |ms| duration(ms.unsigned_abs()));
    let accepted_rate = report.accepted_rate.map_or_else(|| "–".to_owned(), rate);
    let pair = |name: &str, value: String| vec![name.to_owned(), value];
    out.table(
        &["", ""],
        vec![
            pair("campaign", format!("{} {}", campaign.id, campaign.name)),
            pair("status", campaign.status.clone()),
            pair("rate", accepted_rate),
            pair("first after", since(report.first_ms)),
            pair("half after", since(report.half_ms)),
            pair("last after", since(report.last_ms)),
            pair("needed another attempt", signed(report.again)),
        ],
    )?;
    figures(campaign, out)?;
    let rows = report
        .answers
        .iter()
        .map(|a| {
            vec![
                a.status.as_str().to_owned(),
                a.code.map_or_else(String::new, |code| code.to_string()),
                signed(a.number),
                a.example.clone().unwrap_or_default(),
            ]
        })
        .collect();
    out.line("")?;
    out.table(&["OUTCOME", ">CODE", ">NUMBER", "FOR EXAMPLE"], rows)?;
    let rows = report
        .slowest_domains
        .iter()
        .map(|d| {
            vec![
                d.domain.clone(),
                signed(d.accepted),
                duration(d.mean_ms.max(0.0).round() as u64),
                duration(d.longest_ms.max(0).unsigned_abs()),
            ]
        })
        .collect();
    out.line("")?;
    out.table(&["SLOWEST DOMAINS", ">ACCEPTED", ">MEAN", ">LONGEST"], rows)?;
    Ok(Answer::Yes)
}
