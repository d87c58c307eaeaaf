//! What a list asks for, and what comes back. `fetch` answers a query, the list makes rows of the data.

use crate::ops::{
    GroupRow, InboxMessage, MailText, PendingEntry, StreamEntry, StreamTable, StreamWatch, Stuck,
};

/// A question with all that it depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    Stuck,
    Streams(StreamWatch),
    Groups {
        stream: String,
    },
    Entries {
        stream: String,
        /// The newest first, before this id; else the oldest first, from this id on.
        newest: bool,
        from: String,
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
        worker: String,
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
    Streams(StreamTable),
    Groups(Vec<GroupRow>),
    Entries(Vec<StreamEntry>),
    Held(Vec<PendingEntry>),
    Inbox(Vec<InboxMessage>),
    Mail(Box<MailText>),
    Log(Vec<String>),
}
