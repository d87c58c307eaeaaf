//! Who the campaigns go to.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};

use super::{
    open::{Store, limited},
    rows::{SIZES, list, padded},
    words::{word, words},
};

words! {
    /// May a user be written to?
    pub enum UserStatus {
        Active = "active",
        Inactive = "inactive",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct User {
    pub id: i64,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub status: UserStatus,
    pub created_at_ms: i64,
}

impl FromRow<'_, AnyRow> for User {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            status: word(row, "status")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

impl Store {
    pub async fn count_users(&self) -> sqlx::Result<i64> {
        limited(sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&self.pool)).await
    }

    /// Zero when there is no user.
    pub async fn max_user_id(&self) -> sqlx::Result<i64> {
        let query = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM users");
        limited(query.fetch_one(&self.pool)).await
    }

    pub async fn user(&self, id: i64) -> sqlx::Result<Option<User>> {
        let query = sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(id);
        limited(query.fetch_optional(&self.pool)).await
    }

    /// The next users of a partition in the order of their ids: `after < id <= upto`,
    /// `id % partitions == partition`, active or not.
    pub async fn users_page(
        &self,
        after: i64,
        upto: i64,
        partition: u32,
        partitions: u32,
        limit: u32,
    ) -> sqlx::Result<Vec<User>> {
        let query = sqlx::query_as(
            "SELECT * FROM users WHERE id > $1 AND id <= $2 AND id % $3 = $4 ORDER BY id LIMIT $5",
        )
        .bind(after)
        .bind(upto)
        .bind(i64::from(partitions))
        .bind(i64::from(partition))
        .bind(i64::from(limit));
        limited(query.fetch_all(&self.pool)).await
    }

    /// Those of `ids` that exist, at most 1,000, in no order.
    pub async fn users(&self, ids: &[i64]) -> sqlx::Result<Vec<User>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!("SELECT * FROM users WHERE id IN ({})", list(ids.len(), 1));
        let mut query = sqlx::query_as(AssertSqlSafe(text));
        for id in ids {
            query = query.bind(*id);
        }
        limited(query.fetch_all(&self.pool)).await
    }

    /// Those of `ids` that must not be written to.
    pub async fn inactive_users(&self, ids: &[i64]) -> sqlx::Result<HashSet<i64>> {
        let mut inactive = HashSet::new();
        for piece in ids.chunks(SIZES[0]) {
            let filled: Vec<i64> = padded(piece).collect();
            let text = format!(
                "SELECT id FROM users WHERE status <> 'active' AND id IN ({})",
                list(filled.len(), 1)
            );
            let mut query = sqlx::query_scalar(AssertSqlSafe(text));
            for id in filled {
                query = query.bind(id);
            }
            let found: Vec<i64> = limited(query.fetch_all(&self.pool)).await?;
            inactive.extend(found);
        }
        Ok(inactive)
    }

    /// A few users, spread evenly over all of them: for previews and test sends.
    pub async fn sample_users(&self, count: u32) -> sqlx::Result<Vec<User>> {
        let count = i64::from(count.max(1));
        let stride = (self.max_user_id().await? / count).max(1);
        let query =
            sqlx::query_as("SELECT * FROM users WHERE (id - 1) % $1 = 0 ORDER BY id LIMIT $2")
                .bind(stride)
                .bind(count);
        limited(query.fetch_all(&self.pool)).await
    }

    /// False when there is no such user.
    pub async fn set_user_status(&self, id: i64, status: UserStatus) -> sqlx::Result<bool> {
        let query = sqlx::query("UPDATE users SET status = $2 WHERE id = $1")
            .bind(id)
            .bind(status.as_str());
        let done = limited(query.execute(&self.pool)).await?;
        Ok(done.rows_affected() == 1)
    }
}
