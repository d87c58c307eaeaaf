//! Plans a claim: looks at the entries as they are, and at who could take them.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::{
        ConsumerView, Ops, OpsError, StuckEntry,
        chosen::{Chosen, PAGE, planned_id},
        is_own_group,
        wording::duration,
    },
    ClaimPlan, ClaimRequest, PlannedClaim, Target, alive,
};
use crate::{
    event::STAGES,
    queue::inspect::{self, PendingEntry, PendingFilter},
};

impl Ops {
    /// Looks at the entries as they are now, and at who could take them.
    ///
    /// # Errors
    /// When Redis is away, the group isn't there, the target isn't alive or min-idle is 0.
    pub async fn plan_claim(&self, request: &ClaimRequest) -> Result<ClaimPlan, OpsError> {
        let ClaimRequest { stream, group, .. } = request;
        let mut plan = self.begin_plan(request).await?;
        let place = (stream.as_str(), group.as_str());
        let chosen = self.choose(place, plan.min_idle_ms, &request.which).await?;
        plan.hold(chosen);
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
        let mut chosen = Chosen::default();
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
            while !chosen.more {
                let mut page = self.held(&source, group, &filter).await?;
                let Some(last) = page.last() else { break };
                filter.start = format!("({}", last.id);
                if bodies {
                    inspect::bodies(&self.redis, page.iter_mut()).await?;
                }
                let stuck = page.into_iter().filter_map(|entry| match ours {
                    true => self.judge(&overview, entry),
                    false => self.judge_foreign(&readers, entry),
                });
                chosen.add(stuck.filter(|s| wanted(s)).map(|s| s.entry));
            }
        }
        plan.hold(chosen);
        Ok(plan)
    }

    /// Who could take the entries; none are in it yet.
    async fn begin_plan(&self, request: &ClaimRequest) -> Result<ClaimPlan, OpsError> {
        let ClaimRequest { stream, group, .. } = request;
        let min_idle_ms = self.min_idle_ms(request.min_idle_ms)?;
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
            self.held(&source, group, &none).await?;
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

impl ClaimPlan {
    fn hold(&mut self, chosen: Chosen) {
        self.items = chosen.entries.into_iter().map(planned).collect();
        self.absent = chosen.absent;
        self.more = chosen.more;
    }
}

fn planned(entry: PendingEntry) -> PlannedClaim {
    PlannedClaim {
        entry: planned_id(&entry),
        owner: entry.consumer,
        idle_ms: entry.idle_ms,
        deliveries: entry.deliveries,
    }
}
