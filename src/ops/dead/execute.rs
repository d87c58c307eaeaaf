//! Does what a plan says, to those letters that are still there; the ledger has the last word.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use redis::{RedisError, RedisResult};

use super::{
    super::{Ops, OpsError, command::commands_for},
    DeadAction, DeadOutcome, DeadPlan, DeadReport, DeadResult, PlannedLetter,
    plan::settles,
};
use crate::{
    queue::{
        self,
        operate::{self, Revived},
    },
    store::{Again, CHANNEL_EMAIL, DeliveryStatus, Reopened},
};

/// Users in one statement.
const PAGE: usize = 500;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the mail of the first letter may take.
const CANARY_LIMIT: Duration = Duration::from_secs(60);

impl Ops {
    /// Replays the letters of a plan. An accepted mail is not sent again, and of several operators who replay
    /// the same letter one does. Once a server is away, the rest is not tried.
    ///
    /// # Errors
    /// Only when this process is read-only: what can't be done is an outcome.
    pub async fn replay_dead(&self, plan: &DeadPlan) -> Result<DeadReport, OpsError> {
        self.may_write()?;
        let mut outcomes: HashMap<usize, DeadOutcome> = HashMap::new();
        let mut through_ledger: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let mut away: Option<String> = None;
        for (index, item) in plan.items.iter().enumerate() {
            let done = match (&item.action, &away) {
                (DeadAction::Requeue { campaign, .. }, _) => {
                    through_ledger.entry(*campaign).or_default().push(index);
                    continue;
                }
                (_, Some(reason)) => Ok(not_tried(reason)),
                (DeadAction::Append { kind, counted }, None) => {
                    self.append(item, kind, *counted).await
                }
                (DeadAction::Not { why, over }, None) => self.leave(item, why, *over).await,
            };
            let done = done.unwrap_or_else(|error| after(&error, &mut away));
            outcomes.insert(index, done);
        }
        for (campaign, indexes) in through_ledger {
            for page in indexes.chunks(PAGE) {
                let items: Vec<&PlannedLetter> = page.iter().map(|i| &plan.items[*i]).collect();
                let done = match &away {
                    Some(reason) => vec![not_tried(reason); items.len()],
                    None => self.requeue_letters(campaign, &items, &mut away).await,
                };
                outcomes.extend(page.iter().copied().zip(done));
            }
        }
        self.finish_report("dead.replay", plan, outcomes).await
    }

    /// Replays the first letter that goes through the ledger, and the others once its mail was accepted; else
    /// they stay.
    ///
    /// # Errors
    /// When no letter can be the first, or this process is read-only.
    pub async fn replay_canary_first(&self, plan: &DeadPlan) -> Result<DeadReport, OpsError> {
        let Some(first) = plan.canary() else {
            let why = "none of these letters goes through the ledger, so none can be the first";
            return Err(OpsError::Conflict(why.to_owned()));
        };
        let mut rest = plan.clone();
        let first = DeadPlan {
            items: vec![rest.items.remove(first)],
            ..DeadPlan::default()
        };
        let mut report = self.replay_dead(&first).await?;
        let why = match report.done() {
            0 => Some("the first one was not sent".to_owned()),
            _ => match self.await_canary(&first.items[0], CANARY_LIMIT).await {
                Ok(DeliveryStatus::Accepted) => None,
                Ok(status) => Some(format!("the first one is {status}")),
                Err(error) => Some(format!(
                    "what became of the first one is not known: {error}"
                )),
            },
        };
        match why {
            _ if rest.items.is_empty() => {}
            None => {
                let others = self.replay_dead(&rest).await?;
                report.results.extend(others.results);
                report.audited &= others.audited;
            }
            Some(why) => {
                let stays = DeadOutcome::Stays { why };
                let stay = rest.items.iter().map(|item| result(item, stays.clone()));
                report.results.extend(stay);
            }
        }
        Ok(report)
    }

    /// Removes the letters of a plan, for ever. Once Redis is away, the rest is not tried.
    ///
    /// # Errors
    /// Only when this process is read-only: what can't be done is an outcome.
    pub async fn drop_dead(&self, plan: &DeadPlan) -> Result<DeadReport, OpsError> {
        self.may_write()?;
        let mut outcomes = Vec::with_capacity(plan.items.len());
        let mut away: Option<String> = None;
        for page in plan.items.chunks(PAGE) {
            let letters: Vec<_> = page.iter().map(|i| &i.letter.letter).collect();
            let removed = match &away {
                Some(reason) => vec![not_tried(reason); page.len()],
                None => match operate::remove(&self.redis, &letters).await {
                    Ok(removed) => removed
                        .into_iter()
                        .map(|removed| match removed {
                            true => DeadOutcome::Dropped,
                            false => DeadOutcome::Gone,
                        })
                        .collect(),
                    Err(error) => vec![after(&error, &mut away); page.len()],
                },
            };
            outcomes.extend(removed);
        }
        let outcomes = outcomes.into_iter().enumerate().collect();
        self.finish_report("dead.drop", plan, outcomes).await
    }

    /// What the ledger says of the plan's first letter once its mail has ended, or when the time is over:
    /// then perhaps something that is still open.
    async fn await_canary(
        &self,
        item: &PlannedLetter,
        limit: Duration,
    ) -> Result<DeliveryStatus, OpsError> {
        let DeadAction::Requeue { campaign, user, .. } = item.action else {
            return Ok(DeliveryStatus::Queued);
        };
        let (store, begin) = (self.database.get().await?, Instant::now());
        loop {
            let row = store.delivery(campaign, user, CHANNEL_EMAIL).await?;
            let status = row.map_or(DeliveryStatus::Queued, |row| row.status);
            if status.is_closed() || begin.elapsed() >= limit {
                return Ok(status);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn append(
        &self,
        item: &PlannedLetter,
        kind: &str,
        counted: bool,
    ) -> RedisResult<DeadOutcome> {
        let letter = &item.letter.letter;
        let data = item.edited.as_ref().unwrap_or(&letter.data);
        let revived = operate::revive(&self.redis, letter, kind, data, counted).await?;
        Ok(match revived {
            Revived::Revived => DeadOutcome::Appended,
            Revived::Gone => DeadOutcome::Gone,
            Revived::Refused(status) => DeadOutcome::Not {
                why: format!("campaign {} is {status} for Redis", letter.flow),
            },
        })
    }

    async fn leave(&self, item: &PlannedLetter, why: &str, over: bool) -> RedisResult<DeadOutcome> {
        if over {
            operate::remove(&self.redis, &[&item.letter.letter]).await?;
        }
        Ok(DeadOutcome::Not {
            why: why.to_owned(),
        })
    }

    /// Through the ledger: who gets the row back has queued it. Letters whose mail goes again, or went, are
    /// removed after that; if this process dies between the two, the letter is found settled next time.
    async fn requeue_letters(
        &self,
        campaign: i64,
        items: &[&PlannedLetter],
        away: &mut Option<String>,
    ) -> Vec<DeadOutcome> {
        let mut failed = |error: OpsError, outcome: fn(String) -> DeadOutcome| {
            let is_away = error.is_away();
            let reason = format!("{:#}", anyhow::Error::new(error));
            if is_away {
                *away = Some(reason.clone());
            }
            vec![outcome(reason); items.len()]
        };
        let untried = |reason| DeadOutcome::NotTried { reason };
        let store = match self.database.get().await {
            Ok(store) => store,
            Err(error) => return failed(error, untried),
        };
        let mut users = Vec::with_capacity(items.len());
        for item in items {
            let DeadAction::Requeue {
                user, unwritten, ..
            } = &item.action
            else {
                continue;
            };
            if *unwritten {
                let letter = &item.letter.letter;
                let written = store.write_failed(campaign, *user, letter.round, &letter.reason);
                if let Err(error) = written.await {
                    return failed(error.into(), untried);
                }
            }
            users.push(*user);
        }
        let again = Again {
            users: Some(&users),
            with: items.first().and_then(|item| item.edited.as_deref()),
            ..Again::all(campaign, DeliveryStatus::Failed)
        };
        let partitions = self.redis.keys().partitions();
        let moved = match store.requeue(&again, partitions).await {
            Ok(Reopened::Again(moved)) => moved,
            Ok(Reopened::Refused) => {
                let why = format!("campaign {campaign} is neither running, paused nor finished");
                return vec![DeadOutcome::Not { why }; items.len()];
            }
            // The answer to a commit may be what was lost.
            Err(error @ sqlx::Error::Io(_)) => {
                return failed(error.into(), |reason| DeadOutcome::Unknown { reason });
            }
            Err(error) => return failed(error.into(), untried),
        };
        let mut rounds: HashMap<i64, u32> = moved.iter().map(|m| (m.user, m.round)).collect();
        // Without an answer, those that were moved are known all the same.
        let statuses = store.statuses_of(campaign, &users).await;
        let statuses: HashMap<i64, DeliveryStatus> =
            statuses.unwrap_or_default().into_iter().collect();
        let mut over = Vec::new();
        let mut outcomes = Vec::with_capacity(items.len());
        for (item, user) in items.iter().zip(users) {
            let status = statuses.get(&user).copied();
            let round = rounds.remove(&user);
            if round.is_some() || status.is_some_and(settles) {
                over.push(&item.letter.letter);
            }
            outcomes.push(match (round, status) {
                (Some(round), _) => DeadOutcome::Queued { round },
                (None, Some(status)) => DeadOutcome::Not {
                    why: format!("the ledger says {status}"),
                },
                (None, None) => DeadOutcome::Not {
                    why: "the ledger has it no more as failed".to_owned(),
                },
            });
        }
        // They were sent again, whatever becomes of the letters.
        if let Err(error) = operate::remove(&self.redis, &over).await {
            tracing::warn!(%error, "dead letters that were replayed could not be removed");
        }
        outcomes
    }

    async fn finish_report(
        &self,
        what: &str,
        plan: &DeadPlan,
        mut outcomes: HashMap<usize, DeadOutcome>,
    ) -> Result<DeadReport, OpsError> {
        let mut report = DeadReport::default();
        for (index, item) in plan.items.iter().enumerate() {
            let outcome = outcomes.remove(&index);
            let outcome = outcome.unwrap_or_else(|| not_tried(""));
            report.results.push(result(item, outcome));
        }
        let done = report.done();
        let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
        for item in &plan.items {
            *causes.entry(&item.letter.cause).or_default() += 1;
        }
        let before: Vec<String> = causes.iter().map(|(c, n)| format!("{n} × {c}")).collect();
        let done_to = report.results.iter().filter(|r| r.outcome.is_done());
        let ids: Vec<String> = done_to.map(|r| r.id().to_string()).collect();
        let after = format!("{done} of {}", report.results.len());
        let commands = self.removals(plan, &report);
        report.audited = self
            .record(what, &ids, before.join(", "), after, &commands)
            .await;
        Ok(report)
    }

    /// The same as commands for redis-cli: only what was dropped has some, a replay goes through the ledger.
    fn removals(&self, plan: &DeadPlan, report: &DeadReport) -> Vec<String> {
        let mut by_key: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (item, result) in plan.items.iter().zip(&report.results) {
            if result.outcome == DeadOutcome::Dropped {
                let letter = &item.letter.letter;
                let key = self.redis.keys().dead(letter.partition, &letter.stream);
                by_key.entry(key).or_default().push(&letter.id);
            }
        }
        by_key
            .iter()
            .flat_map(|(key, ids)| commands_for(&["XDEL", key], ids))
            .collect()
    }
}

fn result(item: &PlannedLetter, outcome: DeadOutcome) -> DeadResult {
    let letter = &item.letter.letter;
    DeadResult {
        stream: letter.stream.clone(),
        partition: letter.partition,
        id: letter.id.clone(),
        outcome,
    }
}

fn not_tried(reason: &str) -> DeadOutcome {
    DeadOutcome::NotTried {
        reason: reason.to_owned(),
    }
}

/// What is known of a letter after that answer; a server that is away is noted.
fn after(error: &RedisError, away: &mut Option<String>) -> DeadOutcome {
    let (is_away, reason) = (queue::is_away(error), error.to_string());
    if is_away {
        *away = Some(reason.clone());
    }
    match queue::is_reply_lost(error) {
        true => DeadOutcome::Unknown { reason },
        false => DeadOutcome::NotTried { reason },
    }
}
