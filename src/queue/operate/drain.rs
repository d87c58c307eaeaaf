//! Asks a process on whatever host to drain and end; its next heartbeat reads it.

use redis::{AsyncCommands, RedisResult};

use crate::queue::Redis;

/// Notes who asked. Names are never used twice, so a wish that comes too late reaches nobody.
///
/// # Errors
/// Those of HSET.
pub async fn ask_to_drain(redis: &Redis, worker: &str, who: &str) -> RedisResult<()> {
    let key = redis.keys().workers_drain();
    redis.commands().hset(key, worker, who).await
}
