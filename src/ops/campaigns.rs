//! Campaigns: a stub with the signatures; the real file replaces it.

use serde::{Deserialize, Serialize};

use super::{Ops, OpsError};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CampaignView {
    pub id: i64,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub balanced: bool,
    pub queued: i64,
    pub accepted: i64,
    pub failed: i64,
    pub suppressed: i64,
    pub cancelled: i64,
    pub retrying: i64,
    pub in_flight: i64,
    pub in_doubt: i64,
    pub parked: i64,
    /// Mails a second, lately.
    pub rate: f64,
    pub eta_s: Option<u64>,
    /// RFC 3339.
    pub created_at: String,
    pub finished_at: Option<String>,
    pub subject: String,
    pub in_doubt_policy: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCampaign {
    pub name: String,
    pub subject: Option<String>,
    pub text: Option<String>,
    pub html: Option<String>,
    /// `resend` or `hold`.
    pub in_doubt: String,
    pub idempotency_key: Option<String>,
}

fn not_built<T>() -> Result<T, OpsError> {
    Err(OpsError::Failed(anyhow::anyhow!("not built")))
}

impl Ops {
    pub async fn create(&self, _new: NewCampaign) -> Result<CampaignView, OpsError> {
        not_built()
    }

    pub async fn list(&self, _limit: usize) -> Result<Vec<CampaignView>, OpsError> {
        not_built()
    }

    pub async fn show(&self, _id: i64) -> Result<CampaignView, OpsError> {
        not_built()
    }

    pub async fn pause(&self, _id: i64) -> Result<CampaignView, OpsError> {
        not_built()
    }

    pub async fn resume(&self, _id: i64) -> Result<CampaignView, OpsError> {
        not_built()
    }

    pub async fn cancel(&self, _id: i64) -> Result<CampaignView, OpsError> {
        not_built()
    }

    pub async fn audience(&self) -> Result<u64, OpsError> {
        not_built()
    }
}
