//! Streams as the console lists them, and their entries page by page.

use serde::Serialize;

use super::{
    Ops, OpsError, PendingEntry, PendingFilter, StreamEntry, StreamFacts, pending::id_order,
};
use crate::{
    event::STAGES,
    queue::inspect::{self, Source},
};

/// A stream read this lately counts as read now, ms.
const FRESH_MS: u64 = 500;

/// Which streams are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamWatch {
    /// Every stream of the server, by its key; else ours, by their short names.
    pub all: bool,
    /// Of all streams those that are on the screen: read each time.
    pub visible: Vec<String>,
}

/// One stream, and what was found when it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StreamLine {
    /// The short name of one of ours, or the key.
    pub name: String,
    pub ours: bool,
    /// `None`: not read yet.
    pub facts: Option<StreamFacts>,
    /// Redis TIME, ms.
    pub read_at_ms: u64,
}

impl StreamLine {
    /// It was read for this list, not for one before.
    pub fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms < self.read_at_ms + FRESH_MS
    }
}

/// Streams by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StreamTable {
    pub lines: Vec<StreamLine>,
    /// Redis TIME, ms.
    pub now_ms: u64,
    /// The key space hasn't been gone through yet.
    pub searching: bool,
    pub unread: usize,
    /// Streams whose key isn't text.
    pub nameless: usize,
}

impl Ops {
    /// Our streams, or every stream of the server: then what is visible is read now, the rest in
    /// rotation, a hundred a look.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn stream_table(&self, watch: &StreamWatch) -> Result<StreamTable, OpsError> {
        if watch.all {
            self.all_streams(&watch.visible).await
        } else {
            self.our_streams().await
        }
    }

    async fn our_streams(&self) -> Result<StreamTable, OpsError> {
        let sources: Vec<Source> = STAGES
            .iter()
            .flat_map(|(stream, _)| Source::of(&self.redis, stream))
            .collect();
        let (facts, now_ms) = inspect::facts_of(&self.redis, &sources).await?;
        let mut table = StreamTable {
            now_ms,
            ..StreamTable::default()
        };
        for (stream, _) in STAGES {
            let mut sum: Option<StreamFacts> = None;
            let parts = sources.iter().zip(&facts);
            for facts in parts.filter_map(|(s, f)| f.as_ref().filter(|_| s.stream == stream)) {
                match &mut sum {
                    Some(sum) => sum.merge(facts),
                    None => sum = Some(facts.clone()),
                }
            }
            table.lines.push(StreamLine {
                name: stream.to_owned(),
                ours: true,
                facts: Some(sum.unwrap_or_default()),
                read_at_ms: now_ms,
            });
        }
        Ok(table)
    }

    async fn all_streams(&self, visible: &[String]) -> Result<StreamTable, OpsError> {
        let now_ms = self.look_on(visible).await?;
        let ours = self.own_prefix();
        let catalogue = self.catalogue.lock().unwrap_or_else(|e| e.into_inner());
        let mut table = StreamTable {
            now_ms,
            searching: catalogue.is_searching(),
            nameless: catalogue.nameless(),
            ..StreamTable::default()
        };
        for (name, read) in catalogue.streams() {
            table.unread += usize::from(read.is_none());
            table.lines.push(StreamLine {
                name: name.clone(),
                ours: name.starts_with(&ours),
                read_at_ms: read.map_or(0, |(at_ms, _)| *at_ms),
                facts: read.map(|(_, facts)| facts.clone()),
            });
        }
        Ok(table)
    }

    /// Reads what is visible and the next streams in rotation; Redis TIME, ms.
    pub(super) async fn look_on(&self, visible: &[String]) -> Result<u64, OpsError> {
        let look = {
            let catalogue = self.catalogue.lock().unwrap_or_else(|e| e.into_inner());
            catalogue.plan(visible)
        };
        let found = inspect::look(&self.redis, look).await?;
        let now_ms = found.now_ms();
        let mut catalogue = self.catalogue.lock().unwrap_or_else(|e| e.into_inner());
        catalogue.take_in(found);
        Ok(now_ms)
    }

    /// How the keys of our streams begin.
    pub(super) fn own_prefix(&self) -> String {
        format!("{{{}:", self.redis.keys().prefix())
    }

    /// A page of a stream (ours by its short name, any other by its key): newest first from `from`
    /// back to `to`, or oldest first from `from` on to `to`. An empty one is the end or the beginning; `(id` leaves
    /// the id out.
    ///
    /// # Errors
    /// When Redis is away, or the key is no stream.
    pub async fn entries(
        &self,
        stream: &str,
        newest: bool,
        (from, to): (&str, &str),
        count: usize,
    ) -> Result<Vec<StreamEntry>, OpsError> {
        let mut entries = Vec::new();
        for source in self.sources(stream) {
            let page = if newest {
                let range = (bound(from, "+"), bound(to, "-"));
                inspect::browse_back(&self.redis, &source, range, count).await?
            } else {
                let range = (bound(from, "-"), bound(to, "+"));
                inspect::browse(&self.redis, &source, range, count).await?
            };
            entries.extend(page);
        }
        entries.sort_by_key(|e| id_order(&e.id));
        if newest {
            entries.reverse();
        }
        entries.truncate(count);
        Ok(entries)
    }

    /// The first page of what one consumer holds, or a whole group.
    ///
    /// # Errors
    /// As [`Ops::pending`].
    pub async fn held_by(
        &self,
        stream: &str,
        group: &str,
        consumer: Option<String>,
        count: usize,
    ) -> Result<Vec<PendingEntry>, OpsError> {
        let filter = PendingFilter {
            consumer,
            count,
            ..PendingFilter::default()
        };
        self.pending(stream, group, &filter).await
    }
}

fn bound<'a>(id: &'a str, open: &'a str) -> &'a str {
    if id.is_empty() { open } else { id }
}
