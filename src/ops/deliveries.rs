//! Who got it: the ledger by filters, and a campaign in figures.

use serde::{Deserialize, Serialize};

use super::{CampaignView, Ops, OpsError};
use crate::store::{Addressed, Answers, DeliveryFilter, DomainTimes};

/// Kinds of answers and slow domains that a report names.
const NAMED: u32 = 10;

/// A campaign in figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CampaignReport {
    pub campaign: CampaignView,
    /// Accepted mails a second, from the first to the last.
    pub accepted_rate: Option<f64>,
    /// From the campaign's start until the first, half of, and the last of its accepted mails, ms.
    pub first_ms: Option<i64>,
    pub half_ms: Option<i64>,
    pub last_ms: Option<i64>,
    /// Accepted mails that needed more than one attempt.
    pub again: i64,
    pub answers: Vec<Answers>,
    pub slowest_domains: Vec<DomainTimes>,
}

impl Ops {
    /// A page of a campaign's deliveries in the order of the users, after the user `after`; campaign 0 has the
    /// single mails.
    ///
    /// # Errors
    /// When there is no such campaign, the filter makes no sense, or SQL is away.
    pub async fn deliveries(
        &self,
        campaign: i64,
        filter: &DeliveryFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Addressed>, OpsError> {
        if campaign != 0 {
            self.row_of(campaign).await?;
        }
        let (filter, store) = (checked(filter)?, self.database.get().await?);
        Ok(store
            .search_deliveries(campaign, &filter, after, limit)
            .await?)
    }

    /// # Errors
    /// When there is no such campaign, or SQL or Redis is away.
    pub async fn campaign_report(&self, id: i64) -> Result<CampaignReport, OpsError> {
        let row = self.row_of(id).await?;
        let store = self.database.get().await?;
        let times = store.accept_times(id).await?;
        let campaign = self.show(id).await?;
        let begin = row.started_at_ms.unwrap_or(row.created_at_ms);
        let since = |at: Option<i64>| at.map(|at| (at - begin).max(0));
        let spread_ms = times.first.zip(times.last).map(|(a, b)| (b - a).max(1));
        Ok(CampaignReport {
            accepted_rate: spread_ms.map(|ms| campaign.accepted as f64 * 1_000.0 / ms as f64),
            campaign,
            first_ms: since(times.first),
            half_ms: since(times.half),
            last_ms: since(times.last),
            again: times.again,
            answers: store.answers(id, NAMED).await?,
            slowest_domains: store.slowest_domains(id, NAMED).await?,
        })
    }
}

/// The domains without their @, nothing empty.
pub(super) fn checked(filter: &DeliveryFilter) -> Result<DeliveryFilter, OpsError> {
    let mut filter = filter.clone();
    for domain in &mut filter.domains {
        *domain = domain.trim().trim_start_matches('@').to_owned();
    }
    for (what, values) in [("domain", &filter.domains), ("address", &filter.addresses)] {
        if values.iter().any(String::is_empty) {
            return Err(OpsError::Invalid(format!("{what} must not be empty")));
        }
    }
    Ok(filter)
}
