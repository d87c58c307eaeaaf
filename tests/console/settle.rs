//! A poison entry ended by an operator: by keys, and by the command line.

use std::time::Duration;

use serde_json::Value;

use super::{
    SIZE,
    claims::{at_what_gone_holds, connection, run, stuck_orders},
};
use crate::{
    pipeline::{Running, command, running_with},
    support::{RedisServer, Terminal, eventually},
};

const USERS: i64 = 30;
const STREAM: &str = "email-notification";
const KEY: &str = "{comms:0}:email-notification";
const GROUP: &str = "email-service";
const LOST: &str = "lost-reader";

/// A campaign of which somebody took five entries and is never heard of again; the first one was delivered nine
/// times. The others are mailed. Returns the campaign and the ids of the five.
async fn five_are_stuck(running: &mut Running) -> (i64, Vec<String>) {
    let limit = Duration::from_secs(30);
    running.fleet.terminate(GROUP, limit);
    let id = running.fleet.create().await;
    let mut redis = running.redis().await;
    running.until_length(KEY, USERS).await;
    let read = format!("XREADGROUP GROUP {GROUP} {LOST} COUNT 5 STREAMS {KEY} >");
    command::<redis::Value>(&mut redis, &read).await;
    let page = format!("XPENDING {KEY} {GROUP} - + 10 {LOST}");
    let held: Vec<(String, String, u64, u64)> = command(&mut redis, &page).await;
    let ids: Vec<String> = held.into_iter().map(|(id, ..)| id).collect();
    let worn = format!(
        "XCLAIM {KEY} {GROUP} {LOST} 0 {} RETRYCOUNT 9 JUSTID",
        ids[0]
    );
    command::<redis::Value>(&mut redis, &worn).await;
    running.fleet.start(GROUP);
    running.fleet.until_ready(GROUP).await;
    let sent = |c: &Value| c["accepted"] == USERS - 5;
    running.fleet.until(id, "the others are sent", sent).await;
    (id, ids)
}

fn at_what_is_stuck(running: &Running) -> Terminal {
    let mut terminal = running.fleet.terminal(SIZE);
    terminal.until_contains("was delivered 9 times → 4 X");
    terminal.press("4");
    terminal.until_contains("5 stuck");
    terminal
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_is_dead_lettered_or_skipped_and_the_letters_go_again() {
    let variables = [
        ("COMMS_RECLAIM", "manual"),
        ("COMMS_VISIBILITY_MS", "1000"),
        ("COMMS_PRESENCE_MS", "1500"),
    ];
    let mut running = running_with(&USERS.to_string(), None, &variables).await;
    let (id, ids) = five_are_stuck(&mut running).await;
    assert_eq!(ids.len(), 5);

    let mut terminal = at_what_is_stuck(&running);
    terminal.press("  ");
    terminal.until_contains("2 marked");
    terminal.press("X");
    terminal.until_contains("Dead letter 2");
    terminal.until_contains("delivered 9 times");
    terminal.press("\t\r");
    terminal.until_contains("among the dead letters");
    terminal.press("\r");
    terminal.until_contains("3 stuck");
    terminal.press("K");
    terminal.until_contains("Acknowledge 1");
    terminal.until_contains("They are skipped");
    terminal.press("\t\r");
    terminal.until_contains("acknowledged");
    terminal.press("\r");
    terminal.until_contains("2 stuck");

    // The last two by command: an id that is still there, and all.
    let fleet = &running.fleet;
    let left = fleet.tui(&["pending", STREAM, GROUP, "--consumer", LOST, "--json"]);
    let left: Vec<&str> = left
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|e| e["id"].as_str())
        .collect();
    assert_eq!(left.len(), 2);
    let by_id = ["dead-letter", STREAM, GROUP, "--id", left[0], "--json"];
    let dry = fleet.tui(&[&by_id[..], &["--dry-run"]].concat());
    assert_eq!(dry["plan"]["items"][0]["owner"], LOST);
    assert_eq!(dry["plan"]["verb"], "dead-letter");
    let refused = fleet.tui_fails(&[&by_id[..], &["--yes", "--read-only"]].concat());
    assert!(refused.contains("read-only"), "{refused}");
    let done = fleet.tui(&[&by_id[..], &["--yes"]].concat());
    assert_eq!(done["results"][0]["outcome"], "dead_lettered");
    let again = fleet.tui_with_code(&[&by_id[..], &["--yes"]].concat(), 1);
    assert_eq!(again["absent"][0], left[0]);
    let done = fleet.tui(&["ack", STREAM, GROUP, "--all", "--yes", "--json"]);
    assert_eq!(done["results"][0]["outcome"], "acknowledged");
    let foreign = fleet.tui_fails(&["dead-letter", STREAM, "analytics", "--all", "--yes"]);
    assert!(foreign.contains("no dead letters"), "{foreign}");

    let end = |accepted: i64| {
        move |c: &Value| {
            assert_eq!(c["balanced"], true, "{c}");
            c["status"] == "finished" && c["accepted"] == accepted
        }
    };
    let seen = fleet.until(id, "it is finished", end(USERS - 5)).await;
    assert_eq!(seen["failed"], 5, "{seen}");
    let deep = fleet.tui_output(&["doctor", "--deep", "--json"]);
    let deep = String::from_utf8_lossy(&deep.stdout).into_owned();
    assert!(deep.contains("tally, ledger and entries agree"), "{deep}");

    // The three letters are of one cause, and go again.
    terminal.press("5");
    terminal.until_contains("operator: dead-lettered by");
    terminal.press("\r");
    terminal.until_contains("3 letters");
    terminal.press("aR");
    terminal.until_contains("Replay 3");
    terminal.press("\t\r");
    terminal.until_contains("queued again, round 2");
    fleet.until(id, "they are sent", end(USERS - 2)).await;
    terminal.press("\r9");
    terminal.until_contains("dead-letter email-notification");
    terminal.until_contains("ack email-notification");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_foreign_group_has_no_dead_letters_and_an_acknowledgement_whose_reply_is_lost_is_unknown() {
    let mut redis = RedisServer::start(&[]);
    let mut orders = connection(&redis);
    let ids = stuck_orders(&mut orders, 3);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = at_what_gone_holds(&redis, dir.path(), &ids[0]);
    terminal.press("X");
    terminal.until_contains("no dead letters");
    terminal.press("\r");
    terminal.until("no question", Duration::from_secs(10), |s| {
        !s.contains("no dead letters")
    });
    terminal.press(" K");
    terminal.until_contains(&format!("XACK orders billing {}", ids[0]));
    terminal.press("\t\r");
    terminal.until_contains("acknowledged");
    terminal.press("\r");
    terminal.until("it is gone", Duration::from_secs(10), |s| {
        s.contains(&ids[1]) && !s.contains(&ids[0])
    });

    terminal.press("K");
    terminal.until_contains(&format!("XACK orders billing {}", ids[1]));
    // Redis takes it in and is killed before it answers.
    run::<()>(&mut orders, "CLIENT PAUSE 60000 WRITE");
    terminal.press("\t\r");
    eventually(Duration::from_secs(10), "the deed to wait in Redis", || {
        run::<String>(&mut orders, "CLIENT LIST")
            .lines()
            .any(|client| client.contains(" flags=b "))
    });
    redis.kill();
    terminal.until("the outcome", Duration::from_secs(20), |s| {
        s.contains("unknown: the reply was lost")
    });
    redis.restart();
    terminal.until("Redis again", Duration::from_secs(20), |s| {
        s.contains("● live")
    });
    let left: redis::Value = run(&mut connection(&redis), "XPENDING orders billing");
    assert!(
        format!("{left:?}").contains(&ids[1]),
        "it wasn't done: {left:?}"
    );
}
