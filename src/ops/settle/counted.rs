//! Whose an entry is, as its stage would read it, and whether a campaign counts it.

use crate::{
    event::{
        CampaignTurn, EmailRequested, Event, NotificationRequested, Unreadable, campaign_of, parse,
        user_of,
    },
    queue::{Entry, FlowStatus, Outcome, Statuses},
    store::{GivenUp, InDoubt},
};

/// Whether a fan-out has counted an entry, by the rules of its stage.
pub(super) enum Counted {
    Yes(Option<GivenUp>),
    /// Why it is none of ours.
    No(String),
}

impl Counted {
    pub(super) fn row(&self) -> Option<&GivenUp> {
        match self {
            Self::Yes(row) => row.as_ref(),
            Self::No(_) => None,
        }
    }
}

pub(super) fn counted(stream: &str, entry: &Entry, statuses: &Statuses) -> Counted {
    if let Some(broken) = &entry.broken {
        return Counted::No(broken.reason.clone());
    }
    let user = match user_in(stream, entry) {
        Ok(user) => user,
        Err(unreadable) => match unreadable.outcome() {
            Outcome::Reject { reason } => return Counted::No(reason),
            _ => user_of(&entry.data),
        },
    };
    let is_known = |id: &i64| *id == 0 || statuses.of(entry) != FlowStatus::Missing;
    match campaign_of(entry).filter(is_known) {
        None => Counted::No(format!("no campaign {:?} is known to Redis", entry.flow)),
        Some(campaign) => Counted::Yes(user.map(|user| GivenUp {
            campaign,
            user,
            round: entry.round,
            attempt: entry.attempt,
            policy: InDoubt::Resend,
        })),
    }
}

/// Whom an entry is for, read as its stage would; a turn is for nobody.
fn user_in(stream: &str, entry: &Entry) -> Result<Option<i64>, Unreadable> {
    match stream {
        CampaignTurn::STREAM => parse::<CampaignTurn>(entry).map(|_| None),
        NotificationRequested::STREAM => {
            parse::<NotificationRequested>(entry).map(|event| Some(event.user))
        }
        _ => parse::<EmailRequested>(entry).map(|event| Some(event.user)),
    }
}
