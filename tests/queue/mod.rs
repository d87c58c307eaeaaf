//! The queue against a real Redis.

mod consumer;
mod fanout;
mod rig;
