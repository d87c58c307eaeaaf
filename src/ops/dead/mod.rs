//! Dead letters: looked at by cause, replayed through the ledger, or dropped. A plan is seen first, and each
//! letter has its outcome.

mod cause;
mod execute;
mod id;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

pub use cause::{cause, fingerprint};
pub use id::LetterId;

use super::{Ops, OpsError};
use crate::{
    event::{STAGES, user_of},
    queue::inspect::{self, DeadLetter},
    store::Delivery,
};

/// Letters that are read at most.
const MOST: usize = 100_000;
const PAGE: usize = 1_000;

/// Which letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// The short name of a stream; `None` for all.
    pub stream: Option<String>,
    /// Empty for all.
    pub ids: Vec<LetterId>,
    /// A fingerprint, or a part of the cause.
    pub cause: Option<String>,
    pub campaign: Option<i64>,
}

/// A dead letter and why it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    #[serde(flatten)]
    pub letter: DeadLetter,
    pub cause: String,
    pub fingerprint: String,
}

/// Letters of one stage and campaign that died of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadGroup {
    pub fingerprint: String,
    pub cause: String,
    pub stream: String,
    pub flow: String,
    pub count: u64,
    pub first_at_ms: u64,
    pub last_at_ms: u64,
    /// One of them.
    pub example_id: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeadLetters {
    pub letters: Vec<Letter>,
    /// There are more than are read.
    pub more: bool,
}

/// One letter with what the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadDetails {
    #[serde(flatten)]
    pub letter: Letter,
    /// With the history of attempts; `None` when the ledger has no row.
    pub delivery: Option<Delivery>,
}

/// What a replay would do with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum DeadAction {
    /// Through the ledger: failed → queued, the next round.
    Requeue {
        campaign: i64,
        user: i64,
        /// No row tells of it yet, though its campaign has counted it as failed.
        unwritten: bool,
    },
    /// To the end of its stream; `counted`: its campaign has one recipient more.
    Append { kind: String, counted: bool },
    /// Not again: why. `over`: the letter is settled and is removed.
    Not { why: String, over: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedLetter {
    #[serde(flatten)]
    pub letter: Letter,
    #[serde(flatten)]
    pub action: DeadAction,
    /// The data that is sent, when it was edited.
    pub edited: Option<String>,
}

/// What would be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeadPlan {
    pub items: Vec<PlannedLetter>,
    /// Ids that were asked for and are no dead letters.
    pub absent: Vec<String>,
    pub more: bool,
}

impl DeadPlan {
    /// Where the letter is that can go first: its mail's fate is in the ledger.
    pub fn canary(&self) -> Option<usize> {
        let goes = |item: &PlannedLetter| matches!(item.action, DeadAction::Requeue { .. });
        self.items.iter().position(goes)
    }
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum DeadOutcome {
    /// Queued again by the ledger, in that round.
    Queued {
        round: u32,
    },
    Appended,
    Dropped,
    /// Somebody else has replayed or dropped it.
    Gone,
    /// Not sent again, and why.
    Not {
        why: String,
    },
    /// It waited for the first one, of which the mail was not accepted.
    Stays {
        why: String,
    },
    /// The reply was lost, so it may or may not have been done.
    Unknown {
        reason: String,
    },
    /// A server was lost before it was this letter's turn; nothing was changed.
    NotTried {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadResult {
    pub stream: String,
    pub partition: u32,
    pub id: String,
    #[serde(flatten)]
    pub outcome: DeadOutcome,
}

impl DeadResult {
    pub fn id(&self) -> LetterId {
        LetterId {
            partition: Some(self.partition),
            id: self.id.clone(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeadReport {
    pub results: Vec<DeadResult>,
    /// The deed is in the audit.
    pub audited: bool,
}

impl DeadReport {
    /// How many were queued, appended or dropped.
    pub fn done(&self) -> usize {
        self.results.iter().filter(|r| r.outcome.is_done()).count()
    }
}

impl DeadOutcome {
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Queued { .. } | Self::Appended | Self::Dropped)
    }
}

impl DeadFilter {
    /// `ids` are those of the filter, for one look at each letter.
    fn takes(&self, letter: &Letter, ids: &HashSet<&LetterId>) -> bool {
        let named = || {
            let id = letter.id();
            ids.contains(&id) || ids.contains(&LetterId::anywhere(id.id))
        };
        let cause = |wanted: &String| {
            letter.fingerprint == *wanted
                || letter.cause.to_lowercase().contains(&wanted.to_lowercase())
        };
        (ids.is_empty() || named())
            && self.cause.as_ref().is_none_or(cause)
            && self
                .campaign
                .is_none_or(|campaign| letter.letter.flow == campaign.to_string())
    }
}

/// Letters of the same cause, stage and campaign together; the largest group first.
pub fn grouped(letters: &[Letter]) -> Vec<DeadGroup> {
    let mut groups: BTreeMap<(&str, &str, &str), DeadGroup> = BTreeMap::new();
    for one in letters {
        let letter = &one.letter;
        let key = (
            one.cause.as_str(),
            letter.stream.as_str(),
            letter.flow.as_str(),
        );
        let group = groups.entry(key).or_insert_with(|| DeadGroup {
            fingerprint: one.fingerprint.clone(),
            cause: one.cause.clone(),
            stream: letter.stream.clone(),
            flow: letter.flow.clone(),
            count: 0,
            first_at_ms: letter.at_ms,
            last_at_ms: letter.at_ms,
            example_id: letter.id.clone(),
        });
        group.count += 1;
        group.first_at_ms = group.first_at_ms.min(letter.at_ms);
        group.last_at_ms = group.last_at_ms.max(letter.at_ms);
    }
    let mut groups: Vec<DeadGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

impl Ops {
    /// The letters that a filter takes, oldest first within a stream's partition.
    ///
    /// # Errors
    /// When Redis is away, or there is no such stream of ours.
    pub async fn dead_letters(&self, filter: &DeadFilter) -> Result<DeadLetters, OpsError> {
        let mut found = DeadLetters::default();
        let ids: HashSet<&LetterId> = filter.ids.iter().collect();
        let ours = |(stream, _): &(&'static str, &str)| *stream;
        let streams: Vec<&str> = match &filter.stream {
            None => STAGES.iter().map(ours).collect(),
            Some(name) => {
                let stream = STAGES.iter().map(ours).find(|stream| stream == name);
                vec![stream.ok_or_else(|| {
                    OpsError::NotFound(format!("there is no stream {name:?} of ours"))
                })?]
            }
        };
        for stream in streams {
            for partition in 0..self.redis.keys().partitions() {
                let mut start = "-".to_owned();
                loop {
                    let redis = &self.redis;
                    let page =
                        inspect::dead_letters(redis, stream, partition, &start, PAGE).await?;
                    let Some(last) = page.last() else { break };
                    start = format!("({}", last.id);
                    let letters = page.into_iter().map(Letter::from);
                    found
                        .letters
                        .extend(letters.filter(|l| filter.takes(l, &ids)));
                    if found.letters.len() >= MOST {
                        found.letters.truncate(MOST);
                        found.more = true;
                        return Ok(found);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The same, when each id of the filter means one letter.
    async fn named_letters(&self, filter: &DeadFilter) -> Result<DeadLetters, OpsError> {
        let found = self.dead_letters(filter).await?;
        for id in filter.ids.iter().filter(|id| id.partition.is_none()) {
            let mine = found.letters.iter().filter(|l| l.letter.id == id.id);
            let mine: Vec<_> = mine
                .map(|l| format!("{} {}", l.letter.stream, l.id()))
                .collect();
            if mine.len() > 1 {
                return Err(OpsError::Conflict(format!(
                    "{id} is {} letters, {}: name the stream, and the id with its partition",
                    mine.len(),
                    mine.join(" and ")
                )));
            }
        }
        Ok(found)
    }

    /// One letter, and what the ledger knows of its recipient.
    ///
    /// # Errors
    /// When there is no such letter or more than one, or Redis or the database is away.
    pub async fn dead_letter(&self, stream: &str, id: &LetterId) -> Result<DeadDetails, OpsError> {
        let filter = DeadFilter {
            stream: Some(stream.to_owned()),
            ids: vec![id.clone()],
            ..DeadFilter::default()
        };
        let found = self.named_letters(&filter).await?.letters;
        let letter = found
            .into_iter()
            .next()
            .ok_or_else(|| OpsError::NotFound(format!("{stream} has no dead letter {id}")))?;
        let delivery = match (letter.campaign(), letter.user()) {
            (Some(campaign), Some(user)) => {
                let store = self.database.get().await?;
                store
                    .delivery(campaign, user, crate::store::CHANNEL_EMAIL)
                    .await?
            }
            _ => None,
        };
        Ok(DeadDetails { letter, delivery })
    }
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        let cause = cause(&letter.reason);
        Self {
            fingerprint: fingerprint(&cause),
            cause,
            letter,
        }
    }
}

impl Letter {
    pub fn id(&self) -> LetterId {
        LetterId {
            partition: Some(self.letter.partition),
            id: self.letter.id.clone(),
        }
    }

    /// 0 for single mails; `None` when it belongs to no campaign.
    pub fn campaign(&self) -> Option<i64> {
        match self.letter.flow.as_str() {
            "" if self.letter.stream == STAGES[2].0 => Some(0),
            flow => flow.parse().ok().filter(|id| *id > 0),
        }
    }

    /// Whom its data names.
    pub fn user(&self) -> Option<i64> {
        user_of(&self.letter.data)
    }
}
