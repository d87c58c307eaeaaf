//! A claim is a plan that is seen first, and an outcome per id afterwards.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ops, OpsError, is_ours, pending::no_group};
use crate::queue::{
    inspect::{self, PendingEntry, PendingFilter, Source},
    operate::{self, ClaimOutcome, Held},
};

/// A plan takes at most this many entries; the rest needs another plan.
const MOST: usize = 100_000;
const PAGE: usize = 1_000;

/// One entry, where the same id may lie in several partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PlannedId {
    pub source: Source,
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Ids, in whichever partition they are pending.
    Ids(Vec<String>),
    Entries(Vec<PlannedId>),
    /// Everything that has been idle long enough.
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    pub stream: String,
    pub group: String,
    /// `None`: the least busy live consumer.
    pub to: Option<String>,
    /// `None`: the visibility time.
    pub min_idle_ms: Option<u64>,
    pub which: Which,
}

/// A live consumer that may get the entries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    pub name: String,
    pub state: String,
    /// Entries that it has in hand.
    pub in_hand: u64,
    pub rate: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedClaim {
    #[serde(flatten)]
    pub entry: PlannedId,
    pub owner: String,
    pub idle_ms: u64,
    /// Before; the claim counts one more.
    pub deliveries: u64,
}

/// What would be done. `to` and `min_idle_ms` may still be changed; the entries are frozen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimPlan {
    pub stream: String,
    pub group: String,
    /// Empty when nobody who could get them is alive.
    pub to: String,
    pub min_idle_ms: u64,
    pub targets: Vec<Target>,
    pub items: Vec<PlannedClaim>,
    /// Ids that were asked for and aren't pending.
    pub absent: Vec<String>,
    /// There are more than a plan can hold.
    pub more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claimed {
    #[serde(flatten)]
    pub entry: PlannedId,
    #[serde(flatten)]
    pub outcome: ClaimOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimReport {
    pub group: String,
    pub to: String,
    pub results: Vec<Claimed>,
    /// The deed is in the audit.
    pub audited: bool,
}

impl ClaimPlan {
    /// The commands for redis-cli that would do the same, one a stream key; long lists are cut.
    pub fn commands(&self) -> Vec<String> {
        let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for item in &self.items {
            let ids = by_key.entry(&item.entry.source.key).or_default();
            ids.push(&item.entry.id);
        }
        by_key
            .into_iter()
            .map(|(key, ids)| {
                let shown = ids[..ids.len().min(3)].join(" ");
                let rest = match ids.len().saturating_sub(3) {
                    0 => String::new(),
                    n => format!(" … {n} more"),
                };
                let Self {
                    group,
                    to,
                    min_idle_ms,
                    ..
                } = self;
                format!("XCLAIM {key} {group} {to} {min_idle_ms} {shown}{rest}")
            })
            .collect()
    }
}

impl ClaimReport {
    pub fn claimed(&self) -> usize {
        let won = |c: &&Claimed| c.outcome == ClaimOutcome::Claimed;
        self.results.iter().filter(won).count()
    }
}

impl Ops {
    /// Looks at the entries as they are now, and at who could take them.
    ///
    /// # Errors
    /// When Redis is away, the group isn't there, the target isn't alive or min-idle is 0.
    pub async fn plan_claim(&self, request: &ClaimRequest) -> Result<ClaimPlan, OpsError> {
        let ClaimRequest { stream, group, .. } = request;
        let min_idle_ms = request.min_idle_ms.unwrap_or(self.config.visibility_ms);
        if min_idle_ms == 0 {
            return Err(OpsError::Invalid(
                "min-idle must not be 0: entries in work would be taken from their consumer"
                    .to_owned(),
            ));
        }
        let mut targets = self.targets(stream, group).await?;
        targets.sort_by(|a, b| (a.in_hand, &a.name).cmp(&(b.in_hand, &b.name)));
        let to = match &request.to {
            None => targets.first().map_or_else(String::new, |t| t.name.clone()),
            Some(name) => {
                alive(&targets, name, group)?;
                name.clone()
            }
        };
        let mut plan = ClaimPlan {
            stream: stream.clone(),
            group: group.clone(),
            to,
            min_idle_ms,
            targets,
            items: Vec::new(),
            absent: Vec::new(),
            more: false,
        };
        match &request.which {
            Which::All => self.plan_all(&mut plan).await?,
            Which::Entries(entries) => {
                for entry in entries {
                    self.plan_one(&mut plan, &entry.source, &entry.id).await?;
                }
                plan.absent = absent(&plan, entries.iter().map(|e| &e.id));
            }
            Which::Ids(ids) => {
                for source in self.sources(stream) {
                    for id in ids {
                        self.plan_one(&mut plan, &source, id).await?;
                    }
                }
                plan.absent = absent(&plan, ids.iter());
            }
        }
        Ok(plan)
    }

    async fn plan_all(&self, plan: &mut ClaimPlan) -> Result<(), OpsError> {
        for source in self.sources(&plan.stream) {
            let mut filter = PendingFilter {
                min_idle_ms: plan.min_idle_ms,
                count: PAGE,
                ..PendingFilter::default()
            };
            loop {
                let page = inspect::held(&self.redis, &source, &plan.group, &filter)
                    .await
                    .map_err(|e| no_group(e, &plan.stream, &plan.group))?;
                let Some(last) = page.last() else { break };
                filter.start = format!("({}", last.id);
                plan.items.extend(page.into_iter().map(planned));
                if plan.items.len() >= MOST {
                    plan.items.truncate(MOST);
                    plan.more = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn plan_one(
        &self,
        plan: &mut ClaimPlan,
        source: &Source,
        id: &str,
    ) -> Result<(), OpsError> {
        let filter = PendingFilter {
            start: id.to_owned(),
            count: 1,
            ..PendingFilter::default()
        };
        let page = inspect::held(&self.redis, source, &plan.group, &filter)
            .await
            .map_err(|e| no_group(e, &plan.stream, &plan.group))?;
        let found = page.into_iter().filter(|e| e.id == id);
        plan.items.extend(found.map(planned));
        Ok(())
    }

    /// Who may get entries of that group. For a stream of ours: live workers of that service. For a
    /// foreign one nobody beats, so whoever has tried to read lately.
    async fn targets(&self, stream: &str, group: &str) -> Result<Vec<Target>, OpsError> {
        if is_ours(stream) {
            let workers = self.workers().await?;
            return Ok(workers
                .into_iter()
                .filter(|w| w.live && w.info.service == group && w.info.state != "draining")
                .map(|w| Target {
                    name: w.name,
                    state: w.info.state,
                    in_hand: w.info.in_hand,
                    rate: w.info.rate,
                })
                .collect());
        }
        let view = inspect::groups_of(&self.redis, Source::foreign(stream)).await?;
        let consumers = view
            .groups
            .into_iter()
            .find(|g| g.name == group)
            .map(|g| g.consumers)
            .ok_or_else(|| {
                OpsError::NotFound(format!("stream {stream:?} has no group {group:?}"))
            })?;
        Ok(consumers
            .into_iter()
            .filter(|c| c.idle_ms < self.config.visibility_ms)
            .map(|c| Target {
                name: c.name,
                state: "reading".to_owned(),
                in_hand: c.pending,
                rate: 0.0,
            })
            .collect())
    }

    /// Does what the plan says to those entries that are still as it saw them.
    ///
    /// # Errors
    /// When this process is read-only, or the target isn't alive any more; then nothing was changed.
    pub async fn claim(&self, plan: &ClaimPlan) -> Result<ClaimReport, OpsError> {
        self.may_write()?;
        if plan.min_idle_ms == 0 {
            return Err(OpsError::Invalid("min-idle must not be 0".to_owned()));
        }
        alive(
            &self.targets(&plan.stream, &plan.group).await?,
            &plan.to,
            &plan.group,
        )?;
        let mut by_source: BTreeMap<&Source, Vec<Held>> = BTreeMap::new();
        for item in &plan.items {
            by_source.entry(&item.entry.source).or_default().push(Held {
                id: item.entry.id.clone(),
                owner: item.owner.clone(),
            });
        }
        let mut results = Vec::with_capacity(plan.items.len());
        for (source, held) in by_source {
            let (group, to) = (&plan.group, &plan.to);
            let outcomes =
                operate::claim(&self.redis, source, group, to, plan.min_idle_ms, &held).await;
            results.extend(outcomes.into_iter().map(|r| Claimed {
                entry: PlannedId {
                    source: source.clone(),
                    id: r.id,
                },
                outcome: r.outcome,
            }));
        }
        let mut report = ClaimReport {
            group: plan.group.clone(),
            to: plan.to.clone(),
            results,
            audited: false,
        };
        report.audited = self.record_claim(plan, &report).await;
        Ok(report)
    }

    async fn record_claim(&self, plan: &ClaimPlan, report: &ClaimReport) -> bool {
        let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
        for item in &plan.items {
            *owners.entry(&item.owner).or_default() += 1;
        }
        let before: Vec<String> = owners
            .iter()
            .map(|(o, n)| format!("{o} held {n}"))
            .collect();
        let after = format!(
            "{} got {} of {}",
            report.to,
            report.claimed(),
            report.results.len()
        );
        let ids: Vec<String> = report
            .results
            .iter()
            .filter(|r| r.outcome == ClaimOutcome::Claimed)
            .map(|r| r.entry.id.clone())
            .collect();
        let what = format!("claim {} {}", plan.stream, plan.group);
        let command = plan.commands().join("; ");
        self.record(&what, &ids, before.join(", "), after, command)
            .await
    }

    /// How many of the claimed entries their new owner still holds: it is working them off.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn claim_left(&self, report: &ClaimReport) -> Result<usize, OpsError> {
        let mut by_source: BTreeMap<&Source, Vec<String>> = BTreeMap::new();
        for result in &report.results {
            if result.outcome == ClaimOutcome::Claimed {
                let ids = by_source.entry(&result.entry.source).or_default();
                ids.push(result.entry.id.clone());
            }
        }
        let mut left = 0;
        for (source, ids) in by_source {
            for page in ids.chunks(PAGE) {
                let (group, to) = (&report.group, &report.to);
                left += operate::still_held(&self.redis, source, group, to, page)
                    .await?
                    .len();
            }
        }
        Ok(left)
    }
}

fn planned(entry: PendingEntry) -> PlannedClaim {
    PlannedClaim {
        entry: PlannedId {
            source: entry.source,
            id: entry.id,
        },
        owner: entry.consumer,
        idle_ms: entry.idle_ms,
        deliveries: entry.deliveries,
    }
}

fn absent<'a>(plan: &ClaimPlan, ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    ids.filter(|id| !plan.items.iter().any(|i| i.entry.id == **id))
        .cloned()
        .collect()
}

fn alive(targets: &[Target], name: &str, group: &str) -> Result<(), OpsError> {
    if targets.iter().any(|t| t.name == name) {
        return Ok(());
    }
    let others: Vec<&str> = targets.iter().map(|t| t.name.as_str()).collect();
    let hint = if others.is_empty() {
        format!("no consumer of {group} is alive")
    } else {
        format!("alive: {}", others.join(", "))
    };
    Err(OpsError::Conflict(if name.is_empty() {
        hint
    } else {
        format!("{name} is not a live consumer of {group}; {hint}")
    }))
}
