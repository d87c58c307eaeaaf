//! A job queue on Redis Streams: at-least-once reading, exactly-once hops.
//!
//! It knows no event, table or address; what a campaign is to its users, it calls a flow. Read
//! [`Handler`] for what a worker gives, [`Consumer`] for how entries get there and back, and the Lua
//! scripts in `lua/` for every write: each is one atomic step that may be repeated without harm.

mod entry;
mod handler;

mod consumer;
mod held;
mod reply;

mod settle;

mod fanout;
mod flow;
mod statuses;
mod tally;
mod tell;

mod janitor;
mod reclaim;
mod retry;

mod hasten;

mod presence;

mod connection;
mod keys;
mod outage;
mod publish;

pub mod inspect;
pub mod operate;

#[cfg(test)]
mod tests;

/// What Redis answers, or why it doesn't.
pub type Result<T> = redis::RedisResult<T>;

pub use connection::{Redis, is_away, is_no_group, is_reply_lost};
pub use consumer::{Consumer, ConsumerConfig, Source};
pub use entry::{Broken, Closed, Entry, Outcome};
pub use fanout::{Cursor, Page, Paged, Windows, add_page, cursor};
pub use flow::{FanOuts, FlowState, Started, Turns, expire, fan_outs, revision, set_status, start};
pub use handler::{Handler, Settler};
pub use hasten::Hasten;
pub use held::Held;
pub use keys::Keys;
pub use outage::Outage;
pub use presence::{
    Describe, Live, Presence, WorkerInfo, consumer_name, host_name, resident_bytes,
};
pub use publish::{ensure_group, publish};
pub use reclaim::POISON_AFTER;
pub use reply::{PendingEntry, StreamId};
pub use retry::RetryPolicy;
pub use statuses::{FlowStatus, Flows, Statuses};
pub use tally::Tally;
pub use tell::{Retold, Telling, Told, ToldState, restore, tell};
