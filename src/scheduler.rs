//! Starts campaigns when they are due.
//!
//! Any number of schedulers may run: what a planned time sets off is one SQL transaction, see
//! `store/fire.rs`. None of them leads, and a killed one leaves nothing behind.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    ops::campaign_name,
    schedule::{Misfire, Rule, due},
    store::{FireOutcome, Judged, MisfirePolicy, Schedule, Store},
};

/// How often SQL is asked what is due first: another process may have written a schedule.
const POLL: Duration = Duration::from_millis(100);
/// A planned time less than this ago is late; more, and nobody was there: the misfire policy decides.
pub const GRACE_MS: i64 = 60_000;
/// Rules that are kept ready.
const KEPT: usize = 10_000;

pub struct Scheduler {
    store: Store,
    partitions: u32,
    wake: Arc<Notify>,
    rules: Mutex<HashMap<(String, String), Rule>>,
}

/// What one look at the schedules brought about.
#[derive(Debug, Default)]
pub struct Round {
    /// For each campaign that was started: its planned time, and when that was committed, both in ms.
    pub started: Vec<(i64, i64)>,
    /// When the next one is due.
    pub next: Option<i64>,
}

impl Scheduler {
    /// `wake` ends a pause early: a schedule has changed.
    pub fn new(store: Store, partitions: u32, wake: Arc<Notify>) -> Self {
        Self {
            store,
            partitions,
            wake,
            rules: Mutex::default(),
        }
    }

    /// Starts what is due until shutdown. Whatever fails is said once and tried again. `seen` is told of
    /// each round.
    pub async fn run(self, shutdown: CancellationToken, mut seen: impl FnMut(&Round)) {
        let mut said = String::new();
        while !shutdown.is_cancelled() {
            let pause = match self.round(now_ms()).await {
                Ok(round) => {
                    if !said.is_empty() {
                        tracing::info!("the scheduler goes on");
                        said.clear();
                    }
                    seen(&round);
                    until(round.next)
                }
                Err(error) => {
                    let text = error.to_string();
                    if text != said {
                        tracing::warn!(error = %text, "the scheduler waits and tries again");
                        said = text;
                    }
                    POLL
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Starts all that is due at `now`.
    ///
    /// # Errors
    /// When SQL is away: what was not committed is still due.
    pub async fn round(&self, now: i64) -> sqlx::Result<Round> {
        let mut round = Round::default();
        loop {
            // Asked first: an idle scheduler must not take SQLite's write lock ten times a second.
            round.next = self.store.next_due().await?;
            if round.next.is_none_or(|next| next > now) {
                return Ok(round);
            }
            let judge = |schedule: &Schedule| self.judge(schedule, now);
            let fired = self
                .store
                .fire_due(now, self.partitions, judge, campaign_name)
                .await?;
            let committed = now_ms();
            for fire in &fired.fires {
                if fire.outcome == FireOutcome::Skipped {
                    tracing::warn!(
                        schedule.id = fire.schedule_id,
                        planned_at_ms = fire.planned_at_ms,
                        until_ms = fire.until_ms,
                        "planned times were missed and are left out"
                    );
                    continue;
                }
                tracing::info!(
                    schedule.id = fire.schedule_id,
                    campaign.id = fire.campaign_id,
                    lateness_ms = committed - fire.planned_at_ms,
                    "a schedule has started a campaign"
                );
                round.started.push((fire.planned_at_ms, committed));
            }
            for (id, planned) in &fired.started {
                tracing::info!(
                    campaign.id = id,
                    lateness_ms = committed - planned,
                    "a scheduled campaign has started"
                );
                round.started.push((*planned, committed));
            }
        }
    }

    fn judge(&self, schedule: &Schedule, now: i64) -> Judged {
        let Some(planned) = schedule.next_at_ms else {
            return Judged::Broken("it has no next time".to_owned());
        };
        let policy = match schedule.misfire {
            MisfirePolicy::Skip => Misfire::Skip,
            MisfirePolicy::Once => Misfire::Once,
            MisfirePolicy::All => Misfire::All(schedule.misfire_cap),
        };
        match self.rule(schedule) {
            Ok(rule) => Judged::Due(due(&rule, planned, now, GRACE_MS, policy)),
            Err(error) => {
                let reason = format!("{error:#}");
                tracing::error!(schedule.id, %reason, "a schedule can't be read and is paused");
                Judged::Broken(reason)
            }
        }
    }

    fn rule(&self, schedule: &Schedule) -> anyhow::Result<Rule> {
        let key = (schedule.cron.clone(), schedule.zone.clone());
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rule) = rules.get(&key) {
            return Ok(rule.clone());
        }
        let rule = Rule::parse(&key.0, &key.1)?;
        if rules.len() >= KEPT {
            rules.clear();
        }
        rules.insert(key, rule.clone());
        Ok(rule)
    }
}

/// This machine's clock. Two schedulers whose clocks differ start a planned time when the faster one says
/// so, and once.
fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// How long to sleep: until `next`, but never longer than a poll. Timers round up to the next millisecond.
fn until(next: Option<i64>) -> Duration {
    let left = next.map_or(i64::MAX, |next| next - now_ms());
    POLL.min(Duration::from_millis(left.max(0).unsigned_abs()))
}
