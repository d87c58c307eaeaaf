//! The Redis server that tests talk to, and a prefix of the test's own.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::queue::{Keys, Redis};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A handle with `partitions` partitions below a prefix that no other test uses.
pub(crate) fn redis(partitions: u32) -> Redis {
    let prefix = format!(
        "t{}x{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    Redis::open(
        &crate::config::test_redis_url(),
        Keys::new(&prefix, partitions).expect("valid"),
    )
    .expect("a Redis URL")
}

/// Runs one command given as words.
pub(crate) async fn run(redis: &Redis, words: &[&str]) -> redis::Value {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command
        .query_async(&mut redis.commands())
        .await
        .unwrap_or_else(|e| panic!("{words:?}: {e}"))
}
