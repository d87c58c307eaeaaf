//! The ledger as it is read: who got what.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};

use super::{
    now_ms,
    open::{Store, limited},
    rows::list,
    words::{word, words},
};

/// The one channel there is.
pub const CHANNEL_EMAIL: &str = "email";

words! {
    /// Where one recipient's delivery stands.
    pub enum DeliveryStatus {
        /// Its owner has it in hand; perhaps the server has it already.
        Sending = "sending",
        /// Refused for now, again at `due_at_ms`.
        Retrying = "retrying",
        /// To be sent: again (a replay), or because its owner let go of it unsent.
        Queued = "queued",
        Accepted = "accepted",
        Failed = "failed",
        Suppressed = "suppressed",
        Cancelled = "cancelled",
        /// Perhaps accepted; held for an operator.
        InDoubt = "in_doubt",
    }
}

impl DeliveryStatus {
    /// Nothing more happens to it by itself.
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Sending | Self::Retrying | Self::Queued)
    }
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    /// 0 for a single mail.
    pub campaign_id: i64,
    /// The user, or the single mail.
    pub user_id: i64,
    pub channel: String,
    pub status: DeliveryStatus,
    /// The process that wrote it last.
    pub owner: String,
    pub attempt: u32,
    pub round: u32,
    /// How often it was in doubt.
    pub in_doubt_count: u32,
    /// The server's last reply (RFC 5321): its code and text.
    pub code: Option<u16>,
    pub answer: Option<String>,
    pub message_id: String,
    pub due_at_ms: Option<i64>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    /// It was decided on again, and Redis perhaps still counts it as this.
    pub moved_from: Option<DeliveryStatus>,
    /// The attempts that didn't succeed, oldest first.
    #[serde(default)]
    pub history: Vec<Attempt>,
}

/// An attempt that didn't succeed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    pub round: u32,
    pub attempt: u32,
    pub at_ms: i64,
    /// The server's reply; `None` when none was read.
    pub code: Option<u16>,
    pub answer: String,
}

impl Attempt {
    /// Reads a line of the column `history`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        Some(Self {
            round: words.next()?.parse().ok()?,
            attempt: words.next()?.parse().ok()?,
            at_ms: words.next()?.parse().ok()?,
            code: words.next()?.parse().ok().filter(|code| *code > 0),
            answer: words.next()?.to_owned(),
        })
    }
}

impl FromRow<'_, AnyRow> for Delivery {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let code: Option<i64> = row.try_get("code")?;
        let moved_from: Option<&str> = row.try_get("moved_from")?;
        let history: Option<&str> = row.try_get("history")?;
        Ok(Self {
            campaign_id: row.try_get("campaign_id")?,
            user_id: row.try_get("user_id")?,
            channel: row.try_get("channel")?,
            status: word(row, "status")?,
            owner: row.try_get("owner")?,
            attempt: counter(row, "attempt")?,
            round: counter(row, "round")?,
            in_doubt_count: counter(row, "in_doubt_count")?,
            code: code.and_then(|code| u16::try_from(code).ok()),
            answer: row.try_get("answer")?,
            message_id: row.try_get("message_id")?,
            due_at_ms: row.try_get("due_at_ms")?,
            created_at_ms: row.try_get("created_at_ms")?,
            updated_at_ms: row.try_get("updated_at_ms")?,
            moved_from: moved_from.and_then(|word| word.parse().ok()),
            history: history
                .unwrap_or_default()
                .lines()
                .filter_map(Attempt::parse)
                .collect(),
        })
    }
}

fn counter(row: &AnyRow, column: &'static str) -> sqlx::Result<u32> {
    let value: i64 = row.try_get(column)?;
    u32::try_from(value).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    })
}

impl Store {
    /// A page of a campaign's deliveries in the order of the users, after the user `after` (0 from the
    /// beginning), those with that status only if one is given.
    pub async fn deliveries(
        &self,
        campaign: i64,
        status: Option<DeliveryStatus>,
        after: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<Delivery>> {
        // Two texts: a filter by "$2 or any" would keep the planner from seeing what is asked.
        let text = match status {
            None => {
                "SELECT * FROM deliveries WHERE campaign_id = $1 AND user_id > $2
                 ORDER BY user_id, channel LIMIT $3"
            }
            Some(_) => {
                "SELECT * FROM deliveries WHERE campaign_id = $1 AND user_id > $2 AND status = $4
                 ORDER BY user_id, channel LIMIT $3"
            }
        };
        let mut query = sqlx::query_as(text)
            .bind(campaign)
            .bind(after)
            .bind(i64::from(limit));
        if let Some(status) = status {
            query = query.bind(status.as_str());
        }
        limited(query.fetch_all(&self.pool)).await
    }

    pub async fn delivery(
        &self,
        campaign: i64,
        user: i64,
        channel: &str,
    ) -> sqlx::Result<Option<Delivery>> {
        let query = sqlx::query_as(
            "SELECT * FROM deliveries WHERE campaign_id = $1 AND user_id = $2 AND channel = $3",
        )
        .bind(campaign)
        .bind(user)
        .bind(channel.to_owned());
        limited(query.fetch_optional(&self.pool)).await
    }

    /// The statuses of some users' deliveries, at most 1,000; users without one are missing.
    pub async fn statuses_of(
        &self,
        campaign: i64,
        users: &[i64],
    ) -> sqlx::Result<Vec<(i64, DeliveryStatus)>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!(
            "SELECT user_id, status FROM deliveries
             WHERE campaign_id = $1 AND channel = 'email' AND user_id IN ({})",
            list(users.len(), 2)
        );
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(campaign);
        for user in users {
            query = query.bind(*user);
        }
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("user_id")?, word(row, "status")?)))
            .collect()
    }

    /// Writes down a delivery that failed before anybody claimed it, unless there is a row.
    pub async fn write_failed(
        &self,
        campaign: i64,
        user: i64,
        round: u32,
        why: &str,
    ) -> sqlx::Result<()> {
        let query = sqlx::query(
            "INSERT INTO deliveries (campaign_id, user_id, channel, status, owner, attempt, round,
                 message_id, answer, created_at_ms, updated_at_ms)
             VALUES ($1, $2, 'email', 'failed', '', 0, $3, '', $4, $5, $5)
             ON CONFLICT (campaign_id, user_id, channel) DO NOTHING",
        )
        .bind(campaign)
        .bind(user)
        .bind(i64::from(round))
        .bind(why.to_owned())
        .bind(now_ms());
        limited(query.execute(&self.pool)).await?;
        Ok(())
    }

    /// How many deliveries have each status; a status that none has is missing.
    pub async fn count_deliveries(
        &self,
        campaign: i64,
    ) -> sqlx::Result<BTreeMap<DeliveryStatus, i64>> {
        let query = sqlx::query(
            "SELECT status, COUNT(*) AS number FROM deliveries WHERE campaign_id = $1 GROUP BY status",
        )
        .bind(campaign);
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| Ok((word(row, "status")?, row.try_get("number")?)))
            .collect()
    }
}
