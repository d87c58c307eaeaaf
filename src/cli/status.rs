//! `status` and `doctor`: what flows, and what is wrong.

use anyhow::Result;

use super::{Answer, Out, look::backlog};
use crate::ops::{
    CampaignRow, Finding, GroupView, Ops, Severity, Status,
    wording::{bytes, count, duration, percent, rate, signed},
};

pub(super) async fn status(ops: &Ops, out: &Out) -> Result<Answer> {
    let status = ops.status().await?;
    // Without SQL there is still a pipeline to look at.
    let campaigns = ops.campaigns(5).await;
    if out.json {
        let mut value = serde_json::to_value(&status)?;
        value["campaigns"] = match &campaigns {
            Ok(rows) => serde_json::to_value(rows)?,
            Err(_) => serde_json::Value::Null,
        };
        out.json(&value)?;
        return Ok(Answer::Yes);
    }
    let server = &status.overview.server;
    out.line(format!(
        "Redis {} at {}, {}, up {}",
        server.version,
        ops.redis_address(),
        bytes(server.memory_bytes),
        duration(server.uptime_s * 1_000)
    ))?;
    out.line("")?;
    stages(&status, out)?;
    out.line("")?;
    match &campaigns {
        Ok(rows) if rows.is_empty() => {
            out.line("No campaign yet: comms-tui campaign create --name hello --wait")?;
        }
        Ok(rows) => campaign_table(rows, out)?,
        Err(error) => out.line(format!("Campaigns: {error}"))?,
    }
    let live = status.overview.workers.iter().filter(|w| w.live).count();
    out.line("")?;
    out.line(format!("{live} workers alive"))?;
    for finding in &status.findings {
        out.line(finding_line(finding))?;
    }
    Ok(Answer::Yes)
}

fn stages(status: &Status, out: &Out) -> Result<()> {
    let rows = status
        .overview
        .stages
        .iter()
        .map(|stage| {
            let group = stage.own_group();
            let workers = status.overview.workers.iter();
            let per_s: f64 = workers
                .filter(|w| w.live && w.info.service == stage.group)
                .map(|w| w.info.rate)
                .sum();
            let of = |f: fn(&GroupView) -> String| group.map_or_else(|| "-".to_owned(), f);
            vec![
                stage.stream.clone(),
                stage.group.clone(),
                rate(per_s),
                of(|g| backlog(g.backlog)),
                of(|g| duration(g.time_lag_ms)),
                of(|g| count(g.pending)),
                of(|g| g.oldest_idle_ms.map_or_else(|| "-".to_owned(), duration)),
                count(stage.retry),
                count(stage.dead),
                count(stage.parked),
            ]
        })
        .collect();
    let headings = [
        "STREAM",
        "GROUP",
        ">RATE",
        ">BACKLOG",
        ">TIME LAG",
        ">PENDING",
        ">OLDEST IDLE",
        ">RETRY",
        ">DEAD",
        ">PARKED",
    ];
    out.table(&headings, rows)
}

pub(super) fn campaign_table(rows: &[CampaignRow], out: &Out) -> Result<()> {
    let table = rows
        .iter()
        .map(|row| {
            let v = &row.view;
            vec![
                v.id.to_string(),
                v.name.clone(),
                v.status.clone(),
                row.progress().map_or_else(|| "-".to_owned(), percent),
                row.total.map_or_else(|| "-".to_owned(), signed),
                signed(v.accepted),
                signed(v.failed),
                signed(v.retrying),
                signed(v.in_flight),
                rate(v.rate),
                v.eta_s
                    .map_or_else(|| "-".to_owned(), |s| duration(s * 1_000)),
                if v.balanced { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let headings = [
        ">ID",
        "CAMPAIGN",
        "STATUS",
        ">DONE",
        ">TOTAL",
        ">ACCEPTED",
        ">FAILED",
        ">RETRYING",
        ">IN FLIGHT",
        ">RATE",
        ">ETA",
        "BALANCED",
    ];
    out.table(&headings, table)
}

pub(super) async fn doctor(ops: &Ops, deep: bool, out: &Out) -> Result<Answer> {
    let mut findings = ops.doctor().await;
    if deep {
        findings.extend(ops.compare_books().await?);
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    }
    if out.json {
        out.json(&findings)?;
    } else {
        for finding in &findings {
            out.line(finding_line(finding))?;
        }
    }
    let faulty = findings.iter().any(|f| f.severity == Severity::Fault);
    Ok(if faulty { Answer::No } else { Answer::Yes })
}

fn finding_line(finding: &Finding) -> String {
    let word = match finding.severity {
        Severity::Ok => "ok     ",
        Severity::Note => "note   ",
        Severity::Warning => "warning",
        Severity::Fault => "FAULT  ",
    };
    let next = match finding.next.as_str() {
        "" => String::new(),
        next => format!("  → {next}"),
    };
    crate::ops::wording::clean(&format!("{word}  {}{next}", finding.text))
}
