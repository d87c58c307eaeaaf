//! Words that are kept under a name, version by version.

use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};

use super::{
    now_ms,
    open::{Dialect, Store, limited},
};

/// One version of a stored template; it never changes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct StoredTemplate {
    pub name: String,
    /// Counts from 1.
    pub version: i64,
    pub subject: String,
    /// Empty: taken from the HTML.
    pub text: String,
    /// Empty: a plain mail.
    pub html: String,
    pub created_at_ms: i64,
}

impl FromRow<'_, AnyRow> for StoredTemplate {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            name: row.try_get("name")?,
            version: row.try_get("version")?,
            subject: row.try_get("subject")?,
            text: row.try_get("text")?,
            html: row.try_get("html")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

const LAST: &str = "SELECT * FROM templates WHERE name = $1 ORDER BY version DESC LIMIT 1";

impl Store {
    /// Keeps the words as the next version; the same words as the last version are that version.
    pub async fn save_template(
        &self,
        name: &str,
        subject: &str,
        text: &str,
        html: &str,
    ) -> sqlx::Result<StoredTemplate> {
        limited(async {
            let mut transaction = self.begin().await?;
            if self.dialect() == Dialect::Postgres {
                // Of two at once the second waits, and comes next.
                sqlx::query(AssertSqlSafe(
                    "LOCK TABLE templates IN SHARE ROW EXCLUSIVE MODE".to_owned(),
                ))
                .execute(&mut *transaction)
                .await?;
            }
            let last: Option<StoredTemplate> = sqlx::query_as(LAST)
                .bind(name.to_owned())
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some(last) = &last
                && (
                    last.subject.as_str(),
                    last.text.as_str(),
                    last.html.as_str(),
                ) == (subject, text, html)
            {
                return Ok(last.clone());
            }
            let saved = sqlx::query_as(
                "INSERT INTO templates (name, version, subject, text, html, created_at_ms)
                 VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
            )
            .bind(name.to_owned())
            .bind(last.map_or(1, |last| last.version + 1))
            .bind(subject.to_owned())
            .bind(text.to_owned())
            .bind(html.to_owned())
            .bind(now_ms())
            .fetch_one(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(saved)
        })
        .await
    }

    /// That version, or the last one.
    pub async fn template(
        &self,
        name: &str,
        version: Option<i64>,
    ) -> sqlx::Result<Option<StoredTemplate>> {
        let query = match version {
            None => sqlx::query_as(LAST).bind(name.to_owned()),
            Some(version) => {
                sqlx::query_as("SELECT * FROM templates WHERE name = $1 AND version = $2")
                    .bind(name.to_owned())
                    .bind(version)
            }
        };
        limited(query.fetch_optional(&self.pool)).await
    }

    /// The last version of each, by name.
    pub async fn templates(&self) -> sqlx::Result<Vec<StoredTemplate>> {
        let query = sqlx::query_as(
            "SELECT * FROM templates t WHERE version =
                 (SELECT MAX(version) FROM templates WHERE name = t.name) ORDER BY name",
        );
        limited(query.fetch_all(&self.pool)).await
    }
}
