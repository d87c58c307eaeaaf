//! What SQL has decided and Redis has yet to hear: the fan-out, and replays of deliveries.

use sqlx::{Any, FromRow, Row, Transaction, any::AnyRow};

use super::{
    now_ms,
    open::{Store, limited},
    words::{word, words},
};

words! {
    pub enum OutboxKind {
        /// The campaign's fan-out over a partition.
        Fanout = "fanout",
        /// Deliveries that were queued again, with a round above 1.
        Replay = "replay",
    }
}

/// One thing to publish to one partition; open until the relay knows that it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub campaign_id: i64,
    pub partition: u32,
    pub kind: OutboxKind,
    pub created_at_ms: i64,
    /// The last time that it was published.
    pub published_at_ms: Option<i64>,
}

impl FromRow<'_, AnyRow> for OutboxRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let partition: i64 = row.try_get("partition")?;
        Ok(Self {
            campaign_id: row.try_get("campaign_id")?,
            partition: u32::try_from(partition).map_err(|e| sqlx::Error::Decode(e.into()))?,
            kind: word(row, "kind")?,
            created_at_ms: row.try_get("created_at_ms")?,
            published_at_ms: row.try_get("published_at_ms")?,
        })
    }
}

/// Opens a fan-out row for each partition, or opens it again.
pub(super) async fn open_fanout(
    transaction: &mut Transaction<'_, Any>,
    campaign: i64,
    partitions: u32,
    now: i64,
) -> sqlx::Result<()> {
    for partition in 0..partitions {
        open_row(transaction, campaign, partition, OutboxKind::Fanout, now).await?;
    }
    Ok(())
}

pub(super) async fn open_row(
    transaction: &mut Transaction<'_, Any>,
    campaign: i64,
    partition: u32,
    kind: OutboxKind,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO outbox (campaign_id, partition, kind, created_at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (campaign_id, partition, kind) DO UPDATE SET
             published_at_ms = NULL, closed_at_ms = NULL,
             created_at_ms = CASE WHEN excluded.created_at_ms > outbox.created_at_ms
                 THEN excluded.created_at_ms ELSE outbox.created_at_ms + 1 END",
    )
    .bind(campaign)
    .bind(i64::from(partition))
    .bind(kind.as_str())
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

impl Store {
    /// What is still to be published, or to be seen done; the oldest first, at most 1,000.
    pub async fn open_outbox(&self) -> sqlx::Result<Vec<OutboxRow>> {
        let query = sqlx::query_as(
            "SELECT * FROM outbox WHERE closed_at_ms IS NULL
             ORDER BY created_at_ms, campaign_id, partition LIMIT 1000",
        );
        limited(query.fetch_all(&self.pool)).await
    }

    pub async fn mark_published(&self, row: &OutboxRow) -> sqlx::Result<()> {
        let query = sqlx::query(
            "UPDATE outbox SET published_at_ms = $4
             WHERE campaign_id = $1 AND partition = $2 AND kind = $3 AND closed_at_ms IS NULL",
        )
        .bind(row.campaign_id)
        .bind(i64::from(row.partition))
        .bind(row.kind.as_str())
        .bind(now_ms());
        limited(query.execute(&self.pool)).await?;
        Ok(())
    }

    /// It was done; a row that was opened again since it was read stays open, and then this is false.
    pub async fn close_outbox(&self, row: &OutboxRow) -> sqlx::Result<bool> {
        let query = sqlx::query(
            "UPDATE outbox SET closed_at_ms = $5
             WHERE campaign_id = $1 AND partition = $2 AND kind = $3 AND created_at_ms = $4
                 AND closed_at_ms IS NULL",
        )
        .bind(row.campaign_id)
        .bind(i64::from(row.partition))
        .bind(row.kind.as_str())
        .bind(row.created_at_ms)
        .bind(now_ms());
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected() == 1)
    }
}
