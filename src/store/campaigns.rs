//! The campaigns, and how one is accepted once.

use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};

use super::{
    now_ms,
    open::{Store, limited},
    rows::list,
    words::{word, words},
};

words! {
    pub enum CampaignStatus {
        Scheduled = "scheduled",
        Running = "running",
        Paused = "paused",
        Finished = "finished",
        Cancelled = "cancelled",
        /// Redis has lost its state; until it is reconciled.
        Lost = "lost",
    }
}

words! {
    /// What becomes of a mail of which nobody knows whether the server took it.
    pub enum InDoubt {
        /// Sent again: nobody is missed.
        Resend = "resend",
        /// Held for an operator: nobody gets it twice.
        Hold = "hold",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Campaign {
    pub id: i64,
    pub name: String,
    pub subject: String,
    pub text_template: String,
    pub html_template: String,
    pub status: CampaignStatus,
    /// Why the status is what it is, where it isn't plain.
    pub reason: Option<String>,
    /// Counts the changes of status, from 1.
    pub revision: i64,
    /// Redis has heard of every change up to this one.
    pub mirrored_revision: i64,
    /// Counts reconciliations. It starts with the time of creation (ms), so that a new campaign with the
    /// id of a forgotten one (another database, the same Redis) has a greater one.
    pub epoch: i64,
    /// The greatest user id when the campaign was accepted; later users don't get it.
    pub audience: i64,
    pub in_doubt: InDoubt,
    pub idempotency_key: Option<String>,
    /// Of the canonical body of the request, to tell a replay from another use of the key.
    pub body_hash: String,
    pub created_at_ms: i64,
    pub started_at_ms: Option<i64>,
    pub finished_at_ms: Option<i64>,
    /// The totals, once they are final; zeros before.
    pub queued: i64,
    pub accepted: i64,
    pub failed: i64,
    pub suppressed: i64,
    pub cancelled: i64,
    pub in_doubt_count: i64,
    /// When it is to start, or was; for a schedule's campaign the planned time.
    pub start_at_ms: Option<i64>,
    pub schedule_id: Option<i64>,
    /// Name and version of the stored template that its words came from.
    pub template: Option<(String, i64)>,
    /// Its own merge fields, a JSON object.
    pub variables: String,
}

/// A campaign that is to be accepted.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    pub name: String,
    pub subject: String,
    pub text_template: String,
    pub html_template: String,
    pub in_doubt: InDoubt,
    pub idempotency_key: Option<String>,
    pub body_hash: String,
    /// `None`: at once. Else it is scheduled, and a scheduler starts it.
    pub start_at_ms: Option<i64>,
    pub template: Option<(String, i64)>,
    /// A JSON object.
    pub variables: String,
}

/// What became of a request with, perhaps, an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created<T = Campaign> {
    New(T),
    /// The same key and body as before: this is what came of it.
    Replayed(T),
    /// The key was used for another body.
    KeyReused,
}

impl<T> Created<T> {
    /// What there is now; `None` when the key was used for something else.
    pub fn row(self) -> Option<T> {
        match self {
            Self::New(row) | Self::Replayed(row) => Some(row),
            Self::KeyReused => None,
        }
    }
}

impl FromRow<'_, AnyRow> for Campaign {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            subject: row.try_get("subject")?,
            text_template: row.try_get("text_template")?,
            html_template: row.try_get("html_template")?,
            status: word(row, "status")?,
            reason: row.try_get("reason")?,
            revision: row.try_get("revision")?,
            mirrored_revision: row.try_get("mirrored_revision")?,
            epoch: row.try_get("epoch")?,
            audience: row.try_get("audience")?,
            in_doubt: word(row, "in_doubt")?,
            idempotency_key: row.try_get("idempotency_key")?,
            body_hash: row.try_get("body_hash")?,
            created_at_ms: row.try_get("created_at_ms")?,
            started_at_ms: row.try_get("started_at_ms")?,
            finished_at_ms: row.try_get("finished_at_ms")?,
            queued: row.try_get("queued")?,
            accepted: row.try_get("accepted")?,
            failed: row.try_get("failed")?,
            suppressed: row.try_get("suppressed")?,
            cancelled: row.try_get("cancelled")?,
            in_doubt_count: row.try_get("in_doubt_count")?,
            start_at_ms: row.try_get("start_at_ms")?,
            schedule_id: row.try_get("schedule_id")?,
            template: row
                .try_get::<Option<String>, _>("template_name")?
                .zip(row.try_get("template_version")?),
            variables: row.try_get("variables")?,
        })
    }
}

impl Store {
    /// Accepts a campaign: its row, running, with the audience frozen, and an outbox row for each
    /// partition, in one transaction. One with a start is scheduled, and Redis hears nothing of it yet.
    pub async fn create_campaign(
        &self,
        new: &NewCampaign,
        partitions: u32,
    ) -> sqlx::Result<Created> {
        limited(self.create_in_transaction(new, partitions)).await
    }

    async fn create_in_transaction(
        &self,
        new: &NewCampaign,
        partitions: u32,
    ) -> sqlx::Result<Created> {
        let now = now_ms();
        let at_once = new.start_at_ms.is_none();
        let mut transaction = self.begin().await?;
        // Of two with the same key the second waits here until the first has ended.
        let created: Option<Campaign> = sqlx::query_as(
            "INSERT INTO campaigns (name, subject, text_template, html_template, status, revision,
                 mirrored_revision, epoch, audience, in_doubt, idempotency_key, body_hash,
                 created_at_ms, started_at_ms, start_at_ms, template_name, template_version, variables)
             VALUES ($1, $2, $3, $4, $9, 1, $10, $8, (SELECT COALESCE(MAX(id), 0) FROM users),
                 $5, $6, $7, $8, $11, $12, $13, $14, $15)
             ON CONFLICT (idempotency_key) DO NOTHING
             RETURNING *",
        )
        .bind(new.name.as_str())
        .bind(new.subject.as_str())
        .bind(new.text_template.as_str())
        .bind(new.html_template.as_str())
        .bind(new.in_doubt.as_str())
        .bind(new.idempotency_key.clone())
        .bind(new.body_hash.as_str())
        .bind(now)
        .bind(if at_once { "running" } else { "scheduled" })
        .bind(i64::from(!at_once))
        .bind(at_once.then_some(now))
        .bind(new.start_at_ms)
        .bind(new.template.as_ref().map(|(name, _)| name.clone()))
        .bind(new.template.as_ref().map(|(_, version)| *version))
        .bind(new.variables.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(campaign) = created {
            if at_once {
                super::outbox::open_fanout(&mut transaction, campaign.id, partitions, now).await?;
            }
            transaction.commit().await?;
            return Ok(Created::New(campaign));
        }
        let earlier: Campaign =
            sqlx::query_as("SELECT * FROM campaigns WHERE idempotency_key = $1")
                .bind(new.idempotency_key.clone())
                .fetch_one(&mut *transaction)
                .await?;
        Ok(if earlier.body_hash == new.body_hash {
            Created::Replayed(earlier)
        } else {
            Created::KeyReused
        })
    }

    pub async fn campaign(&self, id: i64) -> sqlx::Result<Option<Campaign>> {
        let query = sqlx::query_as("SELECT * FROM campaigns WHERE id = $1").bind(id);
        limited(query.fetch_optional(&self.pool)).await
    }

    /// The newest first; `before` is the last id of the page before.
    pub async fn campaigns(&self, limit: u32, before: Option<i64>) -> sqlx::Result<Vec<Campaign>> {
        let query =
            sqlx::query_as("SELECT * FROM campaigns WHERE id < $1 ORDER BY id DESC LIMIT $2")
                .bind(before.unwrap_or(i64::MAX))
                .bind(i64::from(limit));
        limited(query.fetch_all(&self.pool)).await
    }

    /// Those that Redis may have something of: running, paused, or cancelled after `since_ms`; the oldest first.
    pub async fn live_campaigns(&self, since_ms: i64) -> sqlx::Result<Vec<Campaign>> {
        let query = sqlx::query_as(
            "SELECT * FROM campaigns
             WHERE status IN ('running', 'paused') OR (status = 'cancelled' AND finished_at_ms >= $1)
             ORDER BY id",
        )
        .bind(since_ms);
        limited(query.fetch_all(&self.pool)).await
    }

    /// Those with one of the statuses, the oldest first.
    pub async fn campaigns_in(&self, statuses: &[CampaignStatus]) -> sqlx::Result<Vec<Campaign>> {
        if statuses.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!(
            "SELECT * FROM campaigns WHERE status IN ({}) ORDER BY id",
            list(statuses.len(), 1)
        );
        let mut query = sqlx::query_as(AssertSqlSafe(text));
        for status in statuses {
            query = query.bind(status.as_str());
        }
        limited(query.fetch_all(&self.pool)).await
    }
}
