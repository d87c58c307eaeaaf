//! Pending entries that an operator ends: to the dead letters, or acknowledged, which skips them. A plan is seen
//! first, and each entry has its outcome.

mod counted;
mod execute;
mod ledger;
mod plan;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::{PlannedId, Which};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettleVerb {
    /// As the pipeline does with poison: failed, and kept to be looked at and replayed.
    DeadLetter,
    /// As a dead letter that is dropped at once: failed, and not kept. In a group that isn't ours: XACK.
    Acknowledge,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleRequest {
    pub verb: SettleVerb,
    pub stream: String,
    pub group: String,
    /// `None`: the visibility time.
    pub min_idle_ms: Option<u64>,
    pub which: Which,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedEnd {
    #[serde(flatten)]
    pub entry: PlannedId,
    pub owner: String,
    pub idle_ms: u64,
    pub deliveries: u64,
    /// Whose it is, as far as its fields tell: `campaign 7, user 17`.
    pub what: String,
}

/// What would be done; the entries are frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettlePlan {
    pub verb: SettleVerb,
    pub stream: String,
    pub group: String,
    pub min_idle_ms: u64,
    pub items: Vec<PlannedEnd>,
    /// Ids that were asked for and aren't pending.
    pub absent: Vec<String>,
    /// There are more than a plan can hold.
    pub more: bool,
    /// What follows from it.
    pub after: &'static str,
    /// The commands for redis-cli that would do the same; none for a group of ours, whose books they would break.
    pub commands: Vec<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SettleOutcome {
    DeadLettered,
    Acknowledged,
    /// The ledger knew already how it had ended: it was acknowledged and counted as that.
    Ended {
        status: &'static str,
    },
    /// Its owner has touched it since.
    NotIdle {
        idle_ms: u64,
    },
    /// Another consumer has it than the one the plan saw.
    Taken {
        by: String,
    },
    /// A live process has its mail in hand, so nobody decides: it stays pending.
    InHand {
        by: String,
    },
    /// It is no longer pending: it was handled meanwhile.
    Handled,
    /// It was trimmed from the stream; it is acknowledged, which is all that could be done.
    Vanished,
    /// The reply was lost, so it may or may not have been done.
    Unknown,
    /// A server refused or was lost before it was this entry's turn.
    NotTried {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    #[serde(flatten)]
    pub entry: PlannedId,
    #[serde(flatten)]
    pub outcome: SettleOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettleReport {
    pub verb: SettleVerb,
    pub results: Vec<Settled>,
    /// The deed is in the audit.
    pub audited: bool,
}

impl SettleVerb {
    /// On the command line and in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead-letter",
            Self::Acknowledge => "ack",
        }
    }
}

impl SettleReport {
    /// How many have ended as was asked for, or as the ledger knew.
    pub fn done(&self) -> usize {
        let done = |r: &&Settled| self.is_done(&r.outcome);
        self.results.iter().filter(done).count()
    }

    pub fn is_done(&self, outcome: &SettleOutcome) -> bool {
        match outcome {
            SettleOutcome::Vanished => self.verb == SettleVerb::Acknowledge,
            outcome => matches!(
                outcome,
                SettleOutcome::DeadLettered
                    | SettleOutcome::Acknowledged
                    | SettleOutcome::Ended { .. }
            ),
        }
    }
}
