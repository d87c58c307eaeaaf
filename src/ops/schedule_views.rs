//! What every face shows of a schedule.

use serde::{Deserialize, Serialize};

use crate::{
    schedule::{Rule, zone},
    store::{CampaignStatus, Fire, Schedule},
};

/// Start times that are shown ahead.
const AHEAD: usize = 5;

/// What every face shows of a schedule, and the JSON that it answers with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleView {
    pub id: i64,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub cron: String,
    /// The expression in English.
    pub cron_words: String,
    pub tz: String,
    pub misfire: String,
    pub misfire_cap: u32,
    pub subject: String,
    /// `name@version` of the stored template.
    pub template: Option<String>,
    pub in_doubt_policy: String,
    /// The next planned times as the zone's clock shows them; none while it is paused.
    pub next: Vec<String>,
    pub next_at_ms: Option<i64>,
    pub last: Option<FireView>,
    pub created_at: String,
}

/// What became of a planned time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FireView {
    /// As the schedule's zone shows it.
    pub planned: String,
    /// Of several that were left out, the last.
    pub until: Option<String>,
    /// started, skipped or asked.
    pub outcome: String,
    pub campaign_id: Option<i64>,
    /// How its campaign stands.
    pub campaign_status: Option<String>,
    pub late_ms: i64,
}

/// A schedule and what became of its last planned times.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleDetail {
    #[serde(flatten)]
    pub view: ScheduleView,
    pub history: Vec<FireView>,
}

pub(super) fn view(schedule: &Schedule, last: Option<FireView>) -> ScheduleView {
    let rule = Rule::parse(&schedule.cron, &schedule.zone).ok();
    let next = match (&rule, schedule.next_at_ms) {
        (Some(rule), Some(next)) => std::iter::once(next)
            .chain(rule.upcoming(next, AHEAD - 1))
            .map(|at| rule.shown(at))
            .collect(),
        _ => Vec::new(),
    };
    let template = &schedule.words.template;
    ScheduleView {
        id: schedule.id,
        name: schedule.name.clone(),
        status: schedule.status.as_str().to_owned(),
        reason: schedule.reason.clone(),
        cron: schedule.cron.clone(),
        cron_words: rule.map_or_else(String::new, |rule| rule.words()),
        tz: schedule.zone.clone(),
        misfire: schedule.misfire.as_str().to_owned(),
        misfire_cap: schedule.misfire_cap,
        subject: schedule.words.subject.clone(),
        template: template
            .as_ref()
            .map(|(name, version)| format!("{name}@{version}")),
        in_doubt_policy: schedule.in_doubt.as_str().to_owned(),
        next,
        next_at_ms: schedule.next_at_ms,
        last,
        created_at: super::campaigns::rfc3339(schedule.created_at_ms),
    }
}

pub(super) fn fire_view(
    schedule: &Schedule,
    fire: &Fire,
    campaign: Option<CampaignStatus>,
) -> FireView {
    let several = fire.until_ms != fire.planned_at_ms;
    FireView {
        planned: shown(schedule, fire.planned_at_ms),
        until: several.then(|| shown(schedule, fire.until_ms)),
        outcome: fire.outcome.as_str().to_owned(),
        campaign_id: fire.campaign_id,
        campaign_status: campaign.map(|status| status.as_str().to_owned()),
        late_ms: fire.fired_at_ms - fire.planned_at_ms,
    }
}

/// What a campaign of a schedule is called: the time is the planned one, by the schedule's clock.
pub fn campaign_name(schedule: &Schedule, planned_at_ms: i64) -> String {
    format!("{}, {}", schedule.name, shown(schedule, planned_at_ms))
}

fn shown(schedule: &Schedule, at_ms: i64) -> String {
    let zone = zone(&schedule.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    crate::schedule::shown(at_ms, &zone)
}
