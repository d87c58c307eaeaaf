//! The scripts against a model: random steps of two workers, with lost replies, stale copies and reclaims,
//! on every server that test.sh names.

mod fan_out;
mod hop;
mod servers;

use std::collections::HashMap;

use redis::{AsyncCommands, Value};

use super::{Entry, Keys, Redis, reply};

/// The flow that all of it belongs to.
const FLOW: &str = "7";

/// One case on one server, below a prefix of its own, which is removed at the end.
struct Case {
    redis: Redis,
    stream: String,
    group: &'static str,
}

impl Case {
    async fn new(url: &str, stream: &str, group: &'static str) -> Self {
        let prefix = format!("model-{}-{:x}", std::process::id(), rand::random::<u64>());
        let keys = Keys::new(&prefix, 1).expect("a valid prefix");
        let redis = Redis::open(url, keys).expect("a valid URL");
        let stream = redis.keys().stream(0, stream);
        super::ensure_group(&mut redis.commands(), &stream, group)
            .await
            .expect("a group");
        Self {
            redis,
            stream,
            group,
        }
    }

    async fn read(&self, worker: &str, count: usize) -> Vec<Entry> {
        let value: Value = redis::cmd("XREADGROUP")
            .arg(&["GROUP", self.group, worker, "COUNT", &count.to_string()])
            .arg(&["STREAMS", &self.stream, ">"])
            .query_async(&mut self.redis.commands())
            .await
            .expect("XREADGROUP");
        reply::read_group(value, 0).expect("entries")
    }

    /// All that the other worker holds, by the script that the reader runs.
    async fn reclaim(&self, worker: &str, from: &str) -> Vec<Entry> {
        let page: Value = redis::cmd("XPENDING")
            .arg(&[&self.stream, self.group, "-", "+", "1000", from])
            .query_async(&mut self.redis.commands())
            .await
            .expect("XPENDING");
        let mut call = redis::cmd("EVAL");
        call.arg(include_str!("../lua/reclaim.lua"))
            .arg(2)
            .arg(&self.stream)
            .arg(self.crashes())
            // Alone or not is another matter: the model has no handlers that die.
            .arg(&[self.group, worker, "0", "1", "0"]);
        for entry in reply::pending(page).expect("a page") {
            call.arg(entry.id).arg(entry.consumer);
        }
        let reply: Vec<Value> = call
            .query_async(&mut self.redis.commands())
            .await
            .expect("the script runs");
        let entries = reply.into_iter().skip(1);
        entries
            .map(|v| reply::claimed(v, 0).expect("an entry"))
            .collect()
    }

    fn crashes(&self) -> String {
        format!("{}:crashes", self.stream)
    }

    async fn hash(&self, key: &str) -> HashMap<String, i64> {
        self.redis.commands().hgetall(key).await.expect("HGETALL")
    }

    async fn end(&self) {
        let pattern = format!("{{{}:0}}*", self.redis.keys().prefix());
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut self.redis.commands())
            .await
            .expect("KEYS");
        let _: () = self.redis.commands().del(keys).await.expect("DEL");
    }
}

/// Runs a case on each server; proptest itself knows nothing of futures.
fn on_each_server<F: Future<Output = Result<(), String>>>(
    case: impl Fn(String) -> F,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (name, url) in servers::urls() {
        runtime
            .block_on(case(url))
            .map_err(|wrong| format!("{name}: {wrong}"))?;
    }
    Ok(())
}
