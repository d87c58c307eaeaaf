//! A single time, as a person writes it.

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{end_of_gap, rule::shown};

/// The moment of `2027-01-05T09:00` (or with a blank, or with seconds) on the wall clock of `zone`, in
/// milliseconds since 1970. With an offset or `Z` the moment is exact and the zone doesn't matter.
///
/// # Errors
/// When it can't be read, or when that clock skips that time; then with the times around the gap.
pub fn start_at(text: &str, zone: &TimeZone) -> Result<i64> {
    if let Ok(exact) = text.parse::<Timestamp>() {
        return Ok(exact.as_millisecond());
    }
    let unreadable = || format!("the start is {text:?}, expected one like 2027-01-05T09:00");
    let has_time = text.contains(':');
    let clock: DateTime = text
        .parse()
        .ok()
        .filter(|_| has_time)
        .with_context(unreadable)?;
    if let Some(end) = end_of_gap(zone, clock) {
        let ms = end.as_millisecond();
        let (before, after) = (shown(ms - 1_000, zone), shown(ms, zone));
        bail!("{text:?} doesn't exist there: the clock goes from {before} to {after}");
    }
    let moment = zone.to_ambiguous_timestamp(clock).earlier();
    Ok(moment.with_context(unreadable)?.as_millisecond())
}
