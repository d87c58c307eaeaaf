//! Consumer groups: what is pending, who holds it, and how far behind they are.

use redis::{RedisResult, Value};
use serde::Serialize;

use super::{
    reply::{Replies, entry, field_number, field_text, id_ms, id_pair, list, number, pairs, text},
    stream::Source,
};
use crate::queue::{POISON_AFTER, Redis};

/// Of so many pending entries, those with the lowest ids, a look sees how often each was delivered.
const OLDEST: usize = 50;
/// Counting stops here; a look must stay cheap.
const COUNT_AT_MOST: u64 = 2_000;

/// Counts the entries after an id when Redis can't say the lag.
const COUNT_AFTER: &str = r"#!lua flags=no-writes
-- KEYS[1] stream
-- ARGV[1] last delivered id, ARGV[2] count at most
-- returns {count, 1 when there may be more}
local most = tonumber(ARGV[2])
local from, count = '(' .. ARGV[1], 0
while count < most do
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 500)
  count = count + #page
  if #page < 500 then return {count, 0} end
  from = '(' .. page[#page][1]
end
return {count, 1}
";

/// Entries not yet delivered to a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    pub count: u64,
    /// Counting stopped, there may be more.
    pub at_least: bool,
}

/// A consumer of a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ConsumerView {
    pub name: String,
    pub pending: u64,
    /// Since it last tried to read, ms.
    pub idle_ms: u64,
    /// Since it last got something, ms; Redis 7.2 and later.
    pub inactive_ms: Option<u64>,
}

/// A pending entry that was delivered more often than poison is, before the pipeline itself buries it: nobody gets
/// it done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Worn {
    pub id: String,
    pub deliveries: u64,
    /// So many others were delivered too often as well.
    pub others: u64,
}

/// A consumer group, of one partition or summed over all.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GroupView {
    pub name: String,
    pub pending: u64,
    pub consumers: Vec<ConsumerView>,
    pub last_delivered_id: String,
    pub entries_read: Option<u64>,
    /// What Redis says; `None` when it can't know, never 0 instead.
    pub lag: Option<u64>,
    /// The lag, or a count where there is none.
    pub backlog: Backlog,
    /// Age of the oldest entry not yet delivered, ms.
    pub time_lag_ms: u64,
    /// Idle time of the pending entry with the lowest id, ms.
    pub oldest_idle_ms: Option<u64>,
    /// Among the oldest of its pending entries, the one that was delivered most often, if that is too often.
    pub worn: Option<Worn>,
}

/// Who has ever read for a group; nobody when the group isn't there.
///
/// # Errors
/// Those of Redis.
pub async fn consumers(
    redis: &Redis,
    source: &Source,
    group: &str,
) -> RedisResult<Vec<ConsumerView>> {
    let mut pipe = redis::pipe();
    pipe.cmd("XINFO")
        .arg("CONSUMERS")
        .arg(&source.key)
        .arg(group);
    let mut replies = Replies::of(&mut pipe, &mut redis.commands()).await?;
    Ok(read_consumers(replies.take_or_nil()?))
}

fn read_consumers(value: Value) -> Vec<ConsumerView> {
    let consumer = |value| {
        let fields = pairs(value);
        ConsumerView {
            name: field_text(&fields, "name"),
            pending: field_number(&fields, "pending").unwrap_or(0),
            idle_ms: field_number(&fields, "idle").unwrap_or(0),
            inactive_ms: field_number(&fields, "inactive"),
        }
    };
    list(value).into_iter().map(consumer).collect()
}

impl GroupView {
    /// From one item of `XINFO GROUPS`.
    pub(super) fn from_reply(value: Value) -> Self {
        let fields = pairs(value);
        Self {
            name: field_text(&fields, "name"),
            pending: field_number(&fields, "pending").unwrap_or(0),
            last_delivered_id: field_text(&fields, "last-delivered-id"),
            entries_read: field_number(&fields, "entries-read"),
            lag: field_number(&fields, "lag"),
            ..Self::default()
        }
    }

    /// The second round trip: who reads, what waits, what is held longest.
    pub(super) fn ask(&self, pipe: &mut redis::Pipeline, key: &str) {
        pipe.cmd("XINFO").arg("CONSUMERS").arg(key).arg(&self.name);
        pipe.cmd("XRANGE")
            .arg(key)
            .arg(format!("({}", self.last_delivered_id))
            .arg("+")
            .arg("COUNT")
            .arg(1);
        pipe.cmd("XPENDING")
            .arg(key)
            .arg(&self.name)
            .arg("-")
            .arg("+")
            .arg(OLDEST);
        if self.lag.is_none() {
            pipe.cmd("EVAL")
                .arg(COUNT_AFTER)
                .arg(1)
                .arg(key)
                .arg(&self.last_delivered_id)
                .arg(COUNT_AT_MOST);
        }
    }

    pub(super) fn read(
        &mut self,
        replies: &mut Replies,
        now_ms: u64,
        length: u64,
        first_id: &str,
    ) -> RedisResult<()> {
        self.consumers = read_consumers(replies.take_or_nil()?);
        let waiting = list(replies.take_or_nil()?).into_iter().next();
        self.time_lag_ms = waiting
            .and_then(entry)
            .map_or(0, |(id, _)| now_ms.saturating_sub(id_ms(&id)));
        let oldest: Vec<Vec<Value>> = list(replies.take_or_nil()?).into_iter().map(list).collect();
        self.oldest_idle_ms = oldest.first().and_then(|row| row.get(2).and_then(number));
        self.worn = worn(&oldest);
        self.backlog = match self.lag {
            Some(count) => Backlog {
                count,
                at_least: false,
            },
            None => self.counted(replies.take_or_nil()?, length, first_id),
        };
        Ok(())
    }

    /// Nothing delivered yet of what lies there: the length is exact, however long the stream.
    fn counted(&self, value: Value, length: u64, first_id: &str) -> Backlog {
        if length == 0 || id_pair(first_id) > id_pair(&self.last_delivered_id) {
            return Backlog {
                count: length,
                at_least: false,
            };
        }
        let parts = list(value);
        Backlog {
            count: parts.first().and_then(number).unwrap_or(0),
            at_least: parts.get(1).is_some_and(|more| text(more) == "1"),
        }
    }

    /// Adds the same group of another partition.
    pub(super) fn merge(&mut self, other: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a? + b?);
        self.pending += other.pending;
        self.entries_read = sum(self.entries_read, other.entries_read);
        self.lag = sum(self.lag, other.lag);
        self.backlog.count += other.backlog.count;
        self.backlog.at_least |= other.backlog.at_least;
        self.time_lag_ms = self.time_lag_ms.max(other.time_lag_ms);
        self.oldest_idle_ms = self.oldest_idle_ms.max(other.oldest_idle_ms);
        self.worn = match (self.worn.take(), other.worn.clone()) {
            (Some(mine), Some(theirs)) => {
                let others = mine.others + theirs.others + 1;
                let most = std::cmp::max_by_key(mine, theirs, |worn| worn.deliveries);
                Some(Worn { others, ..most })
            }
            (mine, theirs) => mine.or(theirs),
        };
        if id_pair(&other.last_delivered_id) > id_pair(&self.last_delivered_id) {
            self.last_delivered_id.clone_from(&other.last_delivered_id);
        }
        for consumer in &other.consumers {
            match self.consumers.iter_mut().find(|c| c.name == consumer.name) {
                Some(mine) => {
                    mine.pending += consumer.pending;
                    mine.idle_ms = mine.idle_ms.min(consumer.idle_ms);
                    mine.inactive_ms = mine.inactive_ms.min(consumer.inactive_ms);
                }
                None => self.consumers.push(consumer.clone()),
            }
        }
    }
}

/// Of rows of XPENDING.
fn worn(rows: &[Vec<Value>]) -> Option<Worn> {
    let rows = rows.iter().filter_map(|row| {
        let deliveries = row.get(3).and_then(number)?;
        (deliveries > u64::from(POISON_AFTER)).then_some((row, deliveries))
    });
    let others = (rows.clone().count() as u64).checked_sub(1)?;
    let (row, deliveries) = rows.max_by_key(|(_, deliveries)| *deliveries)?;
    Some(Worn {
        id: text(row.first()?),
        deliveries,
        others,
    })
}
