//! Entries of a cancelled campaign: closed in the ledger unsent, but for mails of which nobody knows
//! whether they went.

use super::{Stage, WAIT_MS, Work, closed, closing};
use crate::{
    event::campaign_of,
    queue::{Closed, Outcome},
    store::{CHANNEL_EMAIL, ClaimOutcome, DeliveryStatus, InDoubt, Lapsed},
    worker::patiently,
};

impl Stage {
    pub(super) async fn cancel(&self, work: Work, user: i64) {
        let why = "the campaign was cancelled";
        let row = closing(&work.entry, user, DeliveryStatus::Cancelled, why);
        let outcome = match self.ledger.close(vec![row]).await.as_deref() {
            Ok([DeliveryStatus::Sending]) => self.cancel_begun(&work, user).await,
            Ok(found) => {
                let closed = found.first().copied().and_then(closed);
                Outcome::Done(closed.unwrap_or(Closed::Cancelled))
            }
            Err(_) => Outcome::HandBack,
        };
        work.settle(outcome).await;
    }

    /// Somebody had the mail in hand. Its owner will say what became of it; one that is gone leaves it in
    /// doubt, and it is held whatever the policy: a cancelled campaign sends nothing again.
    async fn cancel_begun(&self, work: &Work, user: i64) -> Outcome {
        let campaign = campaign_of(&work.entry).unwrap_or(0);
        let ask = || self.store.delivery(campaign, user, CHANNEL_EMAIL);
        let Some(row) = patiently("cancelling", &self.shutdown, ask).await else {
            return Outcome::HandBack;
        };
        let wait = Outcome::Wait { delay_ms: WAIT_MS };
        let Some(row) = row.filter(|row| row.status == DeliveryStatus::Sending) else {
            return wait;
        };
        let live = self.presence.live(&self.redis).await.ok().flatten();
        if live.is_none_or(|live| live.has(&row.owner)) {
            return wait;
        }
        let lapsed = Lapsed {
            owner: row.owner,
            policy: InDoubt::Hold,
            claim: self.claim(&work.entry, campaign, user),
        };
        match self.ledger.resolve_lapsed(vec![lapsed]).await.as_deref() {
            Ok([ClaimOutcome::Closed(closed)]) => Outcome::Done(*closed),
            Ok(_) => wait,
            Err(_) => Outcome::HandBack,
        }
    }
}
