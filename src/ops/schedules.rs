//! Schedules: campaigns that start again and again. The scheduler starts them; here they are written down.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AskedWords, CampaignView, Ops, OpsError, ScheduleDetail, ScheduleView, campaign_name,
    repeatable::{body_hash, checked_key, key_reused},
    schedule_views::{fire_view, view},
    words::{checked_name, checked_policy},
};
use crate::{
    schedule::{MAX_CAP, Rule},
    store::{self, Created, MisfirePolicy, Schedule, ScheduleStatus, Words},
};

/// Campaigns are called after the schedule and the planned time; both must fit in a name.
const LONGEST_NAME: usize = 150;
const DEFAULT_CAP: u32 = 10;

/// What is needed to write one. In an edit, `None` keeps what there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedSchedule {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub cron: Option<String>,
    /// An IANA time zone; UTC when missing.
    #[serde(default)]
    pub tz: Option<String>,
    /// `skip`, `once` or `all`; once when missing.
    #[serde(default)]
    pub misfire: Option<String>,
    /// Of `all`: at most so many missed times are made up for.
    #[serde(default)]
    pub misfire_cap: Option<u32>,
    #[serde(default)]
    pub in_doubt: Option<String>,
    #[serde(flatten)]
    pub words: AskedWords,
    /// Of a new one: the same key and body are the same schedule.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

impl Ops {
    /// Writes an active schedule. The same idempotency key and body answer with the schedule that there is.
    ///
    /// # Errors
    /// Says what is wrong with it: the expression, the zone, a template's field; or that the key was used for
    /// another one.
    pub async fn create_schedule(&self, asked: AskedSchedule) -> Result<ScheduleView, OpsError> {
        self.may_write()?;
        let (new, rule) = self.accept_schedule(&asked, None).await?;
        let next = first(&rule)?;
        match self.database.get().await?.add_schedule(&new, next).await? {
            Created::New(schedule) => {
                self.note_schedule("schedule.create", &schedule, "", "active")
                    .await;
                self.schedule_view(&schedule).await
            }
            Created::Replayed(schedule) => self.schedule_view(&schedule).await,
            Created::KeyReused => Err(key_reused("schedule")),
        }
    }

    /// Changes what is given. An active schedule goes on with the next time after now, if its rule changed.
    ///
    /// # Errors
    /// As [`Self::create_schedule`]; a conflict when somebody else changed it meanwhile.
    pub async fn edit_schedule(
        &self,
        id: i64,
        asked: AskedSchedule,
    ) -> Result<ScheduleView, OpsError> {
        self.may_write()?;
        let before = self.schedule_of(id).await?;
        let (new, rule) = self.accept_schedule(&asked, Some(&before)).await?;
        let same_rule = (&new.cron, &new.zone) == (&before.cron, &before.zone);
        let next = match before.next_at_ms.filter(|_| same_rule) {
            Some(next) => next,
            None => first(&rule)?,
        };
        let store = self.database.get().await?;
        let edited = store.edit_schedule(id, before.revision, &new, next).await?;
        let edited = edited.ok_or_else(|| {
            OpsError::Conflict(format!("schedule {id} was changed meanwhile; look again"))
        })?;
        let (was, is) = (
            format!("{} {}", before.cron, before.zone),
            format!("{} {}", edited.cron, edited.zone),
        );
        self.note_schedule("schedule.edit", &edited, &was, &is)
            .await;
        self.schedule_view(&edited).await
    }

    /// In the order of their ids, after the id `after`.
    ///
    /// # Errors
    /// When SQL is away.
    pub async fn schedules(&self, limit: u32, after: i64) -> Result<Vec<ScheduleView>, OpsError> {
        let schedules = self.database.get().await?.schedules(limit, after).await?;
        self.schedule_views(&schedules).await
    }

    /// One, with what became of its last ten planned times.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn schedule(&self, id: i64) -> Result<ScheduleDetail, OpsError> {
        let schedule = self.schedule_of(id).await?;
        let store = self.database.get().await?;
        let mut history = Vec::new();
        for fire in store.fires(id, 10).await? {
            let campaign = match fire.campaign_id {
                Some(id) => store.campaign(id).await?,
                None => None,
            };
            history.push(fire_view(&schedule, &fire, campaign.map(|c| c.status)));
        }
        Ok(ScheduleDetail {
            view: self.schedule_view(&schedule).await?,
            history,
        })
    }

    /// Its times pass without a campaign until it is resumed; they don't count as missed.
    ///
    /// # Errors
    /// A conflict when it isn't active.
    pub async fn pause_schedule(&self, id: i64) -> Result<ScheduleView, OpsError> {
        self.may_write()?;
        let reason = format!("paused by {}", self.who);
        let store = self.database.get().await?;
        match store.pause_schedule(id, Some(&reason)).await? {
            Some(schedule) => self.changed(&schedule, "active").await,
            None => Err(self.refused(id, "active", "paused").await?),
        }
    }

    /// It goes on with the next time after now.
    ///
    /// # Errors
    /// A conflict when it isn't paused.
    pub async fn resume_schedule(&self, id: i64) -> Result<ScheduleView, OpsError> {
        self.may_write()?;
        let before = self.schedule_of(id).await?;
        let next = first(&rule_of(&before)?)?;
        let store = self.database.get().await?;
        match store.resume_schedule(id, next).await? {
            Some(schedule) => self.changed(&schedule, "paused").await,
            None => Err(self.refused(id, "paused", "active").await?),
        }
    }

    /// Starts a campaign of it now, whatever its state; the plan stays as it is. The same idempotency key
    /// answers with the campaign that it started before.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn run_schedule(&self, id: i64, key: Option<&str>) -> Result<CampaignView, OpsError> {
        self.may_write()?;
        checked_key(key)?;
        let store = self.database.get().await?;
        let partitions = self.redis.keys().partitions();
        let campaign = store.fire_now(id, key, partitions, campaign_name).await?;
        let campaign = campaign.ok_or_else(|| unknown(id))?;
        let ids = [id.to_string()];
        let after = format!("campaign {}", campaign.id);
        self.record("schedule.run", &ids, String::new(), after, &[])
            .await;
        self.show(campaign.id).await
    }

    /// Its campaigns stay.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn remove_schedule(&self, id: i64) -> Result<(), OpsError> {
        self.may_write()?;
        let before = self.schedule_of(id).await?;
        if !self.database.get().await?.remove_schedule(id).await? {
            return Err(unknown(id));
        }
        let was = before.status.as_str();
        self.note_schedule("schedule.remove", &before, was, "removed")
            .await;
        Ok(())
    }

    async fn accept_schedule(
        &self,
        asked: &AskedSchedule,
        before: Option<&Schedule>,
    ) -> Result<(store::NewSchedule, Rule), OpsError> {
        checked_key(asked.idempotency_key.as_deref())?;
        let missing = |what: &str| OpsError::Invalid(format!("{what} is missing"));
        let kept = |asked: &Option<String>, kept: Option<&String>| asked.clone().or(kept.cloned());
        let name = kept(&asked.name, before.map(|b| &b.name)).ok_or_else(|| missing("name"))?;
        let name = checked_name(&name)?;
        if name.chars().count() > LONGEST_NAME {
            let text = format!("name must have 1 to {LONGEST_NAME} characters");
            return Err(OpsError::Invalid(text));
        }
        let cron = kept(&asked.cron, before.map(|b| &b.cron)).ok_or_else(|| missing("cron"))?;
        let zone = kept(&asked.tz, before.map(|b| &b.zone)).unwrap_or_else(|| "UTC".to_owned());
        let rule = Rule::parse(&cron, &zone).map_err(invalid)?;
        let misfire = match &asked.misfire {
            Some(word) => word
                .parse()
                .map_err(|error| OpsError::Invalid(format!("misfire: {error}")))?,
            None => before.map_or(MisfirePolicy::Once, |b| b.misfire),
        };
        let cap = asked.misfire_cap.or(before.map(|b| b.misfire_cap));
        let misfire_cap = cap.unwrap_or(DEFAULT_CAP);
        if !(1..=MAX_CAP).contains(&misfire_cap) {
            let text = format!("misfire_cap is {misfire_cap}, expected 1 to {MAX_CAP}");
            return Err(OpsError::Invalid(text));
        }
        let in_doubt = match (&asked.in_doubt, before) {
            (None, Some(before)) => before.in_doubt,
            (word, _) => checked_policy(word.as_deref().unwrap_or(""))?,
        };
        let base: Option<Words> = before.map(|b| b.words.clone());
        let words = match (asked.words.is_empty(), base) {
            (true, Some(words)) => words,
            (_, base) => self.checked_words(&asked.words, base, &name).await?,
        };
        let new = store::NewSchedule {
            name,
            cron,
            zone,
            misfire,
            misfire_cap,
            words,
            in_doubt,
            idempotency_key: asked.idempotency_key.clone(),
            body_hash: body_hash(&serde_json::json!(asked)),
        };
        Ok((new, rule))
    }

    pub(super) async fn schedule_of(&self, id: i64) -> Result<Schedule, OpsError> {
        let found = self.database.get().await?.schedule(id).await?;
        found.ok_or_else(|| unknown(id))
    }

    async fn changed(&self, schedule: &Schedule, before: &str) -> Result<ScheduleView, OpsError> {
        let after = schedule.status.as_str();
        self.note_schedule("schedule.status", schedule, before, after)
            .await;
        self.schedule_view(schedule).await
    }

    /// Why a change of status was refused.
    async fn refused(&self, id: i64, from: &str, to: &str) -> Result<OpsError, OpsError> {
        let status = self.schedule_of(id).await?.status;
        Ok(OpsError::Conflict(format!(
            "schedule {id} is {status}; only one that is {from} can become {to}"
        )))
    }

    async fn note_schedule(&self, what: &str, schedule: &Schedule, before: &str, after: &str) {
        let ids = [schedule.id.to_string()];
        let (before, after) = (before.to_owned(), after.to_owned());
        self.record(what, &ids, before, after, &[]).await;
    }

    async fn schedule_view(&self, schedule: &Schedule) -> Result<ScheduleView, OpsError> {
        let views = self.schedule_views(std::slice::from_ref(schedule)).await?;
        views.into_iter().next().ok_or_else(|| unknown(schedule.id))
    }

    /// Of schedules in the order of their ids, with one question for all of them.
    async fn schedule_views(&self, schedules: &[Schedule]) -> Result<Vec<ScheduleView>, OpsError> {
        let (Some(first), Some(last)) = (schedules.first(), schedules.last()) else {
            return Ok(Vec::new());
        };
        let store = self.database.get().await?;
        let fires = store.last_fires(first.id, last.id).await?;
        let fires: HashMap<i64, _> = fires.into_iter().map(|f| (f.0.schedule_id, f)).collect();
        let view = |schedule: &Schedule| {
            let last = fires.get(&schedule.id);
            let last = last.map(|(fire, campaign)| fire_view(schedule, fire, *campaign));
            view(schedule, last)
        };
        Ok(schedules.iter().map(view).collect())
    }
}

fn rule_of(schedule: &Schedule) -> Result<Rule, OpsError> {
    if schedule.status == ScheduleStatus::Ended {
        let text = format!("schedule {} has ended; edit its cron", schedule.id);
        return Err(OpsError::Conflict(text));
    }
    Rule::parse(&schedule.cron, &schedule.zone).map_err(invalid)
}

/// The first planned time from now on.
fn first(rule: &Rule) -> Result<i64, OpsError> {
    let now = Timestamp::now().as_millisecond();
    rule.next_after(now).ok_or_else(|| {
        OpsError::Invalid("cron names no time after now: all of them have passed".to_owned())
    })
}

fn invalid(error: anyhow::Error) -> OpsError {
    OpsError::Invalid(format!("{error:#}"))
}

fn unknown(id: i64) -> OpsError {
    OpsError::NotFound(format!("there is no schedule {id}"))
}
