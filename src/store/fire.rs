//! Starting what is due. A planned time, its campaign and the next planned time are one transaction: a killed
//! scheduler has done all of it or nothing, and of several one does it. Beside that the fire id is the
//! campaign's idempotency key, which is unique.

use std::collections::HashMap;

use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use super::{
    campaigns::Campaign,
    now_ms,
    open::{Dialect, Store, limited},
    outbox::open_fanout,
    rows::{pieces, values},
    schedules::{Fire, FireOutcome, Schedule},
};
use crate::schedule::Due;

/// Schedules or single starts in one transaction.
const BATCH: i64 = 256;

/// What is to be done about a due schedule.
#[derive(Debug)]
pub enum Judged {
    Due(Due),
    /// Its rule can't be read any more, and why: it is paused.
    Broken(String),
}

/// What was started or left out by one call.
#[derive(Debug, Default)]
pub struct Fired {
    pub fires: Vec<Fire>,
    /// Single starts: the campaign and its planned time.
    pub started: Vec<(i64, i64)>,
    /// More may be due.
    pub full: bool,
}

/// The fire id of a planned time: the idempotency key of its campaign.
pub fn fire_id(schedule: i64, planned_at_ms: i64) -> String {
    format!("schedule:{schedule}:{planned_at_ms}")
}

/// A campaign that is to be started for a planned time.
struct Start {
    schedule: i64,
    planned: i64,
    name: String,
    outcome: FireOutcome,
    /// The fire id.
    fire: String,
}

impl Store {
    /// Starts what is due at `now`, the earliest first. `judge` says what to do about a schedule, `name`
    /// what to call its campaign for a planned time.
    pub async fn fire_due(
        &self,
        now: i64,
        partitions: u32,
        judge: impl Fn(&Schedule) -> Judged + Send,
        name: impl Fn(&Schedule, i64) -> String + Send,
    ) -> sqlx::Result<Fired> {
        limited(async {
            let mut fired = Fired::default();
            let mut transaction = self.begin().await?;
            let due = self.due(&mut transaction, now).await?;
            fired.full = due.len() as i64 == BATCH;
            let (mut starts, mut skips, mut nexts) = (Vec::new(), Vec::new(), Vec::new());
            for schedule in &due {
                match judge(schedule) {
                    Judged::Broken(reason) => broken(&mut transaction, schedule, reason).await?,
                    Judged::Due(due) => {
                        starts.extend(due.fire.iter().map(|planned| Start {
                            schedule: schedule.id,
                            planned: *planned,
                            name: name(schedule, *planned),
                            outcome: FireOutcome::Started,
                            fire: fire_id(schedule.id, *planned),
                        }));
                        skips.extend(
                            due.skipped
                                .map(|(from, until)| skip(schedule, from, until, now)),
                        );
                        nexts.push((schedule.id, due.next));
                    }
                }
            }
            fired.fires = self
                .start(&mut transaction, &starts, partitions, now)
                .await?;
            fired.fires.extend(skips);
            self.note(&mut transaction, &fired.fires).await?;
            self.advance(&mut transaction, &nexts).await?;
            fired.started = self.start_single(&mut transaction, now, partitions).await?;
            fired.full |= fired.started.len() as i64 == BATCH;
            transaction.commit().await?;
            Ok(fired)
        })
        .await
    }

    /// Starts a campaign of a schedule beside its plan, one for each key. `None` when there is no such schedule.
    pub async fn fire_now(
        &self,
        id: i64,
        key: Option<&str>,
        partitions: u32,
        name: impl Fn(&Schedule, i64) -> String + Send,
    ) -> sqlx::Result<Option<Campaign>> {
        limited(async {
            let now = now_ms();
            let mut transaction = self.begin().await?;
            let schedule: Option<Schedule> =
                sqlx::query_as("SELECT * FROM schedules WHERE id = $1")
                    .bind(id)
                    .fetch_optional(&mut *transaction)
                    .await?;
            let Some(schedule) = schedule else {
                return Ok(None);
            };
            let start = Start {
                schedule: id,
                planned: now,
                name: name(&schedule, now),
                outcome: FireOutcome::Asked,
                fire: key.map_or_else(
                    || fire_id(id, now),
                    |key| format!("schedule:{id}:asked:{key}"),
                ),
            };
            let fire = start.fire.clone();
            let fires = self
                .start(&mut transaction, &[start], partitions, now)
                .await?;
            self.note(&mut transaction, &fires).await?;
            let campaign = sqlx::query_as("SELECT * FROM campaigns WHERE idempotency_key = $1")
                .bind(fire)
                .fetch_optional(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(campaign)
        })
        .await
    }

    /// Another scheduler's are left to it; SQLite has one writer anyway.
    async fn due(
        &self,
        transaction: &mut Transaction<'_, Any>,
        now: i64,
    ) -> sqlx::Result<Vec<Schedule>> {
        let lock = match self.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        let text = format!(
            "SELECT * FROM schedules WHERE status = 'active' AND next_at_ms <= $1
             ORDER BY next_at_ms, id LIMIT {BATCH}{lock}"
        );
        sqlx::query_as(AssertSqlSafe(text))
            .bind(now)
            .fetch_all(&mut **transaction)
            .await
    }

    /// Makes the campaigns. One whose fire id is known already was started before, and is not again.
    async fn start(
        &self,
        transaction: &mut Transaction<'_, Any>,
        starts: &[Start],
        partitions: u32,
        now: i64,
    ) -> sqlx::Result<Vec<Fire>> {
        let mut fires = Vec::with_capacity(starts.len());
        for piece in pieces(starts) {
            let text = format!(
                "WITH v (now, schedule, planned, name, fire) AS (VALUES {})
                 INSERT INTO campaigns (name, subject, text_template, html_template, template_name,
                     template_version, variables, status, revision, mirrored_revision, epoch, audience,
                     in_doubt, idempotency_key, body_hash, created_at_ms, started_at_ms, start_at_ms,
                     schedule_id)
                 SELECT v.name, s.subject, s.text_template, s.html_template, s.template_name,
                     s.template_version, s.variables, 'running', 1, 0, v.now,
                     (SELECT COALESCE(MAX(id), 0) FROM users), s.in_doubt, v.fire, v.fire, v.now, v.now,
                     v.planned, s.id
                 FROM v JOIN schedules s ON s.id = v.schedule WHERE true ORDER BY v.planned, s.id
                 ON CONFLICT (idempotency_key) DO NOTHING
                 RETURNING id, idempotency_key",
                values(self.dialect(), piece.len(), 4, "@1, ")
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for start in piece {
                query = query
                    .bind(start.schedule)
                    .bind(start.planned)
                    .bind(start.name.as_str())
                    .bind(start.fire.as_str());
            }
            let rows = query.bind(now).fetch_all(&mut **transaction).await?;
            let mut made: HashMap<String, i64> = HashMap::new();
            for row in &rows {
                made.insert(row.try_get("idempotency_key")?, row.try_get("id")?);
            }
            fires.extend(piece.iter().filter_map(|start| {
                let campaign = made.get(&start.fire)?;
                Some(Fire {
                    schedule_id: start.schedule,
                    planned_at_ms: start.planned,
                    until_ms: start.planned,
                    outcome: start.outcome,
                    campaign_id: Some(*campaign),
                    fired_at_ms: now,
                })
            }));
        }
        let campaigns: Vec<i64> = fires.iter().filter_map(|fire| fire.campaign_id).collect();
        self.open_fanouts(transaction, &campaigns, partitions, now)
            .await?;
        Ok(fires)
    }

    async fn open_fanouts(
        &self,
        transaction: &mut Transaction<'_, Any>,
        campaigns: &[i64],
        partitions: u32,
        now: i64,
    ) -> sqlx::Result<()> {
        let rows: Vec<(i64, u32)> = campaigns
            .iter()
            .flat_map(|campaign| (0..partitions).map(|partition| (*campaign, partition)))
            .collect();
        for piece in pieces(&rows) {
            let text = format!(
                "INSERT INTO outbox (kind, created_at_ms, campaign_id, partition) VALUES {}",
                values(self.dialect(), piece.len(), 2, "'fanout', @1, ")
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (campaign, partition) in piece {
                query = query.bind(*campaign).bind(i64::from(*partition));
            }
            query.bind(now).execute(&mut **transaction).await?;
        }
        Ok(())
    }

    async fn note(
        &self,
        transaction: &mut Transaction<'_, Any>,
        fires: &[Fire],
    ) -> sqlx::Result<()> {
        for piece in pieces(fires) {
            let text = format!(
                "INSERT INTO fires (schedule_id, planned_at_ms, until_ms, outcome, campaign_id,
                     fired_at_ms) VALUES {}
                 ON CONFLICT (schedule_id, planned_at_ms) DO NOTHING",
                values(self.dialect(), piece.len(), 6, "")
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for fire in piece {
                query = query
                    .bind(fire.schedule_id)
                    .bind(fire.planned_at_ms)
                    .bind(fire.until_ms)
                    .bind(fire.outcome.as_str())
                    .bind(fire.campaign_id)
                    .bind(fire.fired_at_ms);
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Writes the next planned times; a rule without one has ended.
    async fn advance(
        &self,
        transaction: &mut Transaction<'_, Any>,
        nexts: &[(i64, Option<i64>)],
    ) -> sqlx::Result<()> {
        for piece in pieces(nexts) {
            let text = format!(
                "WITH v (id, next) AS (VALUES {})
                 UPDATE schedules SET
                     status = CASE WHEN v.next < 0 THEN 'ended' ELSE 'active' END,
                     next_at_ms = CASE WHEN v.next < 0 THEN NULL ELSE v.next END
                 FROM v WHERE schedules.id = v.id",
                values(self.dialect(), piece.len(), 2, "")
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (id, next) in piece {
                query = query.bind(*id).bind(next.unwrap_or(-1));
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Scheduled campaigns whose time has come: running, with the audience of now.
    async fn start_single(
        &self,
        transaction: &mut Transaction<'_, Any>,
        now: i64,
        partitions: u32,
    ) -> sqlx::Result<Vec<(i64, i64)>> {
        let lock = match self.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        let text = format!(
            "UPDATE campaigns SET status = 'running', revision = revision + 1, started_at_ms = $1,
                 audience = (SELECT COALESCE(MAX(id), 0) FROM users)
             WHERE id IN (SELECT id FROM campaigns WHERE status = 'scheduled' AND start_at_ms <= $1
                 ORDER BY start_at_ms, id LIMIT {BATCH}{lock})
             RETURNING id, start_at_ms"
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(now)
            .fetch_all(&mut **transaction)
            .await?;
        let mut started = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.try_get("id")?;
            open_fanout(transaction, id, partitions, now).await?;
            started.push((id, row.try_get("start_at_ms")?));
        }
        Ok(started)
    }
}

fn skip(schedule: &Schedule, from: i64, until: i64, now: i64) -> Fire {
    Fire {
        schedule_id: schedule.id,
        planned_at_ms: from,
        until_ms: until,
        outcome: FireOutcome::Skipped,
        campaign_id: None,
        fired_at_ms: now,
    }
}

async fn broken(
    transaction: &mut Transaction<'_, Any>,
    schedule: &Schedule,
    reason: String,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE schedules SET status = 'paused', reason = $2, next_at_ms = NULL,
             revision = revision + 1 WHERE id = $1",
    )
    .bind(schedule.id)
    .bind(reason)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
