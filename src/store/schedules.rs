//! The schedules, and what became of each of their planned times.

use sqlx::{Any, AssertSqlSafe, FromRow, Row, any::AnyRow, query::Query};

use super::{
    campaigns::{CampaignStatus, Created, InDoubt},
    now_ms,
    open::{Store, limited},
    words::{word, words},
};

words! {
    pub enum ScheduleStatus {
        Active = "active",
        Paused = "paused",
        /// Its rule has no time left.
        Ended = "ended",
    }
}

words! {
    /// What becomes of times for which no scheduler was there.
    pub enum MisfirePolicy {
        Skip = "skip",
        Once = "once",
        All = "all",
    }
}

words! {
    pub enum FireOutcome {
        /// On time or late, its campaign was started.
        Started = "started",
        /// Missed, and left out.
        Skipped = "skipped",
        /// An operator asked for it, beside the plan.
        Asked = "asked",
    }
}

/// What a mail says before it is rendered, and where the words came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Words {
    pub subject: String,
    /// Empty: taken from the HTML.
    pub text: String,
    /// Empty: a plain mail.
    pub html: String,
    /// Name and version of the stored template.
    pub template: Option<(String, i64)>,
    /// A JSON object: the fields below `vars`.
    pub variables: String,
}

/// A schedule as it is to be written.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    pub name: String,
    pub cron: String,
    pub zone: String,
    pub misfire: MisfirePolicy,
    pub misfire_cap: u32,
    pub words: Words,
    pub in_doubt: InDoubt,
    pub idempotency_key: Option<String>,
    pub body_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub id: i64,
    pub name: String,
    pub cron: String,
    pub zone: String,
    pub misfire: MisfirePolicy,
    /// Of the policy `all`: at most so many missed times are made up for.
    pub misfire_cap: u32,
    pub words: Words,
    pub in_doubt: InDoubt,
    pub status: ScheduleStatus,
    pub reason: Option<String>,
    pub revision: i64,
    /// The next planned time, while it is active.
    pub next_at_ms: Option<i64>,
    pub created_at_ms: i64,
}

/// What became of a planned time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fire {
    pub schedule_id: i64,
    pub planned_at_ms: i64,
    /// Of several that were left out, the last; else the same.
    pub until_ms: i64,
    pub outcome: FireOutcome,
    pub campaign_id: Option<i64>,
    pub fired_at_ms: i64,
}

impl FromRow<'_, AnyRow> for Schedule {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let cap: i64 = row.try_get("misfire_cap")?;
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            cron: row.try_get("cron")?,
            zone: row.try_get("zone")?,
            misfire: word(row, "misfire")?,
            misfire_cap: u32::try_from(cap).unwrap_or(u32::MAX),
            words: Words::from_row(row)?,
            in_doubt: word(row, "in_doubt")?,
            status: word(row, "status")?,
            reason: row.try_get("reason")?,
            revision: row.try_get("revision")?,
            next_at_ms: row.try_get("next_at_ms")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Words {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let name: Option<String> = row.try_get("template_name")?;
        let version: Option<i64> = row.try_get("template_version")?;
        Ok(Self {
            subject: row.try_get("subject")?,
            text: row.try_get("text_template")?,
            html: row.try_get("html_template")?,
            template: name.zip(version),
            variables: row.try_get("variables")?,
        })
    }
}

impl FromRow<'_, AnyRow> for Fire {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            schedule_id: row.try_get("schedule_id")?,
            planned_at_ms: row.try_get("planned_at_ms")?,
            until_ms: row.try_get("until_ms")?,
            outcome: word(row, "outcome")?,
            campaign_id: row.try_get("campaign_id")?,
            fired_at_ms: row.try_get("fired_at_ms")?,
        })
    }
}

/// The eleven columns that an operator chooses, in the order of [`bound`].
const CHOSEN: [&str; 11] = [
    "name",
    "cron",
    "zone",
    "misfire",
    "misfire_cap",
    "subject",
    "text_template",
    "html_template",
    "template_name",
    "template_version",
    "variables",
];

type Statement = Query<'static, Any, <Any as sqlx::Database>::Arguments>;

fn bound(text: String, new: &NewSchedule) -> Statement {
    let words = &new.words;
    sqlx::query(AssertSqlSafe(text))
        .bind(new.name.clone())
        .bind(new.cron.clone())
        .bind(new.zone.clone())
        .bind(new.misfire.as_str())
        .bind(i64::from(new.misfire_cap))
        .bind(words.subject.clone())
        .bind(words.text.clone())
        .bind(words.html.clone())
        .bind(words.template.as_ref().map(|(name, _)| name.clone()))
        .bind(words.template.as_ref().map(|(_, version)| *version))
        .bind(words.variables.clone())
        .bind(new.in_doubt.as_str())
}

impl Store {
    /// Writes an active schedule whose first planned time is `next_at_ms`.
    pub async fn add_schedule(
        &self,
        new: &NewSchedule,
        next_at_ms: i64,
    ) -> sqlx::Result<Created<Schedule>> {
        let text = format!(
            "INSERT INTO schedules ({}, in_doubt, status, revision, next_at_ms, created_at_ms,
                 idempotency_key, body_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'active', 1, $13, $14, $15, $16)
             ON CONFLICT (idempotency_key) DO NOTHING
             RETURNING *",
            CHOSEN.join(", ")
        );
        let insert = bound(text, new)
            .bind(next_at_ms)
            .bind(now_ms())
            .bind(new.idempotency_key.clone())
            .bind(new.body_hash.clone());
        limited(async {
            if let Some(row) = insert.fetch_optional(&self.pool).await? {
                return Schedule::from_row(&row).map(Created::New);
            }
            let earlier = sqlx::query("SELECT * FROM schedules WHERE idempotency_key = $1")
                .bind(new.idempotency_key.clone())
                .fetch_one(&self.pool)
                .await?;
            let hash: String = earlier.try_get("body_hash")?;
            match hash == new.body_hash {
                true => Schedule::from_row(&earlier).map(Created::Replayed),
                false => Ok(Created::KeyReused),
            }
        })
        .await
    }

    /// Writes it anew, if it is still at that revision. An active one goes on at `next_at_ms`, and so does
    /// one that had ended.
    pub async fn edit_schedule(
        &self,
        id: i64,
        revision: i64,
        new: &NewSchedule,
        next_at_ms: i64,
    ) -> sqlx::Result<Option<Schedule>> {
        let columns: Vec<String> = CHOSEN
            .iter()
            .enumerate()
            .map(|(n, column)| format!("{column} = ${}", n + 1))
            .collect();
        let text = format!(
            "UPDATE schedules SET {}, in_doubt = $12, revision = revision + 1, reason = NULL,
                 status = CASE WHEN status = 'ended' THEN 'active' ELSE status END,
                 next_at_ms = CASE WHEN status = 'paused' THEN NULL ELSE $13 END
             WHERE id = $14 AND revision = $15 RETURNING *",
            columns.join(", ")
        );
        let query = bound(text, new).bind(next_at_ms).bind(id).bind(revision);
        let row = limited(query.fetch_optional(&self.pool)).await?;
        row.as_ref().map(Schedule::from_row).transpose()
    }

    /// Active → paused; `None` when it isn't active.
    pub async fn pause_schedule(
        &self,
        id: i64,
        reason: Option<&str>,
    ) -> sqlx::Result<Option<Schedule>> {
        let query = sqlx::query_as(
            "UPDATE schedules SET status = 'paused', reason = $2, next_at_ms = NULL,
                 revision = revision + 1
             WHERE id = $1 AND status = 'active' RETURNING *",
        )
        .bind(id)
        .bind(reason.map(str::to_owned));
        limited(query.fetch_optional(&self.pool)).await
    }

    /// Paused → active, with the next planned time; `None` when it isn't paused.
    pub async fn resume_schedule(
        &self,
        id: i64,
        next_at_ms: i64,
    ) -> sqlx::Result<Option<Schedule>> {
        let query = sqlx::query_as(
            "UPDATE schedules SET status = 'active', reason = NULL, next_at_ms = $2,
                 revision = revision + 1
             WHERE id = $1 AND status = 'paused' RETURNING *",
        )
        .bind(id)
        .bind(next_at_ms);
        limited(query.fetch_optional(&self.pool)).await
    }

    /// False when there is none of that id. Its campaigns stay.
    pub async fn remove_schedule(&self, id: i64) -> sqlx::Result<bool> {
        limited(async {
            let mut transaction = self.begin().await?;
            let gone = sqlx::query("DELETE FROM schedules WHERE id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM fires WHERE schedule_id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(gone.rows_affected() == 1)
        })
        .await
    }

    pub async fn schedule(&self, id: i64) -> sqlx::Result<Option<Schedule>> {
        let query = sqlx::query_as("SELECT * FROM schedules WHERE id = $1").bind(id);
        limited(query.fetch_optional(&self.pool)).await
    }

    /// In the order of their ids, after the id `after`.
    pub async fn schedules(&self, limit: u32, after: i64) -> sqlx::Result<Vec<Schedule>> {
        let query = sqlx::query_as("SELECT * FROM schedules WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(i64::from(limit));
        limited(query.fetch_all(&self.pool)).await
    }

    /// What became of a schedule's last planned times, the last first.
    pub async fn fires(&self, schedule: i64, limit: u32) -> sqlx::Result<Vec<Fire>> {
        let query = sqlx::query_as(
            "SELECT * FROM fires WHERE schedule_id = $1 ORDER BY planned_at_ms DESC LIMIT $2",
        )
        .bind(schedule)
        .bind(i64::from(limit));
        limited(query.fetch_all(&self.pool)).await
    }

    /// The last planned time of each schedule with `from <= id <= upto`, and how its campaign stands.
    pub async fn last_fires(
        &self,
        from: i64,
        upto: i64,
    ) -> sqlx::Result<Vec<(Fire, Option<CampaignStatus>)>> {
        let query = sqlx::query(
            "SELECT f.*, c.status AS campaign_status FROM (
                 SELECT schedule_id, MAX(planned_at_ms) AS planned_at_ms FROM fires
                 WHERE schedule_id >= $1 AND schedule_id <= $2 GROUP BY schedule_id) AS last
             JOIN fires f ON f.schedule_id = last.schedule_id AND f.planned_at_ms = last.planned_at_ms
             LEFT JOIN campaigns c ON c.id = f.campaign_id",
        )
        .bind(from)
        .bind(upto);
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| {
                let status: Option<&str> = row.try_get("campaign_status")?;
                let status = match status {
                    Some(_) => Some(word(row, "campaign_status")?),
                    None => None,
                };
                Ok((Fire::from_row(row)?, status))
            })
            .collect()
    }

    /// When the next campaign is due: of a schedule, or a single start.
    pub async fn next_due(&self) -> sqlx::Result<Option<i64>> {
        let query = sqlx::query_scalar(
            "SELECT MIN(due) FROM (
                 SELECT MIN(next_at_ms) AS due FROM schedules WHERE status = 'active'
                 UNION ALL
                 SELECT MIN(start_at_ms) FROM campaigns WHERE status = 'scheduled') AS first",
        );
        limited(query.fetch_one(&self.pool)).await
    }
}
