//! Operators' second thoughts on deliveries: failed ones again, doubtful ones resolved. Each is one
//! transaction with the campaign's row, so that none is decided on while its end is being written.

use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::{
    Dialect,
    deliveries::DeliveryStatus,
    filter::{ADDRESSED, ANY, DeliveryFilter},
    now_ms,
    open::{Store, limited},
    outbox::{OutboxKind, open_row},
    rows::list,
};

/// Which deliveries of a campaign are decided on again.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    pub campaign: i64,
    /// `Failed` or `InDoubt`.
    pub from: DeliveryStatus,
    /// Only these users; `None` for all.
    pub users: Option<&'a [i64]>,
    /// Only those in this round; `None` for all.
    pub round: Option<u32>,
    /// Of those that are `from`.
    pub filter: &'a DeliveryFilter,
    /// What one recipient is sent instead of the user's own data; only with one user.
    pub with: Option<&'a str>,
    /// Those above this user, 0 for all.
    pub after: i64,
    /// At most 1,000.
    pub limit: u32,
}

/// A delivery that was queued again; whoever got it from the ledger emits it, with this round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Requeued {
    pub user: i64,
    pub round: u32,
}

/// What became of a request to queue deliveries again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reopened {
    /// These, and the campaign runs (or stays paused).
    Again(Vec<Requeued>),
    /// The campaign was cancelled, or hasn't started, or is lost.
    Refused,
}

impl<'a> Again<'a> {
    /// All that are `from`, a page of 1,000.
    pub fn all(campaign: i64, from: DeliveryStatus) -> Self {
        Self {
            campaign,
            from,
            users: None,
            round: None,
            filter: &ANY,
            with: None,
            after: 0,
            limit: 1_000,
        }
    }

    /// Which rows; `$1` campaign, `$2` status, `$3` after, `$4` limit, then the filter, the users and the round.
    fn those(&self, dialect: Dialect) -> String {
        let mut only = self.filter.conditions(dialect, 5);
        let next = 5 + self.filter.places();
        match self.users {
            Some([]) => only += " AND 1 = 0",
            Some(users) => only += &format!(" AND d.user_id IN ({})", list(users.len(), next)),
            None => {}
        }
        if self.round.is_some() {
            only += &format!(" AND d.round = ${}", self.places());
        }
        format!(
            "{ADDRESSED}
             WHERE d.campaign_id = $1 AND d.status = $2 AND d.channel = 'email' AND d.user_id > $3{only}
             ORDER BY d.user_id LIMIT $4"
        )
    }

    /// The condition on a row. Status and round are looked at again outside the subquery: PostgreSQL repeats only
    /// that when a row was changed meanwhile.
    fn picked(&self, dialect: Dialect) -> String {
        let same_round = match self.round {
            Some(_) => format!(" AND round = ${}", self.places()),
            None => String::new(),
        };
        format!(
            "WHERE campaign_id = $1 AND status = $2 AND channel = 'email'{same_round} AND user_id IN (
                 SELECT d.user_id {})",
            self.those(dialect)
        )
    }

    /// How many values [`Again::those`] takes.
    fn places(&self) -> usize {
        let round = usize::from(self.round.is_some());
        4 + self.filter.places() + self.users.map_or(0, <[i64]>::len) + round
    }

    fn bind<'q>(
        &self,
        query: sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>,
    ) -> sqlx::query::Query<'q, Any, sqlx::any::AnyArguments> {
        let query = query
            .bind(self.campaign)
            .bind(self.from.as_str())
            .bind(self.after)
            .bind(i64::from(self.limit.min(1_000)));
        let mut query = self.filter.bind(query);
        for user in self.users.unwrap_or_default() {
            query = query.bind(*user);
        }
        match self.round {
            Some(round) => query.bind(i64::from(round)),
            None => query,
        }
    }
}

impl Store {
    /// Who would be decided on, and in which round each is; nothing is changed. Repeat with `after` until nothing
    /// comes back.
    pub async fn chosen_again(&self, again: &Again<'_>) -> sqlx::Result<Vec<(i64, u32)>> {
        limited(async {
            let those = again.those(self.dialect());
            let text = format!("SELECT d.user_id, d.round {those}");
            let query = again.bind(sqlx::query(AssertSqlSafe(text)));
            let rows = query.fetch_all(&self.pool).await?;
            rows.iter()
                .map(|row| Ok((row.try_get("user_id")?, round_of(row)?)))
                .collect()
        })
        .await
    }

    /// Queues deliveries again, with the next round, opens a replay row in the outbox for their partitions and
    /// lets a finished campaign run again, in one transaction. Of several callers exactly one gets a delivery
    /// back. Repeat with `after` until nothing comes back.
    pub async fn requeue(&self, again: &Again<'_>, partitions: u32) -> sqlx::Result<Reopened> {
        if !matches!(again.from, DeliveryStatus::Failed | DeliveryStatus::InDoubt) {
            return Err(sqlx::Error::InvalidArgument(format!(
                "deliveries that are {} can't be queued again",
                again.from
            )));
        }
        limited(async {
            let mut transaction = self.begin().await?;
            // First of all: what finishes a campaign compares its revision.
            if again.campaign > 0 {
                let reopened = sqlx::query(
                    "UPDATE campaigns SET revision = revision + 1, finished_at_ms = NULL,
                         status = CASE WHEN status = 'finished' THEN 'running' ELSE status END
                     WHERE id = $1 AND status IN ('running', 'paused', 'finished')",
                )
                .bind(again.campaign)
                .execute(&mut *transaction)
                .await?;
                if reopened.rows_affected() == 0 {
                    return Ok(Reopened::Refused);
                }
            }
            let n = again.places();
            let set = format!(
                "status = 'queued', attempt = 0, due_at_ms = NULL, again_with = ${}",
                n + 2
            );
            let moved = change(
                &mut transaction,
                self.dialect(),
                again,
                &set,
                again.with,
                partitions,
            )
            .await?;
            if moved.is_empty() {
                // As if nobody had asked.
                transaction.rollback().await?;
            } else {
                transaction.commit().await?;
            }
            Ok(Reopened::Again(moved))
        })
        .await
    }

    /// Deliveries in doubt of which the operator knows that they arrived: accepted. Returns the users, each
    /// to one caller only. The totals of a campaign that has ended are put right too.
    pub async fn accept_in_doubt(
        &self,
        again: &Again<'_>,
        partitions: u32,
    ) -> sqlx::Result<Vec<i64>> {
        limited(async {
            let mut transaction = self.begin().await?;
            sqlx::query("UPDATE campaigns SET revision = revision + 1 WHERE id = $1")
                .bind(again.campaign)
                .execute(&mut *transaction)
                .await?;
            let set = format!("status = 'accepted', again_with = ${}", again.places() + 2);
            let moved = change(
                &mut transaction,
                self.dialect(),
                again,
                &set,
                None,
                partitions,
            )
            .await?;
            if moved.is_empty() {
                transaction.rollback().await?;
                return Ok(Vec::new());
            }
            // They are zero until they are final.
            sqlx::query(
                "UPDATE campaigns SET accepted = accepted + $2, in_doubt_count = in_doubt_count - $2
                 WHERE id = $1 AND queued > 0 AND status IN ('finished', 'cancelled')",
            )
            .bind(again.campaign)
            .bind(i64::try_from(moved.len()).unwrap_or(0))
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(moved.into_iter().map(|moved| moved.user).collect())
        })
        .await
    }
}

/// Changes the rows, notes what they were, and tells the relay.
async fn change(
    transaction: &mut Transaction<'_, Any>,
    dialect: Dialect,
    again: &Again<'_>,
    set: &str,
    with: Option<&str>,
    partitions: u32,
) -> sqlx::Result<Vec<Requeued>> {
    let now = now_ms();
    let text = format!(
        "UPDATE deliveries SET {set}, moved_from = status, round = round + 1, updated_at_ms = ${}
         {} RETURNING user_id, round",
        again.places() + 1,
        again.picked(dialect)
    );
    let query = again.bind(sqlx::query(AssertSqlSafe(text)));
    let query = query.bind(now).bind(with.map(str::to_owned));
    let mut moved = Vec::new();
    for row in query.fetch_all(&mut **transaction).await? {
        moved.push(Requeued {
            user: row.try_get("user_id")?,
            round: round_of(&row)?,
        });
    }
    for partition in 0..partitions {
        let concerned = moved
            .iter()
            .any(|r| r.user.rem_euclid(i64::from(partitions)) == i64::from(partition));
        if concerned {
            let (campaign, kind) = (again.campaign, OutboxKind::Replay);
            open_row(transaction, campaign, partition, kind, now).await?;
        }
    }
    moved.sort_by_key(|r| r.user);
    Ok(moved)
}

fn round_of(row: &sqlx::any::AnyRow) -> sqlx::Result<u32> {
    let round: i64 = row.try_get("round")?;
    Ok(u32::try_from(round).unwrap_or(u32::MAX))
}
