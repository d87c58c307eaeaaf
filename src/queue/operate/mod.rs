//! What operators change in Redis: always a plan that was seen first, then an outcome per id.

mod audit;
mod claim;
mod dead;
mod drain;
mod end;
mod group;
mod letters;
mod planned;
#[cfg(test)]
mod tests;

pub use audit::{AuditEntry, audit, recent};
pub use claim::{ClaimOutcome, ClaimResult, claim, still_held};
pub use dead::{Revived, remove, revive};
pub use drain::ask_to_drain;
pub use end::{Acked, acknowledge, entries_of, settle};
pub use group::{create_group, delete_consumer, set_group_id};
pub use letters::forget_letters;
pub use planned::Held;
