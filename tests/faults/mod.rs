//! Nothing lost, nobody mailed twice: the real binaries, two of each, with servers of the test's own that
//! are killed, frozen, filled and cut off; and a mail server that counts. docs/reliability.md is the table.

#![expect(
    clippy::print_stdout,
    reason = "a test that fails is repeated by its seed and its figures"
)]

mod arena;
mod audit;
mod bounded;
mod freeze;
mod kill;
mod operators;
mod redis;
mod smtp;
mod sql;
mod watch;
