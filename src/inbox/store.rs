//! The kept mails: bounded by bytes, oldest dropped first, found by mailbox.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    counters::{Counters, Hashed, Stats},
    mail::{self, Mail, mailbox_of},
};

/// A place in the queue costs this much even when its mail was deleted, until the queue's head reaches it.
const PLACE_BYTES: u64 = size_of::<Option<Arc<Mail>>>() as u64;

/// Shared by all SMTP connections and HTTP requests.
#[derive(Debug)]
pub struct Store {
    limit_bytes: u64,
    hasher: RandomState,
    kept: Mutex<Kept>,
    /// Open SMTP connections; held by the server.
    pub(super) connections: AtomicU64,
    /// Bytes of long messages that are just coming in; held by the receivers.
    pub(super) incoming_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    counters: Counters,
    bytes: u64,
    mails: u64,
    /// Number of the mail at the head of `places`.
    first: u64,
    /// Every mail since `first`, `None` where one was deleted: a mail is found by its number alone.
    places: VecDeque<Option<Arc<Mail>>>,
    /// Hash of the mailbox's name → its mails, ascending. Two names may share a hash, so readers compare names.
    boxes: HashMap<u64, Ids, Hashed>,
}

/// Most mailboxes of a campaign hold one mail.
#[derive(Debug)]
enum Ids {
    One(u64),
    Many(Box<VecDeque<u64>>),
}

impl Store {
    /// Keeps mails until they cost `limit_bytes`.
    pub fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            hasher: RandomState::new(),
            kept: Mutex::default(),
            connections: AtomicU64::new(0),
            incoming_bytes: AtomicU64::new(0),
        }
    }

    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// Counts the mail, keeps it, drops the oldest ones if it doesn't fit, and returns its number.
    pub fn push(&self, mut mail: Mail) -> u64 {
        // All hashing happens before the lock is taken.
        let recipients: Vec<u64> = mail
            .recipients()
            .map(|r| self.hash(&r.to_lowercase()))
            .collect();
        let boxes = self.boxes_of(&mail);
        let message_id = mail::message_id(mail.source()).map(|id| self.hasher.hash_one(id));
        let now_ms = mail.arrived_at_ms;

        let mut kept = self.lock();
        kept.counters.count(&recipients, message_id, now_ms);
        let id = kept.first + kept.places.len() as u64;
        mail.id = id;
        kept.bytes += mail.cost() + PLACE_BYTES;
        kept.mails += 1;
        kept.places.push_back(Some(Arc::new(mail)));
        for name in boxes {
            kept.boxes
                .entry(name)
                .and_modify(|ids| ids.push(id))
                .or_insert(Ids::One(id));
        }
        while kept.bytes > self.limit_bytes && self.drop_oldest(&mut kept) {}
        id
    }

    /// At most `limit` mails, newest first, older than `before`.
    pub fn newest(&self, before: Option<u64>, limit: usize) -> Vec<Arc<Mail>> {
        let kept = self.lock();
        let end = before.map_or(kept.places.len(), |id| {
            (id.saturating_sub(kept.first) as usize).min(kept.places.len())
        });
        kept.places
            .range(..end)
            .rev()
            .flatten()
            .take(limit)
            .cloned()
            .collect()
    }

    /// The newest mails of a mailbox, at most `limit`, oldest first.
    pub fn mailbox(&self, name: &str, limit: usize) -> Vec<Arc<Mail>> {
        let name = mailbox_of(name);
        let kept = self.lock();
        let Some(ids) = kept.boxes.get(&self.hash(&name)) else {
            return Vec::new();
        };
        let mut mails: Vec<_> = ids
            .iter()
            .rev()
            .filter_map(|id| kept.get(id))
            .filter(|mail| is_in(mail, &name))
            .take(limit)
            .cloned()
            .collect();
        mails.reverse();
        mails
    }

    /// One mail of a mailbox.
    pub fn get(&self, name: &str, id: u64) -> Option<Arc<Mail>> {
        let name = mailbox_of(name);
        let kept = self.lock();
        kept.boxes
            .get(&self.hash(&name))
            .filter(|ids| ids.contains(id))?;
        kept.get(id).filter(|mail| is_in(mail, &name)).cloned()
    }

    /// The newest mail of a mailbox.
    pub fn latest(&self, name: &str) -> Option<Arc<Mail>> {
        let name = mailbox_of(name);
        let kept = self.lock();
        let ids = kept.boxes.get(&self.hash(&name))?;
        ids.iter()
            .rev()
            .filter_map(|id| kept.get(id))
            .find(|mail| is_in(mail, &name))
            .cloned()
    }

    /// A mailbox that this mail can be found in: that of its first recipient, unless it was deleted there.
    pub fn mailbox_holding(&self, mail: &Mail) -> Option<String> {
        let kept = self.lock();
        mail.recipients().map(mailbox_of).find(|name| {
            kept.boxes
                .get(&self.hash(name))
                .is_some_and(|ids| ids.contains(mail.id))
        })
    }

    /// Takes a mail out of a mailbox; other recipients keep it. False when it wasn't there.
    pub fn remove(&self, name: &str, id: u64) -> bool {
        let name = mailbox_of(name);
        let mut kept = self.lock();
        let Some(mail) = kept.get(id).filter(|mail| is_in(mail, &name)).cloned() else {
            return false;
        };
        let removed = kept.take_from_box(self.hash(&name), id);
        let elsewhere = self
            .boxes_of(&mail)
            .into_iter()
            .any(|name| kept.boxes.get(&name).is_some_and(|ids| ids.contains(id)));
        if removed && !elsewhere {
            kept.vacate(id);
            kept.trim_head();
        }
        removed
    }

    /// Empties a mailbox.
    pub fn purge(&self, name: &str) {
        for mail in self.mailbox(name, usize::MAX) {
            self.remove(name, mail.id);
        }
    }

    /// Forgets every mail and every count. Numbers go on, so that an old link never shows another mail.
    pub fn clear(&self) {
        let mut kept = self.lock();
        let next = kept.first + kept.places.len() as u64;
        let old = std::mem::take(&mut *kept);
        kept.first = next;
        drop(kept);
        // Freeing a few hundred thousand mails takes a while: not under the lock.
        drop(old);
    }

    pub fn stats(&self) -> Stats {
        let kept = self.lock();
        Stats {
            bytes: kept.bytes,
            kept: kept.mails,
            connections: self.connections.load(Ordering::Relaxed),
            ..kept.counters.stats(now_ms())
        }
    }

    fn drop_oldest(&self, kept: &mut Kept) -> bool {
        let first = kept.first;
        if let Some(mail) = kept.vacate(first) {
            for name in self.boxes_of(&mail) {
                kept.take_from_box(name, first);
            }
            kept.counters.dropped += 1;
        }
        kept.trim_head()
    }

    /// The hashes of the mailboxes a mail belongs to, each once.
    fn boxes_of(&self, mail: &Mail) -> Vec<u64> {
        let mut boxes: Vec<u64> = mail
            .recipients()
            .map(|r| self.hash(&mailbox_of(r)))
            .collect();
        boxes.sort_unstable();
        boxes.dedup();
        boxes
    }

    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // No panic can happen half-way through a change; if one does, showing the mails is still right.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn get(&self, id: u64) -> Option<&Arc<Mail>> {
        self.places
            .get(id.checked_sub(self.first)? as usize)?
            .as_ref()
    }

    /// Frees the mail but not its place.
    fn vacate(&mut self, id: u64) -> Option<Arc<Mail>> {
        let mail = self
            .places
            .get_mut(id.checked_sub(self.first)? as usize)?
            .take()?;
        self.bytes -= mail.cost();
        self.mails -= 1;
        Some(mail)
    }

    /// Gives up the empty places at the head; false when there is none.
    fn trim_head(&mut self) -> bool {
        let before = self.first;
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
            self.bytes -= PLACE_BYTES;
        }
        self.first > before
    }

    fn take_from_box(&mut self, name: u64, id: u64) -> bool {
        let Some(ids) = self.boxes.get_mut(&name) else {
            return false;
        };
        match ids {
            Ids::One(only) if *only == id => {
                self.boxes.remove(&name);
                true
            }
            Ids::One(_) => false,
            Ids::Many(many) => {
                let found = many.binary_search(&id);
                if let Ok(at) = found {
                    many.remove(at);
                }
                if many.is_empty() {
                    self.boxes.remove(&name);
                }
                found.is_ok()
            }
        }
    }
}

impl Ids {
    fn push(&mut self, id: u64) {
        match self {
            Self::One(first) => *self = Self::Many(Box::new(VecDeque::from([*first, id]))),
            Self::Many(many) => many.push_back(id),
        }
    }

    fn contains(&self, id: u64) -> bool {
        match self {
            Self::One(only) => *only == id,
            Self::Many(many) => many.binary_search(&id).is_ok(),
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = u64> {
        let (one, many) = match self {
            Self::One(only) => (Some(*only), None),
            Self::Many(many) => (None, Some(many.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

fn is_in(mail: &Mail, mailbox: &str) -> bool {
    mail.recipients().any(|r| mailbox_of(r) == mailbox)
}

/// Unix time, ms.
pub(super) fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(store: &Store, to: &[&str], source: &str) -> u64 {
        store.push(Mail::of("news@x", to, source.as_bytes()))
    }

    fn ids(mails: &[Arc<Mail>]) -> Vec<u64> {
        mails.iter().map(|mail| mail.id()).collect()
    }

    #[test]
    fn eviction_by_bytes_keeps_the_counters_exact() {
        let store = Store::new(50_000);
        for n in 0..1_000 {
            let source = format!("Message-ID: <{}@x>\r\n\r\n{}", n / 2, "x".repeat(800));
            push(&store, &[&format!("u{n}@x")], &source);
        }
        let stats = store.stats();
        assert_eq!((stats.mails, stats.recipients), (1_000, 1_000));
        assert_eq!(
            (stats.max_per_recipient, stats.duplicate_message_ids),
            (1, 500)
        );
        assert_eq!(stats.kept + stats.dropped, 1_000);
        assert!(stats.bytes <= 50_000 && stats.bytes > 48_000, "{stats:?}");
        assert!(stats.kept >= 45, "{stats:?}");
        assert!(store.mailbox("u0", 10).is_empty());
        assert_eq!(store.latest("u999").unwrap().id(), 999);
        assert_eq!(store.lock().boxes.len() as u64, stats.kept);
    }

    #[test]
    fn a_mail_is_in_every_recipients_mailbox_until_it_is_deleted_there() {
        let store = Store::new(1_000_000);
        let both = push(&store, &["Ann@x", "ann+tag@x", "bob@x"], "");
        let later = push(&store, &["bob@x"], "");
        assert_eq!(ids(&store.mailbox("ann", 10)), [both]);
        assert_eq!(ids(&store.mailbox("BOB@x", 10)), [both, later]);
        assert_eq!(ids(&store.mailbox("bob", 1)), [later]);
        assert_eq!(store.stats().recipients, 3);

        assert!(store.remove("ann", both));
        assert!(!store.remove("ann", both));
        assert!(store.get("ann", both).is_none());
        let mail = store.get("bob", both).expect("still there");
        assert_eq!(store.mailbox_holding(&mail).as_deref(), Some("bob"));
        store.purge("bob");
        let stats = store.stats();
        assert_eq!(
            (stats.kept, stats.bytes, stats.mails, stats.dropped),
            (0, 0, 2, 0)
        );
    }

    #[test]
    fn a_cleared_store_counts_anew_but_never_gives_a_number_twice() {
        let store = Store::new(1_000_000);
        push(&store, &["a@x"], "Message-ID: <1>\r\n\r\n");
        store.clear();
        let id = push(&store, &["a@x"], "Message-ID: <1>\r\n\r\n");
        let stats = store.stats();
        assert_eq!((stats.mails, stats.duplicate_message_ids, id), (1, 0, 1));
        assert!(store.get("a", 0).is_none());
    }

    #[test]
    fn deleted_places_count_until_the_head_passes_them() {
        let store = Store::new(1_000_000);
        let first = push(&store, &["a@x"], "");
        for _ in 0..10 {
            let id = push(&store, &["b@x"], "");
            assert!(store.remove("b", id));
        }
        let cost = store.get("a", first).unwrap().cost();
        assert_eq!(store.stats().bytes, cost + 11 * PLACE_BYTES);
        assert_eq!(ids(&store.newest(None, 10)), [first]);
        store.remove("a", first);
        assert_eq!(store.stats().bytes, 0);
    }
}
