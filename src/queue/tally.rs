//! The counters of a flow, kept by the same scripts that move its entries.

use redis::{AsyncCommands, RedisResult};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

use super::Redis;

/// Where the entries of one flow are. Balanced: `queued` equals the sum of all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub queued: i64,
    pub accepted: i64,
    pub failed: i64,
    pub suppressed: i64,
    pub cancelled: i64,
    pub retrying: i64,
    pub in_flight: i64,
    pub in_doubt: i64,
    pub parked: i64,
}

impl Tally {
    /// Entries that still have a way to go.
    pub fn open(&self) -> i64 {
        self.in_flight + self.retrying + self.parked
    }

    pub fn closed(&self) -> i64 {
        self.accepted + self.failed + self.suppressed + self.cancelled + self.in_doubt
    }

    pub fn balanced(&self) -> bool {
        self.queued == self.open() + self.closed()
    }

    fn add(&mut self, fields: &HashMap<String, i64>) {
        let get = |name: &str| fields.get(name).copied().unwrap_or(0);
        self.queued += get("queued");
        self.accepted += get("accepted");
        self.failed += get("failed");
        self.suppressed += get("suppressed");
        self.cancelled += get("cancelled");
        self.retrying += get("retrying");
        self.in_flight += get("in_flight");
        self.in_doubt += get("in_doubt");
        self.parked += get("parked");
    }

    /// The sum over all partitions; zeros when Redis knows nothing of the flow.
    ///
    /// # Errors
    /// Those of HGETALL.
    pub async fn read(redis: &Redis, flow: &str) -> RedisResult<Self> {
        let mut tally = Self::default();
        for partition in 0..redis.keys().partitions() {
            tally.add(&fields(redis, partition, flow).await?);
        }
        Ok(tally)
    }

    /// One partition's.
    ///
    /// # Errors
    /// Those of HGETALL.
    pub async fn read_partition(redis: &Redis, partition: u32, flow: &str) -> RedisResult<Self> {
        let mut tally = Self::default();
        tally.add(&fields(redis, partition, flow).await?);
        Ok(tally)
    }
}

async fn fields(redis: &Redis, partition: u32, flow: &str) -> RedisResult<HashMap<String, i64>> {
    let key = redis.keys().tally(partition, flow);
    redis.commands().hgetall(key).await
}
