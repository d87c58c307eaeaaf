//! Does what a plan says, to those entries that are still as it saw them.
//!
//! An entry of ours is claimed first, by a consumer of this deed's own; from then on nobody else has it, and it ends
//! as it would in a worker's hands: the ledger's row is closed, then one script acknowledges it, writes the letter
//! and moves the tally. Whatever breaks in between, the entry is still pending, and a worker takes it over.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{
        Ops, OpsError,
        chosen::{held_by, not_in_work},
        is_own_group,
    },
    PlannedEnd, SettleOutcome, SettlePlan, SettleReport, SettleVerb, Settled,
    counted::{Counted, counted},
    plan::commands,
};
use crate::{
    event::{CampaignTurn, Event},
    queue::{
        self, Closed, Flows, Outcome,
        inspect::Source,
        is_away, is_reply_lost,
        operate::{self, Acked, ClaimOutcome, Held},
    },
    store::{GaveUp, GivenUp, Ledger, now_ms},
};

/// Entries in one step: none of them may be without its owner's sign of life for long.
const PAGE: usize = 500;
/// Entries of which the audit tells whose they were.
const TOLD: usize = 20;
const LEDGER_ENDS: Duration = Duration::from_secs(2);

/// What all the steps of one deed share.
struct Deed<'a> {
    plan: &'a SettlePlan,
    /// A consumer of that name holds the entries meanwhile.
    name: String,
    why: String,
    ledger: Option<Ledger>,
    flows: Flows,
}

impl Ops {
    /// Does what the plan says to those entries that are still as it saw them.
    ///
    /// # Errors
    /// When this process is read-only, or the database is away that has to know; then nothing was changed.
    pub async fn settle(&self, plan: &SettlePlan) -> Result<SettleReport, OpsError> {
        self.may_write()?;
        self.may_settle(plan.verb, &plan.stream, &plan.group)?;
        not_in_work(plan.min_idle_ms)?;
        let deed = self.begin_deed(plan).await?;
        let mut by_source: BTreeMap<&Source, Vec<&PlannedEnd>> = BTreeMap::new();
        for item in &plan.items {
            by_source.entry(&item.entry.source).or_default().push(item);
        }
        let (mut results, mut stop) = (Vec::with_capacity(plan.items.len()), Stop::default());
        for (source, items) in by_source {
            let outcomes = self.settle_source(&deed, source, &items, &mut stop).await;
            let ids = items.iter().map(|item| item.entry.clone());
            results.extend(
                ids.zip(outcomes)
                    .map(|(entry, outcome)| Settled { entry, outcome }),
            );
        }
        if let Some(ledger) = &deed.ledger {
            // What it can't write now it goes on trying by itself.
            let _ = tokio::time::timeout(LEDGER_ENDS, ledger.shutdown()).await;
        }
        let mut report = SettleReport {
            verb: plan.verb,
            results,
            audited: false,
        };
        report.audited = self.record_settle(plan, &report).await;
        Ok(report)
    }

    async fn begin_deed<'a>(&self, plan: &'a SettlePlan) -> Result<Deed<'a>, OpsError> {
        let now_ms = now_ms().unsigned_abs();
        let name = format!("operator-{}", queue::consumer_name(now_ms));
        let ledger = match is_own_group(&plan.stream, &plan.group) && !plan.items.is_empty() {
            false => None,
            true => {
                let store = self.database.get().await?;
                store.ping().await?;
                Some(Ledger::start(store.clone(), name.clone()))
            }
        };
        let why = match plan.verb {
            SettleVerb::DeadLetter => format!("operator: dead-lettered by {}", self.who),
            SettleVerb::Acknowledge => format!("operator: skipped by {}", self.who),
        };
        Ok(Deed {
            plan,
            name,
            why,
            ledger,
            flows: Flows::new(self.redis.clone()),
        })
    }

    /// One stream key; one outcome per entry, in the same order.
    async fn settle_source(
        &self,
        deed: &Deed<'_>,
        source: &Source,
        items: &[&PlannedEnd],
        stop: &mut Stop,
    ) -> Vec<SettleOutcome> {
        let mut outcomes = Vec::with_capacity(items.len());
        stop.here = None;
        for page in items.chunks(PAGE) {
            if let Some(reason) = stop.reason() {
                let untried = SettleOutcome::NotTried {
                    reason: reason.clone(),
                };
                outcomes.extend(vec![untried; page.len()]);
                continue;
            }
            outcomes.extend(match &deed.ledger {
                Some(ledger) => self.end_page(deed, ledger, source, page, stop).await,
                None => self.acknowledge_page(deed, source, page, stop).await,
            });
        }
        // Where it was stopped, what it claimed stays with its consumer.
        if deed.ledger.is_some() && stop.reason().is_none() {
            let (group, name) = (&deed.plan.group, &deed.name);
            match operate::delete_consumer(&self.redis, source, group, name).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!(consumer = %name, "an operator's consumer still holds entries; they are pending as those of a process that is gone");
                }
                Err(error) => {
                    tracing::warn!(consumer = %name, %error, "an operator's consumer was not removed");
                }
            }
        }
        outcomes
    }

    /// A group that isn't ours: acknowledged, no more.
    async fn acknowledge_page(
        &self,
        deed: &Deed<'_>,
        source: &Source,
        page: &[&PlannedEnd],
        stop: &mut Stop,
    ) -> Vec<SettleOutcome> {
        let (group, min_idle_ms) = (&deed.plan.group, deed.plan.min_idle_ms);
        let held: Vec<Held> = page.iter().map(held).collect();
        match operate::acknowledge(&self.redis, source, group, min_idle_ms, &held).await {
            Ok(acked) => acked.into_iter().map(acknowledged).collect(),
            Err(error) => {
                stop.note(error.to_string(), is_away(&error));
                vec![failed(&error); page.len()]
            }
        }
    }

    /// Claims the page, and ends what was got.
    async fn end_page(
        &self,
        deed: &Deed<'_>,
        ledger: &Ledger,
        source: &Source,
        page: &[&PlannedEnd],
        stop: &mut Stop,
    ) -> Vec<SettleOutcome> {
        let (group, min_idle_ms) = (&deed.plan.group, deed.plan.min_idle_ms);
        let held: Vec<Held> = page.iter().map(held).collect();
        let (redis, name, away) = (&self.redis, &deed.name, &mut stop.away);
        let claimed = operate::claim(redis, source, group, name, min_idle_ms, &held, away).await;
        let mut got = Vec::new();
        let mut outcomes: Vec<SettleOutcome> = Vec::with_capacity(page.len());
        for (item, result) in page.iter().zip(claimed) {
            outcomes.push(match result.outcome {
                ClaimOutcome::Claimed => {
                    got.push(*item);
                    // Until it is known better: another one was faster than we.
                    SettleOutcome::Taken { by: String::new() }
                }
                ClaimOutcome::NotIdle { idle_ms } => SettleOutcome::NotIdle { idle_ms },
                ClaimOutcome::Vanished => SettleOutcome::Vanished,
                ClaimOutcome::Taken { by } => SettleOutcome::Taken { by },
                ClaimOutcome::Acknowledged => SettleOutcome::Handled,
                ClaimOutcome::Unknown => SettleOutcome::Unknown,
                ClaimOutcome::NotTried { reason } => {
                    stop.note(reason.clone(), false);
                    SettleOutcome::NotTried { reason }
                }
            });
        }
        let ended = match self.end_claimed(deed, ledger, source, &got).await {
            Ok(ended) => ended,
            Err(error) => {
                let is_away = error.is_away();
                let text = format!("{:#}", anyhow::Error::new(error));
                let reason = format!("{text}; it stays pending, held by {name}");
                stop.note(text, is_away);
                let left = |item: &&PlannedEnd| {
                    let reason = reason.clone();
                    (item.entry.id.clone(), SettleOutcome::NotTried { reason })
                };
                got.iter().map(left).collect()
            }
        };
        for (item, outcome) in page.iter().zip(&mut outcomes) {
            if let Some(end) = ended.get(&item.entry.id) {
                outcome.clone_from(end);
            }
        }
        outcomes
    }

    /// Ends entries that this deed's consumer holds, as a worker would: the ledger first.
    async fn end_claimed(
        &self,
        deed: &Deed<'_>,
        ledger: &Ledger,
        source: &Source,
        items: &[&PlannedEnd],
    ) -> Result<BTreeMap<String, SettleOutcome>, OpsError> {
        if items.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (redis, group) = (&self.redis, deed.plan.group.as_str());
        let ids: Vec<String> = items.iter().map(|item| item.entry.id.clone()).collect();
        let deliveries: BTreeMap<&str, u64> = items
            .iter()
            .map(|item| (item.entry.id.as_str(), item.deliveries))
            .collect();
        let mut entries = operate::entries_of(redis, source, group, &deed.name, &ids).await?;
        for entry in &mut entries {
            entry.deliveries = deliveries.get(entry.id.as_str()).copied().unwrap_or(0);
        }
        let statuses = deed.flows.of(&entries).await?;
        let claims: Vec<Counted> = entries
            .iter()
            .map(|entry| counted(&source.stream, entry, &statuses))
            .collect();
        let rows: Vec<GivenUp> = claims.iter().filter_map(Counted::row).cloned().collect();
        let mut ends = self.give_up(ledger, rows, &deed.why).await?.into_iter();
        let mut outcomes = BTreeMap::new();
        let mut batch = Vec::with_capacity(entries.len());
        for (entry, claim) in entries.into_iter().zip(claims) {
            let end = claim.row().and_then(|_| ends.next());
            let (outcome, said) = match end {
                Some(GaveUp::InHand(by)) => {
                    outcomes.insert(entry.id, SettleOutcome::InHand { by });
                    continue;
                }
                Some(GaveUp::Closed(closed)) => {
                    let status = closed.counter();
                    (Outcome::Done(closed), SettleOutcome::Ended { status })
                }
                Some(GaveUp::Failed) | None => deed.end(claim),
            };
            outcomes.insert(entry.id.clone(), said);
            batch.push((entry, outcome));
        }
        let is_counted = source.stream != CampaignTurn::STREAM;
        match operate::settle(redis, source, group, is_counted, &batch).await {
            // Somebody took them over and ended them; the ledger had told him how.
            Ok(late) => {
                for id in late {
                    outcomes.insert(id, SettleOutcome::Handled);
                }
            }
            Err(error) => {
                for (entry, _) in batch {
                    outcomes.insert(entry.id, failed(&error));
                }
            }
        }
        Ok(outcomes)
    }

    async fn record_settle(&self, plan: &SettlePlan, report: &SettleReport) -> bool {
        let mut before = held_by(plan.items.iter().map(|item| &item.owner));
        let told = plan.items.iter().filter(|item| !item.what.is_empty());
        let told = told.map(|item| format!("{} {}", item.entry.id, item.what));
        before.extend(told.take(TOLD));
        let what = format!("{} {} {}", plan.verb.name(), plan.stream, plan.group);
        let done = report.results.iter().filter(|r| report.is_done(&r.outcome));
        let ids: Vec<String> = done.clone().map(|r| r.entry.id.clone()).collect();
        let after = format!("{} of {}", report.done(), report.results.len());
        let commands = match is_own_group(&plan.stream, &plan.group) {
            true => Vec::new(),
            false => commands(&plan.group, done.map(|r| &r.entry)),
        };
        self.record(&what, &ids, before.join(", "), after, &commands)
            .await
    }
}

/// Why no more is tried: anywhere, for a server is away, or of one stream key.
#[derive(Debug, Default)]
struct Stop {
    away: Option<String>,
    here: Option<String>,
}

impl Stop {
    fn reason(&self) -> Option<&String> {
        self.away.as_ref().or(self.here.as_ref())
    }

    fn note(&mut self, reason: String, is_away: bool) {
        match is_away {
            true => self.away = Some(reason),
            false => self.here = Some(reason),
        }
    }
}

impl Deed<'_> {
    /// What becomes of an entry whose row, if it has one, has ended as failed.
    fn end(&self, claim: Counted) -> (Outcome, SettleOutcome) {
        let reason = self.why.clone();
        match (self.plan.verb, claim) {
            (SettleVerb::DeadLetter, Counted::Yes(_)) => {
                (Outcome::Dead { reason }, SettleOutcome::DeadLettered)
            }
            (SettleVerb::DeadLetter, Counted::No(why)) => {
                let reason = format!("{reason}; {why}");
                (Outcome::Reject { reason }, SettleOutcome::DeadLettered)
            }
            (SettleVerb::Acknowledge, Counted::Yes(_)) => {
                (Outcome::Done(Closed::Failed), SettleOutcome::Acknowledged)
            }
            (SettleVerb::Acknowledge, Counted::No(_)) => {
                (Outcome::Drop, SettleOutcome::Acknowledged)
            }
        }
    }
}

fn held(item: &&PlannedEnd) -> Held {
    Held {
        id: item.entry.id.clone(),
        owner: item.owner.clone(),
    }
}

fn acknowledged(acked: Acked) -> SettleOutcome {
    match acked {
        Acked::Done => SettleOutcome::Acknowledged,
        Acked::Vanished => SettleOutcome::Vanished,
        Acked::NotIdle { idle_ms } => SettleOutcome::NotIdle { idle_ms },
        Acked::Taken { by } => SettleOutcome::Taken { by },
        Acked::Before => SettleOutcome::Handled,
    }
}

fn failed(error: &redis::RedisError) -> SettleOutcome {
    match is_reply_lost(error) {
        true => SettleOutcome::Unknown,
        false => SettleOutcome::NotTried {
            reason: error.to_string(),
        },
    }
}
