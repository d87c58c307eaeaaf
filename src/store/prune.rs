//! What is too old is deleted, a page at a time, so that writers never wait long.

use sqlx::AssertSqlSafe;

use super::{
    open::{Store, limited},
    rows::list,
};

impl Store {
    /// Deletes at most `limit` deliveries of campaigns that ended before `before_ms`; says how many, 0 when
    /// none is left.
    pub async fn prune_deliveries(&self, before_ms: i64, limit: u32) -> sqlx::Result<u64> {
        let query = sqlx::query(
            "DELETE FROM deliveries WHERE (campaign_id, user_id, channel) IN (
                 SELECT d.campaign_id, d.user_id, d.channel FROM deliveries d
                 JOIN campaigns c ON c.id = d.campaign_id
                 WHERE c.finished_at_ms < $1 AND c.status IN ('finished', 'cancelled') LIMIT $2)",
        )
        .bind(before_ms)
        .bind(i64::from(limit));
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected())
    }

    /// Deletes at most `limit` single mails that were asked for before `before_ms` and whose outcome is known,
    /// with their deliveries; says how many, 0 when none is left.
    pub async fn prune_mails(&self, before_ms: i64, limit: u32) -> sqlx::Result<u64> {
        limited(async {
            let mut transaction = self.begin().await?;
            let ids: Vec<i64> = sqlx::query_scalar(
                "SELECT m.id FROM mails m JOIN deliveries d ON d.campaign_id = 0 AND d.user_id = m.id
                 WHERE m.created_at_ms < $1
                     AND d.status IN ('accepted', 'failed', 'suppressed', 'cancelled', 'in_doubt')
                 LIMIT $2",
            )
            .bind(before_ms)
            .bind(i64::from(limit))
            .fetch_all(&mut *transaction)
            .await?;
            if ids.is_empty() {
                return Ok(0);
            }
            for (table, of) in [
                ("deliveries", "campaign_id = 0 AND user_id"),
                ("mails", "id"),
            ] {
                let list = list(ids.len(), 1);
                let text = format!("DELETE FROM {table} WHERE {of} IN ({list})");
                let mut query = sqlx::query(AssertSqlSafe(text));
                for id in &ids {
                    query = query.bind(*id);
                }
                query.execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            Ok(ids.len() as u64)
        })
        .await
    }

    /// Deletes the history of starts before `before_ms`, at most `limit` lines; says how many. What was started
    /// once isn't started again: a schedule's next time only moves forward.
    pub async fn prune_fires(&self, before_ms: i64, limit: u32) -> sqlx::Result<u64> {
        let query = sqlx::query(
            "DELETE FROM fires WHERE (schedule_id, planned_at_ms) IN (
                 SELECT schedule_id, planned_at_ms FROM fires WHERE fired_at_ms < $1 LIMIT $2)",
        )
        .bind(before_ms)
        .bind(i64::from(limit));
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected())
    }
}
