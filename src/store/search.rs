//! The ledger as people ask for it: by campaign, status, answer, domain, address.

use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};

use super::{
    deliveries::{Delivery, DeliveryStatus},
    filter::{ADDRESSED, DeliveryFilter},
    open::{Dialect, Store, limited},
    words::word,
};

/// A delivery and whom it went to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Addressed {
    /// As it is now; `None` when the user is gone.
    pub address: Option<String>,
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Deliveries with the same status and code, and one of their answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Answers {
    pub status: DeliveryStatus,
    pub code: Option<u16>,
    pub number: i64,
    pub example: Option<String>,
}

/// How long the mails to a domain took, from the first claim to the server's acceptance.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct DomainTimes {
    pub domain: String,
    pub accepted: i64,
    pub mean_ms: f64,
    pub longest_ms: i64,
}

/// When a campaign's mails were accepted, ms since 1970; `None` when none was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AcceptTimes {
    pub first: Option<i64>,
    /// Half of those that were accepted.
    pub half: Option<i64>,
    pub last: Option<i64>,
    /// How many needed more than one attempt.
    pub again: i64,
}

impl FromRow<'_, AnyRow> for Addressed {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            address: row.try_get("address")?,
            delivery: Delivery::from_row(row)?,
        })
    }
}

impl Store {
    /// A page in the order of the users, after the user `after`. Campaign 0 has the single mails.
    pub async fn search_deliveries(
        &self,
        campaign: i64,
        filter: &DeliveryFilter,
        after: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<Addressed>> {
        let text = format!(
            "SELECT d.*, COALESCE(u.email, m.address) AS address {ADDRESSED}
             WHERE d.campaign_id = $1 AND d.user_id > $2{} ORDER BY d.user_id, d.channel LIMIT ${}",
            filter.conditions(self.dialect(), 3),
            filter.places() + 3
        );
        let query = sqlx::query(AssertSqlSafe(text)).bind(campaign).bind(after);
        let query = filter.bind(query).bind(i64::from(limit));
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter().map(Addressed::from_row).collect()
    }

    /// The answers to a campaign's mails, the most frequent first.
    pub async fn answers(&self, campaign: i64, limit: u32) -> sqlx::Result<Vec<Answers>> {
        let query = sqlx::query(
            "SELECT status, code, COUNT(*) AS number, MIN(answer) AS example FROM deliveries
             WHERE campaign_id = $1 GROUP BY status, code ORDER BY number DESC, status, code LIMIT $2",
        )
        .bind(campaign)
        .bind(i64::from(limit));
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| {
                let code: Option<i64> = row.try_get("code")?;
                Ok(Answers {
                    status: word(row, "status")?,
                    code: code.and_then(|code| u16::try_from(code).ok()),
                    number: row.try_get("number")?,
                    example: row.try_get("example")?,
                })
            })
            .collect()
    }

    pub async fn accept_times(&self, campaign: i64) -> sqlx::Result<AcceptTimes> {
        limited(async {
            let row = sqlx::query(
                "SELECT COUNT(*) AS number, MIN(updated_at_ms) AS first, MAX(updated_at_ms) AS last,
                     COUNT(CASE WHEN attempt > 1 THEN 1 END) AS again
                 FROM deliveries WHERE campaign_id = $1 AND status = 'accepted'",
            )
            .bind(campaign)
            .fetch_one(&self.pool)
            .await?;
            let number: i64 = row.try_get("number")?;
            let half = sqlx::query_scalar(
                "SELECT updated_at_ms FROM deliveries WHERE campaign_id = $1 AND status = 'accepted'
                 ORDER BY updated_at_ms LIMIT 1 OFFSET $2",
            )
            .bind(campaign)
            .bind((number - 1).max(0) / 2)
            .fetch_optional(&self.pool)
            .await?;
            Ok(AcceptTimes {
                first: row.try_get("first")?,
                half,
                last: row.try_get("last")?,
                again: row.try_get("again")?,
            })
        })
        .await
    }

    /// The domains whose mails took longest, on average.
    pub async fn slowest_domains(
        &self,
        campaign: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<DomainTimes>> {
        let domain = match self.dialect() {
            Dialect::Sqlite => "LOWER(SUBSTR(u.email, INSTR(u.email, '@') + 1))",
            Dialect::Postgres => "LOWER(SPLIT_PART(u.email, '@', 2))",
        };
        let text = format!(
            "SELECT {domain} AS domain, COUNT(*) AS accepted,
                 CAST(AVG(d.updated_at_ms - d.created_at_ms) AS DOUBLE PRECISION) AS mean_ms,
                 MAX(d.updated_at_ms - d.created_at_ms) AS longest_ms
             FROM deliveries d JOIN users u ON u.id = d.user_id
             WHERE d.campaign_id = $1 AND d.status = 'accepted'
             GROUP BY 1 ORDER BY mean_ms DESC, domain LIMIT $2"
        );
        let query = sqlx::query(AssertSqlSafe(text))
            .bind(campaign)
            .bind(i64::from(limit));
        let rows = limited(query.fetch_all(&self.pool)).await?;
        rows.iter()
            .map(|row| {
                Ok(DomainTimes {
                    domain: row.try_get("domain")?,
                    accepted: row.try_get("accepted")?,
                    mean_ms: row.try_get("mean_ms")?,
                    longest_ms: row.try_get("longest_ms")?,
                })
            })
            .collect()
    }
}
