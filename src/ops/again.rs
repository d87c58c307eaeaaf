//! What failed goes again, what is in doubt is resolved, what Redis lost is counted anew. The ledger decides;
//! the relay tells Redis.

#[cfg(test)]
#[path = "again_tests.rs"]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CampaignView, Ops, OpsError, deliveries::checked};
use crate::{
    queue,
    store::{Again, CampaignStatus, DeliveryFilter, DeliveryStatus, Reopened, Requeued},
};

/// Users in one statement.
const PAGE: usize = 1_000;

/// What is known about a mail in doubt, or wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It has arrived.
    Accepted,
    /// Send it again.
    Resend,
}

/// Who is sent to again: exactly those who had failed when it was made, each once more than then. By their ids,
/// 8 bytes each: when they failed is said by the clocks of several machines, and would be no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryPlan {
    pub campaign: i64,
    pub name: String,
    pub status: String,
    /// Users by the round in which it failed.
    pub rounds: BTreeMap<u32, Vec<i64>>,
}

impl RetryPlan {
    pub fn deliveries(&self) -> u64 {
        self.rounds.values().map(|users| users.len() as u64).sum()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AgainReport {
    /// Deliveries that were decided on by this call.
    pub deliveries: u64,
    /// Deliveries of the plan that weren't failed any more when it was their turn.
    pub passed_over: u64,
    /// Each user of the plan, and whether the mail was queued again.
    #[serde(skip)]
    pub outcomes: Vec<(i64, bool)>,
    pub campaign: CampaignView,
}

/// What became of one campaign when all were to pause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paused {
    pub id: i64,
    pub name: String,
    /// Empty when it was paused, else why not.
    pub error: String,
}

impl Ops {
    /// The failed deliveries of a campaign that pass the filter, as they are now.
    ///
    /// # Errors
    /// A conflict when the campaign was cancelled, hasn't started or is lost.
    pub async fn plan_retry(
        &self,
        id: i64,
        filter: &DeliveryFilter,
    ) -> Result<RetryPlan, OpsError> {
        if let Some(status) = filter.status.filter(|s| *s != DeliveryStatus::Failed) {
            let text = format!("status is {status}: only what has failed goes again");
            return Err(OpsError::Invalid(text));
        }
        let filter = checked(filter)?;
        let campaign = self.row_of(id).await?;
        use CampaignStatus::{Finished, Paused, Running};
        if !matches!(campaign.status, Running | Paused | Finished) {
            return Err(no_more(id, campaign.status));
        }
        let mut plan = RetryPlan {
            campaign: id,
            name: campaign.name,
            status: campaign.status.to_string(),
            rounds: BTreeMap::new(),
        };
        let mut again = Again {
            filter: &filter,
            ..Again::all(id, DeliveryStatus::Failed)
        };
        let store = self.database.get().await?;
        loop {
            let page = store.chosen_again(&again).await?;
            let Some((last, _)) = page.last() else { break };
            again.after = *last;
            for (user, round) in page {
                plan.rounds.entry(round).or_default().push(user);
            }
        }
        Ok(plan)
    }

    /// Queues the deliveries of a plan again, with the next round, as far as they still are as it saw them; of
    /// several callers each goes to one. A finished campaign runs again.
    ///
    /// # Errors
    /// A conflict when the campaign was cancelled or lost meanwhile.
    pub async fn retry_failed(&self, plan: &RetryPlan) -> Result<AgainReport, OpsError> {
        self.may_write()?;
        let all = Again::all(plan.campaign, DeliveryStatus::Failed);
        let pages = plan.rounds.iter().flat_map(|(round, users)| {
            let pages = users.chunks(PAGE);
            pages.map(move |users| (*round, users))
        });
        let pages: Vec<(u32, &[i64])> = pages.collect();
        let (mut queued, mut broken) = (Vec::new(), Ok(()));
        for (round, users) in pages {
            let again = Again {
                users: Some(users),
                round: Some(round),
                ..all
            };
            match self.requeue_page(&again).await {
                Ok(moved) => queued.extend(moved.into_iter().map(|moved| moved.user)),
                Err(error) => {
                    broken = Err(error);
                    break;
                }
            }
        }
        queued.sort_unstable();
        let what = "campaign.retry-failed";
        let mut report = self.report(what, all, &queued, "queued", broken).await?;
        let mut users: Vec<i64> = plan.rounds.values().flatten().copied().collect();
        users.sort_unstable();
        let outcome = |user| (user, queued.binary_search(&user).is_ok());
        report.outcomes = users.into_iter().map(outcome).collect();
        report.passed_over = (report.outcomes.len() - queued.len()) as u64;
        Ok(report)
    }

    /// Decides on mails in doubt, all of the campaign's or one user's.
    ///
    /// # Errors
    /// A conflict when they are to be sent again and the campaign was cancelled, hasn't started or is lost.
    pub async fn resolve(
        &self,
        id: i64,
        resolution: Resolution,
        user: Option<i64>,
    ) -> Result<AgainReport, OpsError> {
        let users = user.as_slice();
        let mut again = Again {
            users: Some(users).filter(|users| !users.is_empty()),
            ..Again::all(id, DeliveryStatus::InDoubt)
        };
        self.may_write()?;
        self.row_of(id).await?;
        let (what, after) = match resolution {
            Resolution::Resend => ("campaign.resolve --resend", "queued"),
            Resolution::Accepted => ("campaign.resolve --accepted", "accepted"),
        };
        let mut all = Vec::new();
        let broken = loop {
            match self.resolve_page(&again, resolution).await {
                Ok(page) => {
                    let Some(last) = page.last() else {
                        break Ok(());
                    };
                    again.after = *last;
                    all.extend(page);
                }
                Err(error) => break Err(error),
            }
        };
        self.report(what, again, &all, after, broken).await
    }

    /// Those who were decided on by this call.
    async fn resolve_page(
        &self,
        again: &Again<'_>,
        resolution: Resolution,
    ) -> Result<Vec<i64>, OpsError> {
        if resolution == Resolution::Resend {
            let moved = self.requeue_page(again).await?;
            return Ok(moved.into_iter().map(|moved| moved.user).collect());
        }
        let (store, partitions) = (self.database.get().await?, self.redis.keys().partitions());
        Ok(store.accept_in_doubt(again, partitions).await?)
    }

    async fn requeue_page(&self, again: &Again<'_>) -> Result<Vec<Requeued>, OpsError> {
        let (store, partitions) = (self.database.get().await?, self.redis.keys().partitions());
        match store.requeue(again, partitions).await? {
            Reopened::Again(page) => Ok(page),
            Reopened::Refused => {
                let status = self.row_of(again.campaign).await?.status;
                Err(no_more(again.campaign, status))
            }
        }
    }

    /// Writes down what was done, and answers; when it broke off in the middle, with why and how many it was.
    async fn report(
        &self,
        what: &str,
        again: Again<'_>,
        users: &[i64],
        after: &str,
        broken: Result<(), OpsError>,
    ) -> Result<AgainReport, OpsError> {
        let deliveries = users.len() as u64;
        if deliveries > 0 {
            let ids: Vec<String> = std::iter::once(&again.campaign)
                .chain(users)
                .map(i64::to_string)
                .collect();
            let before = format!("{deliveries} {}", again.from);
            let after = format!("{deliveries} {after}");
            self.record(what, &ids, before, after, &[]).await;
        }
        broken.map_err(|error| error.after(deliveries, after))?;
        Ok(AgainReport {
            deliveries,
            passed_over: 0,
            outcomes: Vec::new(),
            campaign: self.show(again.campaign).await?,
        })
    }

    /// Counts a campaign anew in the partitions whose state Redis has lost, and sends to those who have nothing
    /// yet. It is done by itself for one that runs; this is for one that is paused, or that can't wait.
    ///
    /// # Errors
    /// A conflict when it has ended, or when Redis has all of its state: a second fan-out beside the first
    /// would count twice.
    pub async fn reconcile(&self, id: i64) -> Result<CampaignView, OpsError> {
        self.may_write()?;
        let campaign = self.row_of(id).await?;
        let refuse = |why: String| Err(OpsError::Conflict(format!("campaign {id} {why}")));
        use CampaignStatus::{Lost, Paused, Running};
        if !matches!(campaign.status, Running | Paused | Lost) {
            let status = campaign.status;
            return refuse(format!("is {status}; its totals are final in the database"));
        }
        let lost = match queue::fan_outs(&self.redis, &id.to_string()).await? {
            queue::FanOuts::Missing(lost) => lost,
            _ if campaign.status == Lost => Vec::new(),
            _ => return refuse("is whole in Redis; there is nothing to reconcile".to_owned()),
        };
        let (store, partitions) = (self.database.get().await?, self.redis.keys().partitions());
        let done = store
            .reconcile_campaign(id, campaign.epoch, &lost, partitions)
            .await?;
        let Some(after) = done else {
            return refuse("was changed by somebody else this moment; look again".to_owned());
        };
        let epochs = (campaign.epoch, after.epoch);
        self.record(
            "campaign.reconcile",
            &[id.to_string()],
            format!("{} epoch {}", campaign.status, epochs.0),
            format!("{} epoch {}", after.status, epochs.1),
            &[],
        )
        .await;
        self.show(id).await
    }

    /// Pauses every campaign that runs: the emergency brake.
    ///
    /// # Errors
    /// When the campaigns can't be read; what became of each is in the answer.
    pub async fn pause_all(&self) -> Result<Vec<Paused>, OpsError> {
        self.may_write()?;
        let store = self.database.get().await?;
        let mut all = Vec::new();
        for campaign in store.campaigns_in(&[CampaignStatus::Running]).await? {
            let error = match self.pause(campaign.id).await {
                Ok(_) => String::new(),
                Err(error) => error.to_string(),
            };
            all.push(Paused {
                id: campaign.id,
                name: campaign.name,
                error,
            });
        }
        Ok(all)
    }
}

fn no_more(campaign: i64, status: CampaignStatus) -> OpsError {
    OpsError::Conflict(format!(
        "campaign {campaign} is {status}; only one that is running, paused or finished can send again"
    ))
}
