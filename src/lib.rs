//! Campaigns that reach every user by e-mail, through headless workers joined only by Redis Streams.
//!
//! Reading order: [`event`] is the pipeline on one page, [`queue`] is the job queue on Redis Streams
//! that carries it, the binaries in `workers/` are its stages. [`store`] holds all SQL, [`mail`] the
//! SMTP path, [`ops`] every operator verb, and [`console`] and [`cli`] are the two faces of `comms-tui`.

pub mod event;

pub mod queue;

pub mod schedule;
pub mod store;

pub mod mail;

pub mod delivery;
pub mod relay;
pub mod retention;
pub mod scheduler;

pub mod worker;

pub mod http;

pub mod config;
pub mod secrets;
pub mod telemetry;

pub mod ops;

pub mod cli;
pub mod console;

pub mod inbox;
