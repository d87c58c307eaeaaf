//! Three books compared: the tally in Redis, the ledger in SQL, and the entries that are really there.

use std::collections::{BTreeMap, HashMap};

use super::{Finding, Ops, OpsError, Severity, wording::signed};
use crate::{
    event::STAGES,
    queue::{
        Tally,
        inspect::{self, Located, Place, Source},
    },
    store::{Campaign, CampaignStatus, DeliveryStatus},
};

/// Campaigns that have ended and are compared too.
const ENDED: u32 = 20;
/// A campaign that moves while it is compared is compared again that often.
const TRIES: usize = 5;

/// The entries of one campaign that are really there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Real {
    in_flight: i64,
    retrying: i64,
    parked: i64,
}

impl Ops {
    /// What doesn't agree; a line for what does. It reads all streams: not for a loop.
    ///
    /// # Errors
    /// When Redis or the database is away.
    pub async fn compare_books(&self) -> Result<Vec<Finding>, OpsError> {
        use CampaignStatus::{Lost, Paused, Running};
        let store = self.database.get().await?;
        let mut campaigns = store.campaigns_in(&[Running, Paused, Lost]).await?;
        let ended = store.campaigns(ENDED, None).await?.into_iter();
        campaigns.extend(ended.filter(|c| !matches!(c.status, Running | Paused | Lost)));
        let mut findings = Vec::new();
        for campaign in &campaigns {
            match campaign.status {
                CampaignStatus::Scheduled => {}
                CampaignStatus::Finished => findings.push(self.compare_ended(campaign).await?),
                // Its totals are zero until nothing of it is open.
                CampaignStatus::Cancelled if campaign.queued > 0 => {
                    findings.push(self.compare_ended(campaign).await?);
                }
                _ => findings.extend(self.compare_open(campaign).await?),
            }
        }
        if campaigns.is_empty() {
            findings.push(Finding::new(Severity::Ok, "no campaign to compare", ""));
        }
        Ok(findings)
    }

    /// The totals that were written against the ledger.
    async fn compare_ended(&self, campaign: &Campaign) -> Result<Finding, OpsError> {
        let ledger = self.counted(campaign.id).await?;
        let totals = Tally {
            queued: campaign.queued,
            accepted: campaign.accepted,
            failed: campaign.failed,
            suppressed: campaign.suppressed,
            cancelled: campaign.cancelled,
            in_doubt: campaign.in_doubt_count,
            ..Tally::default()
        };
        Ok(verdict(campaign, differences(&totals, &ledger, 0)))
    }

    /// The tally against ledger and entries. While it moves, results are in the ledger before they are counted,
    /// by no more than what is in flight.
    async fn compare_open(&self, campaign: &Campaign) -> Result<Option<Finding>, OpsError> {
        let id = campaign.id.to_string();
        let mut found = Vec::new();
        for _ in 0..TRIES {
            let before = Tally::read(&self.redis, &id).await?;
            if !before.balanced() {
                let why = format!("the tally doesn't balance: {before:?}");
                return Ok(Some(verdict(campaign, vec![why])));
            }
            let ledger = self.counted(campaign.id).await?;
            let real = self.real(&id).await?;
            let after = Tally::read(&self.redis, &id).await?;
            let now = self.row_of(campaign.id).await?;
            if now.revision != campaign.revision {
                return Ok(None);
            }
            let still = before == after;
            let slack = before.open().max(after.open());
            found = differences(&after, &ledger, slack);
            let counted = Real {
                in_flight: after.in_flight,
                retrying: after.retrying,
                parked: after.parked,
            };
            if still && counted != real {
                found.push(format!("the tally counts {counted:?}, there are {real:?}"));
            }
            if found.is_empty() || still {
                break;
            }
        }
        Ok(Some(verdict(campaign, found)))
    }

    /// What the ledger counts over all partitions, a row that is to be moved as what it is moved from.
    async fn counted(&self, campaign: i64) -> Result<BTreeMap<DeliveryStatus, i64>, OpsError> {
        Ok(self.database.get().await?.counted(campaign, 0, 1).await?)
    }

    async fn real(&self, flow: &str) -> Result<Real, OpsError> {
        let mut real = Real::default();
        for (stream, group) in &STAGES[1..] {
            for source in Source::of(&self.redis, stream) {
                let mut look = |found: Located| {
                    if found.field("flow") != flow {
                        return;
                    }
                    match found.place {
                        Place::Unread | Place::Pending { .. } => real.in_flight += 1,
                        Place::Retrying { .. } => real.retrying += 1,
                        Place::Parked => real.parked += 1,
                        Place::Acknowledged => {}
                    }
                };
                inspect::walk(&self.redis, &source, group, &mut look).await?;
            }
        }
        Ok(real)
    }
}

/// Counters that the ledger contradicts by more than `slack`.
fn differences(tally: &Tally, ledger: &BTreeMap<DeliveryStatus, i64>, slack: i64) -> Vec<String> {
    let counters = HashMap::from([
        (DeliveryStatus::Accepted, tally.accepted),
        (DeliveryStatus::Failed, tally.failed),
        (DeliveryStatus::Suppressed, tally.suppressed),
        (DeliveryStatus::Cancelled, tally.cancelled),
        (DeliveryStatus::InDoubt, tally.in_doubt),
    ]);
    let mut found: Vec<String> = counters
        .into_iter()
        .filter_map(|(status, counted)| {
            let written = ledger.get(&status).copied().unwrap_or(0);
            let differs = written < counted - slack || written > counted + slack;
            differs.then(|| {
                let (counted, written) = (signed(counted), signed(written));
                format!("{status}: {counted} counted, {written} in the ledger")
            })
        })
        .collect();
    found.sort();
    found
}

fn verdict(campaign: &Campaign, differences: Vec<String>) -> Finding {
    let name = format!("campaign {} {}", campaign.id, campaign.name);
    if differences.is_empty() {
        return Finding::new(
            Severity::Ok,
            format!("{name}: tally, ledger and entries agree"),
            "",
        );
    }
    Finding::new(
        Severity::Fault,
        format!("{name}: {}", differences.join("; ")),
        format!("comms-tui campaign show {}", campaign.id),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_may_be_ahead_by_what_is_in_flight_and_no_more() {
        let tally = Tally {
            queued: 10,
            accepted: 5,
            in_flight: 5,
            ..Tally::default()
        };
        let ledger = |accepted| BTreeMap::from([(DeliveryStatus::Accepted, accepted)]);
        assert!(differences(&tally, &ledger(10), 5).is_empty());
        assert_eq!(
            differences(&tally, &ledger(11), 5),
            ["accepted: 5 counted, 11 in the ledger"]
        );
        assert_eq!(differences(&tally, &ledger(4), 0).len(), 1);
    }
}
