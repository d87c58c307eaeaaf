//! Made-up users. The same id is the same user everywhere, however many are made.

use fake::{Fake, faker::name::en};
use rand::{SeedableRng, rngs::StdRng};
use sqlx::{Any, AssertSqlSafe, Transaction};

use super::{
    now_ms,
    open::{Dialect, Store, within},
    rows::{pieces, values},
};

const SEED: u64 = 0x63_6f6d_6d73;
/// How many users are in memory at a time.
const CHUNK: i64 = 4_096;
/// A million users take about 10 s; whoever waits for the lock waits as long.
const SEED_LIMIT: std::time::Duration = std::time::Duration::from_secs(600);

/// A row as it is made: id, address, first and last name.
struct Made {
    id: i64,
    email: String,
    first_name: &'static str,
    last_name: &'static str,
}

impl Store {
    /// Makes users 1 to `count` when there is none yet, and says how many it made. All or nothing, in one
    /// transaction; of several processes one makes them, the others wait and make none.
    ///
    /// # Errors
    /// "Away" too when another process is still at it; then repeat.
    pub async fn seed_users(&self, count: u64) -> sqlx::Result<u64> {
        let count =
            i64::try_from(count).map_err(|e| sqlx::Error::InvalidArgument(e.to_string()))?;
        // Without the lock first: readers needn't wait for writers.
        if count == 0 || self.count_users().await? > 0 {
            return Ok(0);
        }
        within(SEED_LIMIT, self.seed_locked(count)).await
    }

    async fn seed_locked(&self, count: i64) -> sqlx::Result<u64> {
        let mut transaction = self.begin().await?;
        if self.dialect() == Dialect::Postgres {
            sqlx::query("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
                .execute(&mut *transaction)
                .await?;
        }
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users")
            .fetch_one(&mut *transaction)
            .await?;
        if there > 0 {
            return Ok(0);
        }
        let created_at_ms = now_ms();
        let mut first = 1;
        while first <= count {
            let last = (first + CHUNK - 1).min(count);
            let users: Vec<Made> = (first..=last).map(made_up).collect();
            for piece in pieces(&users) {
                insert(&mut transaction, self.dialect(), piece, created_at_ms).await?;
            }
            first = last + 1;
        }
        transaction.commit().await?;
        Ok(count.unsigned_abs())
    }
}

async fn insert(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    users: &[Made],
    created_at_ms: i64,
) -> sqlx::Result<()> {
    let text = format!(
        "INSERT INTO users (created_at_ms, status, id, email, first_name, last_name) VALUES {}",
        values(dialect, users.len(), 4, "@1, 'active', ")
    );
    let mut query = sqlx::query(AssertSqlSafe(text));
    for user in users {
        query = query
            .bind(user.id)
            .bind(user.email.as_str())
            .bind(user.first_name)
            .bind(user.last_name);
    }
    query
        .bind(created_at_ms)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn made_up(id: i64) -> Made {
    let mut rng = StdRng::seed_from_u64(SEED ^ id.unsigned_abs());
    let first_name: &'static str = en::FirstName().fake_with_rng(&mut rng);
    let last_name: &'static str = en::LastName().fake_with_rng(&mut rng);
    // Unique by the id, and under a domain that is reserved for examples (RFC 2606).
    let email = format!(
        "{}.{}.{id}@example.com",
        ascii(first_name),
        ascii(last_name)
    );
    Made {
        id,
        email,
        first_name,
        last_name,
    }
}

fn ascii(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
