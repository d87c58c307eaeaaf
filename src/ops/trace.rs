//! One recipient's message across all stages: what the ledger knows, and where an entry of it lies now.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CampaignView, Letter, Ops, OpsError};
use crate::{
    event::{STAGES, user_of},
    queue::inspect::{self, Located, Place, Source},
    store::{CHANNEL_EMAIL, Delivery, DeliveryStatus},
};

/// A moment on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Milliseconds since 1970: of the database's for the ledger, of Redis for entries.
    pub at_ms: u64,
    /// Since the step before.
    pub wait_ms: u64,
    pub what: String,
}

/// Everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// `None` for a single mail.
    pub campaign: Option<CampaignView>,
    pub user: i64,
    pub delivery: Option<Delivery>,
    /// Entries in streams, retries and parked ones.
    pub entries: Vec<Located>,
    pub letters: Vec<Letter>,
    /// In the order of time.
    pub steps: Vec<Step>,
    /// In a sentence: where it is now.
    pub now: String,
    /// Some place held more entries than are read, so something may be missing.
    pub partial: bool,
}

impl Ops {
    /// Looks for a recipient's message everywhere: reads whole streams, so it is for one question at a time.
    /// Campaign 0 are the single mails, and `user` is then the mail's id.
    ///
    /// # Errors
    /// When there is no such campaign, or Redis or the database is away.
    pub async fn trace(&self, campaign: i64, user: i64) -> Result<Trace, OpsError> {
        let view = match campaign {
            0 => None,
            id => Some(self.show(id).await?),
        };
        let store = self.database.get().await?;
        let delivery = store.delivery(campaign, user, CHANNEL_EMAIL).await?;
        let flow = match campaign {
            0 => String::new(),
            id => id.to_string(),
        };
        let partitions = i64::from(self.redis.keys().partitions());
        let partition = u32::try_from(user.rem_euclid(partitions)).unwrap_or(0);
        let (mut entries, mut letters, mut partial) = (Vec::new(), Vec::new(), false);
        for (stream, group) in &STAGES[1..] {
            let sources = Source::of(&self.redis, stream);
            let Some(source) = sources.get(partition as usize) else {
                continue;
            };
            let mut look = |found: Located| {
                if found.field("flow") == flow && user_of(found.field("data")) == Some(user) {
                    entries.push(found);
                }
            };
            partial |= !inspect::walk(&self.redis, source, group, &mut look).await?;
        }
        let dead = self.dead_letters(&super::DeadFilter::default()).await?;
        partial |= dead.more;
        letters.extend(
            dead.letters
                .into_iter()
                .filter(|letter| letter.letter.flow == flow && letter.user() == Some(user)),
        );
        let mut trace = Trace {
            campaign: view,
            user,
            delivery,
            entries,
            letters,
            steps: Vec::new(),
            now: String::new(),
            partial,
        };
        trace.steps = steps(&trace);
        trace.now = now(&trace);
        Ok(trace)
    }
}

fn steps(trace: &Trace) -> Vec<Step> {
    let mut moments: BTreeMap<(u64, usize), String> = BTreeMap::new();
    let mut add = |at_ms: u64, what: String| {
        let order = moments.len();
        moments.insert((at_ms, order), what);
    };
    let ms = |at: i64| u64::try_from(at).unwrap_or(0);
    if let Some(campaign) = &trace.campaign
        && let Ok(at) = campaign.created_at.parse::<jiff::Timestamp>()
    {
        add(ms(at.as_millisecond()), "campaign accepted".to_owned());
    }
    for entry in &trace.entries {
        if let Some(at_ms) = entry.added_at_ms() {
            add(at_ms, format!("added to {}", entry.source.stream));
        }
    }
    for letter in &trace.letters {
        let letter = &letter.letter;
        let what = format!("dead letter of {}: {}", letter.stream, letter.reason);
        add(letter.at_ms, what);
    }
    if let Some(delivery) = &trace.delivery {
        add(ms(delivery.created_at_ms), "first in the ledger".to_owned());
        for attempt in &delivery.history {
            let code = attempt
                .code
                .map_or_else(String::new, |code| format!("{code} "));
            let (n, round, answer) = (attempt.attempt, attempt.round, &attempt.answer);
            let what = format!("attempt {n} of round {round} failed: {code}{answer}");
            add(ms(attempt.at_ms), what);
        }
        let told = delivery.history.last().map(|attempt| attempt.at_ms);
        if told != Some(delivery.updated_at_ms) {
            let answer = delivery.answer.as_deref().unwrap_or_default();
            let code = delivery
                .code
                .map_or_else(String::new, |code| format!(" {code}"));
            let what = format!("{} by {}{code} {answer}", delivery.status, delivery.owner);
            add(ms(delivery.updated_at_ms), what.trim().to_owned());
        }
    }
    let mut before = None;
    moments
        .into_iter()
        .map(|((at_ms, _), what)| Step {
            at_ms,
            wait_ms: at_ms - before.replace(at_ms).unwrap_or(at_ms),
            what,
        })
        .collect()
}

fn now(trace: &Trace) -> String {
    let open = trace
        .entries
        .iter()
        .rfind(|e| e.place != Place::Acknowledged);
    let place = open.map(|entry| {
        let stream = &entry.source.stream;
        match &entry.place {
            Place::Pending { consumer, .. } => format!("in the hands of {consumer} ({stream})"),
            Place::Retrying { .. } => format!("waits for its next attempt ({stream})"),
            Place::Parked => format!("parked, since its campaign is paused ({stream})"),
            Place::Unread | Place::Acknowledged => format!("waits to be read ({stream})"),
        }
    });
    match (&trace.delivery, place) {
        (Some(delivery), _) if delivery.status == DeliveryStatus::Accepted => {
            "the mail server has taken it".to_owned()
        }
        (Some(delivery), None) if delivery.status.is_closed() => {
            let answer = delivery.answer.as_deref().unwrap_or_default();
            format!("{} {answer}", delivery.status).trim().to_owned()
        }
        (_, Some(place)) => place,
        (Some(delivery), None) => format!("{}, and no entry of it was found", delivery.status),
        (None, None) => "nothing is known of it: not yet fanned out, or never".to_owned(),
    }
}
