//! Gives pending entries to another consumer of the group.
//!
//! The entries' crash counters are left alone: somebody decided, nobody died. Without RETRYCOUNT and
//! JUSTID, so that Redis counts one more delivery (<https://redis.io/docs/latest/commands/xclaim/>).

use std::collections::HashSet;

use redis::{RedisResult, Script};
use serde::Serialize;

use crate::queue::{
    Redis,
    inspect::{self, PendingFilter, Source, id_pair},
    is_away, is_reply_lost,
};

/// Ids per script; a script must not hold up the server.
const PAGE: usize = 1_000;

const CLAIM: &str = r"#!lua flags=allow-oom
-- KEYS[1] stream
-- ARGV[1] group, ARGV[2] consumer that gets them, ARGV[3] min idle in ms,
-- ARGV[4..] pairs: id, the owner that was seen when it was planned
-- returns for each pair {what, detail}:
--   claimed, idle (ms so far), vanished (trimmed), taken (by whom), acknowledged
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
  return redis.error_reply('NOGROUP there is no stream ' .. KEYS[1])
end
local group, to, min_idle = ARGV[1], ARGV[2], tonumber(ARGV[3])
if not min_idle or min_idle < 1 or to == '' or (#ARGV - 3) % 2 ~= 0 then
  return redis.error_reply('ERR claim: bad arguments')
end
-- Reads first: a wrong id or group fails here, before anything was written.
local seen = {}
for i = 4, #ARGV, 2 do
  local row = redis.call('XPENDING', KEYS[1], group, ARGV[i], ARGV[i], 1)[1]
  if not row then
    seen[#seen + 1] = {'acknowledged', ''}
  elseif row[2] ~= ARGV[i + 1] then
    seen[#seen + 1] = {'taken', row[2]}
  elseif row[3] < min_idle then
    seen[#seen + 1] = {'idle', tostring(row[3])}
  else
    seen[#seen + 1] = false
  end
end
for n = 1, #seen do
  if not seen[n] then
    local got = redis.call('XCLAIM', KEYS[1], group, to, min_idle, ARGV[2 + 2 * n])
    seen[n] = {(got[1] and 'claimed' or 'vanished'), ''}
  end
end
return seen
";

/// An entry as the plan saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    pub id: String,
    pub owner: String,
}

/// What became of one id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ClaimOutcome {
    Claimed,
    /// Its owner has touched it since.
    NotIdle {
        idle_ms: u64,
    },
    /// It was trimmed from the stream; the claim on it is gone now.
    Vanished,
    /// Another consumer has it than the one the plan saw.
    Taken {
        by: String,
    },
    /// It is no longer pending: it was handled meanwhile.
    Acknowledged,
    /// The reply was lost, so it may or may not have been claimed.
    Unknown,
    /// Redis refused or was lost before it was this id's turn; nothing was changed.
    NotTried {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimResult {
    pub id: String,
    #[serde(flatten)]
    pub outcome: ClaimOutcome,
}

/// Claims what is still as the plan saw it; one outcome per id, in the same order. Once Redis is away nothing
/// more is tried: `away` says why, and may be set before.
///
/// The caller has made sure that `to` is alive: Redis would make up a consumer of any name.
pub async fn claim(
    redis: &Redis,
    source: &Source,
    group: &str,
    to: &str,
    min_idle_ms: u64,
    held: &[Held],
    away: &mut Option<String>,
) -> Vec<ClaimResult> {
    let mut results = Vec::with_capacity(held.len());
    let mut refused: Option<String> = None;
    for page in held.chunks(PAGE) {
        let outcomes = match refused.as_ref().or(away.as_ref()) {
            Some(reason) => vec![
                ClaimOutcome::NotTried {
                    reason: reason.clone()
                };
                page.len()
            ],
            None => match claim_page(redis, source, group, to, min_idle_ms, page).await {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    let reason = error.to_string();
                    match is_away(&error) {
                        true => *away = Some(reason.clone()),
                        false => refused = Some(reason.clone()),
                    }
                    let outcome = match is_reply_lost(&error) {
                        true => ClaimOutcome::Unknown,
                        false => ClaimOutcome::NotTried { reason },
                    };
                    vec![outcome; page.len()]
                }
            },
        };
        results.extend(
            page.iter()
                .zip(outcomes)
                .map(|(held, outcome)| ClaimResult {
                    id: held.id.clone(),
                    outcome,
                }),
        );
    }
    results
}

async fn claim_page(
    redis: &Redis,
    source: &Source,
    group: &str,
    to: &str,
    min_idle_ms: u64,
    page: &[Held],
) -> RedisResult<Vec<ClaimOutcome>> {
    let script = Script::new(CLAIM);
    let mut call = script.key(&source.key);
    call.arg(group).arg(to).arg(min_idle_ms.max(1));
    for held in page {
        call.arg(&held.id).arg(&held.owner);
    }
    let rows: Vec<(String, String)> = call.invoke_async(&mut redis.commands()).await?;
    Ok(rows
        .into_iter()
        .map(|(what, detail)| match what.as_str() {
            "claimed" => ClaimOutcome::Claimed,
            "idle" => ClaimOutcome::NotIdle {
                idle_ms: detail.parse().unwrap_or(0),
            },
            "vanished" => ClaimOutcome::Vanished,
            "taken" => ClaimOutcome::Taken { by: detail },
            "acknowledged" => ClaimOutcome::Acknowledged,
            _ => ClaimOutcome::Unknown,
        })
        .collect())
}

/// Of these ids, the ones that `consumer` still holds. Its own list is walked between the lowest and the
/// highest, so that it costs what is left, not what was claimed.
///
/// # Errors
/// Those of Redis.
pub async fn still_held(
    redis: &Redis,
    source: &Source,
    group: &str,
    consumer: &str,
    ids: &[String],
) -> RedisResult<Vec<String>> {
    let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let order = |id: &&String| id_pair(id);
    let (Some(first), Some(last)) = (ids.iter().min_by_key(order), ids.iter().max_by_key(order))
    else {
        return Ok(Vec::new());
    };
    let mut filter = PendingFilter {
        consumer: Some(consumer.to_owned()),
        start: first.clone(),
        count: PAGE,
        ..PendingFilter::default()
    };
    let mut left = Vec::new();
    loop {
        let page = inspect::held(redis, source, group, &filter).await?;
        let Some(end) = page.last().map(|e| e.id.clone()) else {
            return Ok(left);
        };
        let full = page.len() == PAGE;
        let found = page.into_iter().map(|e| e.id);
        left.extend(found.filter(|id| wanted.contains(id.as_str())));
        if !full || id_pair(&end) >= id_pair(last) {
            return Ok(left);
        }
        filter.start = format!("({end}");
    }
}
