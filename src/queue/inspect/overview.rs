//! The whole pipeline at one glance, in two round trips.

use std::collections::HashMap;

use redis::{RedisResult, Value};
use serde::Serialize;

use super::{
    presence::{self, Worker, time_ms},
    reply::{Replies, text},
    stream::{self, Source, StreamView},
};
use crate::queue::Redis;

/// What the server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Server {
    pub version: String,
    /// Redis TIME, ms.
    pub now_ms: u64,
    pub uptime_s: u64,
    pub memory_bytes: u64,
    /// 0: no limit.
    pub max_memory_bytes: u64,
    pub max_memory_policy: String,
    /// The append-only file is on.
    pub aof: bool,
    /// `ok`, or what the last write to it ended with.
    pub aof_status: String,
}

/// Everything that the home screen and `status` show of Redis.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Overview {
    pub server: Server,
    pub stages: Vec<StreamView>,
    pub workers: Vec<Worker>,
}

impl Overview {
    /// True when a process of that name beats.
    pub fn is_live(&self, consumer: &str) -> bool {
        self.workers.iter().any(|w| w.live && w.name == consumer)
    }
}

/// Reads the stages (stream, group), the server and who is alive.
///
/// # Errors
/// Those of Redis. A stream that isn't there yet is empty, not an error.
pub async fn overview(
    redis: &Redis,
    stages: &[(&str, &str)],
    presence_ms: u64,
) -> RedisResult<Overview> {
    let mut connection = redis.commands();
    let mut pipe = redis::pipe();
    pipe.cmd("TIME");
    for section in ["server", "memory", "persistence"] {
        pipe.cmd("INFO").arg(section);
    }
    presence::ask(&mut pipe, redis);
    for (stream, _) in stages {
        for source in Source::of(redis, stream) {
            stream::ask(&mut pipe, redis, &source);
        }
    }
    let mut replies = Replies::of(&mut pipe, &mut connection).await?;
    let now_ms = time_ms(replies.take()?);
    let infos = [replies.take()?, replies.take()?, replies.take()?];
    let workers = presence::read(&mut replies, now_ms, presence_ms)?;
    let mut parts = Vec::new();
    for (stream, _) in stages {
        for source in Source::of(redis, stream) {
            parts.push(stream::read(&mut replies, source)?);
        }
    }

    let mut pipe = redis::pipe();
    for (view, flows) in &parts {
        stream::ask_more(&mut pipe, redis, view, flows);
    }
    let mut replies = Replies::of(&mut pipe, &mut connection).await?;
    for (view, flows) in &mut parts {
        stream::read_more(&mut replies, view, flows, now_ms)?;
    }

    let mut parts = parts.into_iter().map(|(view, _)| view);
    let partitions = redis.keys().partitions() as usize;
    let stages = stages
        .iter()
        .map(|(stream, group)| {
            StreamView::sum(stream, group, parts.by_ref().take(partitions).collect())
        })
        .collect();
    Ok(Overview {
        server: server(now_ms, &infos),
        stages,
        workers,
    })
}

fn server(now_ms: u64, infos: &[Value]) -> Server {
    let infos: Vec<String> = infos.iter().map(text).collect();
    let facts: HashMap<&str, &str> = infos
        .iter()
        .flat_map(|info| info.lines())
        .filter_map(|line| line.split_once(':'))
        .collect();
    let word = |name: &str| facts.get(name).copied().unwrap_or_default().to_owned();
    let count = |name: &str| word(name).parse().unwrap_or(0);
    Server {
        version: word("redis_version"),
        now_ms,
        uptime_s: count("uptime_in_seconds"),
        memory_bytes: count("used_memory"),
        max_memory_bytes: count("maxmemory"),
        max_memory_policy: word("maxmemory_policy"),
        aof: word("aof_enabled") == "1",
        aof_status: word("aof_last_write_status"),
    }
}
