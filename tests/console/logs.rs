//! The log of a worker, followed while it grows.

use std::{fs, io::Write, time::Duration};

use redis::Connection;

use super::{claims::run, console};
use crate::support::RedisServer;

/// A worker as its heartbeat describes it.
fn worker(connection: &mut Connection, name: &str, host: &str) {
    let (s, _): (u64, u64) = run(connection, "TIME");
    run::<i64>(
        connection,
        &format!("ZADD comms:workers {}000 {name}", s + 600),
    );
    let info = format!(r#"{{"service":"email-service","state":"ready","host":"{host}"}}"#);
    run::<i64>(
        connection,
        &format!("HSET comms:workers:info {name} {info}"),
    );
}

#[test]
fn the_log_here_is_followed_and_a_worker_elsewhere_is_not_given_it() {
    let redis = RedisServer::start(&[]);
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let here = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    worker(&mut connection, "aaa-1-1", here.trim());
    worker(&mut connection, "zzz-2-2", "elsewhere");
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("logs")).expect("made");
    let path = dir.path().join("logs/email-service.log");
    fs::write(&path, "INFO the first line\n").expect("written");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    terminal.press("8");
    terminal.until_contains("2 workers");
    terminal.press("l");
    terminal.until_contains("the first line");
    terminal.until_contains("every email-service of ");
    let mut log = fs::File::options().append(true).open(&path).expect("there");
    for n in 0..100 {
        writeln!(log, "INFO line {n} of many").expect("written");
    }
    // The newest line is in view, as long as one doesn't move away from it.
    terminal.until_contains("line 99 of many");
    writeln!(log, "WARN the last line").expect("written");
    terminal.until_contains("the last line");

    terminal.press("\u{1b}");
    terminal.until_contains("2 workers");
    terminal.press("jl");
    terminal.until_contains("it runs on elsewhere, this is");
    terminal.until("nothing of the log here", Duration::from_secs(10), |s| {
        !s.contains("the last line")
    });
}
