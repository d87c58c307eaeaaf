//! Every stream of a server, be there thousands: what is looked at is read each time, the rest in
//! rotation. Each look costs about the same, whatever the number of streams.

use std::collections::BTreeMap;

use redis::{RedisResult, Value};
use serde::Serialize;

use super::{
    presence::time_ms,
    reply::{
        Replies, entry, field, field_number, field_text, id_pair, list, number, pairs, raw, text,
    },
    stream::Source,
};
use crate::queue::Redis;

/// Keys that one look goes through in search of streams.
const SCANNED: usize = 2_000;
/// Streams that one look reads though nobody looks at them.
const ROTATION: usize = 100;
/// Streams never read before that one look reads besides.
const UNREAD: usize = 200;
/// After the whole key space was searched, the next search begins so many looks later.
const SEARCH_AGAIN: u32 = 30;

/// A group, as far as the list of streams needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GroupFacts {
    pub name: String,
    pub pending: u64,
    /// `None` when Redis can't know it.
    pub lag: Option<u64>,
    pub entries_read: Option<u64>,
}

/// What is known of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StreamFacts {
    pub length: u64,
    pub entries_added: u64,
    pub first_id: String,
    pub last_id: String,
    /// An estimate from a few of its nodes, bytes.
    pub memory_bytes: Option<u64>,
    pub groups: Vec<GroupFacts>,
}

impl StreamFacts {
    /// Adds another partition of the same stream.
    pub(crate) fn merge(&mut self, other: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        self.length += other.length;
        self.entries_added += other.entries_added;
        self.memory_bytes = sum(self.memory_bytes, other.memory_bytes);
        if id_pair(&other.last_id) > id_pair(&self.last_id) {
            self.last_id.clone_from(&other.last_id);
        }
        let earlier = id_pair(&other.first_id) < id_pair(&self.first_id);
        if self.first_id.is_empty() || (earlier && !other.first_id.is_empty()) {
            self.first_id.clone_from(&other.first_id);
        }
        for group in &other.groups {
            match self.groups.iter_mut().find(|g| g.name == group.name) {
                Some(mine) => {
                    mine.pending += group.pending;
                    mine.lag = sum(mine.lag, group.lag);
                    mine.entries_read = sum(mine.entries_read, group.entries_read);
                }
                None => self.groups.push(group.clone()),
            }
        }
    }
}

/// Reads streams in one round trip; `None` for a key that is no stream (any more). The second value is
/// Redis TIME, ms.
///
/// # Errors
/// Those of Redis.
pub async fn facts_of(
    redis: &Redis,
    sources: &[Source],
) -> RedisResult<(Vec<Option<StreamFacts>>, u64)> {
    let mut pipe = redis::pipe();
    pipe.cmd("TIME");
    for source in sources {
        pipe.cmd("XINFO").arg("STREAM").arg(&source.key);
        pipe.cmd("XINFO").arg("GROUPS").arg(&source.key);
        pipe.cmd("MEMORY").arg("USAGE").arg(&source.key);
    }
    let mut replies = Replies::of(&mut pipe, &mut redis.commands()).await?;
    let now_ms = time_ms(replies.take()?);
    let mut facts = Vec::with_capacity(sources.len());
    for _ in sources {
        let stream = pairs(replies.take_or_other()?);
        let groups = list(replies.take_or_other()?);
        let memory_bytes = number(&replies.take_or_other()?);
        facts.push((!stream.is_empty()).then(|| read(&stream, groups, memory_bytes)));
    }
    Ok((facts, now_ms))
}

fn read(stream: &[(Value, Value)], groups: Vec<Value>, memory_bytes: Option<u64>) -> StreamFacts {
    let end = |name: &str| {
        let id = field(stream, name).cloned().and_then(entry);
        id.map_or_else(String::new, |(id, _)| id)
    };
    StreamFacts {
        length: field_number(stream, "length").unwrap_or(0),
        entries_added: field_number(stream, "entries-added").unwrap_or(0),
        first_id: end("first-entry"),
        last_id: end("last-entry"),
        memory_bytes,
        groups: groups
            .into_iter()
            .map(|group| {
                let fields = pairs(group);
                GroupFacts {
                    name: field_text(&fields, "name"),
                    pending: field_number(&fields, "pending").unwrap_or(0),
                    lag: field_number(&fields, "lag"),
                    entries_read: field_number(&fields, "entries-read"),
                }
            })
            .collect(),
    }
}

/// A stream of the server and when it was read last; `None`: not yet.
#[derive(Debug, Clone, Default, PartialEq)]
struct Known {
    read: Option<(u64, StreamFacts)>,
    /// The search that saw it last.
    seen: u64,
}

/// What is known of all streams, between two looks.
#[derive(Debug, Default)]
pub struct Catalogue {
    streams: BTreeMap<String, Known>,
    /// Keys whose name isn't text.
    nameless: usize,
    nameless_now: usize,
    cursor: u64,
    search: u64,
    /// Looks until the next search begins; the first one begins at once.
    pause: u32,
    /// The stream after which the rotation goes on.
    rotation: String,
}

/// One look, planned: the cursor to scan from, and what to read.
#[derive(Debug)]
pub struct Look {
    cursor: Option<u64>,
    read: Vec<String>,
}

/// What a look found.
#[derive(Debug)]
pub struct Found {
    scanned: Option<(u64, Vec<Option<String>>)>,
    read: Vec<(String, Option<StreamFacts>)>,
    now_ms: u64,
}

impl Found {
    /// Redis TIME of the look, ms.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

impl Catalogue {
    /// What to do next: the visible streams, some that were never read, the next in rotation, and a piece
    /// of the search.
    pub fn plan(&self, visible: &[String]) -> Look {
        let mut read: Vec<String> = visible
            .iter()
            .filter(|name| self.streams.contains_key(*name))
            .take(ROTATION)
            .cloned()
            .collect();
        let after = (
            std::ops::Bound::Excluded(self.rotation.clone()),
            std::ops::Bound::Unbounded,
        );
        let rest = self.streams.range::<String, _>(after).chain(&self.streams);
        let mut in_rotation: Vec<String> = rest
            .take(ROTATION.min(self.streams.len()))
            .map(|(name, _)| name.clone())
            .collect();
        in_rotation.retain(|name| !read.contains(name));
        let unread = self
            .streams
            .iter()
            .filter(|(_, known)| known.read.is_none());
        let unread: Vec<String> = unread
            .map(|(name, _)| name)
            .filter(|name| !read.contains(name) && !in_rotation.contains(name))
            .take(UNREAD)
            .cloned()
            .collect();
        read.extend(unread);
        // Last: the rotation goes on after what is read last.
        read.append(&mut in_rotation);
        Look {
            cursor: (self.pause == 0).then_some(self.cursor),
            read,
        }
    }

    pub fn take_in(&mut self, found: Found) {
        self.pause = self.pause.saturating_sub(1);
        for (name, facts) in found.read {
            self.rotation.clone_from(&name);
            match facts {
                Some(facts) => {
                    let known = self.streams.entry(name).or_default();
                    known.read = Some((found.now_ms, facts));
                }
                None => {
                    self.streams.remove(&name);
                }
            }
        }
        let Some((cursor, names)) = found.scanned else {
            return;
        };
        for name in names {
            match name {
                Some(name) => self.streams.entry(name).or_default().seen = self.search,
                None => self.nameless_now += 1,
            }
        }
        self.cursor = cursor;
        if cursor == 0 {
            // A search has ended: what it didn't see is gone.
            let search = self.search;
            self.streams.retain(|_, known| known.seen == search);
            self.nameless = std::mem::take(&mut self.nameless_now);
            self.search += 1;
            self.pause = SEARCH_AGAIN;
        }
    }

    /// The first search is still under way.
    pub fn is_searching(&self) -> bool {
        self.search == 0
    }

    pub fn nameless(&self) -> usize {
        self.nameless.max(self.nameless_now)
    }

    /// Every stream by name, with when it was read (Redis TIME, ms) and what was found.
    pub fn streams(&self) -> impl Iterator<Item = (&String, Option<&(u64, StreamFacts)>)> {
        self.streams
            .iter()
            .map(|(name, known)| (name, known.read.as_ref()))
    }
}

/// Does what a look planned.
///
/// # Errors
/// Those of Redis.
pub async fn look(redis: &Redis, look: Look) -> RedisResult<Found> {
    let scanned = match look.cursor {
        None => None,
        Some(cursor) => Some(scan(redis, cursor).await?),
    };
    let sources: Vec<Source> = look.read.iter().map(|name| Source::foreign(name)).collect();
    let (facts, now_ms) = facts_of(redis, &sources).await?;
    Ok(Found {
        scanned,
        read: look.read.into_iter().zip(facts).collect(),
        now_ms,
    })
}

async fn scan(redis: &Redis, cursor: u64) -> RedisResult<(u64, Vec<Option<String>>)> {
    let reply: Value = redis::cmd("SCAN")
        .arg(cursor)
        .arg("COUNT")
        .arg(SCANNED)
        .arg("TYPE")
        .arg("stream")
        .query_async(&mut redis.commands())
        .await?;
    let mut parts = list(reply).into_iter();
    let cursor = parts.next().map_or(0, |c| text(&c).parse().unwrap_or(0));
    let names = parts.next().map_or_else(Vec::new, list);
    let name = |value: Value| String::from_utf8(raw(value)).ok();
    Ok((cursor, names.into_iter().map(name).collect()))
}
