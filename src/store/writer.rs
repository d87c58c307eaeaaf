//! The ledger's one writer: collects, commits, answers, and tries again when the database is away.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::AnyConnection;
use tokio::sync::{mpsc, oneshot};

use super::{
    away::is_away,
    commit::{Batch, Exceptions},
    deliveries::DeliveryStatus,
    ledger::{Claim, ClaimOutcome, Closing, DeliveryResult, Lapsed, released},
    open::{Store, limited},
    statements::Statements,
    waiting::{Key, Waiting},
};

/// Claims, and results, in one commit.
const ROWS_PER_COMMIT: usize = 256;
/// Decisions on lapsed rows in one commit; each is a statement of its own.
const LAPSED_PER_COMMIT: usize = 32;
/// Rows that are taken in before they can be committed.
const ROWS_WAITING: usize = 4 * ROWS_PER_COMMIT;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Job {
    Claim(Vec<Claim>, oneshot::Sender<Vec<ClaimOutcome>>),
    Record(Vec<DeliveryResult>, oneshot::Sender<Vec<DeliveryStatus>>),
    Close(Vec<Closing>, oneshot::Sender<Vec<DeliveryStatus>>),
    Resolve(Vec<Lapsed>, oneshot::Sender<Vec<ClaimOutcome>>),
    Stop,
}

struct Writer {
    store: Store,
    owner: String,
    statements: Statements,
    connection: Option<AnyConnection>,
    /// Rows that somebody in this process has been told are his, with their attempts. A row that SQL has as
    /// ours and that isn't here was claimed by a commit whose reply was lost.
    held: HashMap<Key, u32>,
    claims: Waiting<Claim, ClaimOutcome>,
    lapsed: Waiting<Lapsed, ClaimOutcome>,
    results: Waiting<DeliveryResult, DeliveryStatus>,
    closings: Waiting<Closing, DeliveryStatus>,
}

pub(super) async fn run(
    store: Store,
    owner: String,
    mut inbox: mpsc::Receiver<Job>,
    away: Arc<AtomicBool>,
) {
    let mut writer = Writer::new(store, owner);
    let mut outage: Option<Outage> = None;
    while writer.collect(&mut inbox).await {
        match writer.commit().await {
            Ok(()) => {
                if let Some(outage) = outage.take() {
                    away.store(false, Ordering::Relaxed);
                    let duration_ms = outage.since.elapsed().as_millis();
                    tracing::info!(duration_ms, "the ledger writes to the database again");
                }
            }
            Err(error) => {
                // A connection that failed may owe a reply; it is not used again.
                writer.connection = None;
                away.store(true, Ordering::Relaxed);
                let outage = outage.get_or_insert_with(|| Outage::begin(&error));
                tokio::time::sleep(outage.backoff).await;
                outage.backoff = (outage.backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

struct Outage {
    since: Instant,
    backoff: Duration,
}

impl Outage {
    fn begin(error: &sqlx::Error) -> Self {
        if is_away(error) {
            tracing::warn!(%error, "the ledger can't reach the database; what it has is kept and written later");
        } else {
            tracing::error!(%error, "the database refuses what the ledger writes; it is kept and tried again");
        }
        Self {
            since: Instant::now(),
            backoff: BACKOFF_MIN,
        }
    }
}

impl Writer {
    fn new(store: Store, owner: String) -> Self {
        Self {
            statements: Statements::new(store.dialect()),
            store,
            owner,
            connection: None,
            held: HashMap::new(),
            claims: Waiting::new(|row| (row.campaign, row.user)),
            lapsed: Waiting::new(|row| (row.claim.campaign, row.claim.user)),
            results: Waiting::new(|row| (row.campaign, row.user)),
            closings: Waiting::new(|row| (row.campaign, row.user)),
        }
    }

    /// Takes in what waits; waits for something when there is nothing. False when all is done and nothing
    /// will come. A claim whose caller has gone stays: a try to commit it may have succeeded unheard.
    async fn collect(&mut self, inbox: &mut mpsc::Receiver<Job>) -> bool {
        if self.is_empty() {
            match inbox.recv().await {
                Some(job) => self.take_in(job, inbox),
                None => return false,
            }
        }
        while self.rows() < ROWS_WAITING
            && let Ok(job) = inbox.try_recv()
        {
            self.take_in(job, inbox);
        }
        true
    }

    fn take_in(&mut self, job: Job, inbox: &mut mpsc::Receiver<Job>) {
        match job {
            Job::Claim(rows, reply) => self.claims.push(rows, Some(reply)),
            Job::Record(rows, reply) => self.results.push(rows, Some(reply)),
            Job::Close(rows, reply) => self.closings.push(rows, Some(reply)),
            Job::Resolve(rows, reply) => self.lapsed.push(rows, Some(reply)),
            // What was sent before is still received.
            Job::Stop => inbox.close(),
        }
    }

    fn is_empty(&self) -> bool {
        self.claims.is_empty()
            && self.lapsed.is_empty()
            && self.results.is_empty()
            && self.closings.is_empty()
    }

    fn rows(&self) -> usize {
        self.claims.rows() + self.lapsed.rows() + self.results.rows() + self.closings.rows()
    }

    /// One transaction with the next of everything, and the answers.
    async fn commit(&mut self) -> sqlx::Result<()> {
        let results = self.results.next(ROWS_PER_COMMIT);
        let batch = Batch {
            owner: &self.owner,
            statements: &self.statements,
            held: &self.held,
            closings: self.closings.next(ROWS_PER_COMMIT - results.len()),
            results,
            lapsed: self.lapsed.next(LAPSED_PER_COMMIT),
            claims: self.claims.next(ROWS_PER_COMMIT),
        };
        if batch.is_empty() {
            return Ok(());
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(self.store.connect().await?),
        };
        let exceptions = limited(batch.commit(connection, self.store.dialect().begin())).await?;
        let answers = Answers::new(&batch, exceptions);
        self.answer(answers);
        Ok(())
    }

    fn answer(&mut self, answers: Answers) {
        for (key, attempt) in answers.ended {
            if self.held.get(&key) == Some(&attempt) {
                self.held.remove(&key);
            }
        }
        for key in answers.closed {
            self.held.remove(&key);
        }
        self.held.extend(answers.begun);
        self.results.answer(answers.results);
        self.closings.answer(answers.closings);
        let lapsed = self.lapsed.answer(answers.lapsed);
        let claims = self.claims.answer(answers.claims);
        // Nobody is there to send these.
        let orphans = lapsed
            .into_iter()
            .map(|(row, outcome)| (row.claim, outcome));
        let unsent: Vec<DeliveryResult> = orphans
            .chain(claims)
            .filter(|(_, outcome)| *outcome == ClaimOutcome::Claimed)
            .map(|(claim, _)| released(&claim))
            .collect();
        if !unsent.is_empty() {
            self.results.push(unsent, None);
        }
    }
}

/// What a committed batch means for everybody.
struct Answers {
    ended: Vec<(Key, u32)>,
    closed: Vec<Key>,
    begun: Vec<(Key, u32)>,
    results: Vec<DeliveryStatus>,
    closings: Vec<DeliveryStatus>,
    lapsed: Vec<ClaimOutcome>,
    claims: Vec<ClaimOutcome>,
}

impl Answers {
    fn new(batch: &Batch<'_>, mut exceptions: Exceptions) -> Self {
        let mut begun = Vec::with_capacity(batch.claims.len());
        let mut outcome = |claim: &Claim, exceptions: &mut HashMap<Key, ClaimOutcome>| {
            let key = (claim.campaign, claim.user);
            let outcome = exceptions.remove(&key).unwrap_or(ClaimOutcome::Claimed);
            if outcome == ClaimOutcome::Claimed {
                begun.push((key, claim.attempt));
            }
            outcome
        };
        let lapsed = batch
            .lapsed
            .iter()
            .map(|row| outcome(&row.claim, &mut exceptions.lapsed))
            .collect();
        let claims = batch
            .claims
            .iter()
            .map(|claim| outcome(claim, &mut exceptions.claims))
            .collect();
        let status =
            |key: Key, asked: DeliveryStatus, exceptions: &HashMap<Key, DeliveryStatus>| {
                exceptions.get(&key).copied().unwrap_or(asked)
            };
        Self {
            ended: batch
                .results
                .iter()
                .map(|r| ((r.campaign, r.user), r.attempt))
                .collect(),
            closed: batch
                .closings
                .iter()
                .map(|r| (r.campaign, r.user))
                .filter(|key| !exceptions.closings.contains_key(key))
                .collect(),
            results: batch
                .results
                .iter()
                .map(|r| status((r.campaign, r.user), r.status, &exceptions.results))
                .collect(),
            closings: batch
                .closings
                .iter()
                .map(|r| status((r.campaign, r.user), r.status, &exceptions.closings))
                .collect(),
            begun,
            lapsed,
            claims,
        }
    }
}
