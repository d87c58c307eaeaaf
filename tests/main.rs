//! Everything that needs a server or the binaries, in one test binary. `./test.sh` starts what it needs.

#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "what every test may use, not what each does"
)]
mod support;

mod bad_input;
mod console;
mod faults;
mod http;
mod operator;
mod over_http;
mod pipeline;
mod poison;
mod queue;
mod replay;
mod retention;
mod scheduler;
mod secrets;
mod servers;
mod templates;
mod tidy;
mod who_got_it;
