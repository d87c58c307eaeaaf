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

use crate::queue::Entry;

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

/// Reads the event that an entry carries.
///
/// # Errors
/// Says why the entry can never be read (another type, broken JSON, a missing field, an unknown
/// version); the text becomes the reason of the dead letter.
pub fn parse<E: Event>(entry: &Entry) -> Result<E, String> {
    if entry.kind != E::TYPE {
        return Err(match entry.kind.as_str() {
            "" => format!("no field \"type\", expected type {:?}", E::TYPE),
            other => format!("unknown type {other:?}, this stream carries {:?}", E::TYPE),
        });
    }
    if entry.data.is_empty() {
        return Err("no field \"data\"".to_owned());
    }
    let event: E =
        serde_json::from_str(&entry.data).map_err(|e| format!("data of {}: {e}", E::TYPE))?;
    if event.version() != VERSION {
        return Err(format!(
            "data of {}: version {} is not known, this build reads {VERSION}",
            E::TYPE,
            event.version()
        ));
    }
    Ok(event)
}
