//! Deliveries that were decided on again, until Redis has surely heard of it. What the relay reads and clears.

use std::collections::BTreeMap;

use sqlx::{Any, AssertSqlSafe, Executor, FromRow, Row, any::AnyRow};

use super::{
    deliveries::DeliveryStatus,
    now_ms,
    open::{Store, limited},
    outbox::{OutboxKind, open_row},
    rows::list,
    words::word,
};

/// Redis counts a recipient as `from` and is to count him as what the ledger says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub user: i64,
    pub round: u32,
    pub from: DeliveryStatus,
    pub status: DeliveryStatus,
    /// The data of the entry, when an operator has edited it.
    pub with: Option<String>,
}

impl FromRow<'_, AnyRow> for Move {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let round: i64 = row.try_get("round")?;
        Ok(Self {
            user: row.try_get("user_id")?,
            round: u32::try_from(round).unwrap_or(u32::MAX),
            from: word(row, "moved_from")?,
            status: word(row, "status")?,
            with: row.try_get("again_with")?,
        })
    }
}

impl Store {
    /// A page of a partition's moves in the order of the users, after the user `after`.
    pub async fn moves(
        &self,
        campaign: i64,
        partition: u32,
        partitions: u32,
        after: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<Move>> {
        let query = sqlx::query_as(
            "SELECT user_id, round, moved_from, status, again_with FROM deliveries
             WHERE moved_from IS NOT NULL AND campaign_id = $1 AND user_id > $2 AND user_id % $3 = $4
             ORDER BY user_id LIMIT $5",
        )
        .bind(campaign)
        .bind(after)
        .bind(i64::from(partitions))
        .bind(i64::from(partition))
        .bind(i64::from(limit));
        limited(query.fetch_all(&self.pool)).await
    }

    /// Redis has surely heard of these, at most 1,000, and they have ended.
    pub async fn clear_moves(&self, campaign: i64, moves: &[&Move]) -> sqlx::Result<()> {
        if moves.is_empty() {
            return Ok(());
        }
        // One that was decided on again meanwhile has a higher round, and is not closed.
        let text = format!(
            "UPDATE deliveries SET moved_from = NULL, again_with = NULL
             WHERE moved_from IS NOT NULL AND campaign_id = $1
                 AND status NOT IN ('queued', 'sending', 'retrying') AND user_id IN ({})",
            list(moves.len(), 2)
        );
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(campaign);
        for moved in moves {
            query = query.bind(moved.user);
        }
        limited(query.execute(&self.pool)).await?;
        Ok(())
    }

    /// Nobody is sent these again: the campaign was cancelled, or the users are gone. `users` `None`: all
    /// of the campaign's that are queued again.
    pub async fn close_moves(
        &self,
        campaign: i64,
        users: Option<&[i64]>,
        status: DeliveryStatus,
        why: &str,
    ) -> sqlx::Result<u64> {
        let only = match users {
            None => String::new(),
            Some([]) => return Ok(0),
            Some(users) => format!(" AND user_id IN ({})", list(users.len(), 5)),
        };
        let text = format!(
            "UPDATE deliveries SET status = $2, answer = $3, updated_at_ms = $4
             WHERE moved_from IS NOT NULL AND campaign_id = $1 AND status = 'queued'{only}"
        );
        let mut query = sqlx::query(AssertSqlSafe(text))
            .bind(campaign)
            .bind(status.as_str())
            .bind(why.to_owned())
            .bind(now_ms());
        for user in users.unwrap_or_default() {
            query = query.bind(*user);
        }
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected())
    }

    /// A fan-out begins again in a partition: its entries count everybody anew, so no counter is to be moved.
    /// Only what an operator has edited stays, since the fan-out doesn't know it.
    pub async fn forget_moves(
        &self,
        campaign: i64,
        partition: u32,
        partitions: u32,
    ) -> sqlx::Result<()> {
        limited(forget(&self.pool, campaign, partition, partitions)).await
    }

    /// Redis has lost a partition of a campaign that had finished and was opened again: whatever is open there
    /// in the ledger is emitted once more, by a replay row that is opened here.
    pub async fn replay_what_is_open(
        &self,
        campaign: i64,
        partition: u32,
        partitions: u32,
    ) -> sqlx::Result<()> {
        limited(async {
            let mut transaction = self.begin().await?;
            sqlx::query(
                "UPDATE deliveries SET moved_from = 'failed'
                 WHERE campaign_id = $1 AND moved_from IS NULL AND user_id % $2 = $3
                     AND status IN ('queued', 'sending', 'retrying')",
            )
            .bind(campaign)
            .bind(i64::from(partitions))
            .bind(i64::from(partition))
            .execute(&mut *transaction)
            .await?;
            let kind = OutboxKind::Replay;
            open_row(&mut transaction, campaign, partition, kind, now_ms()).await?;
            transaction.commit().await
        })
        .await
    }

    /// What Redis should count in one partition, going by the ledger: a row that is to be moved counts as what
    /// it is moved from.
    pub async fn counted(
        &self,
        campaign: i64,
        partition: u32,
        partitions: u32,
    ) -> sqlx::Result<BTreeMap<DeliveryStatus, i64>> {
        let query = sqlx::query(
            "SELECT COALESCE(moved_from, status) AS status, COUNT(*) AS number FROM deliveries
             WHERE campaign_id = $1 AND user_id % $2 = $3 GROUP BY COALESCE(moved_from, status)",
        )
        .bind(campaign)
        .bind(i64::from(partitions))
        .bind(i64::from(partition));
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| Ok((word(row, "status")?, row.try_get("number")?)))
            .collect()
    }
}

/// See [`Store::forget_moves`]; within a transaction too.
pub(super) async fn forget(
    executor: impl Executor<'_, Database = Any>,
    campaign: i64,
    partition: u32,
    partitions: u32,
) -> sqlx::Result<()> {
    let query = sqlx::query(
        "UPDATE deliveries SET moved_from = NULL
         WHERE moved_from IS NOT NULL AND campaign_id = $1 AND user_id % $2 = $3
             AND (status <> 'queued' OR again_with IS NULL)",
    )
    .bind(campaign)
    .bind(i64::from(partitions))
    .bind(i64::from(partition));
    query.execute(executor).await?;
    Ok(())
}
