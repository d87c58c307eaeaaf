//! Ends pending entries by an operator's word.
//!
//! Ours are claimed first, by [`claim`](super::claim), which checks what the plan saw; whoever claims them acts as
//! a worker from then on, and settles as one.

use redis::RedisResult;

use super::{
    Held,
    planned::{Found, as_planned},
};
use crate::queue::{Entry, Outcome, Redis, consumer, inspect::Source, reclaim, settle as settling};

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
    let found = as_planned(redis, source, group, None, min_idle_ms, held).await?;
    Ok(found.into_iter().map(Acked::from).collect())
}

impl From<Found> for Acked {
    fn from(found: Found) -> Self {
        match found {
            Found::Done => Self::Done,
            Found::Vanished => Self::Vanished,
            Found::NotIdle { idle_ms } => Self::NotIdle { idle_ms },
            Found::Taken { by } => Self::Taken { by },
            Found::Acknowledged => Self::Before,
        }
    }
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
    let (keys, mut commands) = (redis.keys(), redis.commands());
    reclaim::own(
        &mut commands,
        keys,
        (stream, group),
        partition,
        consumer,
        ids,
    )
    .await
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
