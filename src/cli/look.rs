//! Verbs that only look.

use anyhow::Result;

use super::{Answer, Out, args::PendingArgs};
use crate::ops::{
    Backlog, CampaignRow, Finding, GroupView, Ops, PendingFilter, Severity, Status,
    wording::{bytes, clock, count, duration, percent, rate, signed},
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

pub(super) async fn streams(ops: &Ops, out: &Out) -> Result<Answer> {
    let rows = ops.streams().await?;
    if out.json {
        out.json(&rows)?;
        return Ok(Answer::Yes);
    }
    let table = rows
        .iter()
        .flat_map(|row| row.view.partitions.iter().map(move |part| (row, part)))
        .map(|(row, part)| {
            vec![
                part.source.stream.clone(),
                part.source.partition.unwrap_or(0).to_string(),
                count(part.length),
                bytes(row.memory_bytes),
                part.first_id.clone(),
                part.last_id.clone(),
                count(part.retry),
                count(part.dead),
                count(part.parked),
                part.groups.len().to_string(),
            ]
        })
        .collect();
    let headings = [
        "STREAM",
        ">PART",
        ">LENGTH",
        ">MEMORY",
        ">FIRST ID",
        ">LAST ID",
        ">RETRY",
        ">DEAD",
        ">PARKED",
        ">GROUPS",
    ];
    out.table(&headings, table)?;
    Ok(Answer::Yes)
}

pub(super) async fn groups(ops: &Ops, stream: Option<&str>, out: &Out) -> Result<Answer> {
    let rows = ops.groups(stream).await?;
    if out.json {
        out.json(&rows)?;
    } else if rows.is_empty() {
        out.line("no consumer group yet: it is made when a service starts (./start.sh)")?;
    } else {
        let table = rows
            .iter()
            .map(|row| {
                let group = &row.group;
                vec![
                    row.stream.clone(),
                    group.name.clone(),
                    group.lag.map_or_else(|| "?".to_owned(), count),
                    backlog(group.backlog),
                    duration(group.time_lag_ms),
                    count(group.pending),
                    group
                        .oldest_idle_ms
                        .map_or_else(|| "-".to_owned(), duration),
                    group.consumers.len().to_string(),
                    row.live.map_or_else(|| "?".to_owned(), |n| n.to_string()),
                    group.last_delivered_id.clone(),
                ]
            })
            .collect();
        let headings = [
            "STREAM",
            "GROUP",
            ">LAG",
            ">BACKLOG",
            ">TIME LAG",
            ">PENDING",
            ">OLDEST IDLE",
            ">CONSUMERS",
            ">LIVE",
            ">LAST DELIVERED",
        ];
        out.table(&headings, table)?;
    }
    Ok(if rows.is_empty() {
        Answer::No
    } else {
        Answer::Yes
    })
}

pub(super) async fn pending(ops: &Ops, args: &PendingArgs, out: &Out) -> Result<Answer> {
    let filter = PendingFilter {
        consumer: args.consumer.clone(),
        min_idle_ms: args.min_idle,
        start: args.start.clone(),
        count: args.count.clamp(1, 1_000),
    };
    let entries = ops.pending(&args.stream, &args.group, &filter).await?;
    if out.json {
        out.json(&entries)?;
        return Ok(Answer::Yes);
    }
    if entries.is_empty() {
        out.line("nothing is pending")?;
        return Ok(Answer::Yes);
    }
    let table = entries
        .iter()
        .map(|entry| {
            let body = match &entry.fields {
                None => "(trimmed)".to_owned(),
                Some(_) => entry.field("data").unwrap_or("").to_owned(),
            };
            vec![
                entry.id.clone(),
                entry.consumer.clone(),
                duration(entry.idle_ms),
                count(entry.deliveries),
                entry.field("type").unwrap_or("-").to_owned(),
                entry.field("flow").unwrap_or("-").to_owned(),
                cut(&body, 60),
            ]
        })
        .collect();
    let headings = [
        ">ID",
        "CONSUMER",
        ">IDLE",
        ">DELIVERIES",
        "TYPE",
        ">CAMPAIGN",
        "DATA",
    ];
    out.table(&headings, table)?;
    Ok(Answer::Yes)
}

pub(super) async fn workers(ops: &Ops, out: &Out) -> Result<Answer> {
    let workers = ops.workers().await?;
    if out.json {
        out.json(&workers)?;
        return Ok(Answer::Yes);
    }
    if workers.is_empty() {
        out.line("no worker has ever started here: ./start.sh")?;
        return Ok(Answer::No);
    }
    let table = workers
        .iter()
        .map(|w| {
            vec![
                w.name.clone(),
                w.info.service.clone(),
                if w.live {
                    w.info.state.clone()
                } else {
                    "gone".to_owned()
                },
                duration(w.silent_ms),
                format!("{}/{}", count(w.info.in_hand), count(w.info.capacity)),
                count(w.info.handled),
                rate(w.info.rate),
                bytes(w.info.rss_bytes),
                w.info.note.clone(),
            ]
        })
        .collect();
    let headings = [
        "CONSUMER",
        "SERVICE",
        "STATE",
        ">BEAT AGO",
        ">IN HAND",
        ">HANDLED",
        ">RATE",
        ">MEMORY",
        "NOTE",
    ];
    out.table(&headings, table)?;
    Ok(Answer::Yes)
}

pub(super) async fn audit(ops: &Ops, limit: usize, out: &Out) -> Result<Answer> {
    let entries = ops.audit(limit).await?;
    if out.json {
        out.json(&entries)?;
        return Ok(Answer::Yes);
    }
    let table = entries
        .iter()
        .map(|e| {
            vec![
                clock(e.at_ms),
                e.who.clone(),
                e.what.clone(),
                e.before.clone(),
                e.after.clone(),
            ]
        })
        .collect();
    out.table(&["AT", "WHO", "WHAT", "BEFORE", "AFTER"], table)?;
    Ok(Answer::Yes)
}

pub(super) async fn doctor(ops: &Ops, out: &Out) -> Result<Answer> {
    let findings = ops.doctor().await;
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

pub(super) fn backlog(backlog: Backlog) -> String {
    let more = if backlog.at_least { "≥" } else { "" };
    format!("{more}{}", count(backlog.count))
}

pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
