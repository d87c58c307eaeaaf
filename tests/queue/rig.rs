//! A key prefix of its own per test, a handler that does what the test says, and waiting for conditions.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use comms::queue::{
    Consumer, ConsumerConfig, Entry, Handler, Held, Keys, Outcome, Presence, Redis, Settler,
    Source, Turns, WorkerInfo,
};
use redis::AsyncCommands;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(super) const TURNS: Turns = Turns {
    stream: "turns",
    group: "fan",
    kind: "turn.taken",
    data: ("{\"turn\":", "}"),
};

pub(super) type Say = dyn Fn(&Entry) -> Option<Outcome> + Send + Sync;

/// Answers each entry as the test says; `None` keeps it in hand for ever.
pub(super) struct Scripted {
    say: Box<Say>,
    pub seen: Mutex<Vec<Entry>>,
    pub buried: Mutex<Vec<String>>,
}

impl Handler for Scripted {
    async fn handle(&self, batch: Vec<Entry>, settler: Settler) {
        for entry in batch {
            self.seen.lock().expect("not poisoned").push(entry.clone());
            if let Some(outcome) = (self.say)(&entry) {
                settler.settle(entry, outcome).await;
            }
        }
    }

    async fn bury(&self, entry: &Entry, reason: &str) -> Outcome {
        let line = format!("{} {reason}", entry.id);
        self.buried.lock().expect("not poisoned").push(line);
        let reason = reason.to_owned();
        Outcome::Dead { reason }
    }
}

pub(super) struct Rig {
    pub redis: Redis,
}

pub(super) struct Running {
    pub name: String,
    pub handler: Arc<Scripted>,
    pub presence: Presence,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with_url(&crate::support::redis_url())
    }

    pub(super) fn with_url(url: &str) -> Self {
        static TEST: AtomicU64 = AtomicU64::new(0);
        let prefix = format!(
            "q{}-{}",
            std::process::id(),
            TEST.fetch_add(1, Ordering::Relaxed)
        );
        let keys = Keys::new(&prefix, 1).expect("a valid prefix");
        Self {
            redis: Redis::open(url, keys).expect("a valid URL"),
        }
    }

    pub(super) fn stream(&self, name: &str) -> String {
        self.redis.keys().stream(0, name)
    }

    /// A consumer of the stream `jobs`; several of one test have different names.
    pub(super) fn consume(
        &self,
        name: &str,
        capacity: usize,
        say: impl Fn(&Entry) -> Option<Outcome> + Send + Sync + 'static,
    ) -> Running {
        let presence_ms = 1_500;
        let held = Held::new(capacity);
        let presence = Presence::start(
            &self.redis,
            name.to_owned(),
            presence_ms,
            Arc::new(WorkerInfo::default),
        );
        let handler = Arc::new(Scripted {
            say: Box::new(say),
            seen: Mutex::default(),
            buried: Mutex::default(),
        });
        let consumer = Consumer {
            redis: self.redis.clone(),
            source: Source {
                stream: "jobs".to_owned(),
                group: "workers".to_owned(),
                counted: true,
            },
            config: ConsumerConfig {
                name: name.to_owned(),
                visibility_ms: 3_000,
                presence_ms,
                max_hold_ms: 60_000,
                reclaim: true,
            },
            presence: presence.clone(),
            held,
            handler: Arc::clone(&handler),
            answering: Arc::new(AtomicBool::new(false)),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(consumer.run(shutdown.clone()));
        Running {
            name: name.to_owned(),
            handler,
            presence,
            shutdown,
            task,
        }
    }

    pub(super) async fn add(&self, flow: &str, data: &str) -> String {
        self.add_raw(&[("type", "job.wanted"), ("flow", flow), ("data", data)])
            .await
    }

    pub(super) async fn add_raw(&self, fields: &[(&str, &str)]) -> String {
        let stream = self.stream("jobs");
        self.redis
            .commands()
            .xadd(stream, "*", fields)
            .await
            .expect("XADD")
    }

    pub(super) async fn flow(&self, flow: &str, status: &str) {
        let key = self.redis.keys().flow(0, flow);
        let fields = [("status", status), ("revision", "1")];
        let _: () = self
            .redis
            .commands()
            .hset_multiple(key, &fields)
            .await
            .expect("HSET");
    }

    pub(super) async fn tally(&self, flow: &str) -> comms::queue::Tally {
        comms::queue::Tally::read(&self.redis, flow)
            .await
            .expect("HGETALL")
    }

    /// Entries that are pending or unread in `jobs`.
    pub(super) async fn pending(&self) -> u64 {
        let summary: (u64, redis::Value, redis::Value, redis::Value) = redis::cmd("XPENDING")
            .arg(self.stream("jobs"))
            .arg("workers")
            .query_async(&mut self.redis.commands())
            .await
            .expect("XPENDING");
        summary.0
    }

    pub(super) async fn dead(&self) -> Vec<HashMap<String, String>> {
        let key = self.redis.keys().dead(0, "jobs");
        let letters: Vec<(String, HashMap<String, String>)> =
            self.redis.commands().xrange_all(key).await.expect("XRANGE");
        letters.into_iter().map(|(_, fields)| fields).collect()
    }
}

impl Running {
    pub(super) fn seen(&self) -> Vec<Entry> {
        self.handler.seen.lock().expect("not poisoned").clone()
    }

    /// SIGTERM.
    pub(super) async fn drain(self) {
        self.shutdown.cancel();
        self.task.await.expect("no panic");
        let presence = self.presence;
        tokio::task::spawn_blocking(move || presence.goodbye())
            .await
            .expect("no panic");
    }

    /// SIGKILL, as far as that goes in one process: no more reading, settling or heartbeats.
    pub(super) async fn kill(self) {
        self.task.abort();
        let presence = self.presence;
        tokio::task::spawn_blocking(move || presence.stop_silently())
            .await
            .expect("no panic");
    }
}

/// Waits for a condition, up to 20 s.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < limit, "waited 20 s until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
