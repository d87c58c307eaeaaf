//! Dead letters that are too old to be of use.

use redis::RedisResult;

use super::super::Redis;

/// Removes the dead letters of a stream that were written before `before_ms` (XTRIM MINID), and says how many.
///
/// # Errors
/// Those of XTRIM; then some partitions may be trimmed and others not.
pub async fn forget_letters(redis: &Redis, stream: &str, before_ms: i64) -> RedisResult<u64> {
    let mut gone = 0;
    for partition in 0..redis.keys().partitions() {
        gone += redis::cmd("XTRIM")
            .arg(redis.keys().dead(partition, stream))
            .arg("MINID")
            .arg(before_ms.max(0))
            .query_async::<u64>(&mut redis.commands())
            .await?;
    }
    Ok(gone)
}
