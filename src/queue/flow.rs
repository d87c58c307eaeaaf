//! Flows: their status as every script sees it, how they start, and how they end.

use std::sync::LazyLock;

use redis::{AsyncCommands, RedisResult, Script};

use super::Redis;

static START: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/start_flow.lua")));
static SET_STATUS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/set_status.lua")));

/// The keys of a flow that has ended are kept for that long, seconds.
const KEPT_S: i64 = 7 * 24 * 3_600;

/// What the entries that carry a fan-out's turns look like.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    pub stream: &'static str,
    pub group: &'static str,
    pub kind: &'static str,
    /// What stands before and after the turn's number in an entry's data.
    pub data: (&'static str, &'static str),
}

/// How far the fan-out of one partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// Just now.
    Started,
    Open {
        turn: u64,
        cursor: u64,
    },
    /// Paused before its end; resuming goes on.
    Halted,
    Complete,
}

/// A flow as its owner wants it.
#[derive(Debug, Clone)]
pub struct FlowState<'a> {
    pub flow: &'a str,
    pub status: &'a str,
    pub revision: i64,
    pub epoch: i64,
    /// The last id of the audience.
    pub audience: i64,
}

/// Starts the fan-out in one partition that knows nothing of it, or says how far it is; `again` appends the
/// current turn once more, which is harmless and helps when it was lost.
///
/// # Errors
/// Those of the script.
pub async fn start(
    redis: &Redis,
    partition: u32,
    turns: Turns,
    state: &FlowState<'_>,
    again: bool,
) -> RedisResult<Started> {
    let keys = redis.keys();
    let (what, turn, cursor): (String, u64, u64) = START
        .key(keys.flow(partition, state.flow))
        .key(keys.tally(partition, state.flow))
        .key(keys.stream(partition, turns.stream))
        .key(keys.told(partition, state.flow))
        .arg(state.flow)
        .arg(state.status)
        .arg(state.revision)
        .arg(state.epoch)
        .arg(state.audience)
        .arg(turns.kind)
        .arg(turns.data.0)
        .arg(turns.data.1)
        .arg(u8::from(again))
        .invoke_async(&mut redis.commands())
        .await?;
    Ok(match what.as_str() {
        "started" => Started::Started,
        "complete" => Started::Complete,
        "halted" => Started::Halted,
        _ => Started::Open { turn, cursor },
    })
}

/// Sets the status in every partition that knows the flow, unless a newer revision is there.
///
/// # Errors
/// Those of the script; some partitions may have been set.
pub async fn set_status(redis: &Redis, turns: Turns, state: &FlowState<'_>) -> RedisResult<()> {
    let keys = redis.keys();
    for partition in 0..keys.partitions() {
        SET_STATUS
            .key(keys.flow(partition, state.flow))
            .key(keys.stream(partition, turns.stream))
            .arg(state.flow)
            .arg(state.status)
            .arg(state.revision)
            .arg(turns.kind)
            .arg(turns.data.0)
            .arg(turns.data.1)
            .arg(state.epoch)
            .invoke_async::<String>(&mut redis.commands())
            .await?;
    }
    Ok(())
}

/// How far the fan-outs of all partitions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FanOuts {
    Open,
    Complete,
    /// These partitions know nothing of the flow.
    Missing(Vec<u32>),
}

/// Asks every partition how far its fan-out is.
///
/// # Errors
/// Those of HMGET.
pub async fn fan_outs(redis: &Redis, flow: &str) -> RedisResult<FanOuts> {
    let (mut all, mut missing) = (FanOuts::Complete, Vec::new());
    for partition in 0..redis.keys().partitions() {
        let complete: Option<String> = redis
            .commands()
            .hget(redis.keys().flow(partition, flow), "complete")
            .await?;
        match complete.as_deref() {
            None => missing.push(partition),
            Some("1") => {}
            Some(_) => all = FanOuts::Open,
        }
    }
    Ok(if missing.is_empty() {
        all
    } else {
        FanOuts::Missing(missing)
    })
}

/// The lowest revision that a partition has heard of; `None` when one knows nothing of the flow.
///
/// # Errors
/// Those of HGET.
pub async fn revision(redis: &Redis, flow: &str) -> RedisResult<Option<i64>> {
    let mut least = None;
    for partition in 0..redis.keys().partitions() {
        let key = redis.keys().flow(partition, flow);
        let Some(found) = redis
            .commands()
            .hget::<_, _, Option<i64>>(key, "revision")
            .await?
        else {
            return Ok(None);
        };
        least = Some(least.unwrap_or(found).min(found));
    }
    Ok(least)
}

/// Lets the keys of a flow that has ended expire after seven days.
///
/// # Errors
/// Those of EXPIRE.
pub async fn expire(redis: &Redis, flow: &str) -> RedisResult<()> {
    for partition in 0..redis.keys().partitions() {
        for key in [
            redis.keys().flow(partition, flow),
            redis.keys().tally(partition, flow),
            redis.keys().told(partition, flow),
        ] {
            redis.commands().expire::<_, ()>(key, KEPT_S).await?;
        }
    }
    Ok(())
}
