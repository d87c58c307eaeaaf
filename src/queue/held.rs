//! What this process has in hand, bounded by its slots.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{Entry, reply::StreamId};

type Key = (u32, StreamId);

/// The entries between their reading and their settling. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Held {
    inner: Arc<Inner>,
}

struct Inner {
    capacity: usize,
    entries: Mutex<HashMap<Key, Since>>,
    changed: Notify,
    handled: AtomicU64,
}

#[derive(Clone, Copy)]
struct Since {
    read: Instant,
    renewed: Instant,
}

impl Held {
    pub fn new(capacity: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                capacity,
                entries: Mutex::new(HashMap::with_capacity(capacity)),
                changed: Notify::new(),
                handled: AtomicU64::new(0),
            }),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Since>> {
        // A panic cannot leave the map half changed, so a poisoned lock is as good as any.
        self.inner.entries.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub fn capacity(&self) -> usize {
        self.inner.capacity
    }

    pub fn len(&self) -> usize {
        self.entries().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn free(&self) -> usize {
        self.inner.capacity.saturating_sub(self.len())
    }

    /// How many entries were settled since the start.
    pub fn handled(&self) -> u64 {
        self.inner.handled.load(Ordering::Relaxed)
    }

    pub(super) fn len_of(&self, partition: u32) -> usize {
        self.entries().keys().filter(|k| k.0 == partition).count()
    }

    pub(super) fn contains(&self, partition: u32, id: &str) -> bool {
        StreamId::parse(id).is_some_and(|id| self.entries().contains_key(&(partition, id)))
    }

    pub(super) fn take(&self, entries: &[Entry]) {
        let now = Instant::now();
        let mut held = self.entries();
        for entry in entries {
            if let Some(id) = StreamId::parse(&entry.id) {
                let since = Since {
                    read: now,
                    renewed: now,
                };
                held.insert((entry.partition, id), since);
            }
        }
    }

    pub(super) fn give_back<'a>(&self, entries: impl Iterator<Item = &'a Entry>) {
        let mut n = 0;
        {
            let mut held = self.entries();
            for entry in entries {
                if let Some(id) = StreamId::parse(&entry.id) {
                    n += u64::from(held.remove(&(entry.partition, id)).is_some());
                }
            }
        }
        self.inner.handled.fetch_add(n, Ordering::Relaxed);
        self.inner.changed.notify_waiters();
    }

    /// Waits until `condition` holds; it is looked at after each change.
    pub(super) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    /// Ids whose claim was not renewed for `every`, and that are held for less than `longest`; they count
    /// as renewed from now.
    pub(super) fn to_renew(&self, every: Duration, longest: Duration) -> Vec<(u32, String)> {
        let now = Instant::now();
        let mut ids = Vec::new();
        for ((partition, id), since) in self.entries().iter_mut() {
            if now - since.renewed >= every && now - since.read < longest {
                since.renewed = now;
                ids.push((*partition, format!("{}-{}", id.ms, id.seq)));
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            ..Entry::default()
        }
    }

    #[tokio::test]
    async fn a_settled_entry_frees_its_slot() {
        let held = Held::new(2);
        let batch = [entry("1-1"), entry("1-2")];
        held.take(&batch);
        assert_eq!(held.free(), 0);
        assert!(held.contains(0, "1-2") && !held.contains(1, "1-2"));
        held.give_back(batch[..1].iter());
        held.until(|h| h.free() == 1).await;
        assert_eq!(held.handled(), 1);
    }

    #[test]
    fn long_work_is_renewed_until_its_limit() {
        let held = Held::new(2);
        held.take(&[entry("1-1")]);
        assert!(
            held.to_renew(Duration::from_secs(60), Duration::from_secs(900))
                .is_empty()
        );
        assert_eq!(
            held.to_renew(Duration::ZERO, Duration::from_secs(900)),
            [(0, "1-1".to_owned())]
        );
        assert!(held.to_renew(Duration::ZERO, Duration::ZERO).is_empty());
    }
}
