//! For whom a campaign failed, and why.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ops, OpsError, cause};
use crate::store::{Delivery, DeliveryStatus};

const PAGE: u32 = 1_000;
/// Deliveries that are read at most of each kind.
const MOST: usize = 20_000;

/// Deliveries that failed, or are in doubt, for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    pub status: DeliveryStatus,
    pub code: Option<u16>,
    pub cause: String,
    pub count: u64,
}

/// Why a campaign's deliveries failed; the most frequent reason first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    pub groups: Vec<FailureGroup>,
    /// There are more than were read.
    pub more: bool,
}

impl Ops {
    /// Groups what failed or is in doubt by code and cause.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn failures(&self, campaign: i64) -> Result<Failures, OpsError> {
        let mut groups: BTreeMap<(DeliveryStatus, Option<u16>, String), u64> = BTreeMap::new();
        let mut more = false;
        for status in [DeliveryStatus::Failed, DeliveryStatus::InDoubt] {
            let (rows, rest) = self.closed_as(campaign, status, MOST).await?;
            more |= rest;
            for row in rows {
                *groups
                    .entry((status, row.code, cause_of(&row)))
                    .or_default() += 1;
            }
        }
        let group = |((status, code, cause), count)| FailureGroup {
            status,
            code,
            cause,
            count,
        };
        let mut groups: Vec<FailureGroup> = groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Ok(Failures { groups, more })
    }

    /// The deliveries of one group, at most `most`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn failed_for(
        &self,
        campaign: i64,
        group: &FailureGroup,
        most: usize,
    ) -> Result<Vec<Delivery>, OpsError> {
        let (rows, _) = self.closed_as(campaign, group.status, MOST).await?;
        let same = |row: &Delivery| row.code == group.code && cause_of(row) == group.cause;
        Ok(rows.into_iter().filter(same).take(most).collect())
    }

    async fn closed_as(
        &self,
        campaign: i64,
        status: DeliveryStatus,
        most: usize,
    ) -> Result<(Vec<Delivery>, bool), OpsError> {
        let store = self.database.get().await?;
        let (mut rows, mut after) = (Vec::new(), 0);
        while rows.len() < most {
            let page = store
                .deliveries(campaign, Some(status), after, PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok((rows, false));
            };
            after = last.user_id;
            rows.extend(page);
        }
        Ok((rows, true))
    }
}

fn cause_of(row: &Delivery) -> String {
    cause(row.answer.as_deref().unwrap_or("no answer"))
}
