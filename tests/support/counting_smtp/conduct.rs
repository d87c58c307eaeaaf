//! How the counting server behaves: a rule from a step of the dialogue to an act.

use std::{sync::Arc, time::Duration};

/// Where in the dialogue the server is about to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    /// The body and its final dot have been read.
    Dot,
}

/// What the rule is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub step: Step,
    /// The number of the connection, from 1.
    pub connection: u64,
    /// Empty before RCPT.
    pub recipient: &'a str,
    /// How often this recipient was named in a RCPT, this time included; 0 before RCPT.
    pub tries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// As a well-behaved server.
    Go,
    /// This reply instead; after 421 the connection is closed.
    Say(&'static str),
    /// As usual, but later.
    Slow(Duration),
    /// Disconnects without a reply. At the dot, the mail is lost.
    Cut,
    /// At the dot: takes the mail, and disconnects without a reply.
    TakeAndCut,
    /// Says nothing any more, and keeps the connection.
    Silent,
}

pub type Rule = Arc<dyn Fn(&Moment<'_>) -> Act + Send + Sync>;

/// Rules that tests share.
pub mod rules {
    use super::{Act, Arc, Duration, Moment, Rule, Step};

    pub fn well() -> Rule {
        Arc::new(|_| Act::Go)
    }

    /// This act at that step, always.
    pub fn at(step: Step, act: Act) -> Rule {
        Arc::new(move |now| {
            if now.step == step {
                act.clone()
            } else {
                Act::Go
            }
        })
    }

    /// Answers each final dot after this time.
    pub fn slow(delay: Duration) -> Rule {
        at(Step::Dot, Act::Slow(delay))
    }

    /// The first `times` that a recipient is there, the act at that step (RCPT or later); then well.
    pub fn first_tries(step: Step, times: u32, act: Act) -> Rule {
        Arc::new(move |now: &Moment<'_>| {
            if now.step == step && now.tries <= times {
                act.clone()
            } else {
                Act::Go
            }
        })
    }
}
