//! Streams: a name of ours stands for one key a partition, any other name is a key.

use redis::{Pipeline, RedisResult, Value};
use serde::Serialize;

use super::{
    group::GroupView,
    presence::time_ms,
    reply::{Replies, entry, field, field_number, field_text, list, number, pairs, text},
};
use crate::queue::Redis;

/// Where a stream lies: one key of ours, or a foreign one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// The short name, or the key of a foreign stream.
    pub stream: String,
    /// `None` for a foreign stream.
    pub partition: Option<u32>,
    pub key: String,
}

impl Source {
    /// The partitions of a stream of ours.
    pub fn of(redis: &Redis, stream: &str) -> Vec<Self> {
        (0..redis.keys().partitions())
            .map(|partition| Self {
                stream: stream.to_owned(),
                partition: Some(partition),
                key: redis.keys().stream(partition, stream),
            })
            .collect()
    }

    /// A stream that somebody else owns.
    pub fn foreign(key: &str) -> Self {
        Self {
            stream: key.to_owned(),
            partition: None,
            key: key.to_owned(),
        }
    }
}

/// One key of a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PartitionView {
    #[serde(flatten)]
    pub source: Source,
    pub exists: bool,
    pub length: u64,
    /// Entries ever added.
    pub entries_added: u64,
    pub first_id: String,
    pub last_id: String,
    /// Of the entry that was added last, be it there or not.
    pub last_generated_id: String,
    /// Entries waiting in the retry ZSET.
    pub retry: u64,
    /// When the first of them is due, Redis TIME in ms.
    pub retry_due_at_ms: Option<u64>,
    pub dead: u64,
    pub parked: u64,
    pub groups: Vec<GroupView>,
}

/// A stream summed over its partitions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StreamView {
    pub stream: String,
    /// The group that is meant to read it.
    pub group: String,
    pub length: u64,
    pub entries_added: u64,
    pub retry: u64,
    pub retry_due_at_ms: Option<u64>,
    pub dead: u64,
    pub parked: u64,
    pub groups: Vec<GroupView>,
    pub partitions: Vec<PartitionView>,
}

impl StreamView {
    pub(super) fn sum(stream: &str, group: &str, partitions: Vec<PartitionView>) -> Self {
        let mut view = Self {
            stream: stream.to_owned(),
            group: group.to_owned(),
            ..Self::default()
        };
        for part in &partitions {
            view.length += part.length;
            view.entries_added += part.entries_added;
            view.retry += part.retry;
            view.dead += part.dead;
            view.parked += part.parked;
            view.retry_due_at_ms = view
                .retry_due_at_ms
                .into_iter()
                .chain(part.retry_due_at_ms)
                .min();
            for group in &part.groups {
                match view.groups.iter_mut().find(|g| g.name == group.name) {
                    Some(mine) => mine.merge(group),
                    None => view.groups.push(group.clone()),
                }
            }
        }
        view.partitions = partitions;
        view
    }

    /// The group that is meant to read it, if it exists.
    pub fn own_group(&self) -> Option<&GroupView> {
        self.groups.iter().find(|g| g.name == self.group)
    }
}

/// First round trip for one key. Six commands for a stream of ours, two for a foreign one.
pub(super) fn ask(pipe: &mut Pipeline, redis: &Redis, source: &Source) {
    pipe.cmd("XINFO").arg("STREAM").arg(&source.key);
    pipe.cmd("XINFO").arg("GROUPS").arg(&source.key);
    if let Some(partition) = source.partition {
        let (keys, stream) = (redis.keys(), source.stream.as_str());
        let retry = keys.retry(partition, stream);
        pipe.cmd("ZCARD").arg(&retry);
        pipe.cmd("ZRANGE")
            .arg(&retry)
            .arg(0)
            .arg(0)
            .arg("WITHSCORES");
        pipe.cmd("XLEN").arg(keys.dead(partition, stream));
        pipe.cmd("SMEMBERS")
            .arg(keys.parked_flows(partition, stream));
    }
}

/// Takes the first round's replies; the second value names the flows with parked entries.
pub(super) fn read(
    replies: &mut Replies,
    source: Source,
) -> RedisResult<(PartitionView, Vec<String>)> {
    let stream = pairs(replies.take_or_nil()?);
    let groups = list(replies.take_or_nil()?);
    let end = |name: &str| {
        field(&stream, name)
            .cloned()
            .and_then(entry)
            .map_or_else(String::new, |(id, _)| id)
    };
    let mut view = PartitionView {
        exists: !stream.is_empty(),
        length: field_number(&stream, "length").unwrap_or(0),
        entries_added: field_number(&stream, "entries-added").unwrap_or(0),
        first_id: end("first-entry"),
        last_id: end("last-entry"),
        last_generated_id: field_text(&stream, "last-generated-id"),
        retry: 0,
        retry_due_at_ms: None,
        dead: 0,
        parked: 0,
        groups: groups.into_iter().map(GroupView::from_reply).collect(),
        source,
    };
    let mut flows = Vec::new();
    if view.source.partition.is_some() {
        view.retry = number(&replies.take()?).unwrap_or(0);
        view.retry_due_at_ms = pairs(replies.take()?)
            .first()
            .and_then(|(_, due)| number(due));
        view.dead = number(&replies.take()?).unwrap_or(0);
        flows = list(replies.take()?).iter().map(text).collect();
    }
    Ok((view, flows))
}

/// Second round trip for one key.
pub(super) fn ask_more(
    pipe: &mut Pipeline,
    redis: &Redis,
    view: &PartitionView,
    parked_flows: &[String],
) {
    for group in &view.groups {
        group.ask(pipe, &view.source.key);
    }
    if let Some(partition) = view.source.partition {
        for flow in parked_flows {
            let key = redis.keys().parked(partition, &view.source.stream, flow);
            pipe.cmd("LLEN").arg(key);
        }
    }
}

pub(super) fn read_more(
    replies: &mut Replies,
    view: &mut PartitionView,
    parked_flows: &[String],
    now_ms: u64,
) -> RedisResult<()> {
    for group in &mut view.groups {
        group.read(replies, now_ms, view.length, &view.first_id)?;
    }
    if view.source.partition.is_some() {
        for _ in parked_flows {
            view.parked += number(&replies.take()?).unwrap_or(0);
        }
    }
    Ok(())
}

/// The groups of any stream, ours or not.
///
/// # Errors
/// Those of Redis; a key that isn't there is `exists: false`, not an error.
pub async fn groups_of(redis: &Redis, source: Source) -> RedisResult<PartitionView> {
    let mut connection = redis.commands();
    let mut pipe = redis::pipe();
    pipe.cmd("TIME");
    ask(&mut pipe, redis, &source);
    let mut replies = Replies::of(&mut pipe, &mut connection).await?;
    let now_ms = time_ms(replies.take()?);
    let (mut view, flows) = read(&mut replies, source)?;
    let mut pipe = redis::pipe();
    ask_more(&mut pipe, redis, &view, &flows);
    let mut replies = Replies::of(&mut pipe, &mut connection).await?;
    read_more(&mut replies, &mut view, &flows, now_ms)?;
    Ok(view)
}

/// Bytes of the keys in Redis, 0 for one that isn't there. Every node of the stream is visited: ask
/// rarely, never in a loop.
///
/// # Errors
/// Those of Redis.
pub async fn memory_of(redis: &Redis, sources: &[Source]) -> RedisResult<Vec<u64>> {
    let mut pipe = redis::pipe();
    for source in sources {
        pipe.cmd("MEMORY")
            .arg("USAGE")
            .arg(&source.key)
            .arg("SAMPLES")
            .arg(0);
    }
    let mut replies = Replies::of(&mut pipe, &mut redis.commands()).await?;
    sources
        .iter()
        .map(|_| {
            let value: Value = replies.take()?;
            Ok(number(&value).unwrap_or(0))
        })
        .collect()
}
