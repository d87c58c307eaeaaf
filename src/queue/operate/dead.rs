//! Dead letters go back to their stream, or away.

use std::sync::LazyLock;

use redis::{RedisResult, Script};

use crate::queue::{Redis, inspect::DeadLetter};

static REVIVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../lua/revive.lua")));

const PAGE: usize = 1_000;

/// What became of a letter that was to be appended again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revived {
    Revived,
    /// Somebody else was first.
    Gone,
    /// Its flow has that status and takes no more entries; `missing` when there is none.
    Refused(String),
}

/// Appends a letter to its stream again, as this type and with this data, and removes it. `counted`: its
/// flow counts one recipient more.
///
/// # Errors
/// Those of the script; then either both or nothing was done.
pub async fn revive(
    redis: &Redis,
    letter: &DeadLetter,
    kind: &str,
    data: &str,
    counted: bool,
) -> RedisResult<Revived> {
    let (keys, partition) = (redis.keys(), letter.partition);
    let mut call = REVIVE.prepare_invoke();
    call.key(keys.dead(partition, &letter.stream))
        .key(keys.stream(partition, &letter.stream))
        .key(keys.flow(partition, &letter.flow))
        .key(keys.tally(partition, &letter.flow))
        .arg(&letter.id)
        .arg(if counted { letter.flow.as_str() } else { "" });
    for (name, value) in [("type", kind), ("flow", &letter.flow), ("data", data)] {
        call.arg(name).arg(value);
    }
    if letter.round > 1 {
        call.arg("round").arg(letter.round);
    }
    let outcome: String = call.invoke_async(&mut redis.commands()).await?;
    Ok(match outcome.as_str() {
        "revived" => Revived::Revived,
        "gone" => Revived::Gone,
        _ => Revived::Refused(outcome),
    })
}

/// Removes letters; for each, in the same order, whether it was still there.
///
/// # Errors
/// Those of Redis; some may have been removed.
pub async fn remove(redis: &Redis, letters: &[&DeadLetter]) -> RedisResult<Vec<bool>> {
    let mut removed = Vec::with_capacity(letters.len());
    for page in letters.chunks(PAGE) {
        let mut pipe = redis::pipe();
        for letter in page {
            pipe.cmd("XDEL")
                .arg(redis.keys().dead(letter.partition, &letter.stream))
                .arg(&letter.id);
        }
        let counts: Vec<u64> = pipe.query_async(&mut redis.commands()).await?;
        removed.extend(counts.into_iter().map(|n| n > 0));
    }
    Ok(removed)
}
