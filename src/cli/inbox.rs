//! `inbox …`: the mails that arrived.

use anyhow::Result;
use serde_json::json;

use super::{Answer, Out, args::InboxCommand, look::cut};
use crate::ops::{
    Ops,
    wording::{bytes, clean, count, rate},
};

pub(super) async fn run(ops: &Ops, command: &InboxCommand, out: &Out) -> Result<Answer> {
    match command {
        InboxCommand::List {
            mailbox,
            search,
            limit,
        } => list(ops, mailbox.as_deref(), search.as_deref(), *limit, out).await,
        InboxCommand::Show { mailbox, id } => show(ops, mailbox, id, out).await,
    }
}

async fn list(
    ops: &Ops,
    mailbox: Option<&str>,
    search: Option<&str>,
    limit: usize,
    out: &Out,
) -> Result<Answer> {
    let messages = ops.inbox_list(mailbox, search, limit).await?;
    let stats = ops.inbox_stats().await?;
    if out.json {
        out.json(&json!({ "messages": messages, "stats": stats }))?;
        return Ok(Answer::Yes);
    }
    if !messages.is_empty() {
        let rows = messages
            .iter()
            .map(|m| {
                vec![
                    m.mailbox.clone(),
                    m.id.clone(),
                    m.date.clone(),
                    bytes(m.size),
                    cut(&m.subject, 60),
                ]
            })
            .collect();
        out.table(&["MAILBOX", "ID", "DATE", ">SIZE", "SUBJECT"], rows)?;
    }
    match stats {
        Some(s) => out.line(format!(
            "{} mails to {} recipients, at most {} each, {} Message-IDs twice, {}",
            count(s.mails),
            count(s.recipients),
            count(s.max_per_recipient),
            count(s.duplicate_message_ids),
            rate(s.rate)
        ))?,
        None => out.line(format!("{} mails", count(messages.len() as u64)))?,
    }
    Ok(Answer::Yes)
}

async fn show(ops: &Ops, mailbox: &str, id: &str, out: &Out) -> Result<Answer> {
    let mail = ops.inbox_show(mailbox, id).await?;
    if out.json {
        out.json(&mail)?;
        return Ok(Answer::Yes);
    }
    let m = &mail.message;
    for (name, value) in [
        ("From", m.from.clone()),
        ("To", m.to.join(", ")),
        ("Subject", m.subject.clone()),
        ("Date", m.date.clone()),
    ] {
        out.line(clean(&format!("{name:<8} {value}")))?;
    }
    out.line("")?;
    for line in mail.body.text.lines() {
        out.line(clean(line))?;
    }
    Ok(Answer::Yes)
}
