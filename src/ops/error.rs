//! Why a verb didn't do what was asked.

use std::fmt;

use redis::RedisError;

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
