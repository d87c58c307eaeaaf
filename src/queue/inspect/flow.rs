//! How far the fan-out of a flow has come.

use std::collections::HashMap;

use redis::{AsyncCommands, RedisResult};
use serde::Serialize;

use crate::queue::Redis;

/// The state of a flow, summed over its partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FlowView {
    /// Empty when Redis knows nothing of it.
    pub status: String,
    pub revision: u64,
    pub epoch: u64,
    /// The highest id of the audience, the same in every partition.
    pub audience: u64,
    /// The lowest id that some partition has reached.
    pub cursor: u64,
    /// Every partition's fan-out has ended.
    pub complete: bool,
    pub window: u64,
}

/// Reads the flow's hash in every partition.
///
/// # Errors
/// Those of Redis.
pub async fn flow(redis: &Redis, flow: &str) -> RedisResult<FlowView> {
    let mut connection = redis.commands();
    let mut view = FlowView {
        complete: true,
        cursor: u64::MAX,
        ..FlowView::default()
    };
    for partition in 0..redis.keys().partitions() {
        let hash: HashMap<String, String> = connection
            .hgetall(redis.keys().flow(partition, flow))
            .await?;
        let count = |name: &str| -> u64 { hash.get(name).map_or(0, |v| v.parse().unwrap_or(0)) };
        if let Some(status) = hash.get("status") {
            view.status.clone_from(status);
        }
        view.revision = view.revision.max(count("revision"));
        view.epoch = view.epoch.max(count("epoch"));
        view.audience = view.audience.max(count("audience"));
        view.cursor = view.cursor.min(count("cursor"));
        view.complete &= count("complete") == 1;
        view.window += count("window");
    }
    Ok(view)
}
