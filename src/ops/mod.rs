//! Every operator verb as data in, data out. The command line and the console are two faces of it.
//!
//! A mutation is a plan, then an outcome per id, then a line in the audit; read-only is checked here.

mod again;
mod ahead;
mod audit;
mod campaigns;
mod chosen;
mod claim;
mod command;
mod database;
mod dead;
mod deep;
mod deliveries;
mod diagnosis;
#[cfg(test)]
mod diagnosis_tests;
mod doctor;
mod error;
mod export;
mod failures;
mod foreign;
mod groups;
mod inbox;
mod logs;
pub(crate) mod mails;
mod pending;
mod progress;
mod repeatable;
mod schedule_views;
mod schedules;
mod settle;
mod status;
mod streams;
mod templates;
#[cfg(test)]
mod tests;
mod trace;
mod trimming;
mod users;
pub mod wording;
mod words;
mod workers;

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context;

use crate::{
    config::Config,
    event::STAGES,
    queue::Redis,
    queue::inspect::{Catalogue, Source},
};

pub use crate::queue::WorkerInfo;
pub use crate::queue::inspect::{
    Backlog, ConsumerView, DeadLetter, GroupFacts, GroupView, Overview, PartitionView,
    PendingEntry, PendingFilter, Server, StreamEntry, StreamFacts, StreamView, Worker, Worn,
};
pub use crate::queue::operate::{AuditEntry, ClaimOutcome};
pub use crate::secrets::{SecretPath, SecretsStatus};
pub use crate::store::{Addressed, Delivery, DeliveryFilter, DeliveryStatus, StoredTemplate};
pub use again::{AgainReport, Paused, Resolution, RetryPlan};
pub use ahead::{Ahead, When, look_ahead};
pub use campaigns::{CampaignView, NewCampaign, generated_name};
pub use chosen::{PlannedId, Which};
pub use claim::{ClaimPlan, ClaimReport, ClaimRequest, Claimed, PlannedClaim, Target};
pub use command::bounded;
pub use dead::{
    DeadAction, DeadDetails, DeadFilter, DeadGroup, DeadLetters, DeadOutcome, DeadPlan, DeadReport,
    DeadResult, Letter, LetterId, PlannedLetter, cause, fingerprint, grouped,
};
pub use deliveries::CampaignReport;
pub use diagnosis::{Finding, Remedy, Severity, diagnose};
pub use error::OpsError;
pub use export::{DeliveryPages, Format, UserPages};
pub use failures::{FailureGroup, Failures};
pub use groups::{GroupPlan, GroupResult, GroupVerb};
pub use inbox::{InboxMessage, InboxStats, MailBody, MailText};
pub use pending::{Stuck, StuckEntry, id_order};
pub use progress::{CampaignRow, total_of};
pub use schedule_views::{FireView, ScheduleDetail, ScheduleView, campaign_name};
pub use schedules::AskedSchedule;
pub use settle::{
    PlannedEnd, SettleOutcome, SettlePlan, SettleReport, SettleRequest, SettleVerb, Settled,
};
pub use status::{GroupRow, Status, StreamRow};
pub use streams::{StreamLine, StreamTable, StreamWatch};
pub use templates::{NewTemplate, Preview};
pub use trace::{Step, Trace};
pub use users::{BadRow, ImportReport};
pub use words::{AskedWords, variable};
pub use workers::{DrainPlan, DrainReport};

/// The one door to Redis and SQL for operators.
pub struct Ops {
    redis: Redis,
    database: database::Database,
    config: Config,
    read_only: AtomicBool,
    who: String,
    /// What is known of streams that aren't ours; the list of all streams reads on where it was.
    catalogue: Mutex<Catalogue>,
    /// What was stuck in groups that aren't ours.
    foreign: Mutex<foreign::Foreign>,
}

impl Ops {
    /// Connects to nothing yet: each verb connects to what it needs. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When a setting can't be understood.
    pub fn open(config: &Config, read_only: bool) -> Result<Self, OpsError> {
        // Both rings may be linked in; the HTTP client needs to be told which. Twice is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redis = Redis::open(config.redis_url(), config.keys())
            .context("COMMS_REDIS_URL can't be understood")
            .map_err(OpsError::Failed)?;
        Ok(Self {
            redis,
            database: database::Database::new(config),
            config: config.clone(),
            read_only: AtomicBool::new(read_only),
            who: crate::config::operator(),
            catalogue: Mutex::default(),
            foreign: Mutex::default(),
        })
    }

    /// Over connections that a service has already.
    pub fn with(config: &Config, redis: Redis, store: crate::store::Store) -> Self {
        Self {
            redis,
            database: database::Database::open(store),
            config: config.clone(),
            read_only: AtomicBool::new(false),
            who: crate::config::operator(),
            catalogue: Mutex::default(),
            foreign: Mutex::default(),
        }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn read_only(&self) -> bool {
        self.read_only.load(Ordering::Acquire)
    }

    /// Refuses every mutation from now on, or no longer.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Release);
    }

    /// The server's address without its password.
    pub fn redis_address(&self) -> String {
        let url = self.config.redis_url();
        match url::Url::parse(url) {
            Ok(url) if url.has_host() => format!(
                "{}:{}",
                url.host_str().unwrap_or("localhost"),
                url.port().unwrap_or(6379)
            ),
            Ok(url) => url.path().to_owned(),
            Err(_) => "redis".to_owned(),
        }
    }

    /// What Vault holds for us, values masked; what it doesn't answer is part of it.
    pub async fn secrets(&self) -> SecretsStatus {
        crate::secrets::status(self.config.vault.as_ref()).await
    }

    /// Every mutation asks this first.
    fn may_write(&self) -> Result<(), OpsError> {
        if self.read_only() {
            return Err(OpsError::ReadOnly);
        }
        Ok(())
    }

    /// A short name of ours, or else the key of a foreign stream.
    fn sources(&self, stream: &str) -> Vec<Source> {
        if is_ours(stream) {
            Source::of(&self.redis, stream)
        } else {
            vec![Source::foreign(stream)]
        }
    }
}

/// True for a stream of the pipeline by its short name, and the group of its own service.
pub fn is_own_group(stream: &str, group: &str) -> bool {
    STAGES.contains(&(stream, group))
}

/// True for the short name of a stream of the pipeline.
pub fn is_ours(stream: &str) -> bool {
    STAGES.iter().any(|(ours, _)| *ours == stream)
}
