//! What a worker gives to the queue: a function from entries to outcomes.

use std::future::Future;

use tokio::sync::mpsc;

use super::{Entry, Outcome};

/// A stage of the pipeline.
pub trait Handler: Send + Sync + 'static {
    /// Works on a batch. Every entry must reach `settler` exactly once, now or later; until then it
    /// occupies one of the consumer's slots, and its claim is renewed.
    fn handle(&self, batch: Vec<Entry>, settler: Settler) -> impl Future<Output = ()> + Send;

    /// Called before the queue itself puts an entry to the dead letters (poison), so that what the handler
    /// keeps elsewhere says so first. Returns what the entry ends as: a dead letter, or what is known better.
    fn bury(&self, entry: &Entry, reason: &str) -> impl Future<Output = Outcome> + Send;
}

/// Takes outcomes; they are settled in batches, in the order in which they come.
#[derive(Clone)]
pub struct Settler {
    sender: mpsc::Sender<(Entry, Outcome)>,
}

impl Settler {
    pub(super) fn new(sender: mpsc::Sender<(Entry, Outcome)>) -> Self {
        Self { sender }
    }

    pub async fn settle(&self, entry: Entry, outcome: Outcome) {
        // The settling task outlives every handler; if it has panicked, the entry simply stays pending.
        if self.sender.send((entry, outcome)).await.is_err() {
            tracing::error!("an outcome could not be settled: the settling task has ended");
        }
    }
}
