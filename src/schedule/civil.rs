//! A wall clock without a zone, for the cron library. Zones are our business: the library takes lists like
//! `30 2,14 * * *` for intervals, and would start them twice where the clock is put back.

use std::cmp::Ordering;

use croner::{
    errors::CronError,
    time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday},
};
use jiff::{SignedDuration, civil::DateTime};

#[derive(Debug, Clone, Copy)]
pub(super) struct Civil(pub(super) DateTime);

impl CronDateTime for Civil {
    fn to_civil(&self) -> CivilDateTime {
        let part = |n: i8| u32::from(n.unsigned_abs());
        let Self(at) = self;
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(i32::from(at.year()), part(at.month()), part(at.day())),
            CivilTime::from_parts_unchecked(part(at.hour()), part(at.minute()), part(at.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(days.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |n: u32| i8::try_from(n).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let at = DateTime::new(
            year,
            part(civil.month())?,
            part(civil.day())?,
            part(civil.hour())?,
            part(civil.minute())?,
            part(civil.second())?,
            0,
        );
        Ok(Resolution::Single(Self(
            at.map_err(|_| CronError::InvalidDate)?,
        )))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let moved = self.0.checked_add(SignedDuration::from_secs(seconds));
        moved.ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
