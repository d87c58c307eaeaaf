//! One group commit of the ledger.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, Connection, Row};

use super::{
    campaigns::InDoubt,
    deliveries::{Delivery, DeliveryStatus},
    ledger::{Claim, ClaimOutcome, Closing, DeliveryResult, Lapsed, found},
    now_ms,
    rows::pieces,
    statements::{HOLD, Statements, TAKE_OVER},
    waiting::{Key, sorted},
};
use crate::queue::Closed;

/// What goes into one transaction; no row twice among those of one kind.
pub(super) struct Batch<'a> {
    pub(super) owner: &'a str,
    pub(super) statements: &'a Statements,
    pub(super) held: &'a HashMap<Key, u32>,
    pub(super) results: Vec<&'a DeliveryResult>,
    pub(super) closings: Vec<&'a Closing>,
    pub(super) lapsed: Vec<&'a Lapsed>,
    pub(super) claims: Vec<&'a Claim>,
}

/// The rows of a batch that didn't become what was asked for.
#[derive(Default)]
pub(super) struct Exceptions {
    pub(super) results: HashMap<Key, DeliveryStatus>,
    pub(super) closings: HashMap<Key, DeliveryStatus>,
    pub(super) lapsed: HashMap<Key, ClaimOutcome>,
    pub(super) claims: HashMap<Key, ClaimOutcome>,
}

impl Batch<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.results.is_empty()
            && self.closings.is_empty()
            && self.lapsed.is_empty()
            && self.claims.is_empty()
    }

    /// Results first, so that a claim sees what has just ended.
    pub(super) async fn commit(
        &self,
        connection: &mut AnyConnection,
        begin: &'static str,
    ) -> sqlx::Result<Exceptions> {
        let now = now_ms();
        let mut transaction = connection.begin_with(begin).await?;
        let mut exceptions = Exceptions::default();
        self.record(&mut transaction, now, &mut exceptions).await?;
        self.close(&mut transaction, now, &mut exceptions).await?;
        self.resolve(&mut transaction, now, &mut exceptions).await?;
        self.claim(&mut transaction, now, &mut exceptions).await?;
        transaction.commit().await?;
        Ok(exceptions)
    }

    async fn record(
        &self,
        connection: &mut AnyConnection,
        now: i64,
        exceptions: &mut Exceptions,
    ) -> sqlx::Result<()> {
        let rows = sorted(self.results.clone(), |r| (r.campaign, r.user));
        for piece in pieces(&rows) {
            let mut query = sqlx::query(self.statements.record(piece.len()));
            for row in piece {
                let doubtful = row.in_doubt || row.status == DeliveryStatus::InDoubt;
                query = query
                    .bind(row.campaign)
                    .bind(row.user)
                    .bind(i64::from(row.attempt))
                    .bind(row.status.as_str())
                    .bind(row.code.map(i64::from))
                    .bind(row.answer.as_deref().map(clean))
                    .bind(row.due_at_ms)
                    .bind(i64::from(doubtful));
            }
            let query = query.bind(self.owner).bind(now);
            let done = query.execute(&mut *connection).await?;
            if done.rows_affected() < piece.len() as u64 {
                let asked: Vec<_> = piece
                    .iter()
                    .map(|r| ((r.campaign, r.user), r.status))
                    .collect();
                self.compare(connection, &asked, &mut exceptions.results)
                    .await?;
            }
        }
        Ok(())
    }

    async fn close(
        &self,
        connection: &mut AnyConnection,
        now: i64,
        exceptions: &mut Exceptions,
    ) -> sqlx::Result<()> {
        let rows = sorted(self.closings.clone(), |r| (r.campaign, r.user));
        for piece in pieces(&rows) {
            let mut query = sqlx::query(self.statements.close(piece.len()));
            for row in piece {
                query = query
                    .bind(row.campaign)
                    .bind(row.user)
                    .bind(i64::from(row.round))
                    .bind(row.status.as_str())
                    .bind(row.code.map(i64::from))
                    .bind(row.answer.as_deref().map(clean));
            }
            let query = query.bind(self.owner).bind(now);
            let done = query.execute(&mut *connection).await?;
            if done.rows_affected() < piece.len() as u64 {
                let asked: Vec<_> = piece
                    .iter()
                    .map(|r| ((r.campaign, r.user), r.status))
                    .collect();
                self.compare(connection, &asked, &mut exceptions.closings)
                    .await?;
            }
        }
        Ok(())
    }

    async fn resolve(
        &self,
        connection: &mut AnyConnection,
        now: i64,
        exceptions: &mut Exceptions,
    ) -> sqlx::Result<()> {
        for row in sorted(self.lapsed.clone(), |r| (r.claim.campaign, r.claim.user)) {
            let claim = &row.claim;
            let key = (claim.campaign, claim.user);
            let text = match row.policy {
                InDoubt::Hold => HOLD,
                InDoubt::Resend => TAKE_OVER,
            };
            let mut query = sqlx::query(text)
                .bind(self.owner)
                .bind(now)
                .bind(claim.campaign)
                .bind(claim.user)
                .bind(row.owner.as_str());
            if row.policy == InDoubt::Resend {
                query = query
                    .bind(i64::from(claim.attempt))
                    .bind(i64::from(claim.round))
                    .bind(clean(&claim.message_id));
            }
            // This process is not gone, whatever somebody says.
            let decided = row.owner != self.owner
                && query.execute(&mut *connection).await?.rows_affected() == 1;
            if !decided {
                let outcome = self.look(connection, &[claim], &HashSet::new()).await?;
                exceptions.lapsed.extend(outcome);
            } else if row.policy == InDoubt::Hold {
                let outcome = ClaimOutcome::Closed(Closed::InDoubt);
                exceptions.lapsed.insert(key, outcome);
            }
        }
        Ok(())
    }

    async fn claim(
        &self,
        connection: &mut AnyConnection,
        now: i64,
        exceptions: &mut Exceptions,
    ) -> sqlx::Result<()> {
        // Those belong to others who asked in this very commit.
        let lapsed = self.lapsed.iter().map(|r| &r.claim);
        let taken_over: HashSet<Key> = lapsed.map(|c| (c.campaign, c.user)).collect();
        let rows = sorted(self.claims.clone(), |r| (r.campaign, r.user));
        for piece in pieces(&rows) {
            let mut query = sqlx::query(self.statements.claim(piece.len()));
            for row in piece {
                query = query
                    .bind(row.campaign)
                    .bind(row.user)
                    .bind(i64::from(row.attempt))
                    .bind(i64::from(row.round))
                    .bind(clean(&row.message_id));
            }
            let query = query.bind(self.owner).bind(now);
            let returned = query.fetch_all(&mut *connection).await?;
            if returned.len() == piece.len() {
                continue;
            }
            let mut ours = HashSet::with_capacity(returned.len());
            for row in &returned {
                ours.insert((row.try_get(0)?, row.try_get(1)?));
            }
            let others: Vec<&Claim> = piece
                .iter()
                .copied()
                .filter(|claim| !ours.contains(&(claim.campaign, claim.user)))
                .collect();
            let found = self.look(connection, &others, &taken_over).await?;
            exceptions.claims.extend(found);
        }
        Ok(())
    }

    /// What claims found that were not granted; `taken_over` rows are not theirs, even if ours.
    async fn look(
        &self,
        connection: &mut AnyConnection,
        claims: &[&Claim],
        taken_over: &HashSet<Key>,
    ) -> sqlx::Result<HashMap<Key, ClaimOutcome>> {
        let keys: Vec<Key> = claims.iter().map(|c| (c.campaign, c.user)).collect();
        let rows = self.select(connection, &keys).await?;
        let outcome = |claim: &Claim| {
            let key = (claim.campaign, claim.user);
            let Some(row) = rows.get(&key) else {
                // Pruned this very moment; the caller tries again.
                return ClaimOutcome::SendingBy {
                    owner: String::new(),
                    attempt: claim.attempt,
                    updated_at_ms: 0,
                };
            };
            let ours = row.owner == self.owner
                && row.attempt == claim.attempt
                && !self.held.contains_key(&key)
                && !taken_over.contains(&key);
            found(row, claim, ours)
        };
        Ok(claims
            .iter()
            .map(|claim| ((claim.campaign, claim.user), outcome(claim)))
            .collect())
    }

    /// Notes the rows that are not what was asked for.
    async fn compare(
        &self,
        connection: &mut AnyConnection,
        asked: &[(Key, DeliveryStatus)],
        exceptions: &mut HashMap<Key, DeliveryStatus>,
    ) -> sqlx::Result<()> {
        let keys: Vec<Key> = asked.iter().map(|(key, _)| *key).collect();
        let rows = self.select(connection, &keys).await?;
        for (key, status) in asked {
            if let Some(row) = rows.get(key)
                && row.status != *status
            {
                exceptions.insert(*key, row.status);
            }
        }
        Ok(())
    }

    async fn select(
        &self,
        connection: &mut AnyConnection,
        keys: &[Key],
    ) -> sqlx::Result<HashMap<Key, Delivery>> {
        let mut rows = HashMap::with_capacity(keys.len());
        for piece in pieces(keys) {
            let mut query = sqlx::query_as(self.statements.select(piece.len()));
            for (campaign, user) in piece {
                query = query.bind(*campaign).bind(*user);
            }
            let found: Vec<Delivery> = query.fetch_all(&mut *connection).await?;
            rows.extend(found.into_iter().map(|d| ((d.campaign_id, d.user_id), d)));
        }
        Ok(rows)
    }
}

/// A text as every database takes it: no NUL (PostgreSQL has none), and no longer than a reply may
/// reasonably be.
fn clean(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(500).collect()
}
