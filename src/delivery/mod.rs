//! One mail's way from an entry to a result in the ledger: claimed before it is sent, recorded before its
//! entry is settled.
//!
//! ```text
//! entries ─▶ dispatch: reserve lanes, ask for the flow's status, claim in the ledger ─▶ lanes
//!               ▲                                                                        │
//!               └──────── not sent ──────── verdicts: record in the ledger, settle ◀─────┘
//! ```

mod bury;
mod cancel;
mod content;
mod dispatch;
mod domains;
mod failing;
mod verdicts;

pub use bury::Burial;

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    event::{campaign_of, user_of},
    mail::{BreakerState, Lanes, Sender, SmtpSettings},
    queue::{Closed, Entry, Flows, Handler, Outcome, Presence, Redis, RetryPolicy, Settler},
    store::{Closing, DeliveryStatus, Ledger, Store},
    worker::Worker,
};
use content::Contents;
use domains::Domains;
use failing::Failing;

/// How long an entry waits whose mail is in somebody else's hands, ms.
const WAIT_MS: u64 = 1_000;

/// An entry in the hands of this stage.
struct Work {
    entry: Entry,
    settler: Settler,
}

/// What comes back from the lanes with a verdict.
struct Tag {
    work: Work,
    campaign: i64,
    user: i64,
    /// The recipient's.
    domain: String,
    content: Arc<content::Content>,
}

struct Stage {
    redis: Redis,
    store: Store,
    ledger: Ledger,
    lanes: Lanes<Tag>,
    flows: Flows,
    contents: Contents,
    presence: Presence,
    sender: Arc<Sender>,
    message_id_domain: String,
    retry: RetryPolicy,
    failing: Failing,
    domains: Domains,
    again: mpsc::Sender<Work>,
    shutdown: CancellationToken,
}

/// The handler of email-service.
pub struct Delivery {
    stage: Arc<Stage>,
    burial: Burial,
}

impl Delivery {
    /// Starts the lanes (which connect when there is something to send) and the tasks around them.
    ///
    /// # Errors
    /// When COMMS_SMTP_URL or COMMS_FROM can't be understood.
    pub fn start(worker: &Worker, store: Store, ledger: Ledger) -> Result<Self> {
        let config = &worker.config;
        let burial = Burial::new(worker, &store, &ledger);
        let settings = SmtpSettings::parse(config.smtp_url())?;
        let sender = Sender::new(&config.from, &config.message_id_domain).context("COMMS_FROM")?;
        let presence = worker.presence.clone();
        let (lanes, verdicts) = Lanes::start(
            settings,
            config.lanes,
            sender.address().to_owned(),
            Arc::new(move || presence.is_trusted()),
            worker.shutdown.clone(),
        );
        // An entry is in one place at a time, so twice the slots never fill.
        let (again, inbox) = mpsc::channel(worker.held.capacity() * 2);
        let retry = RetryPolicy {
            base_ms: config.retry_base_ms,
            cap_ms: config.retry_cap_ms,
            attempts: config.retry_attempts,
        };
        let stage = Arc::new(Stage {
            redis: worker.redis.clone(),
            contents: Contents::new(store.clone(), worker.shutdown.clone()),
            store,
            ledger,
            lanes,
            flows: Flows::new(worker.redis.clone()),
            presence: worker.presence.clone(),
            sender: Arc::new(sender),
            message_id_domain: config.message_id_domain.clone(),
            retry,
            failing: Failing::default(),
            domains: Domains::new(retry),
            again,
            shutdown: worker.shutdown.clone(),
        });
        tokio::spawn(dispatch::run(Arc::clone(&stage), inbox));
        tokio::spawn(verdicts::run(Arc::clone(&stage), verdicts));
        Ok(Self { stage, burial })
    }

    /// Why no mails are sent for now; empty when they are.
    pub fn trouble(&self) -> String {
        if self.stage.ledger.is_away() {
            return "the database is away".to_owned();
        }
        match self.stage.lanes.breaker() {
            BreakerState::Closed => String::new(),
            open => open.to_string(),
        }
    }
}

impl Handler for Delivery {
    async fn handle(&self, batch: Vec<Entry>, settler: Settler) {
        for entry in batch {
            let work = Work {
                entry,
                settler: settler.clone(),
            };
            self.stage.take(work).await;
        }
    }

    async fn bury(&self, entry: &Entry, reason: &str) -> Outcome {
        self.burial.bury(entry, reason).await
    }
}

impl Stage {
    async fn take(&self, work: Work) {
        if let Err(mpsc::error::SendError(work)) = self.again.send(work).await {
            work.settle(Outcome::HandBack).await;
        }
    }
}

impl Work {
    async fn settle(self, outcome: Outcome) {
        self.settler.settle(self.entry, outcome).await;
    }
}

/// The ledger's row for an entry that ends without having been claimed.
pub fn closing(entry: &Entry, user: i64, status: DeliveryStatus, why: &str) -> Closing {
    Closing {
        campaign: campaign_of(entry).unwrap_or(0),
        user,
        round: entry.round,
        status,
        code: None,
        answer: Some(why.to_owned()),
    }
}

/// Writes "failed" for the user of an entry that becomes a dead letter and whose mail nobody has begun.
async fn close_as_failed(ledger: &Ledger, entry: &Entry, reason: &str) {
    if let Some(user) = user_of(&entry.data) {
        let row = closing(entry, user, DeliveryStatus::Failed, reason);
        if ledger.close(vec![row]).await.is_err() {
            tracing::error!(entry.id = %entry.id, "the ledger has stopped; a dead letter is not in it");
        }
    }
}

/// The counter of a delivery that has ended; `None` while it hasn't.
pub fn closed(status: DeliveryStatus) -> Option<Closed> {
    match status {
        DeliveryStatus::Accepted => Some(Closed::Accepted),
        DeliveryStatus::Failed => Some(Closed::Failed),
        DeliveryStatus::Suppressed => Some(Closed::Suppressed),
        DeliveryStatus::Cancelled => Some(Closed::Cancelled),
        DeliveryStatus::InDoubt => Some(Closed::InDoubt),
        DeliveryStatus::Sending | DeliveryStatus::Retrying | DeliveryStatus::Queued => None,
    }
}
