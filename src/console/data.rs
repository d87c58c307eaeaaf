//! What a list asks for, and what comes back. `fetch` answers a query, the list makes rows of the data.

use crate::ops::{
    Addressed, AuditEntry, CampaignReport, CampaignRow, CampaignView, DeadDetails, DeadFilter,
    DeadGroup, Delivery, DeliveryFilter, FailureGroup, Failures, GroupRow, InboxMessage, Letter,
    LetterId, MailText, PendingEntry, ScheduleDetail, ScheduleView, SecretsStatus, StreamEntry,
    StreamTable, StreamWatch, Stuck, Trace,
};

/// A question with all that it depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    /// In any group of the server, or in ours.
    Stuck {
        all: bool,
    },
    Campaigns,
    Campaign {
        id: i64,
    },
    /// For whom it failed for one reason.
    Failed {
        campaign: i64,
        group: FailureGroup,
    },
    DeadGroups,
    Letters(DeadFilter),
    Letter {
        stream: String,
        id: LetterId,
    },
    Trace {
        campaign: i64,
        user: i64,
    },
    Report {
        campaign: i64,
    },
    Deliveries {
        campaign: i64,
        filter: DeliveryFilter,
    },
    Schedules,
    Schedule {
        id: i64,
    },
    Audit,
    Secrets,
    Streams(StreamWatch),
    Groups {
        stream: String,
    },
    Entries {
        stream: String,
        /// The newest first, back from the one to the other; else the oldest first.
        newest: bool,
        from: String,
        to: String,
    },
    Held {
        stream: String,
        group: String,
        consumer: Option<String>,
    },
    Inbox {
        search: String,
    },
    Mail {
        mailbox: String,
        id: String,
    },
    Log {
        service: String,
        host: String,
    },
}

impl Query {
    /// True when an answer to `other` is an answer to this one too, if an older one.
    pub(super) fn is_about(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Streams(_), Self::Streams(_)) => true,
            (a, b) => a == b,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Stuck(Stuck),
    Campaigns(Vec<CampaignRow>),
    Campaign(Box<CampaignView>, Failures),
    Failed(Vec<Delivery>),
    /// And whether there are more letters than are read.
    DeadGroups(Vec<DeadGroup>, bool),
    Letters(Vec<Letter>),
    Letter(Box<DeadDetails>),
    Trace(Box<Trace>),
    Report(Box<CampaignReport>),
    Deliveries(Vec<Addressed>),
    Schedules(Vec<ScheduleView>),
    Schedule(Box<ScheduleDetail>),
    Audit(Vec<AuditEntry>),
    Secrets(Box<SecretsStatus>),
    Streams(StreamTable),
    Groups(Vec<GroupRow>),
    Entries(Vec<StreamEntry>),
    Held(Vec<PendingEntry>),
    Inbox(Vec<InboxMessage>),
    Mail(Box<MailText>),
    Log(Vec<String>),
}
