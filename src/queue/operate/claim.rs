//! Gives pending entries to another consumer of the group.
//!
//! The entries' crash counters are left alone: somebody decided, nobody died. One more delivery is counted
//! (<https://redis.io/docs/latest/commands/xclaim/>).

use std::collections::HashSet;

use redis::RedisResult;
use serde::Serialize;

use super::{
    Held,
    planned::{Found, as_planned},
};
use crate::queue::{
    Redis,
    inspect::{self, PendingFilter, Source, id_pair},
    is_away, is_reply_lost,
};

/// Ids per script; a script must not hold up the server.
const PAGE: usize = 1_000;

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
            None => match as_planned(redis, source, group, Some(to), min_idle_ms, page).await {
                Ok(found) => found.into_iter().map(ClaimOutcome::from).collect(),
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

impl From<Found> for ClaimOutcome {
    fn from(found: Found) -> Self {
        match found {
            Found::Done => Self::Claimed,
            Found::Vanished => Self::Vanished,
            Found::NotIdle { idle_ms } => Self::NotIdle { idle_ms },
            Found::Taken { by } => Self::Taken { by },
            Found::Acknowledged => Self::Acknowledged,
        }
    }
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
