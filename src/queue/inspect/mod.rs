//! Reads what lies in Redis, for people and for scripts; writes nothing.
//!
//! Everything is pipelined: a look at the whole pipeline is two round trips, whatever the number of
//! partitions. Nothing here costs more than a page, except [`memory_of`].

mod catalogue;
mod entries;
mod flow;
mod group;
mod overview;
mod pending;
mod presence;
mod reply;
mod stream;
#[cfg(test)]
pub(crate) mod test_redis;
#[cfg(test)]
mod tests;
mod walk;

pub use catalogue::{Catalogue, GroupFacts, StreamFacts, facts_of, look};
pub(crate) use entries::newest;
pub use entries::{DeadLetter, StreamEntry, browse, browse_back, dead_letters};
pub use flow::{FlowView, flow};
pub use group::{Backlog, ConsumerView, GroupView, Worn, consumers};
pub use overview::{Overview, Server, overview};
pub use pending::{PendingEntry, PendingFilter, bodies, held, pending};
pub use presence::{Worker, workers};
pub(crate) use reply::id_pair;
pub use stream::{PartitionView, Source, StreamView, groups_of, memory_of};
pub use walk::{Located, Place, walk};
