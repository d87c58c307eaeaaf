//! However the console is ended, the terminal is as it was: with a question open, and while Redis is silent.

use std::time::{Duration, Instant};

use super::console;
use crate::support::{RedisServer, Terminal, eventually};

/// How long an answer of Redis is waited for: none is when the console is to end.
const ANSWER: Duration = Duration::from_secs(10);

fn is_ended(terminal: &mut Terminal, what: &str) {
    let begin = Instant::now();
    assert_eq!(terminal.end(), 0, "{what}");
    let took = begin.elapsed();
    println!("{what}: ended after {took:?}");
    assert!(took < ANSWER, "{what}: {took:?}");
    eventually(Duration::from_secs(5), "the terminal as it was", || {
        terminal.is_restored()
    });
}

#[test]
fn a_question_that_is_open_doesnt_keep_it_from_ending() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    for steps in [
        &[("c", "Create a campaign")][..],
        &[("?", "Keys")],
        &[(":", "create a campaign")],
        &[(":read-only\r:read-only\r", "Unlock changes")],
        &[("3", "3 streams"), ("/", "word  !not")],
    ] {
        for end in ["TERM", "HUP", "ctrl-c"] {
            let mut terminal = console(&redis.url(), dir.path(), &[]);
            terminal.until_contains("● live");
            for (keys, shows) in steps {
                terminal.press(keys);
                terminal.until_contains(shows);
            }
            match end {
                "ctrl-c" => terminal.press("\x03"),
                signal => terminal.signal(signal),
            }
            is_ended(&mut terminal, &format!("{end} over {steps:?}"));
        }
    }
}

#[test]
fn a_redis_that_is_silent_isnt_waited_for() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    for (keys, end) in [("", "q"), ("", "TERM"), ("4", "q"), ("c", "TERM")] {
        let mut terminal = console(&redis.url(), dir.path(), &[]);
        terminal.until_contains("● live");
        redis.freeze();
        terminal.press(keys);
        match end {
            "q" => terminal.press("q"),
            signal => terminal.signal(signal),
        }
        is_ended(&mut terminal, &format!("{end} after {keys:?} while silent"));
        redis.thaw();
    }
    // Nor is one that has been silent for so long that it counts as away.
    for end in ["q", "TERM"] {
        let mut terminal = console(&redis.url(), dir.path(), &[]);
        terminal.until_contains("● live");
        redis.freeze();
        terminal.until_contains("Redis is away");
        match end {
            "q" => terminal.press("q"),
            signal => terminal.signal(signal),
        }
        is_ended(&mut terminal, &format!("{end} while away"));
        redis.thaw();
    }
}
