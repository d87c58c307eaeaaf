//! Single mails, asked for over HTTP. Their deliveries are the ledger's of campaign 0.

use sqlx::{FromRow, Row, any::AnyRow};

use super::{
    now_ms,
    open::{Store, limited},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub id: i64,
    pub address: String,
    pub name: String,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub created_at_ms: i64,
}

/// A mail that is to be queued.
#[derive(Debug, Clone)]
pub struct NewMail {
    pub address: String,
    pub name: String,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    pub idempotency_key: Option<String>,
    /// Of the canonical body of the request, to tell a replay from another use of the key.
    pub body_hash: String,
}

/// What became of the request, with the mail's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedMail {
    New(i64),
    Replayed(i64),
    KeyReused,
}

impl FromRow<'_, AnyRow> for Mail {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            address: row.try_get("address")?,
            name: row.try_get("name")?,
            subject: row.try_get("subject")?,
            text: row.try_get("text")?,
            html: row.try_get("html")?,
            created_at_ms: row.try_get("created_at_ms")?,
        })
    }
}

impl Store {
    pub async fn add_mail(&self, new: &NewMail) -> sqlx::Result<AddedMail> {
        limited(async {
            let mut transaction = self.begin().await?;
            let added: Option<i64> = sqlx::query_scalar(
                "INSERT INTO mails (address, name, subject, text, html, idempotency_key, body_hash,
                     created_at_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (idempotency_key) DO NOTHING
                 RETURNING id",
            )
            .bind(new.address.as_str())
            .bind(new.name.as_str())
            .bind(new.subject.as_str())
            .bind(new.text.as_str())
            .bind(new.html.clone())
            .bind(new.idempotency_key.clone())
            .bind(new.body_hash.as_str())
            .bind(now_ms())
            .fetch_optional(&mut *transaction)
            .await?;
            if let Some(id) = added {
                transaction.commit().await?;
                return Ok(AddedMail::New(id));
            }
            let row = sqlx::query("SELECT id, body_hash FROM mails WHERE idempotency_key = $1")
                .bind(new.idempotency_key.clone())
                .fetch_one(&mut *transaction)
                .await?;
            let body_hash: String = row.try_get("body_hash")?;
            Ok(if body_hash == new.body_hash {
                AddedMail::Replayed(row.try_get("id")?)
            } else {
                AddedMail::KeyReused
            })
        })
        .await
    }

    pub async fn mail(&self, id: i64) -> sqlx::Result<Option<Mail>> {
        let query = sqlx::query_as("SELECT * FROM mails WHERE id = $1").bind(id);
        limited(query.fetch_optional(&self.pool)).await
    }
}
