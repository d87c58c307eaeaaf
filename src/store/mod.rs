//! All SQL, for SQLite and PostgreSQL alike: users, campaigns and their outbox, the ledger of
//! deliveries, schedules, templates, single mails.
//!
//! One code path: placeholders `$1`, integers, and texts; times are milliseconds since 1970. Where the
//! two differ, [`Dialect`] says how. Every call has a time limit, and [`is_away`] tells "try again
//! later" from "this can't work".

mod open;
pub use open::{Dialect, Store};

mod away;
pub use away::is_away;

mod rows;
mod words;

mod users;
pub use users::{User, UserStatus};
mod import;
mod seed;
pub(crate) use import::folded;
pub use import::{Imported, ImportedUser};

mod campaigns;
pub use campaigns::{Campaign, CampaignStatus, Created, InDoubt, NewCampaign};
mod outbox;
mod transitions;
pub use outbox::{OutboxKind, OutboxRow};

mod deliveries;
pub use deliveries::{Attempt, CHANNEL_EMAIL, Delivery, DeliveryStatus};
mod filter;
mod moves;
mod search;
pub use filter::DeliveryFilter;
pub use search::{AcceptTimes, Addressed, Answers, DomainTimes};
mod requeue;
pub use moves::Move;
pub use requeue::{Again, Reopened, Requeued};
mod ledger;
mod statements;
pub use ledger::{Claim, ClaimOutcome, Closing, DeliveryResult, Lapsed, Ledger, LedgerStopped};
mod give_up;
pub use give_up::{GaveUp, GivenUp};
mod commit;
mod waiting;
mod writer;

mod templates;
pub use templates::StoredTemplate;
mod schedules;
pub use schedules::{
    Fire, FireOutcome, MisfirePolicy, NewSchedule, Schedule, ScheduleStatus, Words,
};
mod fire;
pub use fire::{Fired, Judged, fire_id};

mod mails;
pub use mails::{AddedMail, Mail, NewMail};

mod prune;

#[cfg(test)]
pub(crate) mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock, in milliseconds since 1970. For the record only: what is due is judged by
/// Redis' clock.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
