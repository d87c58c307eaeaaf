//! The ledger's part: a recipient's row is closed before his entry is settled, as a worker does it. So whoever finds
//! the entry still pending, after a kill or a lost reply, ends it as what the ledger says.

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
    time::Duration,
};

use serde::Deserialize;

use super::super::{Ops, OpsError};
use crate::{
    queue::Closed,
    store::{Claim, ClaimOutcome, Closing, DeliveryStatus, InDoubt, Lapsed, Ledger, LedgerStopped},
};

/// The ledger waits for a database that is away; an operator doesn't.
const LIMIT: Duration = Duration::from_secs(4);

/// The recipient of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recipient {
    /// 0 for single mails.
    pub campaign: i64,
    pub user: i64,
    pub round: u32,
    pub attempt: u32,
}

/// How a recipient's row has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowEnd {
    /// For this entry.
    Failed,
    /// Before, or because nobody knows whether its mail went; or its entry is of an older round.
    Closed(Closed),
    /// A live process has its mail in hand.
    InHand(String),
}

/// Whom the data of an event names.
pub(super) fn user_of(data: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Named {
        user: i64,
    }
    let named: Result<Named, _> = serde_json::from_str(data);
    named.ok().map(|named| named.user)
}

impl Ops {
    /// Closes the rows as failed, unless they have ended otherwise; what each has ended as, in the same order.
    pub(super) async fn close_rows(
        &self,
        ledger: &Ledger,
        rows: &[Recipient],
        why: &str,
    ) -> Result<Vec<RowEnd>, OpsError> {
        let mut ends = close(ledger, rows, why).await?;
        let open = places(&ends);
        if !open.is_empty() {
            let left: Vec<Recipient> = open.iter().map(|n| rows[*n]).collect();
            for (n, end) in open.iter().zip(self.take_rows(ledger, &left).await?) {
                ends[*n] = end;
            }
            let taken = places(&ends);
            let left: Vec<Recipient> = taken.iter().map(|n| rows[*n]).collect();
            for (n, end) in taken.iter().zip(close(ledger, &left, why).await?) {
                ends[*n] = end;
            }
        }
        let in_hand = || RowEnd::InHand(String::new());
        let ends = ends.into_iter().map(|end| end.unwrap_or_else(in_hand));
        Ok(ends.collect())
    }

    /// Takes rows that are in somebody's hands, when he is gone; `None` for those that can be closed now.
    async fn take_rows(
        &self,
        ledger: &Ledger,
        rows: &[Recipient],
    ) -> Result<Vec<Option<RowEnd>>, OpsError> {
        let workers = self.workers().await?;
        let live: HashSet<&str> = workers
            .iter()
            .filter(|w| w.live)
            .map(|w| w.name.as_str())
            .collect();
        let claims = limited(ledger.claim(rows.iter().map(claim).collect())).await?;
        let mut ends = Vec::with_capacity(rows.len());
        let mut lapsed: Vec<(usize, Lapsed)> = Vec::new();
        let mut policies: BTreeMap<i64, InDoubt> = BTreeMap::new();
        for (n, (row, outcome)) in rows.iter().zip(claims).enumerate() {
            ends.push(match outcome {
                ClaimOutcome::SendingBy { owner, .. } if !live.contains(owner.as_str()) => {
                    let policy = match policies.get(&row.campaign) {
                        Some(policy) => *policy,
                        None => self.policy_of(row.campaign).await?,
                    };
                    policies.insert(row.campaign, policy);
                    let claim = claim(row);
                    lapsed.push((
                        n,
                        Lapsed {
                            owner,
                            policy,
                            claim,
                        },
                    ));
                    None
                }
                outcome => found(outcome),
            });
        }
        let (places, lapsed): (Vec<usize>, Vec<Lapsed>) = lapsed.into_iter().unzip();
        let resolved = limited(ledger.resolve_lapsed(lapsed)).await?;
        for (n, outcome) in places.into_iter().zip(resolved) {
            ends[n] = found(outcome);
        }
        Ok(ends)
    }

    /// What becomes of a mail of which nobody knows whether it went.
    async fn policy_of(&self, campaign: i64) -> Result<InDoubt, OpsError> {
        let found = self.database.get().await?.campaign(campaign).await?;
        Ok(found.map_or(InDoubt::Resend, |campaign| campaign.in_doubt))
    }
}

/// The rows that haven't ended.
fn places(ends: &[Option<RowEnd>]) -> Vec<usize> {
    (0..ends.len()).filter(|n| ends[*n].is_none()).collect()
}

/// Closes as failed what nobody has in hand; `None`: still open.
async fn close(
    ledger: &Ledger,
    rows: &[Recipient],
    why: &str,
) -> Result<Vec<Option<RowEnd>>, OpsError> {
    let closings = rows.iter().map(|row| closing(row, why)).collect();
    let closed = limited(ledger.close(closings)).await?;
    Ok(closed.into_iter().map(end_of).collect())
}

async fn limited<T>(work: impl Future<Output = Result<T, LedgerStopped>>) -> Result<T, OpsError> {
    let failed = |error: anyhow::Error| OpsError::Away {
        what: "the database",
        source: error,
    };
    match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(stopped)) => Err(failed(stopped.into())),
        Err(late) => Err(failed(late.into())),
    }
}

fn closing(row: &Recipient, why: &str) -> Closing {
    Closing {
        campaign: row.campaign,
        user: row.user,
        round: row.round,
        status: DeliveryStatus::Failed,
        code: None,
        answer: Some(why.to_owned()),
    }
}

fn claim(row: &Recipient) -> Claim {
    Claim {
        campaign: row.campaign,
        user: row.user,
        attempt: row.attempt,
        round: row.round,
        message_id: String::new(),
    }
}

/// `None`: still open.
fn end_of(status: DeliveryStatus) -> Option<RowEnd> {
    Some(match status {
        DeliveryStatus::Failed => RowEnd::Failed,
        DeliveryStatus::Accepted => RowEnd::Closed(Closed::Accepted),
        DeliveryStatus::Suppressed => RowEnd::Closed(Closed::Suppressed),
        DeliveryStatus::Cancelled => RowEnd::Closed(Closed::Cancelled),
        DeliveryStatus::InDoubt => RowEnd::Closed(Closed::InDoubt),
        DeliveryStatus::Queued | DeliveryStatus::Sending | DeliveryStatus::Retrying => {
            return None;
        }
    })
}

/// `None`: it can be closed now.
fn found(outcome: ClaimOutcome) -> Option<RowEnd> {
    match outcome {
        ClaimOutcome::Claimed | ClaimOutcome::Retrying { .. } => None,
        ClaimOutcome::Closed(Closed::Failed) => Some(RowEnd::Failed),
        ClaimOutcome::Closed(closed) => Some(RowEnd::Closed(closed)),
        ClaimOutcome::Superseded { from, .. } => Some(RowEnd::Closed(from)),
        ClaimOutcome::SendingBy { owner, .. } => Some(RowEnd::InHand(owner)),
    }
}
