//! Pending entries, as a plan saw them and as they are when it is their turn.

use std::sync::LazyLock;

use redis::{RedisResult, Script};
use serde::Serialize;

use crate::queue::{Redis, inspect::Source};

static AS_PLANNED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../lua/as_planned.lua")));

/// An entry as the plan saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    pub id: String,
    pub owner: String,
}

/// What became of an entry that was planned to be claimed or acknowledged.
pub(super) enum Found {
    Done,
    /// The same, but its body had been trimmed.
    Vanished,
    NotIdle {
        idle_ms: u64,
    },
    Taken {
        by: String,
    },
    /// It was acknowledged before.
    Acknowledged,
}

/// Gives what is still as the plan saw it to a consumer, or acknowledges it; one outcome per id, in the same
/// order. A script must not hold up the server: at most 1,000.
///
/// # Errors
/// Those of the script; a refusal comes before the first write.
pub(super) async fn as_planned(
    redis: &Redis,
    source: &Source,
    group: &str,
    to: Option<&str>,
    min_idle_ms: u64,
    held: &[Held],
) -> RedisResult<Vec<Found>> {
    let mut call = AS_PLANNED.key(&source.key);
    call.arg(group)
        .arg(to.unwrap_or(""))
        .arg(min_idle_ms.max(1));
    for held in held {
        call.arg(&held.id).arg(&held.owner);
    }
    let rows: Vec<(String, String)> = call.invoke_async(&mut redis.commands()).await?;
    rows.into_iter().map(found).collect()
}

fn found((what, detail): (String, String)) -> RedisResult<Found> {
    Ok(match what.as_str() {
        "done" => Found::Done,
        "vanished" => Found::Vanished,
        "idle" => Found::NotIdle {
            idle_ms: detail.parse().unwrap_or(0),
        },
        "taken" => Found::Taken { by: detail },
        "acknowledged" => Found::Acknowledged,
        _ => {
            let kind = redis::ErrorKind::UnexpectedReturnType;
            return Err((kind, "an outcome that the script doesn't have", what).into());
        }
    })
}
