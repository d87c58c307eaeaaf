//! Plans a claim: looks at the entries as they are, and at who could take them.

use super::{
    super::{Ops, OpsError, is_ours, pending::no_group},
    ClaimPlan, ClaimRequest, PlannedClaim, PlannedId, Target, Which, alive,
};
use crate::queue::inspect::{self, PendingEntry, PendingFilter, Source};

/// A plan takes at most this many entries; the rest needs another plan.
const MOST: usize = 100_000;
const PAGE: usize = 1_000;

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
    pub(super) async fn targets(&self, stream: &str, group: &str) -> Result<Vec<Target>, OpsError> {
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
