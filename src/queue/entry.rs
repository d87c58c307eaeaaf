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
    /// How often it was delivered, where an operator has looked; 0: not known. Its dead letter tells it.
    pub deliveries: u64,
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
    /// Never: to the dead letters, with the reason. Counted as failed.
    Dead { reason: String },
    /// Not one of ours: to the dead letters, without touching the flow's counters, since no fan-out
    /// counted it.
    Reject { reason: String },
    /// The flow is paused: aside, until it runs again.
    Park,
    /// The handler has settled it by a script of its own.
    Settled,
    /// Not begun: stays pending for somebody else (drain).
    HandBack,
}

impl Closed {
    /// The name of its counter in the tally.
    pub fn counter(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::InDoubt => "in_doubt",
        }
    }
}

impl Entry {
    /// The fields as they go back to a stream, with another attempt: a JSON list of names and values.
    pub(super) fn to_fields(&self, attempt: u32) -> String {
        self.fields(attempt, &[])
    }

    fn fields(&self, attempt: u32, more: &[&str]) -> String {
        let attempt_text = attempt.to_string();
        let round_text = self.round.to_string();
        let mut fields = vec!["type", &self.kind, "flow", &self.flow, "data", &self.data];
        if attempt > 1 {
            fields.extend(["attempt", &attempt_text]);
        }
        if self.round > 1 {
            fields.extend(["round", &round_text]);
        }
        if let Some(trace) = &self.trace {
            fields.extend(["trace", trace]);
        }
        fields.extend(more);
        serde_json::to_string(&fields).expect("strings are always JSON")
    }

    /// The same for a dead letter; unreadable fields are kept under `raw`, bytes that are no text escaped.
    pub(super) fn to_letter(&self) -> String {
        let deliveries = self.deliveries.to_string();
        let more: &[&str] = match self.deliveries {
            0 => &[],
            _ => &["deliveries", &deliveries],
        };
        match &self.broken {
            None => self.fields(self.attempt, more),
            Some(broken) => {
                let raw: Vec<[String; 2]> = broken
                    .fields
                    .iter()
                    .map(|(name, value)| {
                        [
                            name.escape_ascii().to_string(),
                            value.escape_ascii().to_string(),
                        ]
                    })
                    .collect();
                let raw = serde_json::to_string(&raw).expect("strings are always JSON");
                let mut fields = vec!["type", &self.kind, "flow", &self.flow, "raw", &raw];
                fields.extend(more);
                serde_json::to_string(&fields).expect("strings are always JSON")
            }
        }
    }

    /// The member of the retry ZSET: the origin's id and attempt keep equal payloads apart.
    pub(super) fn to_member(&self, attempt: u32) -> String {
        format!("{}|{attempt}|{}", self.id, self.to_fields(attempt))
    }
}
