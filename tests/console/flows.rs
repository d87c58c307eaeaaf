//! What an operator does at the console, from the key to the mail.

use std::time::{Duration, Instant};

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
    let back = terminal.until_contains("● live");
    println!("back {back:?} after Redis answered again");

    // Silent is away too, and the end of the silence is noticed.
    redis.freeze();
    terminal.until("silence", Duration::from_secs(15), |s| {
        s.contains("Redis is away")
    });
    // Keys are obeyed in the silence: it is still away when they are.
    terminal.press("4");
    let paint = terminal.until("a screen", Duration::from_secs(20), |s| {
        s.contains("▸4 Pend") && s.contains("Redis is away")
    });
    println!("a key during the silence: {paint:?}");
    redis.thaw();
    let back = terminal.until_contains("● live");
    println!("back {back:?} after Redis went on");
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
    terminal.until_contains("XCLAIM");
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
