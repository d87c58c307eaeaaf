//! Rows that are given up before their entry becomes a dead letter: closed as failed, unless they have ended
//! otherwise. Whoever finds the entry still pending, after a kill or a lost reply, ends it as what the row says.

use super::{
    campaigns::InDoubt,
    deliveries::DeliveryStatus,
    ledger::{Claim, ClaimOutcome, Closing, Lapsed, Ledger, LedgerStopped},
};
use crate::queue::Closed;

/// A row that is to be closed as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// 0 for a single mail.
    pub campaign: i64,
    pub user: i64,
    pub attempt: u32,
    pub round: u32,
    /// What becomes of a mail of which nobody knows whether it went.
    pub policy: InDoubt,
}

/// What it has ended as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GaveUp {
    Failed,
    /// Before; or it is held in doubt; or its entry is of an older round.
    Closed(Closed),
    /// That process has the mail in hand: nothing was changed.
    InHand(String),
}

impl Ledger {
    /// Closes rows as failed, for that reason; what each has ended as, in the same order. `gone`: no process of that
    /// name is alive.
    ///
    /// # Errors
    /// [`LedgerStopped`]
    pub async fn give_up(
        &self,
        rows: &[GivenUp],
        why: &str,
        gone: impl Fn(&str) -> bool,
    ) -> Result<Vec<GaveUp>, LedgerStopped> {
        let mut ends = self.close_open(rows, why).await?;
        let open = places(&ends);
        let left: Vec<GivenUp> = open.iter().map(|n| rows[*n].clone()).collect();
        for (n, end) in open.into_iter().zip(self.take_over(&left, gone).await?) {
            ends[n] = end;
        }
        // What could be taken.
        let open = places(&ends);
        let left: Vec<GivenUp> = open.iter().map(|n| rows[*n].clone()).collect();
        for (n, end) in open.into_iter().zip(self.close_open(&left, why).await?) {
            ends[n] = end;
        }
        let in_hand = || GaveUp::InHand(String::new());
        let ends = ends.into_iter().map(|end| end.unwrap_or_else(in_hand));
        Ok(ends.collect())
    }

    /// Closes what nobody has in hand; `None`: still open.
    async fn close_open(
        &self,
        rows: &[GivenUp],
        why: &str,
    ) -> Result<Vec<Option<GaveUp>>, LedgerStopped> {
        let closing = |row: &GivenUp| Closing {
            campaign: row.campaign,
            user: row.user,
            round: row.round,
            status: DeliveryStatus::Failed,
            code: None,
            answer: Some(why.to_owned()),
        };
        let closed = self.close(rows.iter().map(closing).collect()).await?;
        Ok(closed.into_iter().map(end_of).collect())
    }

    /// Takes rows out of the hands of those who are gone; `None`: it can be closed now.
    async fn take_over(
        &self,
        rows: &[GivenUp],
        gone: impl Fn(&str) -> bool,
    ) -> Result<Vec<Option<GaveUp>>, LedgerStopped> {
        let claims = self.claim(rows.iter().map(claim).collect()).await?;
        let mut ends = Vec::with_capacity(rows.len());
        let (mut places, mut lapsed) = (Vec::new(), Vec::new());
        for (n, (row, outcome)) in rows.iter().zip(claims).enumerate() {
            match outcome {
                ClaimOutcome::SendingBy { owner, .. } if gone(&owner) => {
                    places.push(n);
                    lapsed.push(Lapsed {
                        owner,
                        policy: row.policy,
                        claim: claim(row),
                    });
                    ends.push(None);
                }
                outcome => ends.push(found(outcome)),
            }
        }
        let resolved = self.resolve_lapsed(lapsed).await?;
        for (n, outcome) in places.into_iter().zip(resolved) {
            ends[n] = found(outcome);
        }
        Ok(ends)
    }
}

/// The rows that haven't ended.
fn places(ends: &[Option<GaveUp>]) -> Vec<usize> {
    (0..ends.len()).filter(|n| ends[*n].is_none()).collect()
}

fn claim(row: &GivenUp) -> Claim {
    Claim {
        campaign: row.campaign,
        user: row.user,
        attempt: row.attempt,
        round: row.round,
        message_id: String::new(),
    }
}

fn end_of(status: DeliveryStatus) -> Option<GaveUp> {
    Some(match status {
        DeliveryStatus::Failed => GaveUp::Failed,
        DeliveryStatus::Accepted => GaveUp::Closed(Closed::Accepted),
        DeliveryStatus::Suppressed => GaveUp::Closed(Closed::Suppressed),
        DeliveryStatus::Cancelled => GaveUp::Closed(Closed::Cancelled),
        DeliveryStatus::InDoubt => GaveUp::Closed(Closed::InDoubt),
        DeliveryStatus::Queued | DeliveryStatus::Sending | DeliveryStatus::Retrying => return None,
    })
}

fn found(outcome: ClaimOutcome) -> Option<GaveUp> {
    match outcome {
        ClaimOutcome::Claimed | ClaimOutcome::Retrying { .. } => None,
        ClaimOutcome::Closed(Closed::Failed) => Some(GaveUp::Failed),
        ClaimOutcome::Closed(closed) => Some(GaveUp::Closed(closed)),
        ClaimOutcome::Superseded { from, .. } => Some(GaveUp::Closed(from)),
        ClaimOutcome::SendingBy { owner, .. } => Some(GaveUp::InHand(owner)),
    }
}
