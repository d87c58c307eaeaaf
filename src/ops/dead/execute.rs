//! Does what a plan says, to those letters that are still there; the ledger has the last word.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use super::{
    super::{Ops, OpsError, command::commands_for},
    DeadAction, DeadOutcome, DeadPlan, DeadReport, DeadResult, PlannedLetter,
    plan::settles,
};
use crate::{
    queue::operate::{self, Revived},
    store::{Again, CHANNEL_EMAIL, DeliveryStatus, Reopened},
};

/// Users in one statement.
const PAGE: usize = 500;
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Ops {
    /// Replays the letters of a plan. An accepted mail is not sent again, and of several operators who replay
    /// the same letter one does.
    ///
    /// # Errors
    /// Only when this process is read-only: what can't be done is an outcome.
    pub async fn replay_dead(&self, plan: &DeadPlan) -> Result<DeadReport, OpsError> {
        self.may_write()?;
        let mut outcomes: HashMap<usize, DeadOutcome> = HashMap::new();
        let mut through_ledger: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (index, item) in plan.items.iter().enumerate() {
            match &item.action {
                DeadAction::Requeue { campaign, .. } => {
                    through_ledger.entry(*campaign).or_default().push(index);
                }
                DeadAction::Append { kind, counted } => {
                    let outcome = self.append(item, kind, *counted).await;
                    outcomes.insert(index, outcome);
                }
                DeadAction::Not { why, over } => {
                    let outcome = self.leave(item, why, *over).await;
                    outcomes.insert(index, outcome);
                }
            }
        }
        for (campaign, indexes) in through_ledger {
            for page in indexes.chunks(PAGE) {
                let items: Vec<&PlannedLetter> = page.iter().map(|i| &plan.items[*i]).collect();
                let done = match self.requeue_letters(campaign, &items).await {
                    Ok(done) => done,
                    Err(error) => {
                        let reason = format!("{:#}", anyhow::Error::new(error));
                        vec![DeadOutcome::NotTried { reason }; items.len()]
                    }
                };
                outcomes.extend(page.iter().copied().zip(done));
            }
        }
        self.finish_report("dead.replay", plan, outcomes).await
    }

    /// Removes the letters of a plan, for ever.
    ///
    /// # Errors
    /// When this process is read-only, or Redis is away; then some may be gone.
    pub async fn drop_dead(&self, plan: &DeadPlan) -> Result<DeadReport, OpsError> {
        self.may_write()?;
        let letters: Vec<_> = plan.items.iter().map(|i| &i.letter.letter).collect();
        let removed = operate::remove(&self.redis, &letters).await?;
        let outcome = |removed| match removed {
            true => DeadOutcome::Dropped,
            false => DeadOutcome::Gone,
        };
        let outcomes = removed.into_iter().map(outcome).enumerate().collect();
        self.finish_report("dead.drop", plan, outcomes).await
    }

    /// What the ledger says of the plan's first letter once its mail has ended, or when the time is over:
    /// then perhaps something that is still open.
    ///
    /// # Errors
    /// When the database is away, or the letter is of no delivery.
    pub async fn await_canary(
        &self,
        item: &PlannedLetter,
        limit: Duration,
    ) -> Result<DeliveryStatus, OpsError> {
        let (Some(campaign), DeadAction::Requeue { user, .. }) =
            (item.letter.campaign(), &item.action)
        else {
            return Err(OpsError::Invalid(
                "the first letter is no delivery that goes through the ledger, so it can be no canary".to_owned(),
            ));
        };
        let (store, begin) = (self.database.get().await?, Instant::now());
        loop {
            let row = store.delivery(campaign, *user, CHANNEL_EMAIL).await?;
            let status = row.map_or(DeliveryStatus::Queued, |row| row.status);
            if status.is_closed() || begin.elapsed() >= limit {
                return Ok(status);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn append(&self, item: &PlannedLetter, kind: &str, counted: bool) -> DeadOutcome {
        let letter = &item.letter.letter;
        let data = item.edited.as_ref().unwrap_or(&letter.data);
        match operate::revive(&self.redis, letter, kind, data, counted).await {
            Ok(Revived::Revived) => DeadOutcome::Appended,
            Ok(Revived::Gone) => DeadOutcome::Gone,
            Ok(Revived::Refused(status)) => DeadOutcome::Not {
                why: format!("campaign {} is {status} for Redis", letter.flow),
            },
            Err(error) => DeadOutcome::NotTried {
                reason: error.to_string(),
            },
        }
    }

    async fn leave(&self, item: &PlannedLetter, why: &str, over: bool) -> DeadOutcome {
        if over && let Err(error) = operate::remove(&self.redis, &[&item.letter.letter]).await {
            return DeadOutcome::NotTried {
                reason: error.to_string(),
            };
        }
        DeadOutcome::Not {
            why: why.to_owned(),
        }
    }

    /// Through the ledger: who gets the row back has queued it. Letters whose mail goes again, or went, are
    /// removed after that; if this process dies between the two, the letter is found settled next time.
    async fn requeue_letters(
        &self,
        campaign: i64,
        items: &[&PlannedLetter],
    ) -> Result<Vec<DeadOutcome>, OpsError> {
        let store = self.database.get().await?;
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
                store
                    .write_failed(campaign, *user, letter.round, &letter.reason)
                    .await?;
            }
            users.push(*user);
        }
        let again = Again {
            users: Some(&users),
            with: items.first().and_then(|item| item.edited.as_deref()),
            ..Again::all(campaign, DeliveryStatus::Failed)
        };
        let partitions = self.redis.keys().partitions();
        let moved = match store.requeue(&again, partitions).await? {
            Reopened::Again(moved) => moved,
            Reopened::Refused => {
                let why = format!("campaign {campaign} is neither running, paused nor finished");
                return Ok(vec![DeadOutcome::Not { why }; items.len()]);
            }
        };
        let mut rounds: HashMap<i64, u32> = moved.iter().map(|m| (m.user, m.round)).collect();
        let statuses: HashMap<i64, DeliveryStatus> = store
            .statuses_of(campaign, &users)
            .await?
            .into_iter()
            .collect();
        let mut over = Vec::new();
        let mut outcomes = Vec::with_capacity(items.len());
        for (item, user) in items.iter().zip(users) {
            let status = statuses.get(&user).copied();
            if status.is_some_and(settles) {
                over.push(&item.letter.letter);
            }
            outcomes.push(match (rounds.remove(&user), status) {
                (Some(round), _) => DeadOutcome::Queued { round },
                (None, Some(status)) => DeadOutcome::Not {
                    why: format!("the ledger says {status}"),
                },
                (None, None) => DeadOutcome::Not {
                    why: "the ledger has no row".to_owned(),
                },
            });
        }
        // They were sent again, whatever becomes of the letters.
        if let Err(error) = operate::remove(&self.redis, &over).await {
            tracing::warn!(%error, "dead letters that were replayed could not be removed");
        }
        Ok(outcomes)
    }

    async fn finish_report(
        &self,
        what: &str,
        plan: &DeadPlan,
        mut outcomes: HashMap<usize, DeadOutcome>,
    ) -> Result<DeadReport, OpsError> {
        let mut report = DeadReport::default();
        for (index, item) in plan.items.iter().enumerate() {
            let untried = DeadOutcome::NotTried {
                reason: String::new(),
            };
            report.results.push(DeadResult {
                stream: item.letter.letter.stream.clone(),
                id: item.letter.letter.id.clone(),
                outcome: outcomes.remove(&index).unwrap_or(untried),
            });
        }
        let done = report.done();
        let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
        for item in &plan.items {
            *causes.entry(&item.letter.cause).or_default() += 1;
        }
        let before: Vec<String> = causes.iter().map(|(c, n)| format!("{n} × {c}")).collect();
        let ids: Vec<String> = report.results.iter().map(|r| r.id.clone()).collect();
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
