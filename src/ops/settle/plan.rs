//! Plans the end of pending entries: looks at them as they are.

use super::{
    super::{
        Ops, OpsError,
        chosen::{PAGE, PlannedId, by_key, planned_id},
        command::commands_for,
        is_own_group,
    },
    PlannedEnd, SettlePlan, SettleRequest, SettleVerb,
};
use crate::{
    event::{STAGES, user_of},
    queue::inspect::{self, PendingEntry, Source},
};

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
        let min_idle_ms = self.min_idle_ms(request.min_idle_ms)?;
        let place = (stream.as_str(), group.as_str());
        let mut chosen = self.choose(place, min_idle_ms, &request.which).await?;
        let mut plan = SettlePlan {
            verb: *verb,
            stream: stream.clone(),
            group: group.clone(),
            min_idle_ms,
            items: Vec::with_capacity(chosen.entries.len()),
            absent: chosen.absent,
            more: chosen.more,
            after: after(*verb, is_own_group(stream, group)),
            commands: Vec::new(),
        };
        // Of a page's bodies it keeps what they tell, before it reads the next ones.
        for page in chosen.entries.chunks_mut(PAGE) {
            inspect::bodies(&self.redis, page.iter_mut()).await?;
            plan.items.extend(page.iter_mut().map(planned));
        }
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
}

fn planned(entry: &mut PendingEntry) -> PlannedEnd {
    let what = what(entry);
    entry.fields = None;
    PlannedEnd {
        what,
        entry: planned_id(entry),
        owner: entry.consumer.clone(),
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
    let user = entry.field("data").and_then(user_of);
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
    by_key(entries)
        .iter()
        .flat_map(|(key, ids)| commands_for(&["XACK", key, group], ids))
        .collect()
}
