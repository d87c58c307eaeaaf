//! Taking over entries whose consumer is gone or stuck. They are then handled as if just read.

use std::sync::LazyLock;

use redis::{
    RedisResult, Script, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

use super::{
    Entry, Held, Keys,
    consumer::{ConsumerConfig, Source},
    presence::Live,
    reply::{self, PendingEntry},
};

/// Pending entries looked at in a second, beside those of consumers that are gone.
const PAGE: usize = 100;
/// Entries that crashed consumers, taken at once when nothing else is in hand; the script takes fewer of
/// those that did so more often.
const SUSPECTS: usize = 100;
/// An entry that crashed that many consumers is handled alone …
pub(super) const ALONE_AFTER: u32 = 4;
/// … and after that many crashes it is poison.
pub const POISON_AFTER: u32 = 7;

static RECLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/reclaim.lua")));
static OWN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/own.lua")));
static BURY_CONSUMER: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/bury_consumer.lua")));

/// Looks at the pending entries of one partition on the reading connection, between two reads: only there
/// is it certain what this consumer holds.
pub(super) struct Reclaimer<'a> {
    pub keys: &'a Keys,
    pub config: &'a ConsumerConfig,
    pub source: &'a Source,
    pub held: &'a Held,
    pub partition: u32,
}

/// What a look found.
#[derive(Default)]
pub(super) struct Found {
    pub entries: Vec<Entry>,
    /// Entries that must be handled with nothing else in hand.
    pub suspects: bool,
    /// There was more than fitted into the free slots.
    pub more: bool,
}

impl Reclaimer<'_> {
    /// One look. `live` is `None` while nobody may be judged; `page_from` is where the page of live
    /// consumers' entries goes on. What was found before an error is in hand, and must be handled all the same.
    pub(super) async fn look(
        &self,
        connection: &mut MultiplexedConnection,
        live: Option<&Live>,
        alone: bool,
        page_from: &mut String,
        found: &mut Found,
    ) -> RedisResult<()> {
        let stream = self.keys.stream(self.partition, &self.source.stream);
        let summary: Value = redis::cmd("XPENDING")
            .arg(&stream)
            .arg(&self.source.group)
            .query_async(connection)
            .await?;
        let consumers = reply::pending_summary(summary)?;

        let mine = consumers
            .iter()
            .find(|(name, _)| *name == self.config.name)
            .map_or(0, |(_, n)| *n);
        if mine as usize > self.held.len_of(self.partition) && !alone {
            found.entries = self.given_to_me(connection, &stream).await?;
            self.held.take(&found.entries);
        }

        let Some(live) = live.filter(|_| self.config.reclaim) else {
            return Ok(());
        };
        for (consumer, pending) in consumers {
            if consumer == self.config.name || live.has(&consumer) {
                continue;
            }
            let most = if alone { SUSPECTS } else { 1_000 };
            let room = self.held.free().min(most);
            if room == 0 {
                found.more = true;
                break;
            }
            let page = self
                .page(connection, &stream, "-", room, Some(&consumer))
                .await?;
            let crashed = live.lapsed(&consumer);
            let taken = self
                .claim(
                    connection,
                    &stream,
                    &page,
                    self.config.presence_ms,
                    crashed,
                    alone,
                )
                .await?;
            found.suspects |= taken.suspects;
            // Only progress makes another look at once worthwhile.
            found.more |= !taken.entries.is_empty() && pending > taken.entries.len() as u64;
            self.held.take(&taken.entries);
            found.entries.extend(taken.entries);
            if alone && !found.entries.is_empty() {
                return Ok(());
            }
        }

        if self.held.free() > 0 {
            let page = self
                .page(connection, &stream, page_from, PAGE, None)
                .await?;
            let next = match page.last() {
                Some(last) if page.len() == PAGE => format!("({}", last.id),
                _ => "-".to_owned(),
            };
            let mut stuck: Vec<PendingEntry> = page
                .into_iter()
                .filter(|p| {
                    p.consumer != self.config.name
                        && live.has(&p.consumer)
                        && p.idle_ms >= self.config.visibility_ms
                })
                .collect();
            stuck.truncate(self.held.free());
            let taken = self
                .claim(
                    connection,
                    &stream,
                    &stuck,
                    self.config.visibility_ms,
                    true,
                    alone,
                )
                .await?;
            // Suspects are looked for on the same page again, alone.
            if !taken.suspects {
                *page_from = next;
            }
            found.suspects |= taken.suspects;
            self.held.take(&taken.entries);
            found.entries.extend(taken.entries);
        }
        Ok(())
    }

    /// Entries that somebody claimed for this consumer.
    async fn given_to_me(
        &self,
        connection: &mut MultiplexedConnection,
        stream: &str,
    ) -> RedisResult<Vec<Entry>> {
        let mut from = "-".to_owned();
        let mut ids = Vec::new();
        loop {
            let page = self
                .page(connection, stream, &from, 1_000, Some(&self.config.name))
                .await?;
            ids.extend(
                page.iter()
                    .filter(|p| !self.held.contains(self.partition, &p.id))
                    .map(|p| p.id.clone()),
            );
            let Some(last) = page.last().filter(|_| page.len() == 1_000) else {
                break;
            };
            from = format!("({}", last.id);
        }
        ids.truncate(self.held.free());
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (source, me) = (self.source, &self.config.name);
        let place = (source.stream.as_str(), source.group.as_str());
        own(connection, self.keys, place, self.partition, me, &ids).await
    }

    async fn page(
        &self,
        connection: &mut MultiplexedConnection,
        stream: &str,
        from: &str,
        count: usize,
        consumer: Option<&str>,
    ) -> RedisResult<Vec<PendingEntry>> {
        let mut command = redis::cmd("XPENDING");
        command
            .arg(stream)
            .arg(&self.source.group)
            .arg(from)
            .arg("+")
            .arg(count);
        if let Some(consumer) = consumer {
            command.arg(consumer);
        }
        reply::pending(command.query_async(connection).await?)
    }

    async fn claim(
        &self,
        connection: &mut MultiplexedConnection,
        stream: &str,
        page: &[PendingEntry],
        least_idle_ms: u64,
        crashed: bool,
        alone: bool,
    ) -> RedisResult<Found> {
        let mut found = Found::default();
        if page.is_empty() {
            return Ok(found);
        }
        let mut call = RECLAIM.prepare_invoke();
        call.key(stream)
            .key(self.keys.crashes(self.partition, &self.source.stream));
        call.arg(&self.source.group)
            .arg(&self.config.name)
            .arg(least_idle_ms);
        call.arg(u8::from(crashed)).arg(u8::from(alone));
        for entry in page {
            call.arg(&entry.id).arg(&entry.consumer);
        }
        let reply: Vec<Value> = call.invoke_async(connection).await?;
        let mut items = reply.into_iter();
        found.suspects = items.next().as_ref().and_then(reply::int).unwrap_or(0) > 0;
        found.entries = items
            .map(|v| reply::claimed(v, self.partition))
            .collect::<RedisResult<_>>()?;
        if !found.entries.is_empty() {
            tracing::warn!(entries = found.entries.len(), stream = %self.source.stream, from = %page[0].consumer, "took over entries of a consumer that is gone or stuck");
        }
        Ok(found)
    }

    /// Removes consumers that are gone and hold nothing.
    pub(super) async fn bury_consumers(
        &self,
        connection: &mut MultiplexedConnection,
        live: &Live,
    ) -> RedisResult<()> {
        let stream = self.keys.stream(self.partition, &self.source.stream);
        let consumers: Vec<std::collections::HashMap<String, Value>> = redis::cmd("XINFO")
            .arg("CONSUMERS")
            .arg(&stream)
            .arg(&self.source.group)
            .query_async(connection)
            .await?;
        for consumer in consumers {
            let name = consumer
                .get("name")
                .and_then(reply::text)
                .unwrap_or_default();
            let pending = consumer.get("pending").and_then(reply::int).unwrap_or(1);
            let idle = consumer.get("idle").and_then(reply::int).unwrap_or(0);
            let long_idle = idle >= i64::try_from(self.config.visibility_ms).unwrap_or(i64::MAX);
            if pending == 0 && long_idle && name != self.config.name && !live.has(&name) {
                let _: i64 = BURY_CONSUMER
                    .key(&stream)
                    .arg(&self.source.group)
                    .arg(&name)
                    .invoke_async(connection)
                    .await?;
                tracing::info!(consumer = %name, stream = %self.source.stream, "removed a consumer that is gone and holds nothing");
            }
        }
        Ok(())
    }
}

/// Those of the entries of a stream and group that `consumer` holds, as if just read.
pub(super) async fn own(
    connection: &mut impl ConnectionLike,
    keys: &Keys,
    (stream, group): (&str, &str),
    partition: u32,
    consumer: &str,
    ids: &[String],
) -> RedisResult<Vec<Entry>> {
    let mut call = OWN.key(keys.stream(partition, stream));
    call.key(keys.crashes(partition, stream));
    call.arg(group).arg(consumer).arg(ids);
    let reply: Vec<Value> = call.invoke_async(connection).await?;
    let entries = reply.into_iter().map(|v| reply::claimed(v, partition));
    entries.collect()
}
