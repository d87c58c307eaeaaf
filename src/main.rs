//! `comms-tui`: the console, and its scripted twin.

use std::process::ExitCode;

fn main() -> ExitCode {
    comms::cli::main()
}
