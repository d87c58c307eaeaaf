//! Streams and groups that are not ours: any key, any payload, thousands of them.

use std::time::Duration;

use redis::Commands;

use super::{console, console_with};
use crate::support::RedisServer;

/// `orders:00000` … with one entry each.
fn ten_thousand_streams(redis: &RedisServer) -> redis::Connection {
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let mut pipe = redis::pipe();
    for n in 0..10_000 {
        let entry = pipe.cmd("XADD").arg(format!("orders:{n:05}"));
        entry.arg("*").arg("n").arg(n).ignore();
    }
    pipe.exec(&mut connection).expect("10,000 streams");
    connection
}

#[test]
fn streams_that_are_not_ours_are_shown_and_their_entries_looked_into() {
    let redis = RedisServer::start(&[]);
    let mut connection = ten_thousand_streams(&redis);
    let key = "events with a space";
    let mut ids = Vec::new();
    for n in 0..20_u8 {
        let payload = [0, 255, n, 27, b'[', b'2', b'J', b'x'];
        let id: String = redis::cmd("XADD")
            .arg(key)
            .arg("*")
            .arg("payload")
            .arg(&payload[..])
            .query(&mut connection)
            .expect("added");
        ids.push(id);
    }
    let _: () = redis::cmd("XGROUP")
        .arg("CREATE")
        .arg(key)
        .arg("billing")
        .arg("0")
        .query(&mut connection)
        .expect("a group");
    let _: redis::Value = redis::cmd("XREADGROUP")
        .arg("GROUP")
        .arg("billing")
        .arg("old-reader")
        .arg("COUNT")
        .arg(5)
        .arg("STREAMS")
        .arg(key)
        .arg(">")
        .query(&mut connection)
        .expect("read");
    // Deleting what it hasn't read makes its lag unknown.
    let _: i64 = connection.xdel(key, &ids[10..12]).expect("deleted");

    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &["--all-streams"]);
    terminal.until_contains("● live");
    terminal.press("3");
    let found = terminal.until("all streams", Duration::from_secs(40), |s| {
        s.contains("10\u{2009}001 streams")
    });
    println!("10,001 streams found after {found:?}");
    terminal.press("/^events\r");
    terminal.until_contains("1 of 10\u{2009}001 streams");
    terminal.until("its lag", Duration::from_secs(10), |s| {
        s.lines()
            .any(|line| line.contains(key) && line.contains('?'))
    });
    terminal.press("\r");
    terminal.until_contains("billing");
    terminal.until_contains("Redis can't know it");
    terminal.until_contains("13 entries lie after");
    terminal.press("\r");
    terminal.until_contains("old-reader");
    terminal.press("\r");
    terminal.until_contains(&ids[4]);
    terminal.press("\u{1b}");
    // Esc and a key in one piece would be that key with Alt.
    terminal.until("one level up", Duration::from_secs(10), |s| {
        !s.contains(&ids[4])
    });
    terminal.press("e");
    terminal.until_contains("18 entries, newest first");
    assert!(
        terminal.screen().contains("payload="),
        "{}",
        terminal.screen()
    );
}

#[test]
fn what_is_stuck_in_any_of_ten_thousand_streams_is_found_and_its_age_is_said() {
    const STUCK: usize = 300;
    let redis = RedisServer::start(&[]);
    let mut connection = ten_thousand_streams(&redis);
    let mut pipe = redis::pipe();
    for n in 0..STUCK {
        let key = format!("orders:{:05}", n * 33);
        let group = pipe.cmd("XGROUP").arg("CREATE").arg(&key);
        group.arg("billing").arg("0").ignore();
        let read = pipe.cmd("XREADGROUP").arg("GROUP").arg("billing");
        let read = read.arg("old-reader").arg("STREAMS");
        read.arg(&key).arg(">").ignore();
    }
    pipe.exec(&mut connection).expect("read and left");

    let dir = tempfile::tempdir().expect("a directory");
    let soon = [("COMMS_VISIBILITY_MS", "1000")];
    let mut terminal = console_with(&redis.url(), dir.path(), &["--all-streams"], &soon);
    terminal.until_contains("● live");
    terminal.press("4");
    // What isn't known yet is said.
    terminal.until_contains("streams not read yet");
    let found = terminal.until("all of them", Duration::from_secs(120), |s| {
        s.contains(&format!("{STUCK} stuck")) && !s.contains("not read yet")
    });
    println!("{STUCK} stuck entries of 10,000 streams found after {found:?}");
    // Fifty groups are read at each look; the others are as old as their last one.
    terminal.until_contains("seen up to");
    terminal.press("/orders:00033\r");
    terminal.until_contains(&format!("1 of {STUCK} stuck"));
    terminal.until("its age", Duration::from_secs(20), |s| {
        s.lines()
            .any(|line| line.contains("held by old-reader (silent)") && line.contains("; seen "))
    });
}
