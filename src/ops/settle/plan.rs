//! Plans the end of pending entries: looks at them as they are.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    super::{
        Ops, OpsError, PlannedId, Which, command::commands_for, is_own_group, pending::no_group,
    },
    PlannedEnd, SettlePlan, SettleRequest, SettleVerb,
};
use crate::{
    event::STAGES,
    queue::inspect::{self, PendingEntry, PendingFilter, Source},
};

/// A plan takes at most this many entries; the rest needs another plan.
const MOST: usize = 100_000;
const PAGE: usize = 1_000;

impl Ops {
    /// Looks at the entries as they are now.
    ///
    /// # Errors
    /// When Redis is away, the group isn't there, min-idle is 0, or an entry of a group that isn't ours is to become
    /// a dead letter.
    pub async fn plan_settle(&self, request: &SettleRequest) -> Result<SettlePlan, OpsError> {
        let SettleRequest {
            verb,
            stream,
            group,
            ..
        } = request;
        self.may_settle(*verb, stream, group)?;
        let min_idle_ms = request.min_idle_ms.unwrap_or(self.config.visibility_ms);
        if min_idle_ms == 0 {
            return Err(OpsError::Invalid(
                "min-idle must not be 0: entries in work would be taken from their consumer"
                    .to_owned(),
            ));
        }
        let mut plan = SettlePlan {
            verb: *verb,
            stream: stream.clone(),
            group: group.clone(),
            min_idle_ms,
            items: Vec::new(),
            absent: Vec::new(),
            more: false,
            after: after(*verb, is_own_group(stream, group)),
            commands: Vec::new(),
        };
        let asked: Vec<PlannedId> = match &request.which {
            Which::All => {
                for source in self.sources(stream) {
                    self.plan_idle(&mut plan, &source).await?;
                }
                Vec::new()
            }
            Which::Entries(entries) => entries.clone(),
            Which::Ids(ids) => {
                let in_each = |source: Source| {
                    let entry = move |id: &String| PlannedId {
                        source: source.clone(),
                        id: id.clone(),
                    };
                    ids.iter().map(entry).collect::<Vec<_>>()
                };
                self.sources(stream).into_iter().flat_map(in_each).collect()
            }
        };
        let mut seen = BTreeSet::new();
        for entry in asked.iter().filter(|entry| seen.insert(*entry)) {
            self.plan_asked(&mut plan, entry).await?;
        }
        // An id without its partition is there when it is in any of them.
        let anywhere = matches!(request.which, Which::Ids(_));
        let items = plan.items.iter().map(|item| &item.entry);
        let found: HashSet<_> = items.clone().collect();
        let ids: HashSet<_> = items.map(|entry| &entry.id).collect();
        let is_there = |entry: &PlannedId| match anywhere {
            true => ids.contains(&entry.id),
            false => found.contains(entry),
        };
        let absent = asked.iter().filter(|entry| !is_there(entry));
        let absent: BTreeSet<_> = absent.map(|entry| entry.id.clone()).collect();
        plan.absent = absent.into_iter().collect();
        if !is_own_group(stream, group) {
            plan.commands = commands(group, plan.items.iter().map(|item| &item.entry));
        }
        Ok(plan)
    }

    /// Only a group of ours has dead letters, and only by its short name are its books known.
    pub(super) fn may_settle(
        &self,
        verb: SettleVerb,
        stream: &str,
        group: &str,
    ) -> Result<(), OpsError> {
        for (ours, own_group) in STAGES {
            let by_key = Source::of(&self.redis, ours)
                .iter()
                .any(|source| source.key == stream);
            if by_key && own_group == group {
                return Err(OpsError::Invalid(format!(
                    "{stream} is of the pipeline, which counts its entries: say {ours}"
                )));
            }
        }
        if verb == SettleVerb::DeadLetter && !is_own_group(stream, group) {
            return Err(OpsError::Invalid(format!(
                "{group} of {stream} is no group of the pipeline, so it has no dead letters: acknowledge, or claim"
            )));
        }
        Ok(())
    }

    async fn plan_idle(&self, plan: &mut SettlePlan, source: &Source) -> Result<(), OpsError> {
        let mut filter = PendingFilter {
            min_idle_ms: plan.min_idle_ms,
            count: PAGE,
            ..PendingFilter::default()
        };
        while !plan.more {
            let page = inspect::pending(&self.redis, source, &plan.group, &filter)
                .await
                .map_err(|e| no_group(e, &plan.stream, &plan.group))?;
            let Some(last) = page.last() else { break };
            filter.start = format!("({}", last.id);
            plan.items.extend(page.into_iter().map(planned));
            plan.more = plan.items.len() > MOST;
            plan.items.truncate(MOST);
        }
        Ok(())
    }

    async fn plan_asked(&self, plan: &mut SettlePlan, asked: &PlannedId) -> Result<(), OpsError> {
        let filter = PendingFilter {
            start: asked.id.clone(),
            count: 1,
            ..PendingFilter::default()
        };
        let page = inspect::pending(&self.redis, &asked.source, &plan.group, &filter)
            .await
            .map_err(|e| no_group(e, &plan.stream, &plan.group))?;
        let found = page.into_iter().filter(|e| e.id == asked.id);
        plan.items.extend(found.map(planned));
        Ok(())
    }
}

fn planned(entry: PendingEntry) -> PlannedEnd {
    PlannedEnd {
        what: what(&entry),
        entry: PlannedId {
            source: entry.source,
            id: entry.id,
        },
        owner: entry.consumer,
        idle_ms: entry.idle_ms,
        deliveries: entry.deliveries,
    }
}

/// Whose an entry is, without a name or an address.
fn what(entry: &PendingEntry) -> String {
    if entry.fields.is_none() {
        return "trimmed".to_owned();
    }
    let campaign = match entry.field("flow") {
        None | Some("") => None,
        Some(flow) => Some(format!("campaign {flow}")),
    };
    let user = entry.field("data").and_then(super::ledger::user_of);
    let user = user.map(|user| format!("user {user}"));
    let parts: Vec<String> = campaign.into_iter().chain(user).collect();
    parts.join(", ")
}

fn after(verb: SettleVerb, ours: bool) -> &'static str {
    match (verb, ours) {
        (SettleVerb::DeadLetter, _) => {
            "They count as failed and are kept among the dead letters, to be looked at and replayed."
        }
        (SettleVerb::Acknowledge, true) => {
            "They are skipped: they count as failed, and nothing is kept but the ledger's line and the audit."
        }
        (SettleVerb::Acknowledge, false) => {
            "They are skipped: the group counts them as handled. The stream keeps them until it is trimmed."
        }
    }
}

/// The commands for redis-cli that acknowledge these entries.
pub(super) fn commands<'a>(
    group: &str,
    entries: impl Iterator<Item = &'a PlannedId>,
) -> Vec<String> {
    let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in entries {
        by_key.entry(&entry.source.key).or_default().push(&entry.id);
    }
    by_key
        .iter()
        .flat_map(|(key, ids)| commands_for(&["XACK", key, group], ids))
        .collect()
}
