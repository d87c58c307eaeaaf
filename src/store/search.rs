//! The ledger as people ask for it: by campaign, status, answer, domain, address.

use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};

use super::{
    deliveries::{Delivery, DeliveryStatus},
    open::{Dialect, Store, limited},
    words::word,
};

/// Which of a campaign's deliveries. `None` means any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// 0: single mails.
    pub campaign: i64,
    pub status: Option<DeliveryStatus>,
    /// SMTP code of the last reply.
    pub code: Option<u16>,
    /// Of the address, without the @; capitals don't matter.
    pub domain: Option<String>,
    /// The whole address; capitals don't matter.
    pub address: Option<String>,
}

/// A delivery and whom it went to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addressed {
    /// As it is now; `None` when the user is gone.
    pub address: Option<String>,
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Deliveries with the same status and code, and one of their answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Answers {
    pub status: DeliveryStatus,
    pub code: Option<u16>,
    pub number: i64,
    pub example: Option<String>,
}

/// How long the mails to a domain took, from the first claim to the server's acceptance.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
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

/// A user's address, or a single mail's.
const ADDRESSED: &str = "FROM deliveries d
    LEFT JOIN users u ON d.campaign_id <> 0 AND u.id = d.user_id
    LEFT JOIN mails m ON d.campaign_id = 0 AND m.id = d.user_id";

impl FromRow<'_, AnyRow> for Addressed {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            address: row.try_get("address")?,
            delivery: Delivery::from_row(row)?,
        })
    }
}

impl Store {
    /// A page in the order of the users, after the user `after`.
    pub async fn search_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: i64,
        limit: u32,
    ) -> sqlx::Result<Vec<Addressed>> {
        let mut text = format!(
            "SELECT d.*, COALESCE(u.email, m.address) AS address {ADDRESSED}
             WHERE d.campaign_id = $1 AND d.user_id > $2"
        );
        // Only what is asked for is in the text: the planner must see it.
        let mut place = 3;
        let mut add = |condition: &str, is_asked: bool| {
            if is_asked {
                text.push_str(&format!(
                    " AND {}",
                    condition.replace('?', &format!("${place}"))
                ));
                place += 1;
            }
        };
        add("d.status = ?", filter.status.is_some());
        add("d.code = ?", filter.code.is_some());
        let domain = "LOWER(COALESCE(u.email, m.address)) LIKE ? ESCAPE '\\'";
        add(domain, filter.domain.is_some());
        let address = "LOWER(COALESCE(u.email, m.address)) = ?";
        add(address, filter.address.is_some());
        text.push_str(&format!(" ORDER BY d.user_id, d.channel LIMIT ${place}"));
        let mut query = sqlx::query_as(AssertSqlSafe(text))
            .bind(filter.campaign)
            .bind(after);
        if let Some(status) = filter.status {
            query = query.bind(status.as_str());
        }
        if let Some(code) = filter.code {
            query = query.bind(i64::from(code));
        }
        if let Some(domain) = &filter.domain {
            query = query.bind(format!("%@{}", pattern(&domain.to_lowercase())));
        }
        if let Some(address) = &filter.address {
            query = query.bind(address.to_lowercase());
        }
        limited(query.bind(i64::from(limit)).fetch_all(&self.pool)).await
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

/// Nothing in it stands for something else.
fn pattern(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}
