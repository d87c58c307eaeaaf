//! Groups, and single entries that no script emits.

use redis::{RedisResult, aio::ConnectionLike};

use super::Redis;

/// XGROUP CREATE … MKSTREAM from the beginning; that it exists already is fine.
///
/// # Errors
/// Those of XGROUP CREATE, but BUSYGROUP.
pub async fn ensure_group(
    connection: &mut impl ConnectionLike,
    stream: &str,
    group: &str,
) -> RedisResult<()> {
    let made: RedisResult<()> = redis::cmd("XGROUP")
        .arg("CREATE")
        .arg(stream)
        .arg(group)
        .arg("0")
        .arg("MKSTREAM")
        .query_async(connection)
        .await;
    match made {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        other => other,
    }
}

/// Appends one entry that belongs to no flow, and returns its id.
///
/// # Errors
/// Those of XADD; then it is unknown whether the entry was appended.
pub async fn publish(
    redis: &Redis,
    partition: u32,
    stream: &str,
    kind: &str,
    data: &str,
) -> RedisResult<String> {
    redis::cmd("XADD")
        .arg(redis.keys().stream(partition, stream))
        .arg("*")
        .arg("type")
        .arg(kind)
        .arg("flow")
        .arg("")
        .arg("data")
        .arg(data)
        .query_async(&mut redis.commands())
        .await
}
