//! Pages of a stream, and of the dead letters beside it.

use redis::RedisResult;
use serde::Serialize;

use super::{
    reply::{entry, list},
    stream::Source,
};
use crate::queue::Redis;

/// An entry as it lies in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamEntry {
    pub id: String,
    pub fields: Vec<(String, String)>,
}

/// An entry that nobody will try again by himself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    pub stream: String,
    pub partition: u32,
    /// Its id among the dead letters.
    pub id: String,
    /// The id that it had in the stream.
    pub origin_id: String,
    pub kind: String,
    pub flow: String,
    pub data: String,
    pub attempt: u32,
    pub round: u32,
    pub reason: String,
    pub at_ms: u64,
    /// Its flow has counted it as failed.
    pub counted: bool,
    /// How often it was delivered, where an operator has ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<u64>,
    /// The fields of an entry that could not be read, JSON.
    pub raw: Option<String>,
}

/// A page of at most 1,000 entries from `start` (`-`, an id, or `(id`) to `end` (`+`, or one of those), oldest first.
///
/// # Errors
/// Those of Redis.
pub async fn browse(
    redis: &Redis,
    source: &Source,
    (start, end): (&str, &str),
    count: usize,
) -> RedisResult<Vec<StreamEntry>> {
    range(redis, &source.key, (start, end), count).await
}

/// A page of at most 1,000 entries from `start` (`+`, an id, or `(id`) back to `end` (`-`, or one of those), newest
/// first.
///
/// # Errors
/// Those of Redis.
pub async fn browse_back(
    redis: &Redis,
    source: &Source,
    (start, end): (&str, &str),
    count: usize,
) -> RedisResult<Vec<StreamEntry>> {
    range_back(redis, &source.key, (start, end), count).await
}

/// A page of the dead letters of one partition, oldest first.
///
/// # Errors
/// Those of Redis.
pub async fn dead_letters(
    redis: &Redis,
    stream: &str,
    partition: u32,
    start: &str,
    count: usize,
) -> RedisResult<Vec<DeadLetter>> {
    let key = redis.keys().dead(partition, stream);
    let entries = range(redis, &key, (start, "+"), count).await?;
    Ok(entries
        .into_iter()
        .map(|entry| letter(stream, partition, entry))
        .collect())
}

async fn range(
    redis: &Redis,
    key: &str,
    (start, end): (&str, &str),
    count: usize,
) -> RedisResult<Vec<StreamEntry>> {
    let page: redis::Value = redis::cmd("XRANGE")
        .arg(key)
        .arg(start)
        .arg(end)
        .arg("COUNT")
        .arg(count.min(1_000))
        .query_async(&mut redis.commands())
        .await?;
    Ok(entries(page))
}

/// The last `count` entries of any stream, newest first.
pub(crate) async fn newest(
    redis: &Redis,
    key: &str,
    count: usize,
) -> RedisResult<Vec<StreamEntry>> {
    range_back(redis, key, ("+", "-"), count).await
}

async fn range_back(
    redis: &Redis,
    key: &str,
    (start, end): (&str, &str),
    count: usize,
) -> RedisResult<Vec<StreamEntry>> {
    let page: redis::Value = redis::cmd("XREVRANGE")
        .arg(key)
        .arg(start)
        .arg(end)
        .arg("COUNT")
        .arg(count.min(1_000))
        .query_async(&mut redis.commands())
        .await?;
    Ok(entries(page))
}

fn entries(page: redis::Value) -> Vec<StreamEntry> {
    list(page)
        .into_iter()
        .filter_map(entry)
        .map(|(id, fields)| StreamEntry { id, fields })
        .collect()
}

fn letter(stream: &str, partition: u32, entry: StreamEntry) -> DeadLetter {
    let mut letter = DeadLetter {
        stream: stream.to_owned(),
        partition,
        id: entry.id,
        attempt: 1,
        round: 1,
        ..DeadLetter::default()
    };
    for (name, value) in entry.fields {
        match name.as_str() {
            "id" => letter.origin_id = value,
            "type" => letter.kind = value,
            "flow" => letter.flow = value,
            "data" => letter.data = value,
            "attempt" => letter.attempt = value.parse().unwrap_or(1),
            "round" => letter.round = value.parse().unwrap_or(1),
            "reason" => letter.reason = value,
            "at_ms" => letter.at_ms = value.parse().unwrap_or(0),
            "counted" => letter.counted = value == "1",
            "deliveries" => letter.deliveries = value.parse().ok(),
            "raw" => letter.raw = Some(value),
            _ => {}
        }
    }
    letter
}
