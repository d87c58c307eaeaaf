//! A cron expression in a time zone.

use anyhow::{Context, Result, anyhow};
use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use super::{civil::Civil, end_of_gap};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// When something happens again and again. Times are milliseconds since 1970, and whole seconds.
#[derive(Debug, Clone)]
pub struct Rule {
    cron: Cron,
    zone: TimeZone,
    /// It names its hours; see the module.
    names_hours: bool,
}

impl Rule {
    /// `cron` has five fields (minute, hour, day, month, weekday), or six with seconds before them, or
    /// seven with years behind them; or it is a word like `@daily`.
    ///
    /// # Errors
    /// Says what is wrong with the expression or the zone; also for one that no calendar meets.
    pub fn parse(cron: &str, zone: &str) -> Result<Self> {
        let parsed = CronParser::builder()
            .seconds(Seconds::Optional)
            .build()
            .parse(cron)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| {
                format!("cron is {cron:?}, expected one like \"0 9 * * 1\" (Mondays at 9)")
            })?;
        let rule = Self {
            names_hours: !parsed.pattern.hours.from_wildcard,
            cron: parsed,
            zone: super::zone(zone)?,
        };
        if rule.next_after(0).is_none() {
            return Err(anyhow!("cron is {cron:?}, which never happens"));
        }
        Ok(rule)
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first time after `ms`; `None` when there is none any more.
    pub fn next_after(&self, ms: i64) -> Option<i64> {
        let now = moment(ms)?;
        let found = if self.names_hours {
            self.next_named(now)
        } else {
            self.next_by_clock(now)
        };
        found.map(Timestamp::as_millisecond)
    }

    /// The last time not after `ms`.
    pub fn last_until(&self, ms: i64) -> Option<i64> {
        let now = moment(ms)?;
        let found = if self.names_hours {
            self.last_named(now)
        } else {
            self.last_by_clock(now)
        };
        found.map(Timestamp::as_millisecond)
    }

    /// The next `count` times after `ms`.
    pub fn upcoming(&self, ms: i64, count: usize) -> Vec<i64> {
        std::iter::successors(self.next_after(ms), |at| self.next_after(*at))
            .take(count)
            .collect()
    }

    /// In English, without the zone.
    pub fn words(&self) -> String {
        self.cron.describe()
    }

    /// As [`shown`], in the rule's zone.
    pub fn shown(&self, ms: i64) -> String {
        shown(ms, &self.zone)
    }

    /// Named times in their order on the clock have moments in the same order, equal ones in a gap.
    fn next_named(&self, now: Timestamp) -> Option<Timestamp> {
        let mut clock = self.zone.to_datetime(now);
        loop {
            clock = self.clock_after(clock, false)?;
            let at = self.named(clock)?;
            if at > now {
                return Some(at);
            }
        }
    }

    fn last_named(&self, now: Timestamp) -> Option<Timestamp> {
        // Just after the clock was put back, named times that it will show again have passed already.
        let before = self.zone.preceding(next_second(now)?).next();
        let shown_before = before
            .and_then(|change| change.timestamp().checked_sub(SECOND).ok())
            .map(|at| self.zone.to_datetime(at));
        let shown_now = self.zone.to_datetime(now);
        let mut clock = shown_before.map_or(shown_now, |before| before.max(shown_now));
        let mut inclusive = true;
        loop {
            clock = self.clock_before(clock, inclusive)?;
            inclusive = false;
            let at = self.named(clock)?;
            if at <= now {
                return Some(at);
            }
        }
    }

    /// When a named time is due: at its first showing, or at the end of the gap in which it lies.
    fn named(&self, clock: DateTime) -> Option<Timestamp> {
        match end_of_gap(&self.zone, clock) {
            Some(end) => Some(end),
            None => self.zone.to_ambiguous_timestamp(clock).earlier().ok(),
        }
    }

    /// Between two changes of the zone the clock runs evenly; each such stretch is searched by itself.
    fn next_by_clock(&self, now: Timestamp) -> Option<Timestamp> {
        let (mut from, mut inclusive) = (now, false);
        loop {
            let offset = self.zone.to_offset(from);
            let clock = self.clock_after(offset.to_datetime(from), inclusive)?;
            let at = offset.to_timestamp(clock).ok()?;
            let change = self.zone.following(from).next().map(|c| c.timestamp());
            match change {
                Some(change) if at >= change => (from, inclusive) = (change, true),
                _ => return Some(at),
            }
        }
    }

    fn last_by_clock(&self, now: Timestamp) -> Option<Timestamp> {
        let mut until = now;
        loop {
            let offset = self.zone.to_offset(until);
            let clock = self.clock_before(offset.to_datetime(until), true)?;
            let at = offset.to_timestamp(clock).ok()?;
            let change = self.zone.preceding(next_second(until)?).next();
            match change.map(|c| c.timestamp()) {
                Some(change) if at < change => until = change.checked_sub(SECOND).ok()?,
                _ => return Some(at),
            }
        }
    }

    fn clock_after(&self, clock: DateTime, inclusive: bool) -> Option<DateTime> {
        let found = self.cron.find_next_occurrence(&Civil(clock), inclusive);
        found.ok().map(|Civil(clock)| clock)
    }

    fn clock_before(&self, clock: DateTime, inclusive: bool) -> Option<DateTime> {
        let found = self.cron.find_previous_occurrence(&Civil(clock), inclusive);
        found.ok().map(|Civil(clock)| clock)
    }
}

/// As a zone's wall clock shows it, with the offset: `2026-10-25 02:30 +02:00`; seconds only where there are
/// any.
pub fn shown(ms: i64, zone: &TimeZone) -> String {
    let Some(at) = moment(ms) else {
        return ms.to_string();
    };
    let at = at.to_zoned_datetime(zone.clone());
    let format = if at.second() == 0 {
        "%Y-%m-%d %H:%M %:z"
    } else {
        "%Y-%m-%d %H:%M:%S %:z"
    };
    at.strftime(format).to_string()
}

/// Whole seconds; `None` outside of the years that there are.
fn moment(ms: i64) -> Option<Timestamp> {
    Timestamp::from_second(ms.div_euclid(1_000)).ok()
}

fn next_second(at: Timestamp) -> Option<Timestamp> {
    at.checked_add(SECOND).ok()
}
