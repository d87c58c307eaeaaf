//! Presence: every process beats once a second, and says what it does and how fast.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use redis::{Client, RedisResult, Script};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Redis;

const LONGEST_BEAT: Duration = Duration::from_secs(1);
/// How long a process that is gone is remembered, ms.
const REMEMBERED_MS: u64 = 3_600_000;

static HEARTBEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "#!lua flags=allow-oom
-- KEYS[1] ZSET of workers   ARGV[1] consumer name   [2] remembered ms
-- Beats with the server's time; returns it, ms, whether the name was new (0|1), and the names that are
-- forgotten by it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local new = redis.call('ZADD', KEYS[1], now, ARGV[1])
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
if #old > 0 then redis.call('ZREM', KEYS[1], unpack(old)) end
return {now, new, old}",
    )
});

static DESCRIBE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "#!lua flags=allow-oom
-- KEYS[1] hash of descriptions   ARGV[1] consumer name   [2] JSON   [3 ..] names that are forgotten
-- At maxmemory too: who can't beat may not send, and then the memory would never be freed.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if #ARGV > 2 then redis.call('HDEL', KEYS[1], unpack(ARGV, 3)) end",
    )
});

/// What a process says of itself; the console's Workers screen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerInfo {
    pub service: String,
    pub host: String,
    pub pid: u32,
    pub started_at_ms: u64,
    /// ready, draining, or away with the reason in `note`.
    pub state: String,
    pub stream: String,
    /// Entries that it has read and not yet settled.
    pub in_hand: u64,
    pub capacity: u64,
    /// Entries settled since its start.
    pub handled: u64,
    /// Entries settled per second, over the last seconds.
    pub rate: f64,
    pub rss_bytes: u64,
    pub note: String,
}

/// Makes the JSON-able description anew for each beat.
pub type Describe = Arc<dyn Fn() -> WorkerInfo + Send + Sync>;

/// The heartbeat of this process, on a thread and a connection of its own: a busy runtime can't delay it.
#[derive(Clone)]
pub struct Presence {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    presence_ms: u64,
    started: Instant,
    /// ms since `started` + 1 when the last beat that arrived was sent; 0: none.
    last_beat: AtomicU64,
    /// The same of the first beat since the connection was made, or since Redis had forgotten us.
    beating_since: AtomicU64,
    /// The server's time of the last beat, ms; written after `beating_since`.
    confirmed_ms: AtomicU64,
    /// How far the server's clock is ahead of ours, ms.
    ahead_ms: AtomicI64,
    stop: AtomicBool,
    silent: AtomicBool,
    /// Cancelled when an operator asks this process to drain.
    drain: OnceLock<CancellationToken>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Presence {
    /// Starts beating as `name`.
    pub fn start(redis: &Redis, name: String, presence_ms: u64, describe: Describe) -> Self {
        let shared = Arc::new(Shared {
            name,
            presence_ms,
            started: Instant::now(),
            last_beat: AtomicU64::new(0),
            beating_since: AtomicU64::new(0),
            confirmed_ms: AtomicU64::new(0),
            ahead_ms: AtomicI64::new(0),
            stop: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            drain: OnceLock::new(),
            thread: Mutex::new(None),
        });
        let beater = Beater {
            client: redis.client().clone(),
            workers: redis.keys().workers(),
            info: redis.keys().workers_info(),
            drain: redis.keys().workers_drain(),
            shared: Arc::clone(&shared),
            describe,
        };
        match thread::Builder::new()
            .name("presence".to_owned())
            .spawn(move || beater.run())
        {
            Ok(handle) => *shared.thread.lock().unwrap_or_else(|e| e.into_inner()) = Some(handle),
            Err(error) => tracing::error!(%error, "the heartbeat thread could not be started"),
        }
        Self { shared }
    }

    /// Cancels this, as SIGTERM does, when an operator asks the process to drain.
    pub fn drain_by(&self, shutdown: CancellationToken) {
        // The first one is the process's own; there is no second.
        let _ = self.shared.drain.set(shutdown);
    }

    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The time by the server's clock, as of the last heartbeat, ms.
    pub fn now_ms(&self) -> u64 {
        let now = local_ms() + self.shared.ahead_ms.load(Ordering::Acquire);
        u64::try_from(now).unwrap_or(0)
    }

    fn since(&self, mark: &AtomicU64) -> Option<Duration> {
        let at = mark.load(Ordering::Acquire).checked_sub(1)?;
        Some(
            self.shared
                .started
                .elapsed()
                .saturating_sub(Duration::from_millis(at)),
        )
    }

    /// True while others can't take us for gone: whatever they might repeat may be started.
    pub fn is_trusted(&self) -> bool {
        let trusted = Duration::from_millis(self.shared.presence_ms * 4 / 5);
        self.since(&self.shared.last_beat)
            .is_some_and(|ago| ago < trusted)
    }

    /// True once we have beaten for the presence time: before that, nobody else may be judged by us.
    pub fn may_judge(&self) -> bool {
        self.is_trusted()
            && self
                .since(&self.shared.beating_since)
                .is_some_and(|ago| ago >= Duration::from_millis(self.shared.presence_ms))
    }

    /// Who lives, by the server's clock; `None` while nobody may be judged. Nobody may either on a list
    /// that doesn't have our own last beat: Redis has lost it, and the others' with it.
    ///
    /// # Errors
    /// Those of ZRANGE and TIME.
    pub async fn live(&self, redis: &Redis) -> RedisResult<Option<Live>> {
        if !self.may_judge() {
            return Ok(None);
        }
        let ((seconds, micros), beats): ((u64, u64), Vec<(String, f64)>) = redis::pipe()
            .cmd("TIME")
            .cmd("ZRANGE")
            .arg(redis.keys().workers())
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .query_async(&mut redis.commands())
            .await?;
        let now_ms = seconds * 1_000 + micros / 1_000;
        let confirmed = self.shared.confirmed_ms.load(Ordering::Acquire);
        let ours = beats.iter().find(|(name, _)| *name == self.shared.name);
        // A later one is under way, and its reply might say that we were forgotten.
        if ours.is_none_or(|(_, at)| *at as u64 != confirmed) || !self.may_judge() {
            return Ok(None);
        }
        let beats = beats
            .into_iter()
            .map(|(name, at)| (name, now_ms.saturating_sub(at as u64)))
            .collect();
        Ok(Some(Live {
            beats,
            presence_ms: self.shared.presence_ms,
        }))
    }

    /// Stops beating without a word, as a killed process does. Blocks for a beat at most.
    pub fn stop_silently(&self) {
        self.shared.silent.store(true, Ordering::Release);
        self.goodbye();
    }

    /// Stops beating and takes the name off the list: what is left pending may be taken over at once, and
    /// counts as no crash. Blocks for a beat at most.
    pub fn goodbye(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let thread = self
            .shared
            .thread
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the heartbeat thread has panicked");
            }
        }
    }
}

/// Consumer names with the age of their last beat.
#[derive(Debug, Clone)]
pub struct Live {
    beats: HashMap<String, u64>,
    presence_ms: u64,
}

impl Live {
    pub fn has(&self, name: &str) -> bool {
        self.beats
            .get(name)
            .is_some_and(|age| *age < self.presence_ms)
    }

    /// True for one that died without a goodbye.
    pub fn lapsed(&self, name: &str) -> bool {
        self.beats
            .get(name)
            .is_some_and(|age| *age >= self.presence_ms)
    }
}

struct Beater {
    client: Client,
    workers: String,
    info: String,
    drain: String,
    shared: Arc<Shared>,
    describe: Describe,
}

impl Beater {
    fn run(self) {
        let mut connection = None;
        let mut rate = Rate::default();
        let mut said = false;
        // Four of them may be lost before anybody takes us for gone.
        let beat = Duration::from_millis(self.shared.presence_ms / 5).min(LONGEST_BEAT);
        while !self.shared.stop.load(Ordering::Acquire) {
            if connection.is_none() {
                connection = self.connect().ok();
            }
            let beaten = match connection.as_mut() {
                Some(c) => self.beat(c, &mut rate),
                None => Err((redis::ErrorKind::Io, "cannot connect").into()),
            };
            match beaten {
                Ok(()) => said = false,
                Err(error) => {
                    self.shared.beating_since.store(0, Ordering::Release);
                    connection = None;
                    if !said {
                        tracing::warn!(%error, "no heartbeat: redis is away");
                        said = true;
                    }
                }
            }
            thread::park_timeout(beat);
        }
        let silent = self.shared.silent.load(Ordering::Acquire);
        if let Some(mut c) = connection.filter(|_| !silent) {
            let gone: RedisResult<()> = redis::cmd("ZREM")
                .arg(&self.workers)
                .arg(&self.shared.name)
                .query(&mut c);
            let forgotten: RedisResult<()> = redis::cmd("HDEL")
                .arg(&self.info)
                .arg(&self.shared.name)
                .query(&mut c);
            let heeded: RedisResult<()> = redis::cmd("HDEL")
                .arg(&self.drain)
                .arg(&self.shared.name)
                .query(&mut c);
            if let Err(error) = gone.and(forgotten).and(heeded) {
                tracing::warn!(%error, "left without a goodbye; others notice after the presence time");
            }
        }
    }

    fn connect(&self) -> RedisResult<redis::Connection> {
        let connection = self.client.get_connection_with_timeout(LONGEST_BEAT)?;
        connection.set_read_timeout(Some(LONGEST_BEAT * 2))?;
        connection.set_write_timeout(Some(LONGEST_BEAT * 2))?;
        Ok(connection)
    }

    fn beat(&self, connection: &mut redis::Connection, rate: &mut Rate) -> RedisResult<()> {
        let shared = &self.shared;
        // Not when the reply came: others count from when Redis heard it, which may have been long before.
        let sent = shared.started.elapsed().as_millis() as u64 + 1;
        let (server_ms, new, forgotten): (u64, bool, Vec<String>) = HEARTBEAT
            .key(&self.workers)
            .arg(&shared.name)
            .arg(REMEMBERED_MS)
            .invoke(connection)?;
        let ahead_ms = i64::try_from(server_ms).unwrap_or(i64::MAX) - local_ms();
        shared.ahead_ms.store(ahead_ms, Ordering::Release);
        if new || shared.beating_since.load(Ordering::Acquire) == 0 {
            let now = shared.started.elapsed().as_millis() as u64 + 1;
            shared.beating_since.store(now, Ordering::Release);
        }
        shared.last_beat.store(sent, Ordering::Release);
        shared.confirmed_ms.store(server_ms, Ordering::Release);
        let mut info = (self.describe)();
        info.rate = rate.of(info.handled);
        let json = serde_json::to_string(&info).expect("strings and numbers are always JSON");
        DESCRIBE
            .key(&self.info)
            .arg(&shared.name)
            .arg(json)
            .arg(&forgotten)
            .invoke::<()>(connection)?;
        if !forgotten.is_empty() {
            let key = &self.drain;
            redis::cmd("HDEL")
                .arg(key)
                .arg(&forgotten)
                .exec(connection)?;
        }
        self.heed(connection)
    }

    /// Begins the drain when an operator has asked for it, on whatever host.
    fn heed(&self, connection: &mut redis::Connection) -> RedisResult<()> {
        let Some(shutdown) = self.shared.drain.get().filter(|t| !t.is_cancelled()) else {
            return Ok(());
        };
        let asked: Option<String> = redis::cmd("HGET")
            .arg(&self.drain)
            .arg(&self.shared.name)
            .query(connection)?;
        if let Some(who) = asked {
            tracing::info!(%who, "an operator asks to drain: what is in hand is finished first");
            shutdown.cancel();
        }
        Ok(())
    }
}

/// Entries per second over the last beats.
#[derive(Default)]
struct Rate {
    last: Option<(Instant, u64)>,
    smooth: f64,
}

impl Rate {
    fn of(&mut self, handled: u64) -> f64 {
        let now = Instant::now();
        if let Some((then, before)) = self.last {
            let rate = handled.saturating_sub(before) as f64
                / now.duration_since(then).as_secs_f64().max(0.001);
            self.smooth = if rate == 0.0 {
                0.0
            } else {
                (self.smooth + rate) / 2.0
            };
        }
        self.last = Some((now, handled));
        self.smooth
    }
}

fn local_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// A name that no other process ever has: host, process id, start in ms.
pub fn consumer_name(started_at_ms: u64) -> String {
    format!("{}-{}-{started_at_ms}", host_name(), std::process::id())
}

/// The machine's name, as the kernel tells it.
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |s| s.trim().to_owned())
}

/// Resident memory of this process, bytes.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|s| s.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}
