//! Everything of a kind, page by page as bytes of a file: a million rows take no more memory than a thousand.

use serde::{Deserialize, Serialize};

use super::{Ops, OpsError, wording::at};
use crate::store::{Addressed, DeliveryFilter, DeliveryStatus, User, UserStatus};

/// Rows a page.
const PAGE: u32 = 1_000;

/// What the rows are written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Csv,
    /// JSON lines: an object a line.
    Jsonl,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/jsonl",
        }
    }

    /// The rows of a page; with the first page of a CSV file its headings.
    fn written<R: Serialize>(self, rows: &[R], is_first: bool) -> Result<Vec<u8>, OpsError> {
        let mut bytes = Vec::new();
        match self {
            Self::Csv => {
                let mut csv = csv::WriterBuilder::new()
                    .has_headers(is_first)
                    .from_writer(&mut bytes);
                for row in rows {
                    csv.serialize(row).map_err(unwritten)?;
                }
                csv.flush().map_err(unwritten)?;
            }
            Self::Jsonl => {
                for row in rows {
                    serde_json::to_writer(&mut bytes, row).map_err(unwritten)?;
                    bytes.push(b'\n');
                }
            }
        }
        Ok(bytes)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        })
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            _ => Err(format!("{word:?} is not one of csv, jsonl")),
        }
    }
}

/// A campaign's deliveries in the order of the users.
#[derive(Debug)]
pub struct DeliveryPages {
    campaign: i64,
    filter: DeliveryFilter,
    format: Format,
    after: i64,
    is_first: bool,
    is_over: bool,
}

impl DeliveryPages {
    /// Campaign 0 has the single mails.
    pub fn new(campaign: i64, filter: DeliveryFilter, format: Format) -> Self {
        Self {
            campaign,
            filter,
            format,
            after: 0,
            is_first: true,
            is_over: false,
        }
    }

    /// `None` after the last page.
    ///
    /// # Errors
    /// As [`Ops::deliveries`].
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<u8>>, OpsError> {
        if self.is_over {
            return Ok(None);
        }
        let page = ops
            .deliveries(self.campaign, &self.filter, self.after, PAGE)
            .await?;
        let rows: Vec<DeliveryRow<'_>> = page.iter().map(DeliveryRow::of).collect();
        let bytes = self.format.written(&rows, self.is_first)?;
        self.is_first = false;
        self.is_over = page.len() < PAGE as usize;
        self.after = page.last().map_or(0, |last| last.delivery.user_id);
        Ok(Some(bytes))
    }
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    campaign_id: i64,
    user_id: i64,
    address: Option<&'a str>,
    status: DeliveryStatus,
    attempt: u32,
    round: u32,
    code: Option<u16>,
    answer: Option<&'a str>,
    message_id: &'a str,
    created_at: String,
    updated_at: String,
}

impl<'a> DeliveryRow<'a> {
    fn of(found: &'a Addressed) -> Self {
        let d = &found.delivery;
        Self {
            campaign_id: d.campaign_id,
            user_id: d.user_id,
            address: found.address.as_deref(),
            status: d.status,
            attempt: d.attempt,
            round: d.round,
            code: d.code,
            answer: d.answer.as_deref(),
            message_id: &d.message_id,
            created_at: at(d.created_at_ms),
            updated_at: at(d.updated_at_ms),
        }
    }
}

/// All users, or those with a status, as CSV that fits an import.
#[derive(Debug)]
pub struct UserPages {
    status: Option<UserStatus>,
    after: i64,
    is_first: bool,
    is_over: bool,
}

impl UserPages {
    pub fn new(status: Option<UserStatus>) -> Self {
        Self {
            status,
            after: 0,
            is_first: true,
            is_over: false,
        }
    }

    /// `None` after the last page.
    ///
    /// # Errors
    /// When SQL is away.
    pub async fn next(&mut self, ops: &Ops) -> Result<Option<Vec<u8>>, OpsError> {
        if self.is_over {
            return Ok(None);
        }
        let page = ops.users(self.status, self.after, PAGE).await?;
        let rows: Vec<UserRow<'_>> = page.iter().map(UserRow::of).collect();
        let bytes = Format::Csv.written(&rows, self.is_first)?;
        self.is_first = false;
        self.is_over = page.len() < PAGE as usize;
        self.after = page.last().map_or(0, |last| last.id);
        Ok(Some(bytes))
    }
}

#[derive(Serialize)]
struct UserRow<'a> {
    id: i64,
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    status: UserStatus,
    created_at: String,
}

impl<'a> UserRow<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: user.id,
            email: &user.email,
            first_name: &user.first_name,
            last_name: &user.last_name,
            status: user.status,
            created_at: at(user.created_at_ms),
        }
    }
}

fn unwritten(error: impl Into<anyhow::Error>) -> OpsError {
    OpsError::Failed(error.into().context("a row can't be written"))
}
