//! Consumer groups made, moved and rid of consumers.

use redis::{RedisResult, Script};

use crate::queue::{Redis, inspect::Source};

const DELETE_CONSUMER: &str = include_str!("../lua/bury_consumer.lua");

/// Makes a group that reads from `from` on (`0`, `$` or an id), and the stream if there is none. False when it
/// exists.
///
/// # Errors
/// Those of XGROUP CREATE.
pub async fn create_group(
    redis: &Redis,
    source: &Source,
    group: &str,
    from: &str,
) -> RedisResult<bool> {
    let made: RedisResult<()> = redis::cmd("XGROUP")
        .arg("CREATE")
        .arg(&source.key)
        .arg(group)
        .arg(from)
        .arg("MKSTREAM")
        .query_async(&mut redis.commands())
        .await;
    match made {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(false),
        other => other.map(|()| true),
    }
}

/// Sets what a group has read: it goes on after `id` (`0`, `$` or an id).
///
/// # Errors
/// Those of XGROUP SETID.
pub async fn set_group_id(
    redis: &Redis,
    source: &Source,
    group: &str,
    id: &str,
) -> RedisResult<()> {
    redis::cmd("XGROUP")
        .arg("SETID")
        .arg(&source.key)
        .arg(group)
        .arg(id)
        .query_async(&mut redis.commands())
        .await
}

/// Removes a consumer that holds nothing; false when it holds something.
///
/// # Errors
/// Those of the script.
pub async fn delete_consumer(
    redis: &Redis,
    source: &Source,
    group: &str,
    consumer: &str,
) -> RedisResult<bool> {
    let removed: i64 = Script::new(DELETE_CONSUMER)
        .key(&source.key)
        .arg(group)
        .arg(consumer)
        .invoke_async(&mut redis.commands())
        .await?;
    Ok(removed == 1)
}
