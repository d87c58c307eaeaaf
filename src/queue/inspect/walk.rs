//! Every entry of a stage that has a way to go, wherever it lies: unread, pending, waiting for a retry, parked.
//! It reads all of them, page by page: for one question, never in a loop.

use std::collections::HashMap;

use redis::{RedisResult, Value};
use serde::Serialize;

use super::{
    reply::{id_ms, id_pair, list, number, pairs, text},
    stream::Source,
};
use crate::queue::Redis;

const PAGE: usize = 1_000;
/// Entries that are read at most in one place.
const MOST: usize = 250_000;

/// Where an entry lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// Nobody of the group has read it.
    Unread,
    /// A consumer has it.
    Pending {
        consumer: String,
        idle_ms: u64,
        deliveries: u64,
    },
    /// Again at that time, Redis TIME in ms.
    Retrying { due_at_ms: u64 },
    /// Its flow is paused.
    Parked,
    /// Done with, and not yet trimmed.
    Acknowledged,
}

/// An entry on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Located {
    #[serde(flatten)]
    pub source: Source,
    /// Its id in the stream; of a retry, the one that it had; empty when it is parked.
    pub id: String,
    #[serde(flatten)]
    pub place: Place,
    pub fields: Vec<(String, String)>,
}

impl Located {
    /// The value of a field, empty when there is none.
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// When it was added, Redis TIME in ms; `None` when nobody knows.
    pub fn added_at_ms(&self) -> Option<u64> {
        Some(id_ms(&self.id)).filter(|ms| *ms > 0)
    }
}

/// Shows every entry of one partition's stage to `look`. False when there were more than are read.
///
/// # Errors
/// Those of Redis; a stream or group that isn't there is empty.
pub async fn walk(
    redis: &Redis,
    source: &Source,
    group: &str,
    look: &mut (dyn FnMut(Located) + Send),
) -> RedisResult<bool> {
    let whole = walk_stream(redis, source, group, look).await?;
    let Some(partition) = source.partition else {
        return Ok(whole);
    };
    let retries = walk_retries(redis, source, partition, look).await?;
    let parked = walk_parked(redis, source, partition, look).await?;
    Ok(whole && retries && parked)
}

async fn walk_stream(
    redis: &Redis,
    source: &Source,
    group: &str,
    look: &mut (dyn FnMut(Located) + Send),
) -> RedisResult<bool> {
    let view = super::groups_of(redis, source.clone()).await?;
    let last = view.groups.iter().find(|g| g.name == group);
    let last = last.map_or((0, 0), |g| id_pair(&g.last_delivered_id));
    let mut pending = HashMap::new();
    if view.groups.iter().any(|g| g.name == group) {
        let mut filter = super::PendingFilter {
            count: PAGE,
            ..super::PendingFilter::default()
        };
        loop {
            let page = super::held(redis, source, group, &filter).await?;
            let Some(end) = page.last() else { break };
            filter.start = format!("({}", end.id);
            for held in page {
                let place = Place::Pending {
                    consumer: held.consumer,
                    idle_ms: held.idle_ms,
                    deliveries: held.deliveries,
                };
                pending.insert(held.id, place);
            }
            if pending.len() >= MOST {
                return Ok(false);
            }
        }
    }
    let (mut start, mut read) = ("-".to_owned(), 0);
    loop {
        let page = super::browse(redis, source, (&start, "+"), PAGE).await?;
        let Some(end) = page.last() else {
            return Ok(true);
        };
        start = format!("({}", end.id);
        read += page.len();
        for entry in page {
            let place = match pending.remove(&entry.id) {
                Some(place) => place,
                None if id_pair(&entry.id) > last => Place::Unread,
                None => Place::Acknowledged,
            };
            look(Located {
                source: source.clone(),
                id: entry.id,
                place,
                fields: entry.fields,
            });
        }
        if read >= MOST {
            return Ok(false);
        }
    }
}

async fn walk_retries(
    redis: &Redis,
    source: &Source,
    partition: u32,
    look: &mut (dyn FnMut(Located) + Send),
) -> RedisResult<bool> {
    let key = redis.keys().retry(partition, &source.stream);
    for from in (0..MOST).step_by(PAGE) {
        let page: Value = redis::cmd("ZRANGE")
            .arg(&key)
            .arg(from)
            .arg(from + PAGE - 1)
            .arg("WITHSCORES")
            .query_async(&mut redis.commands())
            .await?;
        let page = pairs(page);
        let full = page.len() == PAGE;
        for (member, due) in page {
            let member = text(&member);
            let mut parts = member.splitn(3, '|');
            let id = parts.next().unwrap_or_default().to_owned();
            look(Located {
                source: source.clone(),
                id,
                place: Place::Retrying {
                    due_at_ms: number(&due).unwrap_or(0),
                },
                fields: fields(parts.nth(1).unwrap_or_default()),
            });
        }
        if !full {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn walk_parked(
    redis: &Redis,
    source: &Source,
    partition: u32,
    look: &mut (dyn FnMut(Located) + Send),
) -> RedisResult<bool> {
    let keys = redis.keys();
    let flows: Value = redis::cmd("SMEMBERS")
        .arg(keys.parked_flows(partition, &source.stream))
        .query_async(&mut redis.commands())
        .await?;
    for flow in list(flows) {
        let key = keys.parked(partition, &source.stream, &text(&flow));
        for from in (0..MOST).step_by(PAGE) {
            let page: Value = redis::cmd("LRANGE")
                .arg(&key)
                .arg(from)
                .arg(from + PAGE - 1)
                .query_async(&mut redis.commands())
                .await?;
            let page = list(page);
            let full = page.len() == PAGE;
            for parked in page {
                look(Located {
                    source: source.clone(),
                    id: String::new(),
                    place: Place::Parked,
                    fields: fields(&text(&parked)),
                });
            }
            if !full {
                break;
            }
            if from + PAGE >= MOST {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A JSON list of names and values, as retries and parked entries are kept.
fn fields(json: &str) -> Vec<(String, String)> {
    let words: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    let pairs = words.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::inspect::test_redis::{self, run};

    #[tokio::test]
    async fn an_entry_is_found_wherever_it_lies() {
        let redis = test_redis::redis(1);
        let source = Source::of(&redis, "orders").remove(0);
        let key = source.key.as_str();
        for n in ["1-1", "2-1", "3-1"] {
            run(&redis, &["XADD", key, n, "flow", "7", "data", n]).await;
        }
        run(&redis, &["XGROUP", "CREATE", key, "packer", "0"]).await;
        let read = [
            "XREADGROUP",
            "GROUP",
            "packer",
            "ann",
            "COUNT",
            "2",
            "STREAMS",
            key,
            ">",
        ];
        run(&redis, &read).await;
        run(&redis, &["XACK", key, "packer", "1-1"]).await;
        let retry = redis.keys().retry(0, "orders");
        let member = r#"5-1|2|["flow","7","data","later"]"#;
        run(&redis, &["ZADD", &retry, "9000", member]).await;
        let keys = redis.keys();
        run(&redis, &["SADD", &keys.parked_flows(0, "orders"), "7"]).await;
        let parked = keys.parked(0, "orders", "7");
        run(
            &redis,
            &["RPUSH", &parked, r#"["flow","7","data","aside"]"#],
        )
        .await;

        let mut found = Vec::new();
        let mut look = |entry: Located| {
            assert_eq!(entry.field("flow"), "7");
            let place = match &entry.place {
                Place::Pending { consumer, .. } => format!("pending {consumer}"),
                Place::Retrying { due_at_ms } => format!("retrying {due_at_ms}"),
                other => format!("{other:?}"),
            };
            found.push(format!("{} {place} {}", entry.id, entry.field("data")));
        };
        assert!(
            walk(&redis, &source, "packer", &mut look)
                .await
                .expect("walked")
        );
        assert_eq!(
            found,
            [
                "1-1 Acknowledged 1-1",
                "2-1 pending ann 2-1",
                "3-1 Unread 3-1",
                "5-1 retrying 9000 later",
                " Parked aside"
            ]
        );
        let missing = Source::of(&redis, "nothing").remove(0);
        let mut none = |_: Located| panic!("there is nothing");
        assert!(walk(&redis, &missing, "g", &mut none).await.expect("empty"));
    }
}
