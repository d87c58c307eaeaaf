//! Campaigns: accepted in SQL, looked at where they are. What Redis must hear, the relay tells it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AskedWords, Ops, OpsError,
    repeatable::{body_hash, checked_key, key_reused},
    words::{checked_name, checked_policy},
};
use crate::{
    queue::Tally,
    schedule,
    store::{self, Campaign, CampaignStatus, Created, InDoubt},
};

/// What every face shows of a campaign, and the JSON that it answers with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
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
    /// Outcomes per second since its start.
    pub rate: f64,
    /// Seconds until its end at that rate, while it runs.
    pub eta_s: Option<u64>,
    /// RFC 3339.
    pub created_at: String,
    pub finished_at: Option<String>,
    pub subject: String,
    pub in_doubt_policy: String,
    /// When it starts or was to start, if not at once.
    pub start_at: Option<String>,
    pub schedule_id: Option<i64>,
    /// `name@version` of the stored template.
    pub template: Option<String>,
}

/// What is needed to create one. `None` takes the built-in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    pub name: String,
    #[serde(flatten)]
    pub words: AskedWords,
    /// When to start, like `2027-01-05T09:00`; at once when missing.
    #[serde(default)]
    pub at: Option<String>,
    /// The IANA time zone of `at`; UTC when missing.
    #[serde(default)]
    pub tz: Option<String>,
    /// `resend` or `hold`; empty: resend.
    #[serde(default)]
    pub in_doubt: String,
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

impl NewCampaign {
    /// The same words in the same order make the same body, whoever wrote the JSON.
    fn body_hash(&self, name: &str, in_doubt: InDoubt) -> String {
        let words = &self.words;
        let canonical = serde_json::json!([
            name,
            words.subject,
            words.text,
            words.html,
            words.template,
            in_doubt.as_str(),
            words.variables,
            self.at,
            self.tz
        ]);
        body_hash(&canonical)
    }

    /// `None`: at once.
    fn start_at_ms(&self) -> Result<Option<i64>, OpsError> {
        let invalid = |error: anyhow::Error| OpsError::Invalid(format!("{error:#}"));
        let Some(at) = &self.at else {
            return match self.tz {
                Some(_) => Err(OpsError::Invalid("tz is given, but no start".to_owned())),
                None => Ok(None),
            };
        };
        let zone = schedule::zone(self.tz.as_deref().unwrap_or("UTC")).map_err(invalid)?;
        let start = schedule::start_at(at, &zone).map_err(invalid)?;
        if start <= Timestamp::now().as_millisecond() {
            let text = format!("the start {} has passed", schedule::shown(start, &zone));
            return Err(OpsError::Invalid(text));
        }
        Ok(Some(start))
    }
}

impl Ops {
    /// Accepts a campaign; the relay starts it within 100 ms. The same idempotency key and body answer with
    /// the campaign that there is.
    ///
    /// # Errors
    /// Says what is wrong with it, a template's unknown field by name and line; a conflict when the key was
    /// used for another body.
    pub async fn create(&self, new: NewCampaign) -> Result<CampaignView, OpsError> {
        self.may_write()?;
        let new = self.accept(&new).await?;
        let store = self.database.get().await?;
        let created = store
            .create_campaign(&new, self.redis.keys().partitions())
            .await?;
        match created {
            Created::New(campaign) => {
                tracing::info!(campaign.id, name = %campaign.name, "campaign accepted");
                let status = campaign.status.as_str();
                self.note("campaign.create", &campaign, "", status).await;
                self.view(&campaign).await
            }
            Created::Replayed(campaign) => self.view(&campaign).await,
            Created::KeyReused => Err(key_reused("campaign")),
        }
    }

    /// Checks all of it, the templates included, before anything is written.
    async fn accept(&self, new: &NewCampaign) -> Result<store::NewCampaign, OpsError> {
        let name = checked_name(&new.name)?;
        checked_key(new.idempotency_key.as_deref())?;
        let in_doubt = checked_policy(&new.in_doubt)?;
        let start_at_ms = new.start_at_ms()?;
        let body_hash = new.body_hash(&name, in_doubt);
        let words = self.checked_words(&new.words, None, &name).await?;
        Ok(store::NewCampaign {
            name,
            subject: words.subject,
            text_template: words.text,
            html_template: words.html,
            in_doubt,
            idempotency_key: new.idempotency_key.clone(),
            body_hash,
            start_at_ms,
            template: words.template,
            variables: words.variables,
        })
    }

    /// The newest campaigns first.
    ///
    /// # Errors
    /// When SQL or Redis is away.
    pub async fn list(&self, limit: usize) -> Result<Vec<CampaignView>, OpsError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut views = Vec::new();
        for campaign in self.database.get().await?.campaigns(limit, None).await? {
            views.push(self.view(&campaign).await?);
        }
        Ok(views)
    }

    /// # Errors
    /// When there is no such campaign, or SQL or Redis is away.
    pub async fn show(&self, id: i64) -> Result<CampaignView, OpsError> {
        let campaign = self.row_of(id).await?;
        self.view(&campaign).await
    }

    /// # Errors
    /// A conflict when it isn't running.
    pub async fn pause(&self, id: i64) -> Result<CampaignView, OpsError> {
        let reason = format!("paused by {}", self.who);
        self.change(
            id,
            &[CampaignStatus::Running],
            CampaignStatus::Paused,
            Some(&reason),
        )
        .await
    }

    /// # Errors
    /// A conflict when it isn't paused.
    pub async fn resume(&self, id: i64) -> Result<CampaignView, OpsError> {
        self.change(id, &[CampaignStatus::Paused], CampaignStatus::Running, None)
            .await
    }

    /// Nothing of it is sent later than a second after this has answered.
    ///
    /// # Errors
    /// A conflict when it has ended.
    pub async fn cancel(&self, id: i64) -> Result<CampaignView, OpsError> {
        use CampaignStatus::{Cancelled, Lost, Paused, Running, Scheduled};
        let reason = format!("cancelled by {}", self.who);
        self.change(
            id,
            &[Running, Paused, Scheduled, Lost],
            Cancelled,
            Some(&reason),
        )
        .await
    }

    /// How many recipients a campaign that is created now will have.
    ///
    /// # Errors
    /// When SQL is away.
    pub async fn audience(&self) -> Result<u64, OpsError> {
        let count = self.database.get().await?.count_users().await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(super) async fn row_of(&self, id: i64) -> Result<Campaign, OpsError> {
        let found = self.database.get().await?.campaign(id).await?;
        found.ok_or_else(|| OpsError::NotFound(format!("there is no campaign {id}")))
    }

    async fn change(
        &self,
        id: i64,
        from: &[CampaignStatus],
        to: CampaignStatus,
        reason: Option<&str>,
    ) -> Result<CampaignView, OpsError> {
        self.may_write()?;
        let before = self.row_of(id).await?;
        let changed = self
            .database
            .get()
            .await?
            .set_status(id, from, to, reason)
            .await?;
        let Some(campaign) = changed else {
            let allowed: Vec<&str> = from.iter().map(|s| s.as_str()).collect();
            return Err(OpsError::Conflict(format!(
                "campaign {id} is {}; only one that is {} can become {}",
                before.status.as_str(),
                allowed.join(" or "),
                to.as_str()
            )));
        };
        // The relay would do it within 100 ms; nobody should have to wait for that.
        if let Err(error) =
            crate::relay::mirror(&self.redis, self.database.get().await?, &campaign).await
        {
            tracing::debug!(%error, campaign.id, "left to the relay");
        }
        self.note(
            "campaign.status",
            &campaign,
            before.status.as_str(),
            to.as_str(),
        )
        .await;
        self.view(&campaign).await
    }

    async fn note(&self, what: &str, campaign: &Campaign, before: &str, after: &str) {
        let ids = [campaign.id.to_string()];
        self.record(what, &ids, before.to_owned(), after.to_owned(), &[])
            .await;
    }

    async fn view(&self, campaign: &Campaign) -> Result<CampaignView, OpsError> {
        let id = campaign.id.to_string();
        let tally = match campaign.status {
            CampaignStatus::Finished => Tally {
                queued: campaign.queued,
                accepted: campaign.accepted,
                failed: campaign.failed,
                suppressed: campaign.suppressed,
                cancelled: campaign.cancelled,
                in_doubt: campaign.in_doubt_count,
                ..Tally::default()
            },
            _ => Tally::read(&self.redis, &id).await?,
        };
        let now_ms = Timestamp::now().as_millisecond();
        let since_ms = campaign.started_at_ms.unwrap_or(campaign.created_at_ms);
        let took_ms = (campaign.finished_at_ms.unwrap_or(now_ms) - since_ms).max(1);
        let rate = tally.closed() as f64 * 1_000.0 / took_ms as f64;
        let left = campaign.audience.max(tally.queued) - tally.closed();
        let runs = campaign.status == CampaignStatus::Running && rate > 0.0;
        Ok(CampaignView {
            id: campaign.id,
            name: campaign.name.clone(),
            status: campaign.status.as_str().to_owned(),
            reason: campaign.reason.clone(),
            balanced: tally.balanced(),
            queued: tally.queued,
            accepted: tally.accepted,
            failed: tally.failed,
            suppressed: tally.suppressed,
            cancelled: tally.cancelled,
            retrying: tally.retrying,
            in_flight: tally.in_flight,
            in_doubt: tally.in_doubt,
            parked: tally.parked,
            rate: (rate * 10.0).round() / 10.0,
            eta_s: runs.then(|| (left.max(0) as f64 / rate).ceil() as u64),
            created_at: rfc3339(campaign.created_at_ms),
            finished_at: campaign.finished_at_ms.map(rfc3339),
            subject: campaign.subject.clone(),
            in_doubt_policy: campaign.in_doubt.as_str().to_owned(),
            start_at: campaign.start_at_ms.map(rfc3339),
            schedule_id: campaign.schedule_id,
            template: campaign
                .template
                .as_ref()
                .map(|(name, version)| format!("{name}@{version}")),
        })
    }
}

pub(super) fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
}

/// A name for a campaign that was given none: something to recognise it by, and the time.
pub fn generated_name() -> String {
    use fake::{Fake, faker::company::en::CatchPhrase};
    let phrase: String = CatchPhrase().fake();
    let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
    format!("{phrase}, {now}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NewCampaign {
        NewCampaign {
            name: name.to_owned(),
            ..NewCampaign::default()
        }
    }

    #[test]
    fn equal_bodies_have_equal_hashes_and_others_dont() {
        let hash = |name: &str| named(name).body_hash(name, InDoubt::Resend);
        assert_eq!(hash("spring"), hash("spring"));
        assert_ne!(hash("spring"), hash("autumn"));
        let mut later = named("spring");
        later.at = Some("2099-01-01T09:00".to_owned());
        assert_ne!(later.body_hash("spring", InDoubt::Resend), hash("spring"));
        assert_ne!(
            named("spring").body_hash("spring", InDoubt::Hold),
            hash("spring")
        );
    }

    #[test]
    fn a_start_is_read_by_its_zone_and_must_lie_ahead() {
        let start = |at: &str, tz: Option<&str>| {
            let mut new = named("spring");
            new.at = (!at.is_empty()).then(|| at.to_owned());
            new.tz = tz.map(str::to_owned);
            new.start_at_ms().map_err(|error| error.to_string())
        };
        assert_eq!(start("", None), Ok(None));
        let istanbul = start("2099-01-05T09:00", Some("Europe/Istanbul")).expect("valid");
        let utc = start("2099-01-05T09:00", None).expect("valid");
        assert_eq!(
            utc.zip(istanbul).map(|(utc, there)| utc - there),
            Some(3 * 3_600_000)
        );
        for (at, tz, words) in [
            ("2001-01-05T09:00", None, "has passed"),
            ("soon", None, "\"soon\""),
            ("2099-01-05T09:00", Some("Mars/Olympus"), "Mars/Olympus"),
            ("", Some("UTC"), "no start"),
        ] {
            let error = start(at, tz).expect_err(at);
            assert!(error.contains(words), "{error}");
        }
    }
}
