//! Verbs that list: streams, groups, pending entries, workers, the audit.

use anyhow::Result;

use super::{Answer, Out, args::PendingArgs};
use crate::ops::{
    Backlog, Ops, PendingFilter,
    wording::{bytes, clock, count, duration, rate},
};

pub(super) async fn streams(ops: &Ops, out: &Out) -> Result<Answer> {
    let rows = ops.streams().await?;
    if out.json {
        out.json(&rows)?;
        return Ok(Answer::Yes);
    }
    let table = rows
        .iter()
        .flat_map(|row| row.view.partitions.iter().zip(&row.memory_bytes))
        .map(|(part, memory_bytes)| {
            vec![
                part.source.stream.clone(),
                part.source.partition.unwrap_or(0).to_string(),
                count(part.length),
                bytes(*memory_bytes),
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
                cut(&e.ids, 24),
                cut(&e.before, 60),
                cut(&e.after, 60),
                cut(&e.command, 60),
            ]
        })
        .collect();
    let headings = ["AT", "WHO", "WHAT", "IDS", "BEFORE", "AFTER", "REDIS-CLI"];
    out.table(&headings, table)?;
    Ok(Answer::Yes)
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
