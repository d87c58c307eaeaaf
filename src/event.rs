//! The events, in the order in which they happen: the whole pipeline on one page.
//!
//! ```text
//! campaign-service ─ CampaignTurn ─▶ user-service ─ NotificationRequested ─▶ notification-service
//!                                    │     ▲                                        │
//!                                    └─────┘ next turn                        EmailRequested
//!                                                                                   ▼
//!                                                       deliveries (ledger) ◀─ email-service ─▶ SMTP
//! ```
//!
//! An event carries ids and what the next step needs, never a rendered body. `v` is the version of
//! the JSON; a reader refuses a version that it does not know, and the entry becomes a dead letter.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::queue::{Entry, Outcome, Turns};

/// The version that this build writes and reads.
pub const VERSION: u32 = 1;

/// A fact, as it lies in the `data` field of a stream entry.
pub trait Event: Serialize + DeserializeOwned {
    /// What the entry's `type` field says, `noun.participle`.
    const TYPE: &'static str;
    /// The stream that carries it, by its short name.
    const STREAM: &'static str;

    fn version(&self) -> u32;

    /// The JSON for the entry's `data` field.
    fn to_data(&self) -> String {
        serde_json::to_string(self).expect("events hold only strings and numbers")
    }
}

/// The fan-out of a campaign takes turns with those of other campaigns; this is one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignTurn {
    pub v: u32,
    /// Counts from 1. A turn older than the one that the campaign has reached is only acknowledged.
    pub turn: u64,
}

/// Somebody is to hear of a campaign: may we, and by which channel?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRequested {
    pub v: u32,
    pub user: i64,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
}

/// One e-mail is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailRequested {
    pub v: u32,
    pub user: i64,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
}

impl EmailRequested {
    /// A mail that belongs to no campaign; its id stands where the user's would.
    pub fn single(id: i64, email: String, name: String) -> Self {
        Self {
            v: VERSION,
            user: id,
            email,
            first_name: name,
            last_name: String::new(),
        }
    }
}

impl Event for CampaignTurn {
    const TYPE: &'static str = "campaign.turn";
    const STREAM: &'static str = "campaign";
    fn version(&self) -> u32 {
        self.v
    }
}

impl Event for NotificationRequested {
    const TYPE: &'static str = "notification.requested";
    const STREAM: &'static str = "notification";
    fn version(&self) -> u32 {
        self.v
    }
}

impl Event for EmailRequested {
    const TYPE: &'static str = "email.requested";
    const STREAM: &'static str = "email-notification";
    fn version(&self) -> u32 {
        self.v
    }
}

/// The streams in the order of the flow, each with the consumer group that reads it. A group is named
/// after its service.
pub const STAGES: [(&str, &str); 3] = [
    (CampaignTurn::STREAM, "user-service"),
    (NotificationRequested::STREAM, "notification-service"),
    (EmailRequested::STREAM, "email-service"),
];

/// What the queue needs to know of a turn, to append the next one.
pub const TURNS: Turns = Turns {
    stream: CampaignTurn::STREAM,
    group: "user-service",
    kind: CampaignTurn::TYPE,
    data: ("{\"v\":1,\"turn\":", "}"),
};

/// Why an entry can't be read, ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub reason: String,
    /// True for an event of ours in a version of its own: a fan-out has counted it. Anything else was put
    /// there by hand.
    counted: bool,
}

impl Unreadable {
    /// To the dead letters.
    pub fn outcome(self) -> Outcome {
        let reason = self.reason;
        if self.counted {
            Outcome::Dead { reason }
        } else {
            Outcome::Reject { reason }
        }
    }
}

/// Reads the event that an entry carries.
///
/// # Errors
/// Another type, broken JSON, a missing field, an unknown version.
pub fn parse<E: Event>(entry: &Entry) -> Result<E, Unreadable> {
    let foreign = |reason: String| Unreadable {
        reason,
        counted: false,
    };
    if entry.kind.is_empty() {
        return Err(foreign(format!(
            "no field \"type\", expected type {:?}",
            E::TYPE
        )));
    }
    if entry.kind != E::TYPE {
        return Err(foreign(format!(
            "unknown type {:?}, this stream carries {:?}",
            entry.kind,
            E::TYPE
        )));
    }
    if entry.data.is_empty() {
        return Err(foreign("no field \"data\"".to_owned()));
    }
    let event: E =
        serde_json::from_str(&entry.data).map_err(|error| {
            match serde_json::from_str::<Versioned>(&entry.data) {
                Ok(Versioned { v }) if v != VERSION => unknown_version::<E>(v),
                _ => foreign(format!("data of {}: {error}", E::TYPE)),
            }
        })?;
    if event.version() != VERSION {
        return Err(unknown_version::<E>(event.version()));
    }
    Ok(event)
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// The campaign that an entry belongs to: its flow, or 0 for a mail that belongs to none. `None` for a flow that is
/// no campaign.
pub fn campaign_of(entry: &Entry) -> Option<i64> {
    match entry.flow.as_str() {
        "" => (entry.kind == EmailRequested::TYPE).then_some(0),
        flow => flow.parse().ok().filter(|id| *id > 0),
    }
}

/// Whom the data of an event names, in whatever version.
pub fn user_of(data: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Named {
        user: i64,
    }
    let named: Result<Named, _> = serde_json::from_str(data);
    named.ok().map(|named| named.user)
}

fn unknown_version<E: Event>(v: u32) -> Unreadable {
    Unreadable {
        reason: format!(
            "data of {}: version {v} is not known, this build reads {VERSION}",
            E::TYPE
        ),
        counted: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, data: &str) -> Entry {
        Entry {
            kind: kind.to_owned(),
            data: data.to_owned(),
            ..Entry::default()
        }
    }

    fn refused(kind: &str, data: &str) -> Unreadable {
        parse::<CampaignTurn>(&entry(kind, data)).expect_err("unreadable")
    }

    #[test]
    fn a_turn_reads_back_as_the_queue_writes_it() {
        let data = format!("{}{}{}", TURNS.data.0, 17, TURNS.data.1);
        let turn = parse::<CampaignTurn>(&entry(CampaignTurn::TYPE, &data));
        assert_eq!(turn, Ok(CampaignTurn { v: 1, turn: 17 }));
        assert_eq!(turn.expect("a turn").to_data(), data);
    }

    #[test]
    fn only_a_mail_may_belong_to_no_campaign() {
        let of = |kind: &str, flow: &str| {
            campaign_of(&Entry {
                flow: flow.to_owned(),
                ..entry(kind, "{}")
            })
        };
        assert_eq!(of(EmailRequested::TYPE, ""), Some(0));
        assert_eq!(of(NotificationRequested::TYPE, ""), None);
        assert_eq!(of(NotificationRequested::TYPE, "7"), Some(7));
        for flow in ["0", "-7", "seven"] {
            assert_eq!(of(EmailRequested::TYPE, flow), None);
        }
    }

    #[test]
    fn what_cant_be_read_says_why() {
        assert!(refused("a.b", "{}").reason.contains("unknown type \"a.b\""));
        assert!(refused("", "{}").reason.contains("no field \"type\""));
        assert!(
            refused(CampaignTurn::TYPE, "")
                .reason
                .contains("no field \"data\"")
        );
        assert!(refused(CampaignTurn::TYPE, "{").reason.contains("EOF"));
        assert!(
            refused(CampaignTurn::TYPE, "{\"v\":1}")
                .reason
                .contains("missing field `turn`")
        );
    }

    #[test]
    fn only_another_version_was_counted_by_a_fan_out() {
        let outcome = refused(CampaignTurn::TYPE, "{\"v\":2}").outcome();
        assert!(matches!(outcome, Outcome::Dead { reason } if reason.contains("version 2")));
        let outcome = refused(CampaignTurn::TYPE, "{}").outcome();
        assert!(matches!(outcome, Outcome::Reject { .. }));
    }
}
