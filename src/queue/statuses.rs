//! The statuses of flows, as the partitions of their entries know them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use redis::{AsyncCommands, RedisResult};

use super::{Entry, Redis};

/// A status is trusted for that long, so that a cancelled flow stops within a second.
const FRESH: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowStatus {
    Running,
    Paused,
    Cancelled,
    /// Finished, or a status of a newer build.
    Other,
    /// Redis knows nothing of it.
    Missing,
}

/// A flow in one partition: another may have lost it.
type Place = (u32, String);

/// What was found for a batch of entries. A batch has few flows: a list costs less than a map.
#[derive(Debug, Default)]
pub struct Statuses(Vec<(Place, FlowStatus)>);

impl Statuses {
    /// Of an entry of that batch; single entries belong to no flow, which is missing.
    pub fn of(&self, entry: &Entry) -> FlowStatus {
        self.find(entry).unwrap_or(FlowStatus::Missing)
    }

    fn find(&self, entry: &Entry) -> Option<FlowStatus> {
        let found = self.0.iter().find(|(place, _)| is_at(place, entry));
        found.map(|(_, status)| *status)
    }
}

fn is_at((partition, flow): &Place, entry: &Entry) -> bool {
    (*partition, flow) == (entry.partition, &entry.flow)
}

/// Statuses, asked once per batch, flow and partition, and remembered for 200 ms.
#[derive(Clone)]
pub struct Flows {
    redis: Redis,
    known: Arc<Mutex<HashMap<Place, (FlowStatus, Instant)>>>,
}

impl Flows {
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            known: Arc::default(),
        }
    }

    /// The status of every flow that these entries belong to.
    ///
    /// # Errors
    /// Those of HGET.
    pub async fn of(&self, entries: impl IntoIterator<Item = &Entry>) -> RedisResult<Statuses> {
        let mut statuses = Statuses::default();
        let mut unknown: Vec<Place> = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(|e| e.into_inner());
            for entry in entries {
                let is_asked = unknown.iter().any(|place| is_at(place, entry));
                if entry.flow.is_empty() || is_asked || statuses.find(entry).is_some() {
                    continue;
                }
                let place = (entry.partition, entry.flow.clone());
                match known.get(&place) {
                    Some((status, at)) if at.elapsed() < FRESH => {
                        statuses.0.push((place, *status));
                    }
                    _ => unknown.push(place),
                }
            }
        }
        for place in unknown {
            let status = self.ask(&place).await?;
            // That it is missing is not remembered: an entry that is read later belongs to a flow that has
            // been started meanwhile, and would be refused for good.
            if status != FlowStatus::Missing {
                let mut known = self.known.lock().unwrap_or_else(|e| e.into_inner());
                known.retain(|_, (_, at)| at.elapsed() < FRESH);
                known.insert(place.clone(), (status, Instant::now()));
            }
            statuses.0.push((place, status));
        }
        Ok(statuses)
    }

    async fn ask(&self, (partition, flow): &Place) -> RedisResult<FlowStatus> {
        let key = self.redis.keys().flow(*partition, flow);
        let status: Option<String> = self.redis.commands().hget(key, "status").await?;
        Ok(match status.as_deref() {
            None => FlowStatus::Missing,
            Some("running") => FlowStatus::Running,
            Some("paused") => FlowStatus::Paused,
            Some("cancelled") => FlowStatus::Cancelled,
            Some(_) => FlowStatus::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::inspect::test_redis;

    #[tokio::test]
    async fn what_one_partition_has_lost_is_known_to_the_other() {
        let redis = test_redis::redis(2);
        let key = redis.keys().flow(1, "7");
        let _: () = redis
            .commands()
            .hset(key, "status", "running")
            .await
            .expect("HSET");
        let entry = |partition| Entry {
            partition,
            flow: "7".to_owned(),
            ..Entry::default()
        };
        let flows = Flows::new(redis);
        for _ in 0..2 {
            let batch = [entry(0), entry(1), entry(0)];
            let found = flows.of(&batch).await.expect("HGET");
            let found = batch.map(|entry| found.of(&entry));
            use FlowStatus::{Missing, Running};
            assert_eq!(found, [Missing, Running, Missing]);
        }
    }
}
