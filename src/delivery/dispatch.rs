//! From the entries in hand to the lanes: nothing is claimed without a connection, nothing is sent
//! without a claim.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use rand::RngExt;
use tokio::{sync::mpsc, task::JoinSet};

use super::{Stage, Tag, WAIT_MS, Work, close_as_failed, content::Missing, domains::domain_of};
use crate::{
    event::{self, EmailRequested, campaign_of},
    mail::{Job, Payload, Permits, message_id},
    queue::{Entry, FlowStatus, Live, Outage, Outcome, Statuses},
    store::{CHANNEL_EMAIL, Claim, ClaimOutcome, Lapsed},
};

/// Mails claimed in one statement.
const BATCH: usize = 256;
/// Claims under way at once: one is written while the next one's credits gather. More would only make
/// them smaller.
const CLAIMING: usize = 2;
/// An entry that may be sent, if the ledger agrees.
struct Candidate {
    tag: Tag,
    event: EmailRequested,
    claim: Claim,
}

/// Dispatches until every sender of `inbox` is gone.
pub(super) async fn run(stage: Arc<Stage>, mut inbox: mpsc::Receiver<Work>) {
    let mut waiting: VecDeque<Work> = VecDeque::new();
    let mut claiming = JoinSet::new();
    loop {
        if waiting.is_empty() {
            match inbox.recv().await {
                Some(work) => waiting.push_back(work),
                None => return,
            }
        }
        while let Ok(work) = inbox.try_recv() {
            waiting.push_back(work);
        }
        if stage.shutdown.is_cancelled() {
            for work in waiting.drain(..) {
                work.settle(Outcome::HandBack).await;
            }
            continue;
        }
        while claiming.len() >= CLAIMING {
            claiming.join_next().await;
        }
        // Waits as long as no lane has a connection; after the shutdown there are no permits.
        let permits = stage.lanes.reserve(waiting.len().min(BATCH)).await;
        let batch: Vec<Work> = waiting.drain(..permits.count()).collect();
        if !batch.is_empty() {
            claiming.spawn(Arc::clone(&stage).dispatch(batch, permits));
        }
    }
}

impl Stage {
    async fn dispatch(self: Arc<Self>, batch: Vec<Work>, permits: Permits<Tag>) {
        let Some(statuses) = self.statuses(&batch).await else {
            return hand_back(batch).await;
        };
        let mut candidates = Vec::with_capacity(batch.len());
        for work in batch {
            if let Some(candidate) = self.candidate(work, &statuses).await {
                candidates.push(candidate);
            }
        }
        let claims = candidates.iter().map(|c| c.claim.clone()).collect();
        match self.ledger.claim(claims).await {
            Ok(outcomes) => self.submit(candidates, outcomes, permits).await,
            Err(_) => hand_back(candidates.into_iter().map(|c| c.tag.work)).await,
        }
    }

    /// `None` when the shutdown comes before Redis answers.
    async fn statuses(&self, batch: &[Work]) -> Option<Statuses> {
        let mut outage = Outage::new("sending");
        loop {
            match self.flows.of(batch.iter().map(|w| &w.entry)).await {
                Ok(statuses) => return Some(statuses),
                Err(_) if self.shutdown.is_cancelled() => return None,
                Err(error) => outage.wait(&error, &self.shutdown).await,
            }
        }
    }

    /// Settles what must not be sent, and prepares the claim for what may be.
    async fn candidate(&self, work: Work, statuses: &Statuses) -> Option<Candidate> {
        let event = match event::parse::<EmailRequested>(&work.entry) {
            Ok(event) => event,
            Err(unreadable) => {
                work.settle(unreadable.outcome()).await;
                return None;
            }
        };
        let status = match work.entry.flow.as_str() {
            "" => FlowStatus::Running,
            _ => statuses.of(&work.entry),
        };
        let campaign = campaign_of(&work.entry).filter(|_| status != FlowStatus::Missing);
        let Some(campaign) = campaign else {
            let reason = format!("no campaign {:?} is known to Redis", work.entry.flow);
            work.settle(Outcome::Reject { reason }).await;
            return None;
        };
        match status {
            FlowStatus::Paused => {
                work.settle(Outcome::Park).await;
                return None;
            }
            FlowStatus::Cancelled => {
                self.cancel(work, event.user).await;
                return None;
            }
            _ => {}
        }
        let domain = domain_of(&event.email);
        if let Some(rest) = self.domains.rest(&domain, Instant::now()) {
            // Not all of them at its very end.
            let delay_ms = rest.mul_f64(rand::rng().random_range(1.0..2.0)).as_millis() as u64;
            work.settle(Outcome::Wait { delay_ms }).await;
            return None;
        }
        match self.contents.of(campaign, event.user).await {
            Ok(content) => Some(Candidate {
                claim: self.claim(&work.entry, campaign, event.user),
                tag: Tag {
                    work,
                    campaign,
                    user: event.user,
                    domain,
                    content,
                },
                event,
            }),
            Err(Missing::Stopped) => {
                work.settle(Outcome::HandBack).await;
                None
            }
            Err(Missing::Never(reason)) => {
                close_as_failed(&self.ledger, &work.entry, &reason).await;
                work.settle(Outcome::Dead { reason }).await;
                None
            }
        }
    }

    pub(super) fn claim(&self, entry: &Entry, campaign: i64, user: i64) -> Claim {
        let domain = &self.message_id_domain;
        Claim {
            campaign,
            user,
            attempt: entry.attempt,
            round: entry.round,
            message_id: message_id(&campaign.to_string(), user, CHANNEL_EMAIL, domain),
        }
    }

    /// Sends what is ours; settles what the ledger knows better. Takes over what belongs to a process
    /// that is gone, as the campaign's policy says.
    async fn submit(
        &self,
        candidates: Vec<Candidate>,
        outcomes: Vec<ClaimOutcome>,
        mut permits: Permits<Tag>,
    ) {
        let mut held_by_others = Vec::new();
        for (candidate, outcome) in candidates.into_iter().zip(outcomes) {
            match outcome {
                ClaimOutcome::SendingBy { owner, .. } => held_by_others.push((candidate, owner)),
                other => self.act(candidate, other, &mut permits).await,
            }
        }
        if held_by_others.is_empty() {
            return;
        }
        let live = self.presence.live(&self.redis).await.ok().flatten();
        let is_gone = |owner: &str| live.as_ref().is_some_and(|live: &Live| !live.has(owner));
        let mut lapsed = Vec::new();
        let mut taken_over = Vec::new();
        for (candidate, owner) in held_by_others {
            if is_gone(&owner) {
                lapsed.push(Lapsed {
                    owner,
                    policy: candidate.tag.content.in_doubt,
                    claim: candidate.claim.clone(),
                });
                taken_over.push(candidate);
            } else {
                let delay_ms = WAIT_MS;
                candidate.tag.work.settle(Outcome::Wait { delay_ms }).await;
            }
        }
        let in_doubt = lapsed.len();
        match self.ledger.resolve_lapsed(lapsed).await {
            Ok(outcomes) => {
                if in_doubt > 0 {
                    tracing::warn!(
                        in_doubt,
                        "mails were in the hands of a process that is gone"
                    );
                }
                for (candidate, outcome) in taken_over.into_iter().zip(outcomes) {
                    self.act(candidate, outcome, &mut permits).await;
                }
            }
            Err(_) => hand_back(taken_over.into_iter().map(|c| c.tag.work)).await,
        }
    }

    async fn act(&self, candidate: Candidate, outcome: ClaimOutcome, permits: &mut Permits<Tag>) {
        let Candidate { tag, event, claim } = candidate;
        let outcome = match outcome {
            ClaimOutcome::Claimed => {
                let content = Arc::clone(&tag.content);
                let sender = Arc::clone(&self.sender);
                let to = event.email.clone();
                let payload = Payload::Build(Box::new(move || {
                    content.compose(&sender, &event, &claim.message_id)
                }));
                return permits.submit(Job { tag, to, payload });
            }
            ClaimOutcome::Closed(closed) => Outcome::Done(closed),
            ClaimOutcome::Retrying { due_at_ms, attempt } => Outcome::Retry {
                due_at_ms: u64::try_from(due_at_ms).unwrap_or(0),
                attempt: attempt + 1,
            },
            ClaimOutcome::SendingBy { .. } => Outcome::Wait { delay_ms: WAIT_MS },
            ClaimOutcome::Superseded { from, .. } => Outcome::Done(from),
        };
        tag.work.settle(outcome).await;
    }
}

async fn hand_back(batch: impl IntoIterator<Item = Work>) {
    for work in batch {
        work.settle(Outcome::HandBack).await;
    }
}
