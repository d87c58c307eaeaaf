//! The fan-out: one script per page, so that cursor, entries and counters move together or not at all.

use std::sync::LazyLock;

use redis::{RedisResult, Script};

use super::{Entry, Redis, flow::Turns};

static FANOUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/fanout.lua")));

/// When the window is full, the next turn is due after that long, ms.
const FULL_DELAY_MS: u64 = 50;
/// However slow the outflow, a window holds that many.
pub(super) const LEAST_WINDOW: u64 = 500;

/// Bounds of one flow, over all partitions.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// Entries between fan-out and outcome.
    pub in_flight: u64,
    /// Entries waiting for a retry, or parked.
    pub waiting: u64,
}

/// One page of recipients, and what it is to the turn.
#[derive(Debug)]
pub struct Page<'a> {
    pub turn: u64,
    /// The cursor before it.
    pub after: i64,
    /// The cursor when all of it was added.
    pub upto: i64,
    /// Recipient id and the entry's data.
    pub recipients: &'a [(i64, String)],
    /// Nobody comes after it.
    pub last: bool,
    /// The turn ends with it.
    pub ends_turn: bool,
}

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paged {
    /// Go on with the page after this cursor.
    Open { cursor: i64 },
    /// The turn has ended, and its entry is acknowledged.
    TurnEnded,
    /// The whole audience has been added.
    Complete,
    /// That turn was taken before; its entry is acknowledged.
    Stale,
    /// Paused, cancelled or finished; its entry is acknowledged.
    Stopped,
    /// Redis knows nothing of the flow.
    Missing,
}

/// The state of a flow that a turn needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub cursor: i64,
    pub audience: i64,
}

/// Where the fan-out stands; `None` when Redis knows nothing of the flow.
///
/// # Errors
/// Those of HMGET.
pub async fn cursor(redis: &Redis, partition: u32, flow: &str) -> RedisResult<Option<Cursor>> {
    let (cursor, audience): (Option<i64>, Option<i64>) = redis::cmd("HMGET")
        .arg(redis.keys().flow(partition, flow))
        .arg("cursor")
        .arg("audience")
        .query_async(&mut redis.commands())
        .await?;
    Ok(cursor
        .zip(audience)
        .map(|(cursor, audience)| Cursor { cursor, audience }))
}

/// Adds a page to `stream` as entries of type `kind`. Harmless when repeated after a lost reply: the cursor
/// has moved, and the answer says where to go on.
///
/// # Errors
/// Those of the script.
pub async fn add_page(
    redis: &Redis,
    turns: Turns,
    entry: &Entry,
    stream: &str,
    kind: &str,
    page: &Page<'_>,
    windows: Windows,
) -> RedisResult<Paged> {
    let keys = redis.keys();
    let partitions = u64::from(keys.partitions());
    let partition = entry.partition;
    let share = |n: u64| (n / partitions).max(1);
    let mut call = FANOUT.prepare_invoke();
    call.key(keys.stream(partition, turns.stream))
        .key(keys.stream(partition, stream))
        .key(keys.flow(partition, &entry.flow))
        .key(keys.tally(partition, &entry.flow))
        .key(keys.retry(partition, turns.stream))
        .arg(turns.group)
        .arg(&entry.id)
        .arg(&entry.flow)
        .arg(page.turn)
        .arg(page.after)
        .arg(u8::from(page.last))
        .arg(u8::from(page.ends_turn))
        .arg(page.upto)
        .arg(share(windows.in_flight))
        .arg(share(windows.waiting))
        .arg(share(LEAST_WINDOW.min(windows.in_flight)))
        .arg(FULL_DELAY_MS)
        .arg(turns.kind)
        .arg(turns.data.0)
        .arg(turns.data.1)
        .arg(kind);
    for (id, data) in page.recipients {
        call.arg(*id).arg(data);
    }
    let (state, cursor, _added): (String, i64, u64) =
        call.invoke_async(&mut redis.commands()).await?;
    Ok(match state.as_str() {
        "open" | "moved" => Paged::Open { cursor },
        "next" | "full" => Paged::TurnEnded,
        "complete" => Paged::Complete,
        "stale" => Paged::Stale,
        "missing" => Paged::Missing,
        _ => Paged::Stopped,
    })
}
