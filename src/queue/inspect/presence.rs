//! Who is alive: the heartbeats, and what each process says of itself.

use std::collections::HashMap;

use redis::{RedisResult, Value};
use serde::Serialize;

use super::reply::{Replies, number, pairs, text};
use crate::queue::{Redis, WorkerInfo};

/// A process that beats, or did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Worker {
    /// Its consumer name, `host-pid-start`.
    pub name: String,
    /// Redis TIME of its last heartbeat, ms.
    pub beat_at_ms: u64,
    /// Milliseconds since then, by the server's clock.
    pub silent_ms: u64,
    /// It has beaten within the presence time.
    pub live: bool,
    #[serde(flatten)]
    pub info: WorkerInfo,
}

pub(super) fn ask(pipe: &mut redis::Pipeline, redis: &Redis) {
    pipe.cmd("ZRANGE")
        .arg(redis.keys().workers())
        .arg(0)
        .arg(-1)
        .arg("WITHSCORES");
    pipe.cmd("HGETALL").arg(redis.keys().workers_info());
}

pub(super) fn read(
    replies: &mut Replies,
    now_ms: u64,
    presence_ms: u64,
) -> RedisResult<Vec<Worker>> {
    let beats = pairs(replies.take()?);
    let mut infos: HashMap<String, WorkerInfo> = pairs(replies.take()?)
        .into_iter()
        .map(|(name, json)| {
            let info = serde_json::from_str(&text(&json)).unwrap_or_default();
            (text(&name), info)
        })
        .collect();
    let mut workers: Vec<Worker> = beats
        .into_iter()
        .map(|(name, score)| {
            let name = text(&name);
            let beat_at_ms = number(&score).unwrap_or(0);
            let silent_ms = now_ms.saturating_sub(beat_at_ms);
            Worker {
                info: infos.remove(&name).unwrap_or_default(),
                name,
                beat_at_ms,
                silent_ms,
                live: silent_ms <= presence_ms,
            }
        })
        .collect();
    workers.sort_by(|a, b| (&a.info.service, &a.name).cmp(&(&b.info.service, &b.name)));
    Ok(workers)
}

/// Everybody who beats or has beaten, sorted by service and name.
///
/// # Errors
/// Those of Redis.
pub async fn workers(redis: &Redis, presence_ms: u64) -> RedisResult<Vec<Worker>> {
    let mut pipe = redis::pipe();
    pipe.cmd("TIME");
    ask(&mut pipe, redis);
    let mut replies = Replies::of(&mut pipe, &mut redis.commands()).await?;
    let now_ms = time_ms(replies.take()?);
    read(&mut replies, now_ms, presence_ms)
}

/// Redis TIME in ms.
pub(super) fn time_ms(value: Value) -> u64 {
    let parts = super::reply::list(value);
    let part = |i: usize| parts.get(i).and_then(number).unwrap_or(0);
    part(0) * 1_000 + part(1) / 1_000
}
