//! Entries that were delivered and not acknowledged.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ConsumerView, GroupView, Ops, OpsError, Overview, PendingEntry, PendingFilter};
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
    /// How long ago it was looked at, ms; 0: for this list. Streams that aren't ours are read in rotation.
    pub seen_ms_ago: u64,
}

/// What is stuck, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stuck {
    pub entries: Vec<StuckEntry>,
    /// There are more than these.
    pub more: bool,
    /// Streams that weren't read yet: what is stuck there isn't known.
    pub unread: usize,
}

/// Where an entry stands among others: by its id, then by its stream.
type Place = ((u64, u64), Source);

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

    /// What is stuck in the pipeline's own groups, at most a page of it: held by a process that is gone,
    /// or untouched for the visibility time. Reads a page by id, and where entries in work crowd it one
    /// more, shared by the consumers that are gone: it stays cheap however long the lists are.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn stuck(&self, page: usize) -> Result<Stuck, OpsError> {
        let overview = inspect::overview(&self.redis, &STAGES, self.config.presence_ms).await?;
        let mut found = BTreeMap::new();
        let mut more = false;
        for (stage, (stream, group)) in overview.stages.iter().zip(STAGES) {
            for (part, source) in stage.partitions.iter().zip(Source::of(&self.redis, stream)) {
                if let Some(view) = part.groups.iter().find(|g| g.name == group) {
                    more |= self
                        .stuck_in(&overview, &source, view, page, &mut found)
                        .await?;
                }
            }
        }
        let mut entries: Vec<StuckEntry> = found.into_values().collect();
        more |= entries.len() > page;
        entries.truncate(page);
        inspect::bodies(&self.redis, entries.iter_mut().map(|s| &mut s.entry)).await?;
        Ok(Stuck {
            entries,
            more,
            unread: 0,
        })
    }

    /// Adds what is stuck in one group; true when there is more of it.
    async fn stuck_in(
        &self,
        overview: &Overview,
        source: &Source,
        view: &GroupView,
        page: usize,
        found: &mut BTreeMap<Place, StuckEntry>,
    ) -> Result<bool, OpsError> {
        if view.pending == 0 {
            return Ok(false);
        }
        let gone: Vec<&ConsumerView> = view
            .consumers
            .iter()
            .filter(|c| c.pending > 0 && !overview.is_live(&c.name))
            .collect();
        let (full, stuck) = self
            .add_stuck(overview, source, view, None, page, found)
            .await?;
        if !full {
            return Ok(false);
        }
        if stuck == page {
            return Ok(true);
        }
        let share = (page / gone.len().max(1)).max(1);
        let mut more = false;
        for consumer in gone.iter().take(page) {
            let name = Some(consumer.name.clone());
            let (_, stuck) = self
                .add_stuck(overview, source, view, name, share, found)
                .await?;
            more |= consumer.pending > stuck as u64;
        }
        Ok(more)
    }

    /// Adds what is stuck of one page; says whether the page is full, and how many are stuck.
    async fn add_stuck(
        &self,
        overview: &Overview,
        source: &Source,
        view: &GroupView,
        consumer: Option<String>,
        count: usize,
        found: &mut BTreeMap<Place, StuckEntry>,
    ) -> Result<(bool, usize), OpsError> {
        let filter = PendingFilter {
            consumer,
            count,
            ..PendingFilter::default()
        };
        let entries = inspect::held(&self.redis, source, &view.name, &filter).await?;
        let full = entries.len() == count;
        let stuck = entries.into_iter().filter_map(|e| self.judge(overview, e));
        let mut n = 0;
        for stuck in stuck {
            n += 1;
            found.insert(
                (id_order(&stuck.entry.id), stuck.entry.source.clone()),
                stuck,
            );
        }
        Ok((full, n))
    }

    pub(super) fn judge(&self, overview: &Overview, entry: PendingEntry) -> Option<StuckEntry> {
        let owner_live = overview.is_live(&entry.consumer);
        let limit = if owner_live {
            self.config.visibility_ms
        } else {
            self.config.presence_ms
        };
        (entry.idle_ms >= limit).then_some(StuckEntry {
            entry,
            owner_live,
            seen_ms_ago: 0,
        })
    }
}

pub(super) fn no_group(error: redis::RedisError, stream: &str, group: &str) -> OpsError {
    if crate::queue::is_no_group(&error) {
        return OpsError::NotFound(format!("stream {stream:?} has no group {group:?}"));
    }
    error.into()
}

/// Ids sort as numbers, not as text.
pub fn id_order(id: &str) -> (u64, u64) {
    let mut parts = id.split('-').map(|n| n.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
