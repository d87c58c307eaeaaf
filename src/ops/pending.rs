//! Entries that were delivered and not acknowledged.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ops, OpsError, Overview, PendingEntry, PendingFilter};
use crate::{
    event::STAGES,
    queue::inspect::{self, Source},
};

/// A pending entry that nobody is working on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StuckEntry {
    #[serde(flatten)]
    pub entry: PendingEntry,
    /// Its owner still beats.
    pub owner_live: bool,
}

/// What is stuck, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stuck {
    pub entries: Vec<StuckEntry>,
    /// There are more than these.
    pub more: bool,
}

impl Ops {
    /// A page of one group's pending entries, over all partitions, lowest id first.
    ///
    /// # Errors
    /// When Redis is away, or there is no such stream or group.
    pub async fn pending(
        &self,
        stream: &str,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, OpsError> {
        let mut entries = Vec::new();
        for source in self.sources(stream) {
            let page = inspect::pending(&self.redis, &source, group, filter)
                .await
                .map_err(|e| no_group(e, stream, group))?;
            entries.extend(page);
        }
        entries.sort_by_key(|e| (id_order(&e.id), e.source.partition));
        entries.truncate(filter.count);
        Ok(entries)
    }

    /// What is stuck in the pipeline's own groups: held by a process that is gone, or untouched for
    /// the visibility time. Reads a page by id and a page of each consumer that is gone, so it stays
    /// cheap however long the lists are.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn stuck(&self, page: usize) -> Result<Stuck, OpsError> {
        let overview = inspect::overview(&self.redis, &STAGES, self.config.presence_ms).await?;
        let mut found = BTreeMap::new();
        let mut more = false;
        for (stage, (stream, group)) in overview.stages.iter().zip(STAGES) {
            for (part, source) in stage.partitions.iter().zip(Source::of(&self.redis, stream)) {
                let Some(view) = part.groups.iter().find(|g| g.name == group) else {
                    continue;
                };
                let gone = view
                    .consumers
                    .iter()
                    .filter(|c| c.pending > 0 && !overview.is_live(&c.name))
                    .map(|c| Some(c.name.clone()));
                let everybody = (view.pending > 0).then_some(None);
                for consumer in everybody.into_iter().chain(gone) {
                    let filter = PendingFilter {
                        consumer,
                        count: page,
                        ..PendingFilter::default()
                    };
                    let entries = inspect::pending(&self.redis, &source, group, &filter).await?;
                    let full = entries.len() == page;
                    let mut all_stuck = full;
                    for entry in entries {
                        let stuck = self.judge(&overview, entry);
                        all_stuck &= stuck.is_some();
                        if let Some(stuck) = stuck {
                            let key = (id_order(&stuck.entry.id), stuck.entry.source.clone());
                            found.insert(key, stuck);
                        }
                    }
                    more |= all_stuck;
                }
            }
        }
        Ok(Stuck {
            entries: found.into_values().collect(),
            more,
        })
    }

    fn judge(&self, overview: &Overview, entry: PendingEntry) -> Option<StuckEntry> {
        let owner_live = overview.is_live(&entry.consumer);
        let limit = if owner_live {
            self.config.visibility_ms
        } else {
            self.config.presence_ms
        };
        (entry.idle_ms >= limit).then_some(StuckEntry { entry, owner_live })
    }
}

pub(super) fn no_group(error: redis::RedisError, stream: &str, group: &str) -> OpsError {
    if crate::queue::is_no_group(&error) {
        return OpsError::NotFound(format!("stream {stream:?} has no group {group:?}"));
    }
    error.into()
}

/// Ids sort as numbers, not as text.
pub(super) fn id_order(id: &str) -> (u64, u64) {
    let mut parts = id.split('-').map(|n| n.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
