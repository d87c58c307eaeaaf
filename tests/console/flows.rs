//! What an operator does at the console, from the key to the mail.

use std::time::{Duration, Instant};

use redis::Commands;

use super::{SIZE, console};
use crate::{
    pipeline::{everybody_has_one_mail, running, running_with},
    support::RedisServer,
};

#[test]
fn an_outage_keeps_the_data_refuses_changes_and_ends_by_itself() {
    let mut redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    terminal.until_contains("notification-service");
    redis.kill();
    terminal.until_contains("Redis is away");
    assert!(
        terminal.screen().contains("notification-service"),
        "the data stays"
    );
    terminal.press("c");
    terminal.until_contains("nothing can be changed now");
    // Long enough for the longest pause between two tries.
    terminal.until("the longest pause", Duration::from_secs(40), |s| {
        s.contains("next try in 5 s")
    });
    redis.restart();
    let back = terminal.until("Redis again", Duration::from_secs(20), |s| {
        s.contains("● live")
    });
    println!("back {back:?} after Redis answered again");
    assert!(back < Duration::from_secs(6), "{back:?}");

    // Silent is away too, and the end of the silence is noticed.
    redis.freeze();
    terminal.until("silence", Duration::from_secs(15), |s| {
        s.contains("Redis is away")
    });
    terminal.press("4");
    let paint = terminal.until_contains("▸4 Pend");
    println!("a key during the silence: {paint:?}");
    assert!(paint < Duration::from_millis(500), "{paint:?}");
    redis.thaw();
    let back = terminal.until("Redis again", Duration::from_secs(20), |s| {
        s.contains("● live")
    });
    println!("back {back:?} after Redis went on");
    assert!(back < Duration::from_secs(6), "{back:?}");
}

#[test]
fn streams_that_are_not_ours_are_shown_and_their_entries_looked_into() {
    let redis = RedisServer::start(&[]);
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let mut pipe = redis::pipe();
    for n in 0..10_000 {
        pipe.cmd("XADD")
            .arg(format!("orders:{n:05}"))
            .arg("*")
            .arg("n")
            .arg(n)
            .ignore();
    }
    pipe.exec(&mut connection).expect("10,000 streams");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_created_by_key_and_seen_to_the_end() {
    let running = running("30", None).await;
    let mut terminal = running.fleet.terminal(SIZE);
    terminal.until_contains("● live");
    terminal.press("c");
    terminal.until_contains("30 people");
    terminal.press("By hand\t");
    terminal.press("Hello");
    // Back over the name to the last button.
    terminal.press("\x1b[Z\x1b[Z\r");
    terminal.until("it is created", Duration::from_secs(20), |s| {
        s.contains("is on its way")
    });
    terminal.until("it is finished", Duration::from_secs(60), |s| {
        s.lines()
            .any(|line| line.contains("By hand") && line.contains("finished ✓"))
    });
    terminal.press("7");
    terminal.until_contains("30 mails");
    terminal.press("\r");
    terminal.until_contains("Hello");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_is_claimed_by_keys_and_seen_worked_on_by_its_new_owner() {
    let variables = [
        ("COMMS_RECLAIM", "manual"),
        ("COMMS_VISIBILITY_MS", "1000"),
        ("COMMS_PRESENCE_MS", "1500"),
    ];
    let mut running = running_with("30", None, &variables).await;
    running
        .fleet
        .terminate("email-service", Duration::from_secs(30));
    let id = running.fleet.create().await;
    let mut redis = running.redis().await;
    // Somebody takes five and is never heard of again.
    let taken = Instant::now();
    loop {
        let read: redis::Value = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg("email-service")
            .arg("lost-reader")
            .arg("COUNT")
            .arg(5)
            .arg("STREAMS")
            .arg("{comms:0}:email-notification")
            .arg(">")
            .query_async(&mut redis)
            .await
            .expect("read");
        if read != redis::Value::Nil {
            break;
        }
        assert!(taken.elapsed() < Duration::from_secs(20), "nothing came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let held: Vec<(String, String, u64, u64)> = redis::cmd("XPENDING")
        .arg("{comms:0}:email-notification")
        .arg("email-service")
        .arg("-")
        .arg("+")
        .arg(100)
        .query_async(&mut redis)
        .await
        .expect("read");
    let ids: Vec<&str> = held.iter().map(|(id, ..)| id.as_str()).collect();
    running.fleet.start("email-service");
    running.fleet.until_ready("email-service").await;

    let mut terminal = running.fleet.terminal(SIZE);
    terminal.until_contains("lost-reader is gone and holds");
    terminal.press("4");
    terminal.until("what is stuck", Duration::from_secs(20), |s| {
        s.contains(" stuck") && s.contains("lost-reader")
    });
    terminal.press("a");
    terminal.until_contains("marked");
    terminal.press("C");
    terminal.until_contains("Claim");
    terminal.until("the plan", Duration::from_secs(10), |s| {
        !s.contains("looking at them")
    });
    terminal.press("\t\r");
    terminal.until_contains("claimed by");
    terminal.until("the work of the new owner", Duration::from_secs(20), |s| {
        s.contains("their new owners have handled all of them")
    });
    terminal.press("\r");
    terminal.until_contains("✓ nothing is stuck");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    everybody_has_one_mail(&running.fleet, id, 30).await;
    let audit = running.fleet.tui(&["audit", "--json"]);
    let entry = |name: &str| audit[0][name].as_str().unwrap_or_default();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let pid = running.fleet.pid("email-service");
    let owner = format!("{}-{pid}-", host.trim());
    let n = ids.len();
    assert!(
        entry("who").ends_with(&format!("@{}", host.trim())),
        "{audit}"
    );
    assert_eq!(entry("what"), "claim email-notification email-service");
    assert_eq!(entry("ids"), ids.join(" "));
    assert_eq!(entry("before"), format!("lost-reader held {n}"));
    let after = entry("after");
    assert!(after.starts_with(&owner), "{after}");
    assert!(after.ends_with(&format!(" got {n} of {n}")), "{after}");
    let command = entry("command");
    assert!(
        command.ends_with(&format!(" 1000 {}", ids.join(" "))),
        "{command}"
    );
}
