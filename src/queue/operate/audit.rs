//! The record of what operators did.

use redis::RedisResult;
use serde::Serialize;

use crate::queue::{Redis, inspect};

/// About how many are kept.
const KEPT: usize = 10_000;

/// One mutation by a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Given by Redis when it is written.
    pub id: String,
    pub at_ms: u64,
    /// `user@host`.
    pub who: String,
    pub what: String,
    /// What it was done to, separated by spaces.
    pub ids: String,
    pub before: String,
    pub after: String,
    /// The same as commands for redis-cli, a line each, where there are some.
    pub command: String,
    /// Commands that an entry has no room for.
    pub left_out: u64,
}

/// Writes one entry, stamped by the server.
///
/// # Errors
/// Those of Redis.
pub async fn audit(redis: &Redis, entry: &AuditEntry) -> RedisResult<()> {
    redis::cmd("XADD")
        .arg(redis.keys().audit())
        .arg("MAXLEN")
        .arg("~")
        .arg(KEPT)
        .arg("*")
        .arg("who")
        .arg(&entry.who)
        .arg("what")
        .arg(&entry.what)
        .arg("ids")
        .arg(&entry.ids)
        .arg("before")
        .arg(&entry.before)
        .arg("after")
        .arg(&entry.after)
        .arg("command")
        .arg(&entry.command)
        .arg("left-out")
        .arg(entry.left_out)
        .exec_async(&mut redis.commands())
        .await
}

/// The last `count` entries, newest first.
///
/// # Errors
/// Those of Redis.
pub async fn recent(redis: &Redis, count: usize) -> RedisResult<Vec<AuditEntry>> {
    let entries = inspect::newest(redis, &redis.keys().audit(), count).await?;
    Ok(entries
        .into_iter()
        .map(|entry| {
            let mut record = AuditEntry {
                at_ms: entry
                    .id
                    .split('-')
                    .next()
                    .and_then(|ms| ms.parse().ok())
                    .unwrap_or(0),
                id: entry.id,
                ..AuditEntry::default()
            };
            for (name, value) in entry.fields {
                match name.as_str() {
                    "who" => record.who = value,
                    "what" => record.what = value,
                    "ids" => record.ids = value,
                    "before" => record.before = value,
                    "after" => record.after = value,
                    "command" => record.command = value,
                    "left-out" => record.left_out = value.parse().unwrap_or(0),
                    _ => {}
                }
            }
            record
        })
        .collect())
}
