//! What every consumer does for its stream once a second: renews long claims, moves parked entries of
//! running flows back, and trims what its group needs no more.

use std::{sync::LazyLock, time::Duration};

use redis::{AsyncCommands, RedisResult, Script};
use tokio_util::sync::CancellationToken;

use super::{Held, Outage, Redis, consumer::ConsumerConfig, consumer::Source};

const TICK: Duration = Duration::from_secs(1);
const PAGE: usize = 1_000;

static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/renew.lua")));
static UNPARK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/unpark.lua")));
static TRIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/trim.lua")));

pub(super) async fn run(
    redis: Redis,
    source: Source,
    config: ConsumerConfig,
    held: Held,
    shutdown: CancellationToken,
) {
    let mut outage = Outage::new("housekeeping");
    while !shutdown.is_cancelled() {
        match tidy(&redis, &source, &config, &held).await {
            Ok(()) => outage.over(),
            Err(error) => outage.wait(&error, &shutdown).await,
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn tidy(
    redis: &Redis,
    source: &Source,
    config: &ConsumerConfig,
    held: &Held,
) -> RedisResult<()> {
    renew(redis, source, config, held).await?;
    for partition in 0..redis.keys().partitions() {
        unpark(redis, source, partition).await?;
        TRIM.key(redis.keys().stream(partition, &source.stream))
            .arg(&source.group)
            .invoke_async::<i64>(&mut redis.commands())
            .await?;
    }
    Ok(())
}

async fn renew(
    redis: &Redis,
    source: &Source,
    config: &ConsumerConfig,
    held: &Held,
) -> RedisResult<()> {
    let every = Duration::from_millis(config.visibility_ms / 3);
    let mut ids = held.to_renew(every, Duration::from_millis(config.max_hold_ms));
    ids.sort_unstable();
    for page in ids
        .chunk_by(|a, b| a.0 == b.0)
        .flat_map(|partition| partition.chunks(PAGE))
    {
        let mut call = RENEW.prepare_invoke();
        call.key(redis.keys().stream(page[0].0, &source.stream))
            .arg(&source.group)
            .arg(&config.name);
        for (_, id) in page {
            call.arg(id);
        }
        call.invoke_async::<i64>(&mut redis.commands()).await?;
    }
    Ok(())
}

pub(super) async fn unpark(redis: &Redis, source: &Source, partition: u32) -> RedisResult<()> {
    let keys = redis.keys();
    let flows_key = keys.parked_flows(partition, &source.stream);
    let flows: Vec<String> = redis.commands().smembers(&flows_key).await?;
    for flow in flows {
        loop {
            let moved: i64 = UNPARK
                .key(keys.parked(partition, &source.stream, &flow))
                .key(keys.stream(partition, &source.stream))
                .key(keys.flow(partition, &flow))
                .key(keys.tally(partition, &flow))
                .key(&flows_key)
                .arg(PAGE)
                .arg(&flow)
                .invoke_async(&mut redis.commands())
                .await?;
            if moved < PAGE as i64 {
                break;
            }
        }
    }
    Ok(())
}
