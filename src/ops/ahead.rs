//! Times before anything is written: what an expression means, and when it would start.

use jiff::Timestamp;

use super::{OpsError, wording::duration};
use crate::schedule::{Rule, shown, start_at, zone};

/// Starts that are told ahead.
const AHEAD: usize = 3;

/// A start as it is typed, with its IANA time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    At(String, String),
    Cron(String, String),
}

/// What it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    pub words: String,
    /// The next starts, as the zone's clock shows them.
    pub next: Vec<String>,
}

/// # Errors
/// Says what is wrong with the time, the expression or the zone, or that it has passed.
pub fn look_ahead(when: &When) -> Result<Ahead, OpsError> {
    let invalid = |error: anyhow::Error| OpsError::Invalid(format!("{error:#}"));
    let now = Timestamp::now().as_millisecond();
    match when {
        When::At(at, tz) => {
            let zone = zone(tz).map_err(invalid)?;
            let start = start_at(at, &zone).map_err(invalid)?;
            let left = u64::try_from(start - now).map_err(|_| {
                OpsError::Invalid(format!("the start {} has passed", shown(start, &zone)))
            })?;
            Ok(Ahead {
                words: format!("in {}", duration(left)),
                next: vec![shown(start, &zone)],
            })
        }
        When::Cron(cron, tz) => {
            let rule = Rule::parse(cron, tz).map_err(invalid)?;
            let next = rule.upcoming(now, AHEAD);
            Ok(Ahead {
                words: rule.words(),
                next: next.into_iter().map(|at| rule.shown(at)).collect(),
            })
        }
    }
}
