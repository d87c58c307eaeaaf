//! When something is due: pure rules of time, without a clock and without a table.
//!
//! A time is written as the wall clock of an IANA zone shows it. On the days on which that clock jumps, this
//! holds (much as in Vixie cron):
//!
//! - **Rules that name their hours** (`30 2 * * *`) start each time they name once. Where the clock skips it,
//!   it is due at the first moment after the gap, and several in one gap are one. Where the clock shows it
//!   twice, the first counts: nobody is mailed twice.
//! - **Rules for every hour** (`*` or `*/n` in the hour's place: `*/15 * * * *`) follow the clock: what it
//!   skips doesn't happen, what it shows twice happens twice.
//! - **A single start** in a gap is refused, with the times around it. Of two equal ones the first is meant;
//!   an offset (`2026-10-25T02:30+01:00`) says which.

mod civil;
mod misfire;
mod rule;
mod start;
#[cfg(test)]
mod tests;

pub use misfire::{Due, MAX_CAP, Misfire, due};
pub use rule::{Rule, shown};
pub use start::start_at;

use anyhow::{Context, Result};
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// # Errors
/// Names the zone and shows what one looks like.
pub fn zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).ok().with_context(|| {
        format!("there is no time zone {name:?}; expected one like Europe/Istanbul or UTC")
    })
}

/// The first moment after the gap in which `clock` lies; `None` when the zone's clock shows it.
fn end_of_gap(zone: &TimeZone, clock: DateTime) -> Option<Timestamp> {
    let found = zone.to_ambiguous_timestamp(clock);
    let AmbiguousOffset::Gap { .. } = found.offset() else {
        return None;
    };
    // Read with the offset before the gap, `clock` is at or after the change: the last one before it.
    let after = found.later().ok()?;
    let next_second = Timestamp::from_second(after.as_second() + 1).ok()?;
    Some(zone.preceding(next_second).next()?.timestamp())
}
