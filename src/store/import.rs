//! Users from elsewhere: known by their address, so that an import may be repeated.

use std::collections::{HashMap, HashSet};

use sqlx::{Any, AssertSqlSafe, Transaction};

use super::{
    now_ms,
    open::{Dialect, Store, limited},
    rows::{list, pieces, values},
    users::{User, UserStatus},
};

/// A user as a file has it. What is `None` stays as it is; for a new one, names are empty and the status
/// is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedUser {
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub status: Option<UserStatus>,
}

/// What became of the rows of an import.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
pub struct Imported {
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
}

impl std::ops::AddAssign for Imported {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
    }
}

impl Store {
    /// Writes users in one transaction. The addresses must be different ones, capitals apart; a user who is there
    /// already keeps the spelling.
    pub async fn import_users(&self, users: &[ImportedUser]) -> sqlx::Result<Imported> {
        limited(async {
            let mut transaction = self.begin().await?;
            if self.dialect() == Dialect::Postgres {
                // Ids are given out in a row; readers don't wait for this.
                let lock = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE".to_owned();
                sqlx::query(AssertSqlSafe(lock))
                    .execute(&mut *transaction)
                    .await?;
            }
            let mut next_id: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM users")
                .fetch_one(&mut *transaction)
                .await?;
            let mut done = Imported::default();
            for piece in pieces(users) {
                let known = known(&mut transaction, self.dialect(), piece).await?;
                let (mut new, mut changed) = (Vec::new(), Vec::new());
                for user in piece {
                    match known.get(&folded(&user.email)) {
                        None => {
                            new.push(merged(user, None, next_id));
                            next_id += 1;
                        }
                        Some(before) => {
                            let after = merged(user, Some(before), before.id);
                            if after == *before {
                                done.unchanged += 1;
                            } else {
                                changed.push(after);
                            }
                        }
                    }
                }
                self.insert_users(&mut transaction, &new).await?;
                self.update_users(&mut transaction, &changed).await?;
                done.new += new.len() as u64;
                done.changed += changed.len() as u64;
            }
            transaction.commit().await?;
            Ok(done)
        })
        .await
    }

    async fn insert_users(
        &self,
        transaction: &mut Transaction<'_, Any>,
        users: &[User],
    ) -> sqlx::Result<()> {
        for piece in pieces(users) {
            let text = format!(
                "INSERT INTO users (created_at_ms, id, email, first_name, last_name, status) VALUES {}",
                values(self.dialect(), piece.len(), 5, "@1, ")
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for user in piece {
                query = query
                    .bind(user.id)
                    .bind(user.email.as_str())
                    .bind(user.first_name.as_str())
                    .bind(user.last_name.as_str())
                    .bind(user.status.as_str());
            }
            query.bind(now_ms()).execute(&mut **transaction).await?;
        }
        Ok(())
    }

    async fn update_users(
        &self,
        transaction: &mut Transaction<'_, Any>,
        users: &[User],
    ) -> sqlx::Result<()> {
        for piece in pieces(users) {
            let text = format!(
                "WITH v (id, first_name, last_name, status) AS (VALUES {})
                 UPDATE users SET first_name = v.first_name, last_name = v.last_name, status = v.status
                 FROM v WHERE users.id = v.id",
                values(self.dialect(), piece.len(), 4, "")
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for user in piece {
                query = query
                    .bind(user.id)
                    .bind(user.first_name.as_str())
                    .bind(user.last_name.as_str())
                    .bind(user.status.as_str());
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// The user with that address, capitals apart; of several the one who is spelled so, else the first.
    pub async fn user_of(&self, email: &str) -> sqlx::Result<Option<User>> {
        let text = format!(
            "SELECT * FROM users WHERE {} = $1
             ORDER BY CASE WHEN email = $2 THEN 0 ELSE 1 END, id LIMIT 1",
            folded_column(self.dialect(), "email")
        );
        let query = sqlx::query_as(AssertSqlSafe(text))
            .bind(folded(email))
            .bind(email.to_owned());
        limited(query.fetch_optional(&self.pool)).await
    }

    /// A page of all users, or of those with a status, in the order of their ids after `after`.
    pub async fn list_users(
        &self,
        status: Option<UserStatus>,
        after: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<User>> {
        let text = match status {
            None => "SELECT * FROM users WHERE id > $1 ORDER BY id LIMIT $2",
            Some(_) => "SELECT * FROM users WHERE id > $1 AND status = $3 ORDER BY id LIMIT $2",
        };
        let mut query = sqlx::query_as(text).bind(after).bind(i64::from(limit));
        if let Some(status) = status {
            query = query.bind(status.as_str());
        }
        limited(query.fetch_all(&self.pool)).await
    }
}

/// Capitals of ASCII only: those of other letters are the mail server's affair.
pub(crate) fn folded(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// What [`folded`] is in SQL; of `email` as the index of migration 0030 has it.
pub(super) fn folded_column(dialect: Dialect, address: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("LOWER({address})"),
        Dialect::Postgres => format!("LOWER({address} COLLATE \"C\")"),
    }
}

/// The users who are there already, by their folded addresses; of two spellings in an older table, the one
/// that is asked for, else the first.
async fn known(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    users: &[ImportedUser],
) -> sqlx::Result<HashMap<String, User>> {
    let text = format!(
        "SELECT * FROM users WHERE {} IN ({}) ORDER BY id",
        folded_column(dialect, "email"),
        list(users.len(), 1)
    );
    let mut query = sqlx::query_as(AssertSqlSafe(text));
    for user in users {
        query = query.bind(folded(&user.email));
    }
    let found: Vec<User> = query.fetch_all(&mut **transaction).await?;
    let spelled: HashSet<&str> = users.iter().map(|user| user.email.as_str()).collect();
    let mut known = HashMap::new();
    for user in found {
        let key = folded(&user.email);
        if spelled.contains(user.email.as_str()) || !known.contains_key(&key) {
            known.insert(key, user);
        }
    }
    Ok(known)
}

/// What the user is after the import.
fn merged(user: &ImportedUser, before: Option<&User>, id: i64) -> User {
    let name = |asked: &Option<String>, before: Option<&String>| {
        asked.clone().or(before.cloned()).unwrap_or_default()
    };
    User {
        id,
        email: before.map_or(&user.email, |b| &b.email).clone(),
        first_name: name(&user.first_name, before.map(|b| &b.first_name)),
        last_name: name(&user.last_name, before.map(|b| &b.last_name)),
        status: user
            .status
            .or(before.map(|b| b.status))
            .unwrap_or(UserStatus::Active),
        created_at_ms: before.map_or(0, |b| b.created_at_ms),
    }
}
