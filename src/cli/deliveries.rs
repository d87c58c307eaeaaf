//! `deliveries …`: who got what. `campaign report`: a campaign in figures.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{Answer, Out, campaign::figures};
use crate::{
    ops::{
        CampaignReport, Ops,
        wording::{at, duration, rate, signed},
    },
    store::{Addressed, DeliveryFilter, DeliveryStatus},
};

/// Rows read at a time.
const PAGE: u32 = 1_000;

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
        #[arg(long, value_enum, default_value_t = Format::Csv)]
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
    /// SMTP code of the last reply
    #[arg(long)]
    pub code: Option<u16>,
    /// Domain of the address
    #[arg(long)]
    pub domain: Option<String>,
    #[arg(long)]
    pub address: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    /// JSON lines: an object a line
    Jsonl,
}

impl FilterArgs {
    fn filter(&self) -> DeliveryFilter {
        let domain = self.domain.as_deref();
        DeliveryFilter {
            campaign: self.campaign,
            status: self.status,
            code: self.code,
            domain: domain.map(|d| d.trim_start_matches('@').to_owned()),
            address: self.address.clone(),
        }
    }
}

pub(super) async fn run(ops: &Ops, command: &DeliveriesCommand, out: &Out) -> Result<Answer> {
    match command {
        DeliveriesCommand::List {
            filter,
            limit,
            after,
        } => list(
            &ops.deliveries(&filter.filter(), *after, *limit).await?,
            out,
        ),
        DeliveriesCommand::Export { filter, format } => {
            export(ops, &filter.filter(), *format, out).await
        }
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

/// A line of an export.
#[derive(Serialize)]
struct Line<'a> {
    campaign_id: i64,
    user_id: i64,
    address: Option<&'a str>,
    status: DeliveryStatus,
    attempt: u32,
    round: u32,
    code: Option<u16>,
    answer: Option<&'a str>,
    message_id: &'a str,
    created_at: String,
    updated_at: String,
}

impl<'a> Line<'a> {
    fn of(found: &'a Addressed) -> Self {
        let d = &found.delivery;
        Self {
            campaign_id: d.campaign_id,
            user_id: d.user_id,
            address: found.address.as_deref(),
            status: d.status,
            attempt: d.attempt,
            round: d.round,
            code: d.code,
            answer: d.answer.as_deref(),
            message_id: &d.message_id,
            created_at: at(d.created_at_ms),
            updated_at: at(d.updated_at_ms),
        }
    }
}

/// Page by page: a million rows take no more memory than a thousand.
async fn export(ops: &Ops, filter: &DeliveryFilter, format: Format, out: &Out) -> Result<Answer> {
    let mut after = 0;
    let mut is_first = true;
    loop {
        let page = ops.deliveries(filter, after, PAGE).await?;
        let mut bytes = Vec::new();
        match format {
            Format::Csv => {
                let mut csv = csv::WriterBuilder::new()
                    .has_headers(is_first)
                    .from_writer(&mut bytes);
                for found in &page {
                    csv.serialize(Line::of(found))?;
                }
                csv.flush()?;
            }
            Format::Jsonl => {
                for found in &page {
                    serde_json::to_writer(&mut bytes, &Line::of(found))?;
                    bytes.push(b'\n');
                }
            }
        }
        out.bytes(&bytes)?;
        is_first = false;
        match page.last() {
            Some(last) if page.len() == PAGE as usize => after = last.delivery.user_id,
            _ => return Ok(Answer::Yes),
        }
    }
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
