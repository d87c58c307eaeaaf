//! Plans a claim: looks at the entries as they are, and at who could take them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    super::{
        ConsumerView, Ops, OpsError, StuckEntry, is_own_group, pending::no_group, wording::duration,
    },
    ClaimPlan, ClaimRequest, PlannedClaim, PlannedId, Target, Which, alive,
};
use crate::{
    event::STAGES,
    queue::inspect::{self, PendingEntry, PendingFilter, Source},
};

/// A plan takes at most this many entries; the rest needs another plan.
const MOST: usize = 100_000;
const PAGE: usize = 1_000;

impl Ops {
    /// Looks at the entries as they are now, and at who could take them.
    ///
    /// # Errors
    /// When Redis is away, the group isn't there, the target isn't alive or min-idle is 0.
    pub async fn plan_claim(&self, request: &ClaimRequest) -> Result<ClaimPlan, OpsError> {
        let stream = &request.stream;
        let mut plan = self.begin_plan(request).await?;
        match &request.which {
            Which::All => self.plan_all(&mut plan).await?,
            Which::Entries(entries) => {
                for entry in entries {
                    self.plan_one(&mut plan, &entry.source, &entry.id).await?;
                }
                let found: HashSet<_> = plan.items.iter().map(|i| &i.entry).collect();
                let absent = entries.iter().filter(|entry| !found.contains(entry));
                plan.absent = absent.map(|entry| entry.id.clone()).collect();
            }
            Which::Ids(ids) => {
                for source in self.sources(stream) {
                    for id in ids {
                        self.plan_one(&mut plan, &source, id).await?;
                    }
                }
                let found: HashSet<_> = plan.items.iter().map(|i| &i.entry.id).collect();
                let absent = ids.iter().filter(|id| !found.contains(id));
                plan.absent = absent.cloned().collect();
            }
        }
        Ok(plan)
    }

    /// Plans to claim all of a group that is stuck and `wanted`, be it listed or not, up to 100,000: of one
    /// consumer, or of all. The whole list is walked; `bodies`: `wanted` looks at the fields.
    ///
    /// # Errors
    /// As [`Ops::plan_claim`].
    pub async fn plan_claim_stuck(
        &self,
        request: &ClaimRequest,
        consumer: Option<&str>,
        bodies: bool,
        wanted: &(dyn Fn(&StuckEntry) -> bool + Sync),
    ) -> Result<ClaimPlan, OpsError> {
        let ClaimRequest { stream, group, .. } = request;
        let mut plan = self.begin_plan(request).await?;
        let ours = is_own_group(stream, group);
        let overview = inspect::overview(&self.redis, &STAGES, self.config.presence_ms).await?;
        for source in self.sources(stream) {
            let readers = match ours {
                true => HashMap::new(),
                false => self.readers(&source, group).await?,
            };
            let mut filter = PendingFilter {
                consumer: consumer.map(str::to_owned),
                count: PAGE,
                ..PendingFilter::default()
            };
            loop {
                let mut page = inspect::held(&self.redis, &source, group, &filter)
                    .await
                    .map_err(|e| no_group(e, stream, group))?;
                let Some(last) = page.last() else { break };
                filter.start = format!("({}", last.id);
                if bodies {
                    inspect::bodies(&self.redis, page.iter_mut()).await?;
                }
                let stuck = page.into_iter().filter_map(|entry| match ours {
                    true => self.judge(&overview, entry),
                    false => self.judge_foreign(&readers, entry),
                });
                let stuck = stuck.filter(|s| wanted(s));
                plan.items.extend(stuck.map(|s| planned(s.entry)));
                if plan.items.len() > MOST {
                    plan.items.truncate(MOST);
                    plan.more = true;
                    return Ok(plan);
                }
            }
        }
        Ok(plan)
    }

    /// Who could take the entries; none are in it yet.
    async fn begin_plan(&self, request: &ClaimRequest) -> Result<ClaimPlan, OpsError> {
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
        Ok(ClaimPlan {
            stream: stream.clone(),
            group: group.clone(),
            to,
            min_idle_ms,
            targets,
            items: Vec::new(),
            absent: Vec::new(),
            more: false,
        })
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
    pub(super) async fn targets(&self, stream: &str, group: &str) -> Result<Vec<Target>, OpsError> {
        if is_own_group(stream, group) {
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
        let mut readers: BTreeMap<String, ConsumerView> = BTreeMap::new();
        for source in self.sources(stream) {
            // Says NOGROUP, where XINFO CONSUMERS would be taken for an empty group.
            let none = PendingFilter {
                count: 1,
                ..PendingFilter::default()
            };
            inspect::held(&self.redis, &source, group, &none)
                .await
                .map_err(|e| no_group(e, stream, group))?;
            for consumer in inspect::consumers(&self.redis, &source, group).await? {
                let known = readers.entry(consumer.name.clone()).or_insert_with(|| {
                    let (pending, idle_ms) = (0, u64::MAX);
                    ConsumerView {
                        pending,
                        idle_ms,
                        ..consumer.clone()
                    }
                });
                known.pending += consumer.pending;
                known.idle_ms = known.idle_ms.min(consumer.idle_ms);
            }
        }
        let alive = readers.into_values().filter(|c| self.reads(c));
        Ok(alive
            .map(|c| Target {
                name: c.name,
                state: format!("read {} ago", duration(c.idle_ms)),
                in_hand: c.pending,
                rate: 0.0,
            })
            .collect())
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
