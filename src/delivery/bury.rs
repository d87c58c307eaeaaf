//! Before an entry that keeps killing its consumers becomes a dead letter, the ledger is told.

use tokio_util::sync::CancellationToken;

use crate::{
    event::{campaign_of, user_of},
    queue::{Entry, Outcome, Presence, Redis},
    store::{GaveUp, GivenUp, InDoubt, Ledger, Store},
    worker::{Worker, patiently},
};

/// Closes the row of the user whom an entry names.
pub struct Burial {
    redis: Redis,
    presence: Presence,
    store: Store,
    ledger: Ledger,
    shutdown: CancellationToken,
}

impl Burial {
    pub fn new(worker: &Worker, store: &Store, ledger: &Ledger) -> Self {
        Self {
            redis: worker.redis.clone(),
            presence: worker.presence.clone(),
            store: store.clone(),
            ledger: ledger.clone(),
            shutdown: worker.shutdown.clone(),
        }
    }

    /// What the entry ends as: a dead letter, unless the ledger knows better. Its mail was mostly in the hands of the
    /// last one that died of it, and then is in doubt; while a live process has it, nobody decides.
    pub async fn bury(&self, entry: &Entry, reason: &str) -> Outcome {
        let dead = Outcome::Dead {
            reason: reason.to_owned(),
        };
        let Some((campaign, user)) = campaign_of(entry).zip(user_of(&entry.data)) else {
            return dead;
        };
        let ask = || self.store.campaign(campaign);
        let Some(found) = patiently("burying", &self.shutdown, ask).await else {
            return Outcome::HandBack;
        };
        let row = GivenUp {
            campaign,
            user,
            attempt: entry.attempt,
            round: entry.round,
            policy: found.map_or(InDoubt::Resend, |campaign| campaign.in_doubt),
        };
        let live = self.presence.live(&self.redis).await.ok().flatten();
        let gone = |owner: &str| live.as_ref().is_some_and(|live| !live.has(owner));
        let ends = self.ledger.give_up(&[row], reason, gone).await;
        match ends.ok().and_then(|mut ends| ends.pop()) {
            Some(GaveUp::Failed) => dead,
            Some(GaveUp::Closed(closed)) => Outcome::Done(closed),
            Some(GaveUp::InHand(_)) | None => Outcome::HandBack,
        }
    }
}
