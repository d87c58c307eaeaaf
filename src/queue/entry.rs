//! An entry of a stream, and what a handler may say of it.

/// One entry as it was read, or claimed from somebody who is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub partition: u32,
    /// The stream id, `ms-seq`.
    pub id: String,
    /// The field `type`.
    pub kind: String,
    /// The field `flow`; empty for an entry that belongs to none.
    pub flow: String,
    /// The field `data`, JSON.
    pub data: String,
    /// Counts from 1.
    pub attempt: u32,
    /// Counts from 1; a replay of a failed entry is another round.
    pub round: u32,
    /// W3C traceparent.
    pub trace: Option<String>,
    /// How many consumers died with it in hand.
    pub crashes: u32,
    /// Set when the fields could not be understood: why, and the fields as they were.
    pub broken: Option<Box<Broken>>,
}

/// What was found instead of an entry's fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broken {
    pub reason: String,
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// How a recipient's way ended; each is a counter of the flow's tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    Accepted,
    Failed,
    Suppressed,
    Cancelled,
    InDoubt,
}

/// A handler's word on one entry. It takes effect together with the acknowledgement, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop: an entry of this type on that stream; flow, round and trace are carried on.
    Emit {
        stream: &'static str,
        kind: &'static str,
        data: String,
    },
    /// The way ended here.
    Done(Closed),
    /// Acknowledged, and nothing counted: a duplicate.
    Drop,
    /// Again at that time (Redis TIME, ms), as that attempt.
    Retry { due_at_ms: u64, attempt: u32 },
    /// Again after that many ms; the attempt is not used up.
    Wait { delay_ms: u64 },
    /// Never: to the dead letters, with the reason.
    Dead { reason: String },
    /// The flow is paused: aside, until it runs again.
    Park,
    /// The handler has settled it by a script of its own.
    Settled,
    /// Not begun: stays pending for somebody else (drain).
    HandBack,
}
