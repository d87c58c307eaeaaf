//! What is stuck in groups that aren't ours: any stream of the server, any group.
//!
//! Nobody beats there. A consumer counts as alive while XINFO CONSUMERS says that it has read within the
//! visibility time, and an entry is stuck when it was untouched for as long.

use std::collections::{BTreeMap, HashMap};

use futures::future::try_join_all;

use super::{Ops, OpsError, Stuck, StuckEntry, pending::id_order};
use crate::{
    event::STAGES,
    queue::inspect::{self, PendingEntry, PendingFilter, Source},
};

/// Groups that one look reads; the others keep what was found before.
const GROUPS: usize = 50;
/// Entries read in one look, shared by its groups, and at most of one group.
const ENTRIES: usize = 1_000;
const MOST: usize = 200;

/// The key of a stream, and a group of it.
type Place = (String, String);

/// What was found in one group, and when (Redis TIME, ms).
#[derive(Debug, Default)]
struct Known {
    at_ms: u64,
    stuck: Vec<StuckEntry>,
    more: bool,
}

/// What is known of foreign groups between two looks.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    groups: BTreeMap<Place, Known>,
    /// The group after which the rotation goes on.
    rotation: Place,
    /// Streams of which the groups aren't known yet.
    unread: usize,
}

impl Ops {
    /// As [`Ops::stuck`], and what is stuck in any other group of the server: its groups are read in
    /// rotation, fifty a look.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn stuck_anywhere(&self, page: usize) -> Result<Stuck, OpsError> {
        let mut all = self.stuck(page).await?;
        let now_ms = self.look_on(&[]).await?;
        let places = self.next_groups();
        let count = (ENTRIES / places.len().max(1)).clamp(1, MOST);
        let looks = places
            .into_iter()
            .map(|place| self.look_into(place, count, now_ms));
        let found = try_join_all(looks).await?;
        self.take_in(found, now_ms, &mut all);
        all.entries.sort_by_key(|s| {
            let source = s.entry.source.clone();
            (id_order(&s.entry.id), source, s.entry.group.clone())
        });
        // More than a page, so that one crowded group doesn't hide the others.
        all.more |= all.entries.len() > ENTRIES;
        all.entries.truncate(ENTRIES);
        let bare = all.entries.iter_mut().map(|s| &mut s.entry);
        let bare = bare.filter(|e| e.fields.is_none());
        inspect::bodies(&self.redis, bare).await?;
        Ok(all)
    }

    /// Forgets groups that hold nothing any more, and chooses the next to read.
    fn next_groups(&self) -> Vec<Place> {
        let ours = self.own_prefix();
        let own = |key: &str, group: &str| {
            key.starts_with(&ours)
                && STAGES
                    .iter()
                    .any(|(stream, name)| key.ends_with(&format!("}}:{stream}")) && *name == group)
        };
        let mut foreign = self.foreign.lock().unwrap_or_else(|e| e.into_inner());
        let mut before = std::mem::take(&mut foreign.groups);
        let catalogue = self.catalogue.lock().unwrap_or_else(|e| e.into_inner());
        foreign.unread = 0;
        for (key, read) in catalogue.streams() {
            foreign.unread += usize::from(read.is_none());
            let groups = read.iter().flat_map(|(_, facts)| &facts.groups);
            for group in groups.filter(|g| g.pending > 0 && !own(key, &g.name)) {
                let place = (key.clone(), group.name.clone());
                let known = before.remove(&place).unwrap_or_default();
                foreign.groups.insert(place, known);
            }
        }
        drop(catalogue);
        let after = (
            std::ops::Bound::Excluded(foreign.rotation.clone()),
            std::ops::Bound::Unbounded,
        );
        let rest = foreign.groups.range::<Place, _>(after);
        let chosen: Vec<Place> = rest
            .chain(&foreign.groups)
            .take(GROUPS.min(foreign.groups.len()))
            .map(|(place, _)| place.clone())
            .collect();
        if let Some(last) = chosen.last() {
            foreign.rotation.clone_from(last);
        }
        chosen
    }

    async fn look_into(
        &self,
        place: Place,
        count: usize,
        now_ms: u64,
    ) -> Result<(Place, Known), OpsError> {
        let source = Source::foreign(&place.0);
        let filter = PendingFilter {
            count,
            ..PendingFilter::default()
        };
        let group = place.1.as_str();
        let (readers, held) = tokio::join!(
            self.readers(&source, group),
            inspect::held(&self.redis, &source, group, &filter)
        );
        let held = match held {
            // The group or the stream has gone since the catalogue saw it.
            Err(error) if crate::queue::is_no_group(&error) => Vec::new(),
            held => held?,
        };
        let more = held.len() == count;
        let readers = readers?;
        let stuck = held
            .into_iter()
            .filter_map(|e| self.judge_foreign(&readers, e));
        let known = Known {
            at_ms: now_ms,
            stuck: stuck.collect(),
            more,
        };
        Ok((place, known))
    }

    /// The consumers of a foreign group that count as alive, and whether they do.
    pub(super) async fn readers(
        &self,
        source: &Source,
        group: &str,
    ) -> Result<HashMap<String, bool>, OpsError> {
        let consumers = inspect::consumers(&self.redis, source, group).await?;
        let read = consumers
            .into_iter()
            .map(|c| (c.name.clone(), self.reads(&c)));
        Ok(read.collect())
    }

    pub(super) fn judge_foreign(
        &self,
        readers: &HashMap<String, bool>,
        entry: PendingEntry,
    ) -> Option<StuckEntry> {
        let owner_live = readers.get(&entry.consumer).copied().unwrap_or(false);
        (entry.idle_ms >= self.config.visibility_ms).then_some(StuckEntry {
            entry,
            owner_live,
            seen_ms_ago: 0,
        })
    }

    /// Keeps what was read, and adds all that is known, aged to now.
    fn take_in(&self, found: Vec<(Place, Known)>, now_ms: u64, all: &mut Stuck) {
        let mut foreign = self.foreign.lock().unwrap_or_else(|e| e.into_inner());
        for (place, known) in found {
            foreign.groups.insert(place, known);
        }
        all.unread = foreign.unread;
        for known in foreign.groups.values() {
            let age_ms = now_ms.saturating_sub(known.at_ms);
            all.more |= known.more;
            all.entries
                .extend(known.stuck.iter().cloned().map(|mut stuck| {
                    stuck.entry.idle_ms += age_ms;
                    stuck.seen_ms_ago = age_ms;
                    stuck
                }));
        }
    }
}
