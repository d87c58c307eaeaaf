//! Ends pending entries by an operator's word.
//!
//! Ours are claimed first, by [`claim`](super::claim), which checks what the plan saw; whoever claims them acts as
//! a worker from then on, and settles as one.

use redis::{RedisResult, Script, Value};

use super::Held;
use crate::queue::{Entry, Outcome, Redis, consumer, inspect::Source, reply, settle as settling};

const OWN: &str = include_str!("../lua/own.lua");

const ACKNOWLEDGE: &str = r"#!lua flags=allow-oom
-- KEYS[1] stream
-- ARGV[1] group, ARGV[2] min idle in ms, ARGV[3..] pairs: id, the owner that was seen when it was planned
-- returns for each pair {what, detail}:
--   done, vanished (acknowledged too, but trimmed before), idle (ms so far), taken (by whom), acknowledged
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
  return redis.error_reply('NOGROUP there is no stream ' .. KEYS[1])
end
local group, min_idle = ARGV[1], tonumber(ARGV[2])
if not min_idle or min_idle < 1 or #ARGV % 2 ~= 0 then
  return redis.error_reply('ERR acknowledge: bad arguments')
end
-- Reads first: a wrong id or group fails here, before anything was written.
local seen = {}
for i = 3, #ARGV, 2 do
  local row = redis.call('XPENDING', KEYS[1], group, ARGV[i], ARGV[i], 1)[1]
  if not row then
    seen[#seen + 1] = {'acknowledged', ''}
  elseif row[2] ~= ARGV[i + 1] then
    seen[#seen + 1] = {'taken', row[2]}
  elseif row[3] < min_idle then
    seen[#seen + 1] = {'idle', tostring(row[3])}
  else
    local there = #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 1
    seen[#seen + 1] = {there and 'done' or 'vanished', ''}
  end
end
for n = 1, #seen do
  if seen[n][1] == 'done' or seen[n][1] == 'vanished' then
    redis.call('XACK', KEYS[1], group, ARGV[1 + 2 * n])
  end
end
return seen
";

/// What became of an entry that was to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acked {
    Done,
    /// Acknowledged; its body had been trimmed.
    Vanished,
    NotIdle {
        idle_ms: u64,
    },
    Taken {
        by: String,
    },
    /// Somebody else has acknowledged it.
    Before,
}

/// Acknowledges what is still as the plan saw it, at most 1,000; one outcome per id, in the same order.
///
/// # Errors
/// Those of the script; a refusal comes before the first write.
pub async fn acknowledge(
    redis: &Redis,
    source: &Source,
    group: &str,
    min_idle_ms: u64,
    held: &[Held],
) -> RedisResult<Vec<Acked>> {
    let script = Script::new(ACKNOWLEDGE);
    let mut call = script.key(&source.key);
    call.arg(group).arg(min_idle_ms.max(1));
    for held in held {
        call.arg(&held.id).arg(&held.owner);
    }
    let rows: Vec<(String, String)> = call.invoke_async(&mut redis.commands()).await?;
    Ok(rows
        .into_iter()
        .map(|(what, detail)| match what.as_str() {
            "done" => Acked::Done,
            "vanished" => Acked::Vanished,
            "idle" => Acked::NotIdle {
                idle_ms: detail.parse().unwrap_or(0),
            },
            "taken" => Acked::Taken { by: detail },
            _ => Acked::Before,
        })
        .collect())
}

/// Those of the entries that `consumer` holds, as a worker would read them.
///
/// # Errors
/// Those of the script.
pub async fn entries_of(
    redis: &Redis,
    source: &Source,
    group: &str,
    consumer: &str,
    ids: &[String],
) -> RedisResult<Vec<Entry>> {
    let (partition, stream) = place(source);
    let script = Script::new(OWN);
    let mut call = script.key(&source.key);
    call.key(redis.keys().crashes(partition, stream));
    call.arg(group).arg(consumer);
    for id in ids {
        call.arg(id);
    }
    let found: Vec<Value> = call.invoke_async(&mut redis.commands()).await?;
    found
        .into_iter()
        .map(|value| reply::claimed(value, partition))
        .collect()
}

/// Settles as a worker does, by the same script. `counted`: the tally of a flow counts the entries of this stream.
/// Returns the ids that were acknowledged by somebody else before: nothing was written for them.
///
/// # Errors
/// Those of the script; after a lost reply it isn't known whether it has run.
pub async fn settle(
    redis: &Redis,
    source: &Source,
    group: &str,
    counted: bool,
    batch: &[(Entry, Outcome)],
) -> RedisResult<Vec<String>> {
    let (partition, stream) = place(source);
    let settled = consumer::Source {
        stream: stream.to_owned(),
        group: group.to_owned(),
        counted,
    };
    let batch: Vec<&(Entry, Outcome)> = batch.iter().collect();
    settling::settle(redis, &settled, partition, &batch).await
}

fn place(source: &Source) -> (u32, &str) {
    (source.partition.unwrap_or(0), &source.stream)
}
