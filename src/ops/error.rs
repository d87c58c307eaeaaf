//! Why a verb didn't do what was asked.

use std::fmt;

use redis::RedisError;

use super::wording::count;
use crate::queue;

/// The command line takes its exit code from the variant, the console its wording.
#[derive(Debug)]
pub enum OpsError {
    /// There is no such thing.
    NotFound(String),
    /// Its state doesn't allow that (HTTP 409).
    Conflict(String),
    /// What was asked makes no sense (HTTP 422).
    Invalid(String),
    /// This process may only look.
    ReadOnly,
    /// A server can't be reached or can't answer now; the same may work later.
    Away {
        what: &'static str,
        source: anyhow::Error,
    },
    Failed(anyhow::Error),
}

impl OpsError {
    /// 1: the answer is no. 2: there is no answer.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound(_) | Self::Conflict(_) => 1,
            Self::Invalid(_) | Self::ReadOnly | Self::Away { .. } | Self::Failed(_) => 2,
        }
    }

    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }

    /// It came in the middle: so many were `done` before.
    pub(super) fn after(self, n: u64, done: &str) -> Self {
        let before = format!("{} were {done} before it", count(n));
        match self {
            error if n == 0 => error,
            Self::NotFound(text) => Self::NotFound(format!("{text}; {before}")),
            Self::Conflict(text) => Self::Conflict(format!("{text}; {before}")),
            Self::Invalid(text) => Self::Invalid(format!("{text}; {before}")),
            Self::ReadOnly => Self::ReadOnly,
            Self::Away { what, source } => Self::Away {
                what,
                source: source.context(before),
            },
            Self::Failed(error) => Self::Failed(error.context(before)),
        }
    }

    /// What a person can do about it.
    pub fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Away { .. } => Some("is it running? ./start.sh"),
            Self::ReadOnly => Some("it comes from --read-only, or from read_only in comms.toml"),
            _ => None,
        }
    }
}

impl fmt::Display for OpsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(text) | Self::Conflict(text) | Self::Invalid(text) => f.write_str(text),
            Self::ReadOnly => f.write_str("read-only: nothing is changed"),
            Self::Away { what, .. } => write!(f, "{what} is away"),
            // Transparent, so that the chain doesn't say it twice.
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for OpsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Away { source, .. } => Some(source.as_ref()),
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}

impl From<RedisError> for OpsError {
    fn from(error: RedisError) -> Self {
        if queue::is_no_group(&error) {
            return Self::NotFound("there is no such stream or group".to_owned());
        }
        if queue::is_away(&error) {
            return Self::Away {
                what: "Redis",
                // Its text already holds what is below it.
                source: anyhow::anyhow!("{error}"),
            };
        }
        Self::Failed(anyhow::anyhow!("Redis refused: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before_an_error_is_said_and_its_kind_stays() {
        let away = || OpsError::Away {
            what: "the database",
            source: anyhow::anyhow!("connection refused"),
        };
        let chain = |error: OpsError| format!("{:#}", anyhow::Error::new(error));
        let none = chain(away().after(0, "queued"));
        assert_eq!(none, "the database is away: connection refused");
        let some = away().after(50_000, "queued");
        assert!(some.is_away());
        let said = "the database is away: 50\u{2009}000 were queued before it: connection refused";
        assert_eq!(chain(some), said);
        let ended = OpsError::Conflict("campaign 8 is cancelled".to_owned());
        let said = "campaign 8 is cancelled; 3 were queued before it";
        assert_eq!(ended.after(3, "queued").to_string(), said);
    }
}
