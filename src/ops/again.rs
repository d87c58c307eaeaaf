//! What failed goes again, what is in doubt is resolved, what Redis lost is counted anew. The ledger decides;
//! the relay tells Redis.

use serde::Serialize;

use super::{CampaignView, Ops, OpsError, deliveries::checked};
use crate::{
    queue,
    store::{Again, CampaignStatus, DeliveryFilter, DeliveryStatus, Reopened},
};

/// What is known about a mail in doubt, or wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It has arrived.
    Accepted,
    /// Send it again.
    Resend,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AgainReport {
    /// Deliveries that were decided on by this call.
    pub deliveries: u64,
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
    /// Queues failed deliveries again, with the next round; of several callers each delivery goes to one. A
    /// finished campaign runs again.
    ///
    /// # Errors
    /// A conflict when the campaign was cancelled, hasn't started or is lost.
    pub async fn retry_failed(
        &self,
        id: i64,
        filter: &DeliveryFilter,
    ) -> Result<AgainReport, OpsError> {
        if let Some(status) = filter.status.filter(|s| *s != DeliveryStatus::Failed) {
            let text = format!("status is {status}: only what has failed goes again");
            return Err(OpsError::Invalid(text));
        }
        let filter = checked(filter)?;
        let again = Again {
            filter: &filter,
            ..Again::all(id, DeliveryStatus::Failed)
        };
        self.requeue("campaign.retry-failed", again).await
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
        if resolution == Resolution::Resend {
            return self.requeue("campaign.resolve --resend", again).await;
        }
        self.may_write()?;
        self.row_of(id).await?;
        let (store, partitions) = (self.database.get().await?, self.redis.keys().partitions());
        let mut all = Vec::new();
        loop {
            let page = store.accept_in_doubt(&again, partitions).await?;
            let Some(last) = page.last() else { break };
            again.after = *last;
            all.extend(page);
        }
        self.report("campaign.resolve --accepted", again, all, "accepted")
            .await
    }

    async fn requeue(&self, what: &str, mut again: Again<'_>) -> Result<AgainReport, OpsError> {
        self.may_write()?;
        let before = self.row_of(again.campaign).await?;
        let (store, partitions) = (self.database.get().await?, self.redis.keys().partitions());
        let mut all = Vec::new();
        loop {
            match store.requeue(&again, partitions).await? {
                Reopened::Again(page) => {
                    let Some(last) = page.last() else { break };
                    again.after = last.user;
                    all.extend(page.into_iter().map(|moved| moved.user));
                }
                Reopened::Refused => {
                    return Err(OpsError::Conflict(format!(
                        "campaign {} is {}; only one that is running, paused or finished can send again",
                        again.campaign, before.status
                    )));
                }
            }
        }
        self.report(what, again, all, "queued").await
    }

    async fn report(
        &self,
        what: &str,
        again: Again<'_>,
        users: Vec<i64>,
        after: &str,
    ) -> Result<AgainReport, OpsError> {
        let deliveries = users.len() as u64;
        if deliveries > 0 {
            let ids: Vec<String> = std::iter::once(again.campaign)
                .chain(users)
                .map(|id| id.to_string())
                .collect();
            let before = format!("{deliveries} {}", again.from);
            let after = format!("{deliveries} {after}");
            self.record(what, &ids, before, after, &[]).await;
        }
        Ok(AgainReport {
            deliveries,
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
