//! Campaigns: accepted in SQL, looked at where they are. What Redis must hear, the relay tells it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Ops, OpsError};
use crate::{
    mail::{
        Template,
        template::{BUILT_IN_HTML, BUILT_IN_SUBJECT, BUILT_IN_TEXT},
    },
    queue::Tally,
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
}

/// What is needed to create one. `None` takes the built-in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    pub name: String,
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub html: Option<String>,
    /// `resend` or `hold`; empty: resend.
    #[serde(default)]
    pub in_doubt: String,
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

const LONGEST_NAME: usize = 200;
const LONGEST_KEY: usize = 200;

impl NewCampaign {
    /// Checks all of it, the templates included, before anything is written.
    fn accept(self) -> Result<store::NewCampaign, OpsError> {
        let invalid = |text: String| Err(OpsError::Invalid(text));
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return invalid(format!("name must have 1 to {LONGEST_NAME} characters"));
        }
        if name.chars().any(char::is_control) {
            return invalid("name must not hold control characters".to_owned());
        }
        let key_is_odd = |key: &String| key.is_empty() || key.len() > LONGEST_KEY;
        if self.idempotency_key.as_ref().is_some_and(key_is_odd) {
            return invalid(format!(
                "Idempotency-Key must have 1 to {LONGEST_KEY} bytes"
            ));
        }
        let in_doubt = match self.in_doubt.as_str() {
            "" => InDoubt::Resend,
            word => word.parse().map_err(|_| {
                OpsError::Invalid(format!("in_doubt is {word:?}, expected resend or hold"))
            })?,
        };
        // The same words in the same order make the same body, whoever wrote the JSON.
        let canonical =
            serde_json::json!([name, self.subject, self.text, self.html, in_doubt.as_str()]);
        let body_hash = hex(&Sha256::digest(canonical.to_string()));

        let subject = self.subject.unwrap_or_else(|| BUILT_IN_SUBJECT.to_owned());
        // A text of one's own without HTML is a plain mail; only without both the built-in page is taken.
        let html = match (&self.text, self.html) {
            (_, Some(html)) => html,
            (Some(_), None) => String::new(),
            (None, None) => BUILT_IN_HTML.to_owned(),
        };
        let text = self.text.unwrap_or_else(|| BUILT_IN_TEXT.to_owned());
        let part = Some(html.as_str()).filter(|h| !h.is_empty());
        let template = Template::compile(&subject, &text, part);
        template
            .and_then(|t| t.check())
            .map_err(|error| OpsError::Invalid(error.to_string()))?;
        Ok(store::NewCampaign {
            name: name.to_owned(),
            subject,
            text_template: text,
            html_template: html,
            in_doubt,
            idempotency_key: self.idempotency_key,
            body_hash,
        })
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
        let new = new.accept()?;
        let store = self.database.get().await?;
        let created = store
            .create_campaign(&new, self.redis.keys().partitions())
            .await?;
        match created {
            Created::New(campaign) => {
                tracing::info!(campaign.id, name = %campaign.name, "campaign accepted");
                self.note("campaign.create", &campaign, "", "running").await;
                self.view(&campaign).await
            }
            Created::Replayed(campaign) => self.view(&campaign).await,
            Created::KeyReused => Err(OpsError::Invalid(
                "Idempotency-Key was used before, for another campaign; use a new key".to_owned(),
            )),
        }
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
        self.record(
            what,
            &ids,
            before.to_owned(),
            after.to_owned(),
            String::new(),
        )
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
        })
    }
}

fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
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
    fn the_built_in_words_are_accepted_and_subject_and_text_differ() {
        let new = named("spring").accept().expect("valid");
        assert_ne!(new.subject, new.text_template);
        assert!(!new.html_template.is_empty());
    }

    #[test]
    fn an_unknown_field_is_named_before_anything_is_written() {
        let mut new = named("spring");
        new.text = Some("Dear {{ first_name }},\nyour {{ nickname }}".to_owned());
        let error = new.accept().expect_err("unknown field").to_string();
        assert!(error.contains("nickname") && error.contains("2"), "{error}");
    }

    #[test]
    fn equal_bodies_have_equal_hashes_and_others_dont() {
        let hash = |name: &str| named(name).accept().expect("valid").body_hash;
        assert_eq!(hash("spring"), hash(" spring "));
        assert_ne!(hash("spring"), hash("autumn"));
    }

    #[test]
    fn bad_names_and_policies_are_refused() {
        assert!(named("").accept().is_err());
        assert!(named("a\nb").accept().is_err());
        let mut new = named("spring");
        new.in_doubt = "perhaps".to_owned();
        let error = new.accept().expect_err("unknown policy").to_string();
        assert!(error.contains("perhaps"), "{error}");
    }
}
