//! The ledger's part in the end of an entry.

use std::{collections::BTreeMap, time::Duration};

use super::super::{Ops, OpsError};
use crate::{
    event::STAGES,
    queue::inspect,
    store::{GaveUp, GivenUp, InDoubt, Ledger},
};

/// The ledger waits for a database that is away; an operator doesn't.
const LIMIT: Duration = Duration::from_secs(4);

impl Ops {
    /// Closes the rows as failed, by the policies of their campaigns; what each has ended as, in the same order.
    pub(super) async fn give_up(
        &self,
        ledger: &Ledger,
        mut rows: Vec<GivenUp>,
        why: &str,
    ) -> Result<Vec<GaveUp>, OpsError> {
        let mut policies: BTreeMap<i64, InDoubt> = BTreeMap::new();
        for row in &mut rows {
            let policy = match policies.get(&row.campaign) {
                Some(policy) => *policy,
                None => self.policy_of(row.campaign).await?,
            };
            policies.insert(row.campaign, policy);
            row.policy = policy;
        }
        let presence_ms = self.config.presence_ms;
        let seen = inspect::overview(&self.redis, &STAGES, presence_ms).await?;
        // A Redis that has just come back may have lost who beats: until all can have beaten again, nobody is
        // taken for gone.
        let is_told = seen.server.uptime_s * 1_000 > presence_ms;
        let gone = |owner: &str| is_told && !seen.is_live(owner);
        let gave_up = ledger.give_up(&rows, why, gone);
        let away = |source| OpsError::Away {
            what: "the database",
            source,
        };
        match tokio::time::timeout(LIMIT, gave_up).await {
            Ok(done) => done.map_err(|stopped| away(stopped.into())),
            Err(late) => Err(away(late.into())),
        }
    }

    async fn policy_of(&self, campaign: i64) -> Result<InDoubt, OpsError> {
        let found = self.database.get().await?.campaign(campaign).await?;
        Ok(found.map_or(InDoubt::Resend, |campaign| campaign.in_doubt))
    }
}
