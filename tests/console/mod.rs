//! The console itself: the real binary in a pseudo-terminal, against real servers.
#![expect(
    clippy::print_stdout,
    reason = "what was measured is shown with --nocapture"
)]

mod claims;
mod cost;
mod drain;
mod flows;
mod foreign;
mod letters;
mod logs;
mod outage;
mod schedules;
mod servers;
mod settle;

use std::time::Duration;

use crate::support::{RedisServer, Terminal, eventually};

const SIZE: (u16, u16) = (100, 30);

/// The console alone, over a Redis and a new database.
fn console(redis_url: &str, dir: &std::path::Path, args: &[&str]) -> Terminal {
    console_with(redis_url, dir, args, &[])
}

/// The same with more variables.
fn console_with(
    redis_url: &str,
    dir: &std::path::Path,
    args: &[&str],
    more: &[(&str, &str)],
) -> Terminal {
    let database = format!("sqlite://{}/comms.db", dir.display());
    let state = dir.display().to_string();
    let mut variables = vec![
        ("COMMS_REDIS_URL", redis_url),
        ("COMMS_DATABASE_URL", &database),
        ("COMMS_STATE_DIR", &state),
        // Nobody listens there.
        ("COMMS_INBOX_URL", "http://127.0.0.1:9"),
    ];
    variables.extend(more);
    Terminal::start(env!("CARGO_BIN_EXE_comms-tui"), args, &variables, dir, SIZE)
}

#[test]
fn it_is_there_at_once_and_gives_the_terminal_back_on_quit_and_on_sigterm() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    let first = terminal.until_contains("● live");
    println!("first screen after {first:?}");
    assert!(!terminal.is_restored(), "it has the terminal");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    eventually(Duration::from_secs(5), "the terminal as it was", || {
        terminal.is_restored()
    });

    for signal in ["TERM", "HUP", "INT"] {
        let mut terminal = console(&redis.url(), dir.path(), &[]);
        terminal.until_contains("● live");
        terminal.signal(signal);
        assert_eq!(terminal.end(), 0, "{signal}");
        eventually(Duration::from_secs(5), "the terminal as it was", || {
            terminal.is_restored()
        });
    }
}

#[test]
fn it_stops_and_goes_on_as_the_shell_wants() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    for stop in ["\u{1a}", ""] {
        match stop {
            "" => terminal.signal("TSTP"),
            keys => terminal.press(keys),
        }
        eventually(Duration::from_secs(5), "a stopped process", || {
            terminal.state() == 'T'
        });
        eventually(Duration::from_secs(5), "the terminal as it was", || {
            terminal.is_restored()
        });
        terminal.signal("CONT");
        eventually(Duration::from_secs(5), "the terminal again", || {
            !terminal.is_restored()
        });
        terminal.until_contains("● live");
    }
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn without_a_terminal_it_says_so_and_names_status() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_comms-tui"))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("terminal") && said.contains("comms-tui status"),
        "{said}"
    );
}

#[test]
fn resize_storms_small_windows_and_pasted_text_break_nothing() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    for n in 0..60_u16 {
        terminal.resize(1 + n * 7 % 130, 1 + n * 5 % 45);
        if n % 7 == 0 {
            terminal.press(["1", "3", "4", "7", "8"][usize::from(n / 7) % 5]);
        }
    }
    terminal.resize(100, 30);
    terminal.press("c\u{1b}[200~q漢字 and a very long paste \u{7}\u{1b}[201~");
    terminal.until_contains("q漢字 and a very long paste");
    terminal.press("\u{1b}");
    terminal.until("no form", Duration::from_secs(5), |s| {
        !s.contains("very long paste")
    });
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}
