//! What came in, counted exactly, whatever the store has dropped since.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use serde::Serialize;

/// The window of [`Stats::rate`] is ten such ticks.
const TICK_MS: i64 = 100;
const TICKS: usize = 10;

/// The answer of `GET /api/v1/stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Mails accepted since the start, or since everything was cleared.
    pub mails: u64,
    /// Different recipient addresses (upper and lower case are the same).
    pub recipients: u64,
    /// The most mails that one recipient got.
    pub max_per_recipient: u32,
    /// Mails whose Message-ID had come before.
    pub duplicate_message_ids: u64,
    /// Memory that the kept mails cost, bytes.
    pub bytes: u64,
    /// Mails that can still be looked at.
    pub kept: u64,
    /// Mails dropped to make room, oldest first.
    pub dropped: u64,
    /// Open SMTP connections.
    pub connections: u64,
    /// Mails of the last second.
    pub rate: u64,
}

/// Addresses and Message-IDs are kept as 64-bit keyed hashes (about 20 bytes each): among a million of
/// them, two fall together once in 37 million runs.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) mails: u64,
    pub(super) dropped: u64,
    duplicates: u64,
    max_per_recipient: u32,
    per_recipient: HashMap<u64, u32, Hashed>,
    message_ids: HashSet<u64, Hashed>,
    rate: Rate,
}

impl Counters {
    pub(super) fn count(&mut self, recipients: &[u64], message_id: Option<u64>, now_ms: i64) {
        self.mails += 1;
        for recipient in recipients {
            let mails = self.per_recipient.entry(*recipient).or_default();
            *mails = mails.saturating_add(1);
            self.max_per_recipient = self.max_per_recipient.max(*mails);
        }
        if message_id.is_some_and(|id| !self.message_ids.insert(id)) {
            self.duplicates += 1;
        }
        self.rate.count(now_ms);
    }

    pub(super) fn stats(&self, now_ms: i64) -> Stats {
        Stats {
            mails: self.mails,
            recipients: self.per_recipient.len() as u64,
            max_per_recipient: self.max_per_recipient,
            duplicate_message_ids: self.duplicates,
            dropped: self.dropped,
            rate: self.rate.per_second(now_ms),
            bytes: 0,
            kept: 0,
            connections: 0,
        }
    }
}

#[derive(Debug, Default)]
struct Rate {
    tick: i64,
    counts: [u64; TICKS],
}

impl Rate {
    fn count(&mut self, now_ms: i64) {
        let tick = now_ms / TICK_MS;
        if tick > self.tick {
            let passed = (tick - self.tick).min(TICKS as i64);
            for back in 0..passed {
                self.counts[Self::slot(tick - back)] = 0;
            }
            self.tick = tick;
        }
        self.counts[Self::slot(self.tick)] += 1;
    }

    fn per_second(&self, now_ms: i64) -> u64 {
        let tick = now_ms / TICK_MS;
        (0..TICKS as i64)
            .map(|back| tick - back)
            .filter(|t| *t <= self.tick && self.tick - *t < TICKS as i64)
            .map(|t| self.counts[Self::slot(t)])
            .sum()
    }

    fn slot(tick: i64) -> usize {
        tick.rem_euclid(TICKS as i64) as usize
    }
}

/// Passes a hash through: what it is given is one already.
#[derive(Debug, Default)]
pub(super) struct AsIs(u64);

pub(super) type Hashed = BuildHasherDefault<AsIs>;

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_and_duplicates_are_counted_exactly() {
        let mut counters = Counters::default();
        counters.count(&[1, 2], Some(7), 0);
        counters.count(&[2], Some(7), 0);
        counters.count(&[3], None, 0);
        let stats = counters.stats(0);
        assert_eq!((stats.mails, stats.recipients), (3, 3));
        assert_eq!(
            (stats.max_per_recipient, stats.duplicate_message_ids),
            (2, 1)
        );
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut rate = Rate::default();
        for ms in 0..2_000 {
            rate.count(ms);
        }
        assert_eq!(rate.per_second(1_999), 1_000);
        assert_eq!(rate.per_second(2_499), 500);
        assert_eq!(rate.per_second(9_999), 0);
        rate.count(60_000);
        assert_eq!(rate.per_second(60_000), 1);
    }
}
