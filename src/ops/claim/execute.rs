//! Does what a plan says, to those entries that are still as it saw them.

use std::collections::BTreeMap;

use super::{
    super::{
        Ops, OpsError,
        chosen::{PlannedId, held_by, not_in_work},
    },
    ClaimPlan, ClaimReport, Claimed, alive,
};
use crate::queue::{
    inspect::Source,
    operate::{self, ClaimOutcome, Held},
};

impl Ops {
    /// Does what the plan says to those entries that are still as it saw them.
    ///
    /// # Errors
    /// When this process is read-only, or the target isn't alive any more; then nothing was changed.
    pub async fn claim(&self, plan: &ClaimPlan) -> Result<ClaimReport, OpsError> {
        self.may_write()?;
        not_in_work(plan.min_idle_ms)?;
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
        let (mut results, mut away) = (Vec::with_capacity(plan.items.len()), None);
        for (source, held) in by_source {
            let (redis, group, to) = (&self.redis, &plan.group, &plan.to);
            let min_idle_ms = plan.min_idle_ms;
            let outcomes =
                operate::claim(redis, source, group, to, min_idle_ms, &held, &mut away).await;
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
        let before = held_by(plan.items.iter().map(|item| &item.owner));
        let after = format!(
            "{} got {} of {}",
            report.to,
            report.claimed(),
            report.results.len()
        );
        let won = report.results.iter();
        let won = won.filter(|r| r.outcome == ClaimOutcome::Claimed);
        let won = won.map(|r| &r.entry);
        let ids: Vec<String> = won.clone().map(|entry| entry.id.clone()).collect();
        let what = format!("claim {} {}", plan.stream, plan.group);
        let commands = plan.commands_for(won);
        self.record(&what, &ids, before.join(", "), after, &commands)
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
            let (group, to) = (&report.group, &report.to);
            left += operate::still_held(&self.redis, source, group, to, &ids)
                .await?
                .len();
        }
        Ok(left)
    }
}
