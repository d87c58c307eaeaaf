//! A claim is a plan that is seen first, and an outcome per id afterwards.

mod execute;
mod plan;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{
    OpsError,
    chosen::{PlannedId, Which, by_key},
    command::{command, commands_for},
    wording::count,
};
use crate::queue::operate::ClaimOutcome;

/// Ids in a command that is only looked at.
const SHOWN: usize = 3;

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
    /// The commands for redis-cli that would do the same; each takes up to 100 ids of one key.
    pub fn commands(&self) -> Vec<String> {
        self.commands_for(self.items.iter().map(|item| &item.entry))
    }

    /// The same to be looked at: one a key, with the first ids and how many more there are.
    pub fn commands_in_short(&self) -> Vec<String> {
        let min_idle = self.min_idle_ms.to_string();
        let by_key = by_key(self.items.iter().map(|item| &item.entry));
        let short = by_key.iter().map(|(key, ids)| {
            let words = ["XCLAIM", key, &self.group, &self.to, &min_idle];
            let shown = &ids[..ids.len().min(SHOWN)];
            let line = command(words.iter().chain(shown).copied());
            match ids.len() - shown.len() {
                0 => line,
                more => format!("{line} … {} more", count(more as u64)),
            }
        });
        short.collect()
    }

    fn commands_for<'a>(&self, entries: impl Iterator<Item = &'a PlannedId>) -> Vec<String> {
        let min_idle = self.min_idle_ms.to_string();
        let by_key = by_key(entries);
        let commands = by_key.iter().flat_map(|(key, ids)| {
            let words = ["XCLAIM", key, &self.group, &self.to, &min_idle];
            commands_for(&words, ids)
        });
        commands.collect()
    }
}

impl ClaimReport {
    pub fn claimed(&self) -> usize {
        let won = |c: &&Claimed| c.outcome == ClaimOutcome::Claimed;
        self.results.iter().filter(won).count()
    }
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
