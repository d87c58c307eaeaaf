//! The ledger as it is written: claims before the mail, results after it.
//!
//! One task with one connection writes for the whole process, in group commits: one starts when the last
//! one has ended, with whatever waits. While the database is away it keeps what it has and goes on
//! trying; nothing is lost, and everything may be repeated.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    campaigns::InDoubt,
    deliveries::{Delivery, DeliveryStatus},
    open::Store,
    writer::{self, Job},
};
use crate::queue::Closed;

/// Requests that may wait; callers beyond them wait to be let in.
const WAITING: usize = 1_024;

/// "I am about to send this."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// 0 for a single mail, whose id is then `user`.
    pub campaign: i64,
    pub user: i64,
    pub attempt: u32,
    pub round: u32,
    pub message_id: String,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// Ours, committed as `sending`: send it, and record the result or release it.
    Claimed,
    /// It has ended already.
    Closed(Closed),
    /// That attempt was refused for now; the next is due then.
    Retrying { due_at_ms: i64, attempt: u32 },
    /// Somebody has it in hand, perhaps another part of this process. Wait, or, when that owner is known
    /// to be gone, [`Ledger::resolve_lapsed`].
    SendingBy {
        owner: String,
        attempt: u32,
        updated_at_ms: i64,
    },
    /// It had ended as `from`, and an operator has queued it again for a later round; that round's entry sends
    /// it. Settle `from`: the later round begins by taking it from that counter.
    Superseded { round: u32, from: Closed },
}

/// What became of a claimed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryResult {
    pub campaign: i64,
    pub user: i64,
    /// As claimed.
    pub attempt: u32,
    /// Not `Sending`. `Queued` releases it: it was not begun.
    pub status: DeliveryStatus,
    /// The server's reply.
    pub code: Option<u16>,
    pub answer: Option<String>,
    /// With `Retrying`: when the next attempt is due.
    pub due_at_ms: Option<i64>,
    /// The reply to the final dot was not read; counted, whatever the status is.
    pub in_doubt: bool,
}

/// The end of a row that was not claimed: failed, suppressed or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    pub campaign: i64,
    pub user: i64,
    pub round: u32,
    pub status: DeliveryStatus,
    pub code: Option<u16>,
    pub answer: Option<String>,
}

/// A row that is `sending` by an owner who is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    pub owner: String,
    pub policy: InDoubt,
    /// How it is claimed when the policy is to send it again.
    pub claim: Claim,
}

/// The ledger was shut down; what was asked was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerStopped;

impl fmt::Display for LedgerStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ledger was shut down")
    }
}

impl std::error::Error for LedgerStopped {}

/// The process' one writer of deliveries. Clones share it.
#[derive(Debug, Clone)]
pub struct Ledger {
    jobs: mpsc::Sender<Job>,
    away: Arc<AtomicBool>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Ledger {
    /// Starts the writer. `owner` names this process and no other, ever (`host-pid-start`).
    pub fn start(store: Store, owner: String) -> Self {
        let (jobs, inbox) = mpsc::channel(WAITING);
        let away = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(writer::run(store, owner, inbox, away.clone()));
        Self {
            jobs,
            away,
            task: Arc::new(Mutex::new(Some(task))),
        }
    }

    /// True while the database can't be written to; everything asked for waits.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Claims rows; the outcomes are in the order of the claims, and are committed. Only what is
    /// [`ClaimOutcome::Claimed`] may be sent. Dropping the future gives back what it would have claimed.
    ///
    /// # Errors
    /// [`LedgerStopped`]
    pub async fn claim(&self, claims: Vec<Claim>) -> Result<Vec<ClaimOutcome>, LedgerStopped> {
        self.ask(claims, Job::Claim).await
    }

    /// Records results. Says what each row is afterwards: what was asked for, unless somebody else has
    /// decided otherwise; then settle that.
    ///
    /// # Errors
    /// [`LedgerStopped`]
    pub async fn record(
        &self,
        results: Vec<DeliveryResult>,
    ) -> Result<Vec<DeliveryStatus>, LedgerStopped> {
        self.ask(results, Job::Record).await
    }

    /// Gives a claimed row back unsent; the same attempt may be claimed again.
    ///
    /// # Errors
    /// [`LedgerStopped`]
    pub async fn release(&self, claims: &[Claim]) -> Result<(), LedgerStopped> {
        self.record(claims.iter().map(released).collect()).await?;
        Ok(())
    }

    /// Closes rows that nobody claimed. Says what each row is afterwards, as [`Ledger::record`].
    ///
    /// # Errors
    /// [`LedgerStopped`]
    pub async fn close(
        &self,
        closings: Vec<Closing>,
    ) -> Result<Vec<DeliveryStatus>, LedgerStopped> {
        self.ask(closings, Job::Close).await
    }

    /// Decides on rows whose owner is gone: holds them in doubt, or takes them over. Of several
    /// processes one decides; the outcomes are as of [`Ledger::claim`].
    ///
    /// # Errors
    /// [`LedgerStopped`]
    pub async fn resolve_lapsed(
        &self,
        lapsed: Vec<Lapsed>,
    ) -> Result<Vec<ClaimOutcome>, LedgerStopped> {
        self.ask(lapsed, Job::Resolve).await
    }

    /// Writes what waits, and stops. It takes as long as the database is away; bound it.
    pub async fn shutdown(&self) {
        let task = self.task.lock().await.take();
        if let Some(task) = task {
            self.jobs.send(Job::Stop).await.ok();
            if let Err(error) = task.await {
                tracing::error!(%error, "the ledger's writer ended badly");
            }
        }
    }

    async fn ask<R, O>(
        &self,
        rows: Vec<R>,
        job: impl FnOnce(Vec<R>, oneshot::Sender<Vec<O>>) -> Job,
    ) -> Result<Vec<O>, LedgerStopped> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let job = job(rows, reply);
        self.jobs.send(job).await.map_err(|_| LedgerStopped)?;
        answer.await.map_err(|_| LedgerStopped)
    }
}

pub(super) fn released(claim: &Claim) -> DeliveryResult {
    DeliveryResult {
        campaign: claim.campaign,
        user: claim.user,
        attempt: claim.attempt,
        status: DeliveryStatus::Queued,
        code: None,
        answer: None,
        due_at_ms: None,
        in_doubt: false,
    }
}

/// What a claim is answered that found this row instead. `ours`: the row is `sending` by this process
/// for this attempt, and nobody here has been told so: the reply to the commit was lost.
pub(super) fn found(row: &Delivery, claim: &Claim, ours: bool) -> ClaimOutcome {
    let closed = match row.status {
        DeliveryStatus::Sending if ours => return ClaimOutcome::Claimed,
        DeliveryStatus::Retrying => {
            return ClaimOutcome::Retrying {
                due_at_ms: row.due_at_ms.unwrap_or(row.updated_at_ms),
                attempt: row.attempt,
            };
        }
        DeliveryStatus::Queued if row.round > claim.round => {
            let from = match row.moved_from {
                Some(DeliveryStatus::InDoubt) => Closed::InDoubt,
                _ => Closed::Failed,
            };
            return ClaimOutcome::Superseded {
                round: row.round,
                from,
            };
        }
        // Queued for us: it was let go a moment ago. The caller tries again.
        DeliveryStatus::Sending | DeliveryStatus::Queued => {
            return ClaimOutcome::SendingBy {
                owner: row.owner.clone(),
                attempt: row.attempt,
                updated_at_ms: row.updated_at_ms,
            };
        }
        DeliveryStatus::Accepted => Closed::Accepted,
        DeliveryStatus::Failed => Closed::Failed,
        DeliveryStatus::Suppressed => Closed::Suppressed,
        DeliveryStatus::Cancelled => Closed::Cancelled,
        DeliveryStatus::InDoubt => Closed::InDoubt,
    };
    ClaimOutcome::Closed(closed)
}
