//! A consumer of one stream: reads, hands to the handler, settles, and recovers what others left.
//!
//! Its tasks: a reader per partition, the handler, the settling, the promotion of retries, the janitor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{RedisResult, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    Entry, Handler, Held, Outage, Outcome, Presence, Redis, Settler, is_no_group, janitor,
    publish::ensure_group,
    reclaim::{ALONE_AFTER, Found, POISON_AFTER, Reclaimer},
    reply, retry, settle,
};

/// A read blocks for that long at most; in between the pending entries are looked at.
const BLOCK: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const BURY_CONSUMERS_EVERY: Duration = Duration::from_secs(30);
/// What is in hand at SIGTERM has that long.
const DRAIN: Duration = Duration::from_secs(25);

/// Where a consumer reads.
#[derive(Debug, Clone)]
pub struct Source {
    pub stream: String,
    pub group: String,
    /// True when the tally of a flow counts the entries of this stream.
    pub counted: bool,
}

#[derive(Debug, Clone)]
pub struct ConsumerConfig {
    /// Unique per process, see [`super::consumer_name`].
    pub name: String,
    /// After how long a live consumer's entry counts as stuck, ms.
    pub visibility_ms: u64,
    /// After how long without a heartbeat a consumer counts as gone, ms.
    pub presence_ms: u64,
    /// How long a claim on an entry in hand is renewed, ms.
    pub max_hold_ms: u64,
    /// False: stuck entries wait for the operator.
    pub reclaim: bool,
}

pub struct Consumer<H> {
    pub redis: Redis,
    pub source: Source,
    pub config: ConsumerConfig,
    pub presence: Presence,
    pub held: Held,
    pub handler: Arc<H>,
    /// Told whether Redis answers, for readiness.
    pub answering: Arc<AtomicBool>,
}

impl<H: Handler> Consumer<H> {
    /// Works until shutdown, then drains: what is in hand is finished for up to 25 s and settled, the rest
    /// stays pending for others.
    pub async fn run(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let give_up = CancellationToken::new();
        let (outcomes, settled) = mpsc::channel(this.held.capacity().max(64));
        let (wake, woken) = watch::channel(());
        let (batches, mut handed) = mpsc::channel::<Vec<Entry>>(2);
        let settler = Settler::new(outcomes);

        let settling = tokio::spawn(settle::run(
            this.redis.clone(),
            this.source.clone(),
            this.held.clone(),
            settled,
            wake,
            give_up.clone(),
        ));
        let mut background = JoinSet::new();
        background.spawn(retry::run(
            this.redis.clone(),
            this.source.clone(),
            woken,
            shutdown.clone(),
        ));
        background.spawn(janitor::run(
            this.redis.clone(),
            this.source.clone(),
            this.config.clone(),
            this.held.clone(),
            shutdown.clone(),
        ));

        let alone = Arc::new(AtomicBool::new(false));
        let mut readers = JoinSet::new();
        for partition in 0..this.redis.keys().partitions() {
            let reader = Reader {
                consumer: Arc::clone(&this),
                partition,
                batches: batches.clone(),
                settler: settler.clone(),
                alone: Arc::clone(&alone),
                shutdown: shutdown.clone(),
                page_from: "-".to_owned(),
                look_at: Instant::now(),
                bury_at: Instant::now() + BURY_CONSUMERS_EVERY,
            };
            readers.spawn(reader.run());
        }
        drop(batches);

        let handler = Arc::clone(&this.handler);
        let for_handler = settler.clone();
        let handling = tokio::spawn(async move {
            while let Some(batch) = handed.recv().await {
                handler.handle(batch, for_handler.clone()).await;
            }
        });

        while readers.join_next().await.is_some() {}
        let drained = async {
            if let Err(error) = handling.await {
                tracing::error!(%error, "the handler has panicked; what it had stays pending");
                return;
            }
            this.held.until(Held::is_empty).await;
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            let left = this.held.len();
            tracing::warn!(
                left,
                "drain took too long; the rest stays pending for others"
            );
            give_up.cancel();
        }
        drop(settler);
        if tokio::time::timeout(Duration::from_secs(2), settling)
            .await
            .is_err()
        {
            tracing::warn!("settling took too long at the end");
        }
        while background.join_next().await.is_some() {}
    }
}

/// The reading side of one partition.
struct Reader<H> {
    consumer: Arc<Consumer<H>>,
    partition: u32,
    batches: mpsc::Sender<Vec<Entry>>,
    settler: Settler,
    /// Set while suspects must be handled with nothing else in hand.
    alone: Arc<AtomicBool>,
    shutdown: CancellationToken,
    page_from: String,
    look_at: Instant,
    bury_at: Instant,
}

impl<H: Handler> Reader<H> {
    async fn run(mut self) {
        let mut outage = Outage::new("reading");
        while !self.shutdown.is_cancelled() {
            let error = match self.connect().await {
                Ok((mut connection, client_id)) => {
                    outage.over();
                    self.consumer.answering.store(true, Ordering::Release);
                    loop {
                        if self.shutdown.is_cancelled() {
                            return;
                        }
                        if let Err(error) = self.step(&mut connection, client_id).await {
                            break error;
                        }
                    }
                }
                Err(error) => error,
            };
            if is_no_group(&error) {
                tracing::warn!(stream = %self.consumer.source.stream, "the group is gone, as after a restart without data; it is made again");
            } else {
                self.consumer.answering.store(false, Ordering::Release);
            }
            outage.wait(&error, &self.shutdown).await;
        }
    }

    async fn connect(&self) -> RedisResult<(MultiplexedConnection, i64)> {
        let mut connection = self.consumer.redis.blocking(BLOCK).await?;
        let source = &self.consumer.source;
        ensure_group(&mut connection, &self.stream(), &source.group).await?;
        let id = redis::cmd("CLIENT")
            .arg("ID")
            .query_async(&mut connection)
            .await?;
        Ok((connection, id))
    }

    fn stream(&self) -> String {
        self.consumer
            .redis
            .keys()
            .stream(self.partition, &self.consumer.source.stream)
    }

    /// One read, and before it, when it is time, a look at what others left.
    async fn step(
        &mut self,
        connection: &mut MultiplexedConnection,
        client_id: i64,
    ) -> RedisResult<()> {
        if Instant::now() >= self.look_at {
            self.look_at = Instant::now() + LOOK_EVERY;
            self.look(connection).await?;
        }
        let held = &self.consumer.held;
        let patience = self
            .look_at
            .saturating_duration_since(Instant::now())
            .min(BLOCK);
        let free = held.free();
        if free == 0 || self.alone.load(Ordering::Acquire) {
            tokio::select! {
                () = held.until(|h| h.free() > 0 && !self.alone.load(Ordering::Acquire)) => {}
                () = tokio::time::sleep(patience) => {}
                () = self.shutdown.cancelled() => {}
            }
            return Ok(());
        }
        let entries = self
            .read(connection, client_id, free.min(1_000), patience)
            .await?;
        if !entries.is_empty() {
            held.take(&entries);
            self.hand_over(entries).await;
        }
        Ok(())
    }

    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        client_id: i64,
        count: usize,
        block: Duration,
    ) -> RedisResult<Vec<Entry>> {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(&self.consumer.source.group)
            .arg(&self.consumer.config.name)
            .arg("COUNT")
            .arg(count)
            .arg("BLOCK")
            .arg(block.as_millis().max(1) as u64)
            .arg("STREAMS")
            .arg(self.stream())
            .arg(">");
        let reading = command.query_async::<Value>(connection);
        tokio::pin!(reading);
        let value = tokio::select! {
            value = &mut reading => value?,
            () = self.shutdown.cancelled() => {
                // A read that is dropped may still be given entries, so it is ended by the server instead.
                redis::cmd("CLIENT").arg("UNBLOCK").arg(client_id).query_async::<()>(&mut self.consumer.redis.commands()).await?;
                reading.await?
            }
        };
        reply::read_group(value, self.partition)
    }

    async fn look(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let consumer = Arc::clone(&self.consumer);
        let live = consumer.presence.live(&consumer.redis).await?;
        let reclaimer = Reclaimer {
            keys: consumer.redis.keys(),
            config: &consumer.config,
            source: &consumer.source,
            held: &consumer.held,
            partition: self.partition,
        };
        let (mut found, live_now) = (Found::default(), live.as_ref());
        let looked = reclaimer
            .look(connection, live_now, false, &mut self.page_from, &mut found)
            .await;
        if found.more {
            self.look_at = Instant::now();
        }
        self.hand_over(found.entries).await;
        looked?;

        if found.suspects && !self.alone.swap(true, Ordering::AcqRel) {
            let looked = self.look_alone(connection, &reclaimer, live.as_ref()).await;
            self.alone.store(false, Ordering::Release);
            looked?;
        }
        if let Some(live) = live.filter(|_| Instant::now() >= self.bury_at) {
            self.bury_at = Instant::now() + BURY_CONSUMERS_EVERY;
            reclaimer.bury_consumers(connection, &live).await?;
        }
        Ok(())
    }

    /// Takes entries that have crashed consumers before, with nothing else in hand.
    async fn look_alone(
        &mut self,
        connection: &mut MultiplexedConnection,
        reclaimer: &Reclaimer<'_>,
        live: Option<&super::Live>,
    ) -> RedisResult<()> {
        if !self.until_empty().await {
            return Ok(());
        }
        let mut found = Found::default();
        let looked = reclaimer
            .look(connection, live, true, &mut self.page_from, &mut found)
            .await;
        if found.entries.is_empty() {
            return looked;
        }
        let crashes = found.entries.iter().map(|e| e.crashes).max().unwrap_or(0);
        tracing::warn!(entries = found.entries.len(), crashes, stream = %self.consumer.source.stream, "entries that crashed consumers before are handled with nothing else in hand");
        self.hand_over(found.entries).await;
        self.until_empty().await;
        self.look_at = Instant::now();
        looked
    }

    async fn until_empty(&self) -> bool {
        tokio::select! {
            () = self.consumer.held.until(Held::is_empty) => true,
            () = self.shutdown.cancelled() => false,
        }
    }

    /// Gives entries to the handler, but for those that no handler should see.
    async fn hand_over(&self, entries: Vec<Entry>) {
        let mut batch = Vec::with_capacity(entries.len());
        for mut entry in entries {
            if let Some(broken) = &entry.broken {
                let reason = broken.reason.clone();
                tracing::warn!(entry.id = %entry.id, stream = %self.consumer.source.stream, %reason, "dead letter: unreadable entry");
                self.settler.settle(entry, Outcome::Reject { reason }).await;
            } else if entry.crashes >= POISON_AFTER {
                let reason = format!(
                    "poison: {} consumers died with it in hand, {} of them while it was alone",
                    entry.crashes,
                    entry.crashes - ALONE_AFTER
                );
                let outcome = self.consumer.handler.bury(&entry, &reason).await;
                if matches!(outcome, Outcome::Dead { .. }) {
                    tracing::error!(entry.id = %entry.id, stream = %self.consumer.source.stream, %reason, "dead letter");
                }
                entry.attempt = entry.attempt.max(1);
                self.settler.settle(entry, outcome).await;
            } else {
                batch.push(entry);
            }
        }
        // The handler's task ends only after the readers, unless it has panicked; then all stays pending.
        if !batch.is_empty() && self.batches.send(batch).await.is_err() {
            tracing::error!("the handler is gone; what was read stays pending");
            self.shutdown.cancel();
        }
    }
}
