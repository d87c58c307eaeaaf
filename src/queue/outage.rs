//! "Redis is away" said once, and waiting for it.

use std::time::{Duration, Instant};

use redis::RedisError;
use tokio_util::sync::CancellationToken;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// The troubles of one task with one server: logged when they begin, when they change, and when they end.
#[derive(Debug)]
pub struct Outage {
    what: &'static str,
    since: Option<Instant>,
    said: String,
    delay: Duration,
}

impl Outage {
    /// `what` completes "redis is away: … waits".
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            since: None,
            said: String::new(),
            delay: FIRST_DELAY,
        }
    }

    /// Notes a failure and waits before the next try, longer each time, up to 2 s. Returns early on shutdown.
    pub async fn wait(&mut self, error: &RedisError, shutdown: &CancellationToken) {
        let text = error.to_string();
        if self.said != text {
            tracing::warn!(error = %text, "redis is away: {} waits and tries again", self.what);
            self.said = text;
        }
        self.since.get_or_insert_with(Instant::now);
        tokio::select! {
            () = tokio::time::sleep(self.delay) => {}
            () = shutdown.cancelled() => {}
        }
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
    }

    pub fn over(&mut self) {
        if let Some(since) = self.since.take() {
            let duration_ms = since.elapsed().as_millis();
            tracing::info!(duration_ms, "redis is back: {} goes on", self.what);
            self.said.clear();
            self.delay = FIRST_DELAY;
        }
    }
}
