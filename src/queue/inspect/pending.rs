//! Pages of a pending entries list, with the bodies.

use redis::RedisResult;
use serde::Serialize;

use super::{
    reply::{Replies, entry, list, number, text},
    stream::Source,
};
use crate::queue::Redis;

/// Which part of a pending entries list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingFilter {
    /// Only this consumer's; its own list is walked, which stays cheap.
    pub consumer: Option<String>,
    /// 0: whatever the idle time. Else Redis may walk the whole list (17 ms at 200,000): not in a loop.
    pub min_idle_ms: u64,
    /// The lowest id, `-` for the first, `(id` for what follows an id.
    pub start: String,
    /// At most 1,000.
    pub count: usize,
}

impl Default for PendingFilter {
    fn default() -> Self {
        Self {
            consumer: None,
            min_idle_ms: 0,
            start: "-".to_owned(),
            count: 100,
        }
    }
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingEntry {
    #[serde(flatten)]
    pub source: Source,
    pub group: String,
    pub id: String,
    pub consumer: String,
    pub idle_ms: u64,
    pub deliveries: u64,
    /// `None`: it was trimmed, only the claim on it is left.
    pub fields: Option<Vec<(String, String)>>,
}

impl PendingEntry {
    /// The value of a field of the body.
    pub fn field(&self, name: &str) -> Option<&str> {
        let fields = self.fields.as_ref()?;
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

/// A page in the order of the ids, in two round trips.
///
/// # Errors
/// Those of Redis; NOGROUP when the stream or the group isn't there.
pub async fn pending(
    redis: &Redis,
    source: &Source,
    group: &str,
    filter: &PendingFilter,
) -> RedisResult<Vec<PendingEntry>> {
    let mut entries = held(redis, source, group, filter).await?;
    bodies(redis, entries.iter_mut()).await?;
    Ok(entries)
}

/// Reads the bodies of entries, in one round trip.
///
/// # Errors
/// Those of Redis.
pub async fn bodies(
    redis: &Redis,
    entries: impl Iterator<Item = &mut PendingEntry>,
) -> RedisResult<()> {
    let entries: Vec<&mut PendingEntry> = entries.collect();
    let mut pipe = redis::pipe();
    for entry in &entries {
        pipe.cmd("XRANGE")
            .arg(&entry.source.key)
            .arg(&entry.id)
            .arg(&entry.id);
    }
    let mut replies = Replies::of(&mut pipe, &mut redis.commands()).await?;
    for pending in entries {
        let body = list(replies.take()?).into_iter().next();
        pending.fields = body.and_then(entry).map(|(_, fields)| fields);
    }
    Ok(())
}

/// The same page without the bodies, in one round trip.
///
/// # Errors
/// As [`pending`].
pub async fn held(
    redis: &Redis,
    source: &Source,
    group: &str,
    filter: &PendingFilter,
) -> RedisResult<Vec<PendingEntry>> {
    let mut command = redis::cmd("XPENDING");
    command.arg(&source.key).arg(group);
    if filter.min_idle_ms > 0 {
        command.arg("IDLE").arg(filter.min_idle_ms);
    }
    command
        .arg(&filter.start)
        .arg("+")
        .arg(filter.count.min(1_000));
    if let Some(consumer) = &filter.consumer {
        command.arg(consumer);
    }
    let rows: redis::Value = command.query_async(&mut redis.commands()).await?;
    Ok(list(rows)
        .into_iter()
        .filter_map(|row| {
            let row = list(row);
            Some(PendingEntry {
                source: source.clone(),
                group: group.to_owned(),
                id: text(row.first()?),
                consumer: text(row.get(1)?),
                idle_ms: number(row.get(2)?)?,
                deliveries: number(row.get(3)?)?,
                fields: None,
            })
        })
        .collect())
}
