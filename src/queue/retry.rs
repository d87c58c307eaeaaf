//! Retries: how long to wait, and moving what is due back to its stream.

use std::{sync::LazyLock, time::Duration};

use rand::RngExt;
use redis::{RedisResult, Script};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Outage, Redis, consumer::Source};

const PAGE: usize = 500;
/// Another process may have put an earlier entry there, so nobody sleeps longer.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

static PROMOTE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/promote.lua")));

/// Exponential backoff with full jitter.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    pub base_ms: u64,
    pub cap_ms: u64,
    /// Attempts in all, the first one included.
    pub attempts: u32,
}

impl RetryPolicy {
    /// No retry comes sooner, ms.
    const FLOOR_MS: u64 = 1_000;

    /// The delay after that many attempts, ms: random between the floor and min(cap, base·2^(attempt-1)).
    pub fn delay_ms(&self, attempts_made: u32) -> u64 {
        let doublings = attempts_made.saturating_sub(1).min(32);
        let most = self.base_ms.saturating_mul(1 << doublings).min(self.cap_ms);
        rand::rng().random_range(0..=most).max(Self::FLOOR_MS)
    }
}

/// Promotes until shutdown; wakes at the next due time, and when this process settles a retry.
pub(super) async fn run(
    redis: Redis,
    source: Source,
    mut woken: watch::Receiver<()>,
    shutdown: CancellationToken,
) {
    let mut outage = Outage::new("promotion of retries");
    while !shutdown.is_cancelled() {
        let mut sleep = LONGEST_SLEEP;
        for partition in 0..redis.keys().partitions() {
            match promote(&redis, &source, partition).await {
                Ok(next) => {
                    outage.over();
                    sleep = sleep.min(next.unwrap_or(LONGEST_SLEEP));
                }
                Err(error) => outage.wait(&error, &shutdown).await,
            }
        }
        if sleep.is_zero() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            _ = woken.changed() => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Moves all that is due in one partition; returns how long until the next is, if any waits.
pub(super) async fn promote(
    redis: &Redis,
    source: &Source,
    partition: u32,
) -> RedisResult<Option<Duration>> {
    let keys = redis.keys();
    let mut flows: Vec<String> = Vec::new();
    loop {
        let mut call = PROMOTE.prepare_invoke();
        call.key(keys.retry(partition, &source.stream))
            .key(keys.stream(partition, &source.stream));
        for flow in &flows {
            call.key(keys.tally(partition, flow));
        }
        call.arg(PAGE).arg(u8::from(source.counted));
        for flow in &flows {
            call.arg(flow);
        }
        let reply: Vec<redis::Value> = call.invoke_async(&mut redis.commands()).await?;
        let moved = reply.first().and_then(super::reply::int).unwrap_or(0);
        let wait = reply.get(1).and_then(super::reply::int).unwrap_or(-1);
        let unnamed: Vec<String> = reply
            .iter()
            .skip(2)
            .filter_map(super::reply::text)
            .collect();
        if unnamed.is_empty() && moved < PAGE as i64 {
            return Ok(u64::try_from(wait).ok().map(Duration::from_millis));
        }
        flows.extend(unnamed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_the_cap_and_never_fall_below_the_floor() {
        let policy = RetryPolicy {
            base_ms: 30_000,
            cap_ms: 3_600_000,
            attempts: 8,
        };
        for attempts in 1..60 {
            let most = (30_000u64 << (attempts - 1).min(20)).min(3_600_000);
            let delay = policy.delay_ms(attempts);
            assert!(
                (1_000..=most).contains(&delay),
                "attempt {attempts}: {delay}"
            );
        }
    }
}
