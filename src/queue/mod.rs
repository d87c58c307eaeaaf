//! A job queue on Redis Streams. It knows no event, table or address; what a campaign is to its users,
//! it calls a flow.

mod connection;
mod entry;
mod keys;
mod tally;

pub mod inspect;
pub mod operate;

pub use connection::{Redis, is_away, is_no_group};
pub use entry::{Broken, Closed, Entry, Outcome};
pub use keys::Keys;
pub use tally::Tally;
