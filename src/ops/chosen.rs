//! The pending entries that a plan is about.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::{Ops, OpsError, pending::no_group};
use crate::queue::inspect::{self, PendingEntry, PendingFilter, Source};

/// A plan takes at most this many entries; the rest needs another plan.
pub(super) const MOST: usize = 100_000;
/// Entries of a look at a pending entries list.
pub(super) const PAGE: usize = 1_000;

/// One entry, where the same id may lie in several partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PlannedId {
    pub source: Source,
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Ids, in whichever partition they are pending.
    Ids(Vec<String>),
    Entries(Vec<PlannedId>),
    /// Everything that has been idle long enough.
    All,
}

/// What of a group is pending of that which was asked for.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) entries: Vec<PendingEntry>,
    /// Ids that were asked for and aren't pending.
    pub(super) absent: Vec<String>,
    /// There are more than a plan can hold.
    pub(super) more: bool,
}

impl Chosen {
    /// What doesn't fit is only known to be there.
    pub(super) fn add(&mut self, page: impl Iterator<Item = PendingEntry>) {
        self.entries.extend(page);
        self.more |= self.entries.len() > MOST;
        self.entries.truncate(MOST);
    }
}

impl Ops {
    /// How long an entry must have been untouched; `None`: the visibility time.
    pub(super) fn min_idle_ms(&self, asked: Option<u64>) -> Result<u64, OpsError> {
        let min_idle_ms = asked.unwrap_or(self.config.visibility_ms);
        not_in_work(min_idle_ms)?;
        Ok(min_idle_ms)
    }

    /// Looks at the entries as they are now, without their bodies.
    pub(super) async fn choose(
        &self,
        (stream, group): (&str, &str),
        min_idle_ms: u64,
        which: &Which,
    ) -> Result<Chosen, OpsError> {
        let mut chosen = Chosen::default();
        match which {
            Which::All => {
                for source in self.sources(stream) {
                    self.choose_idle(&mut chosen, &source, group, min_idle_ms)
                        .await?;
                }
            }
            Which::Entries(entries) => {
                let asked = entries.iter().cloned();
                self.choose_asked(&mut chosen, group, asked).await?;
                let found: HashSet<_> = chosen.entries.iter().map(planned_id).collect();
                let absent = entries.iter().filter(|entry| !found.contains(entry));
                chosen.absent = once(absent.map(|entry| &entry.id));
            }
            // An id without its partition is there when it is in any of them.
            Which::Ids(ids) => {
                for source in self.sources(stream) {
                    let here = ids.iter().map(|id| PlannedId {
                        source: source.clone(),
                        id: id.clone(),
                    });
                    self.choose_asked(&mut chosen, group, here).await?;
                }
                let found: HashSet<_> = chosen.entries.iter().map(|entry| &entry.id).collect();
                chosen.absent = once(ids.iter().filter(|id| !found.contains(id)));
            }
        }
        Ok(chosen)
    }

    async fn choose_idle(
        &self,
        chosen: &mut Chosen,
        source: &Source,
        group: &str,
        min_idle_ms: u64,
    ) -> Result<(), OpsError> {
        let mut filter = PendingFilter {
            min_idle_ms,
            count: PAGE,
            ..PendingFilter::default()
        };
        while !chosen.more {
            let page = self.held(source, group, &filter).await?;
            let Some(last) = page.last() else { break };
            filter.start = format!("({}", last.id);
            chosen.add(page.into_iter());
        }
        Ok(())
    }

    async fn choose_asked(
        &self,
        chosen: &mut Chosen,
        group: &str,
        asked: impl Iterator<Item = PlannedId>,
    ) -> Result<(), OpsError> {
        let mut seen = HashSet::new();
        for entry in asked {
            if !seen.insert(entry.clone()) {
                continue;
            }
            let filter = PendingFilter {
                start: entry.id.clone(),
                count: 1,
                ..PendingFilter::default()
            };
            let page = self.held(&entry.source, group, &filter).await?;
            let found = page.into_iter().filter(|found| found.id == entry.id);
            chosen.entries.extend(found);
        }
        Ok(())
    }

    /// A page of a pending entries list, without the bodies.
    pub(super) async fn held(
        &self,
        source: &Source,
        group: &str,
        filter: &PendingFilter,
    ) -> Result<Vec<PendingEntry>, OpsError> {
        let page = inspect::held(&self.redis, source, group, filter).await;
        page.map_err(|error| no_group(error, &source.stream, group))
    }
}

/// Entries in work are not idle at all.
pub(super) fn not_in_work(min_idle_ms: u64) -> Result<(), OpsError> {
    match min_idle_ms {
        0 => Err(OpsError::Invalid(
            "min-idle must not be 0: entries in work would be taken from their consumer".to_owned(),
        )),
        _ => Ok(()),
    }
}

pub(super) fn planned_id(entry: &PendingEntry) -> PlannedId {
    PlannedId {
        source: entry.source.clone(),
        id: entry.id.clone(),
    }
}

/// Each of them once, in their order.
fn once<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.filter(|id| seen.insert(*id)).cloned().collect()
}

/// The ids of each stream key, as commands take them.
pub(super) fn by_key<'a>(
    entries: impl Iterator<Item = &'a PlannedId>,
) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for entry in entries {
        let ids = by_key.entry(entry.source.key.as_str()).or_default();
        ids.push(entry.id.as_str());
    }
    by_key
}

/// What a plan found, for the audit: `name-1 held 3`.
pub(super) fn held_by<'a>(owners: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for owner in owners {
        *numbers.entry(owner).or_default() += 1;
    }
    let lines = numbers.iter().map(|(owner, n)| format!("{owner} held {n}"));
    lines.collect()
}
