//! What the console costs, counted: bytes drawn and commands sent. Times are measured by `benches/console.rs`.

use std::time::Duration;

use super::{claims::run, console};
use crate::support::{RedisServer, eventually, leave_pending};

/// Resident memory of a process, bytes.
fn memory(pid: u32) -> u64 {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("it runs");
    let pages = pages.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.expect("a number") * 4_096
}

/// How often Redis was asked each command since the last reset.
fn calls(connection: &mut redis::Connection) -> Vec<(String, u64)> {
    let stats: String = run(connection, "INFO commandstats");
    let line = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    let ours = |(name, _): &(String, u64)| !name.starts_with("info") && !name.starts_with("config");
    stats.lines().filter_map(line).filter(ours).collect()
}

fn count(calls: &[(String, u64)], wanted: &str) -> u64 {
    let all = calls.iter().filter(|(name, _)| name.starts_with(wanted));
    all.map(|(_, n)| n).sum()
}

/// The commands of `looks` looks; each asks for the time once.
fn commands_of(connection: &mut redis::Connection, looks: u64) -> Vec<(String, u64)> {
    run::<()>(connection, "CONFIG RESETSTAT");
    let mut seen = Vec::new();
    eventually(Duration::from_secs(60), "looks at Redis", || {
        seen = calls(connection);
        count(&seen, "time") >= looks
    });
    seen
}

fn connection(redis: &RedisServer) -> redis::Connection {
    let client = redis::Client::open(redis.url()).expect("a URL");
    client.get_connection().expect("Redis answers")
}

#[test]
fn untouched_it_looks_on_and_draws_next_to_nothing() {
    let redis = RedisServer::start(&[]);
    let mut connection = connection(&redis);
    let dir = tempfile::tempdir().expect("a directory");
    let terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    commands_of(&mut connection, 2);
    let drawn = terminal.written();
    commands_of(&mut connection, 8);
    let (drawn, memory) = (terminal.written() - drawn, memory(terminal.pid()));
    println!(
        "untouched: {:.1} MB, {drawn} bytes drawn in 8 looks",
        memory as f64 / 1e6
    );
    // The memory that Redis uses may change, and a cell with it; a whole screen would be 3,000 and more.
    assert!(drawn < 2_000, "{drawn} bytes");
    // Debug builds need several times as much as what is shipped.
    assert!(memory < 60_000_000, "{memory}");
}

#[test]
fn a_look_is_as_many_commands_with_200_000_pending_entries_as_with_a_page_of_them() {
    let redis = RedisServer::start(&[]);
    leave_pending(&redis.url(), 200_000, 50);
    let mut connection = connection(&redis);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    terminal.press("4");
    terminal.until_contains("the oldest; there are more");
    let shown = terminal.screen();
    assert!(shown.contains("200\u{2009}000"), "{shown}");

    // Every key counts, however fast they come.
    let first: redis::Value = run(
        &mut connection,
        "XRANGE {comms:0}:email-notification - + COUNT 13",
    );
    let redis::Value::Array(first) = first else {
        panic!("{first:?}")
    };
    let redis::Value::Array(entry) = &first[12] else {
        panic!("{first:?}")
    };
    let id: String = redis::from_redis_value_ref(&entry[0]).expect("an id");
    terminal.press("jjjjjjjjjjjjjjjkkk");
    terminal.until("the 13th row", Duration::from_secs(10), |s| {
        s.lines()
            .any(|line| line.contains('▸') && line.contains(&id))
    });

    let looks = commands_of(&mut connection, 10);
    let pages = count(&looks, "xpending");
    let all: u64 = looks.iter().map(|(_, n)| n).sum();
    println!("10 looks: {all} commands, {pages} pages of pending entries");
    // A page of 200 entries has 200 bodies; 50 consumers that are gone are asked for at most.
    assert!(pages < 10 * 60, "{looks:?}");
    assert!(all < 10 * 400, "{looks:?}");
    for walks in ["xautoclaim", "keys", "scan"] {
        assert_eq!(count(&looks, walks), 0, "{looks:?}");
    }
}
