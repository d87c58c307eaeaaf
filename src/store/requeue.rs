//! Operators' second thoughts on deliveries: failed ones again, doubtful ones resolved.

use sqlx::{AssertSqlSafe, Row};

use super::{
    deliveries::DeliveryStatus,
    now_ms,
    open::{Store, limited},
    outbox::{OutboxKind, open_row},
    rows::list,
};

/// A delivery that was queued again; whoever got it from the ledger emits it, with this round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Requeued {
    pub user: i64,
    pub round: u32,
}

impl Store {
    /// Queues deliveries again that are `from` (failed or in_doubt), at most `limit` (1,000), with the
    /// next round, and opens a replay row in the outbox for their partitions, in one transaction. Only
    /// `users` when given, else all of the campaign's. Of several callers exactly one gets a delivery
    /// back. Repeat until nothing comes back.
    pub async fn requeue(
        &self,
        campaign: i64,
        from: DeliveryStatus,
        users: Option<&[i64]>,
        partitions: u32,
        limit: u32,
    ) -> sqlx::Result<Vec<Requeued>> {
        if !matches!(from, DeliveryStatus::Failed | DeliveryStatus::InDoubt) {
            return Err(sqlx::Error::InvalidArgument(format!(
                "deliveries that are {from} can't be queued again"
            )));
        }
        limited(async {
            let now = now_ms();
            let mut transaction = self.begin().await?;
            let text = format!(
                "UPDATE deliveries SET status = 'queued', round = round + 1, attempt = 0, due_at_ms = NULL,
                     updated_at_ms = $4
                 {} RETURNING user_id, round",
                picked(users)
            );
            let mut query = sqlx::query(AssertSqlSafe(text))
                .bind(campaign)
                .bind(from.as_str())
                .bind(i64::from(limit.min(1_000)))
                .bind(now);
            for user in users.unwrap_or_default() {
                query = query.bind(*user);
            }
            let rows = query.fetch_all(&mut *transaction).await?;
            let mut again = Vec::with_capacity(rows.len());
            for row in rows {
                let round: i64 = row.try_get("round")?;
                again.push(Requeued {
                    user: row.try_get("user_id")?,
                    round: u32::try_from(round).unwrap_or(u32::MAX),
                });
            }
            for partition in 0..partitions {
                let concerned = again
                    .iter()
                    .any(|r| r.user.rem_euclid(i64::from(partitions)) == i64::from(partition));
                if concerned {
                    open_row(&mut transaction, campaign, partition, OutboxKind::Replay, now).await?;
                }
            }
            transaction.commit().await?;
            again.sort_by_key(|r| r.user);
            Ok(again)
        })
        .await
    }

    /// Deliveries of a partition that wait to be emitted again, in the order of the users, after `after`:
    /// what the relay publishes for a replay row.
    pub async fn replays(
        &self,
        campaign: i64,
        partition: u32,
        partitions: u32,
        after: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<Requeued>> {
        let query = sqlx::query(
            "SELECT user_id, round FROM deliveries
             WHERE campaign_id = $1 AND user_id > $2 AND user_id % $3 = $4 AND status = 'queued'
                 AND round > 1
             ORDER BY user_id LIMIT $5",
        )
        .bind(campaign)
        .bind(after)
        .bind(i64::from(partitions))
        .bind(i64::from(partition))
        .bind(i64::from(limit));
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| {
                let round: i64 = row.try_get("round")?;
                Ok(Requeued {
                    user: row.try_get("user_id")?,
                    round: u32::try_from(round).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    /// Deliveries in doubt of which the operator knows that they arrived, at most `limit` (1,000): accepted.
    /// Returns the users, each to one caller only.
    pub async fn accept_in_doubt(
        &self,
        campaign: i64,
        users: Option<&[i64]>,
        limit: u32,
    ) -> sqlx::Result<Vec<i64>> {
        let text = format!(
            "UPDATE deliveries SET status = 'accepted', updated_at_ms = $4 {} RETURNING user_id",
            picked(users)
        );
        let mut query = sqlx::query_scalar(AssertSqlSafe(text))
            .bind(campaign)
            .bind(DeliveryStatus::InDoubt.as_str())
            .bind(i64::from(limit.min(1_000)))
            .bind(now_ms());
        for user in users.unwrap_or_default() {
            query = query.bind(*user);
        }
        let mut users: Vec<i64> = limited(query.fetch_all(&self.pool)).await?;
        users.sort_unstable();
        Ok(users)
    }
}

/// `$1` campaign, `$2` status, `$3` limit, `$4` used by the caller, then the users. The status is looked at
/// again outside the subquery: PostgreSQL repeats only that when a row was changed meanwhile.
fn picked(users: Option<&[i64]>) -> String {
    let only = users.map_or_else(String::new, |users| {
        if users.is_empty() {
            " AND 1 = 0".to_owned()
        } else {
            format!(" AND user_id IN ({})", list(users.len(), 5))
        }
    });
    format!(
        "WHERE campaign_id = $1 AND status = $2 AND channel = 'email' AND user_id IN (
             SELECT user_id FROM deliveries
             WHERE campaign_id = $1 AND status = $2 AND channel = 'email'{only}
             ORDER BY user_id LIMIT $3)"
    )
}
