//! How a campaign's row changes: every change is a compare-and-set, and counts up the revision.

use sqlx::AssertSqlSafe;

use super::{
    campaigns::{Campaign, CampaignStatus},
    now_ms,
    open::{Store, limited},
    outbox::{OutboxKind, open_row},
    rows::list,
};
use crate::queue::Tally;

impl Store {
    /// Sets the status if it is one of `from`; `None` when it isn't (or there is no such campaign).
    /// `finished_at_ms` is set by an end and cleared by a new start.
    pub async fn set_status(
        &self,
        id: i64,
        from: &[CampaignStatus],
        to: CampaignStatus,
        reason: Option<&str>,
    ) -> sqlx::Result<Option<Campaign>> {
        if from.is_empty() {
            return Ok(None);
        }
        let text = format!(
            "UPDATE campaigns SET status = $1, reason = $2, revision = revision + 1,
                 started_at_ms = CASE WHEN $1 = 'running' THEN COALESCE(started_at_ms, $3) ELSE started_at_ms END,
                 finished_at_ms = CASE WHEN $1 IN ('finished', 'cancelled') THEN $3
                     WHEN $1 = 'running' THEN NULL ELSE finished_at_ms END
             WHERE id = $4 AND status IN ({})
             RETURNING *",
            list(from.len(), 5)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(text))
            .bind(to.as_str())
            .bind(reason.map(str::to_owned))
            .bind(now_ms())
            .bind(id);
        for status in from {
            query = query.bind(status.as_str());
        }
        limited(query.fetch_optional(&self.pool)).await
    }

    /// Campaigns of whose last change Redis has not heard.
    pub async fn unmirrored(&self) -> sqlx::Result<Vec<Campaign>> {
        let query = sqlx::query_as(
            "SELECT * FROM campaigns WHERE revision > mirrored_revision ORDER BY id",
        );
        limited(query.fetch_all(&self.pool)).await
    }

    /// Every partition has heard of `revision`.
    pub async fn mark_mirrored(&self, id: i64, revision: i64) -> sqlx::Result<()> {
        let query = sqlx::query(
            "UPDATE campaigns SET mirrored_revision = $2
             WHERE id = $1 AND mirrored_revision < $2 AND revision >= $2",
        )
        .bind(id)
        .bind(revision);
        limited(query.execute(&self.pool)).await?;
        Ok(())
    }

    /// Running → finished, with the final totals, if the campaign is still at that revision. False when
    /// something else happened to it meanwhile; look again.
    pub async fn finish_campaign(
        &self,
        id: i64,
        revision: i64,
        totals: &Tally,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query(
            "UPDATE campaigns SET status = 'finished', reason = NULL, revision = revision + 1,
                 finished_at_ms = $9, queued = $3, accepted = $4, failed = $5, suppressed = $6,
                 cancelled = $7, in_doubt_count = $8
             WHERE id = $1 AND revision = $2 AND status = 'running' AND NOT EXISTS (
                 SELECT 1 FROM outbox WHERE campaign_id = $1 AND closed_at_ms IS NULL)",
        )
        .bind(id)
        .bind(revision)
        .bind(totals.queued)
        .bind(totals.accepted)
        .bind(totals.failed)
        .bind(totals.suppressed)
        .bind(totals.cancelled)
        .bind(totals.in_doubt)
        .bind(now_ms());
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The totals of a campaign that has ended (cancelled, or finished and corrected); false when it
    /// hasn't.
    pub async fn write_totals(&self, id: i64, totals: &Tally) -> sqlx::Result<bool> {
        let query = sqlx::query(
            "UPDATE campaigns SET queued = $2, accepted = $3, failed = $4, suppressed = $5,
                 cancelled = $6, in_doubt_count = $7
             WHERE id = $1 AND status IN ('cancelled', 'finished')",
        )
        .bind(id)
        .bind(totals.queued)
        .bind(totals.accepted)
        .bind(totals.failed)
        .bind(totals.suppressed)
        .bind(totals.cancelled)
        .bind(totals.in_doubt);
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Redis is to begin again from the ledger in the partitions that it has `lost`: epoch + 1, running, and
    /// their fan-outs open again. `None` when the campaign is neither running, paused nor lost, or not at that
    /// epoch.
    pub async fn reconcile_campaign(
        &self,
        id: i64,
        epoch: i64,
        lost: &[u32],
        partitions: u32,
    ) -> sqlx::Result<Option<Campaign>> {
        limited(async {
            let now = now_ms();
            let mut transaction = self.begin().await?;
            let campaign: Option<Campaign> = sqlx::query_as(
                "UPDATE campaigns SET epoch = epoch + 1, revision = revision + 1,
                     status = CASE WHEN status = 'lost' THEN 'running' ELSE status END, reason = NULL
                 WHERE id = $1 AND epoch = $2 AND status IN ('running', 'paused', 'lost')
                 RETURNING *",
            )
            .bind(id)
            .bind(epoch)
            .fetch_optional(&mut *transaction)
            .await?;
            if campaign.is_some() {
                for partition in lost {
                    // The fan-out's entries count everybody anew.
                    super::moves::forget(&mut *transaction, id, *partition, partitions).await?;
                    let kind = OutboxKind::Fanout;
                    open_row(&mut transaction, id, *partition, kind, now).await?;
                }
            }
            transaction.commit().await?;
            Ok(campaign)
        })
        .await
    }
}
