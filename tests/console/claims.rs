//! Claims that meet somebody else's hands, a trimmed stream, and the end of Redis.

use std::time::Duration;

use redis::Connection;

use super::console_with;
use crate::{
    operator::pasted,
    support::{RedisServer, Terminal, eventually},
};

const STREAM: &str = "orders";
const GROUP: &str = "billing";

pub(super) fn run<T: redis::FromRedisValue>(connection: &mut Connection, command: &str) -> T {
    let mut words = command.split(' ');
    let mut cmd = redis::cmd(words.next().expect("a command"));
    for word in words {
        cmd.arg(word);
    }
    cmd.query(connection)
        .unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// Entries of a stream that isn't ours, held by `gone` for an hour, and `alive` that has just read.
pub(super) fn stuck_orders(connection: &mut Connection, count: usize) -> Vec<String> {
    run::<()>(
        connection,
        &format!("XGROUP CREATE {STREAM} {GROUP} 0 MKSTREAM"),
    );
    let ids: Vec<String> = (0..count)
        .map(|n| run(connection, &format!("XADD {STREAM} * order {n}")))
        .collect();
    let read = format!("XREADGROUP GROUP {GROUP} gone COUNT {count} STREAMS {STREAM} >");
    run::<redis::Value>(connection, &read);
    for page in ids.chunks(1_000) {
        let page = page.join(" ");
        let aged = format!("XCLAIM {STREAM} {GROUP} gone 0 {page} IDLE 3600000 JUSTID");
        run::<redis::Value>(connection, &aged);
    }
    alive(connection);
    ids
}

/// `alive` reads an entry and handles it, and so counts as a live consumer of a foreign group.
fn alive(connection: &mut Connection) {
    let id: String = run(connection, &format!("XADD {STREAM} * order new"));
    let read = format!("XREADGROUP GROUP {GROUP} alive COUNT 1 STREAMS {STREAM} >");
    run::<redis::Value>(connection, &read);
    run::<i64>(connection, &format!("XACK {STREAM} {GROUP} {id}"));
}

/// The console at the entries that `gone` holds.
pub(super) fn at_what_gone_holds(
    redis: &RedisServer,
    dir: &std::path::Path,
    first: &str,
) -> Terminal {
    let mut terminal = console_with(&redis.url(), dir, &["--all-streams"], &[]);
    terminal.until_contains("● live");
    terminal.press("3");
    terminal.until_contains(STREAM);
    terminal.press("\r");
    terminal.until_contains(GROUP);
    terminal.press("\r");
    terminal.until_contains("gone");
    terminal.press("/^gone\r");
    terminal.until_contains("1 of 2 consumers");
    terminal.press("\r");
    terminal.until_contains(first);
    terminal
}

pub(super) fn connection(redis: &RedisServer) -> Connection {
    let client = redis::Client::open(redis.url()).expect("a URL");
    client.get_connection().expect("Redis answers")
}

#[test]
fn what_is_stuck_in_foreign_groups_is_listed_and_all_of_it_claimed() {
    let redis = RedisServer::start(&[]);
    let mut connection = connection(&redis);
    let ids = stuck_orders(&mut connection, 450);
    let payload = [0, 255, 27, b'[', b'2', b'J'];
    let mut cmd = redis::cmd("XADD");
    cmd.arg("binary").arg("*").arg("payload").arg(&payload[..]);
    let _: String = cmd.query(&mut connection).expect("added");
    run::<()>(&mut connection, "XGROUP CREATE binary readers 0");
    let read = "XREADGROUP GROUP readers lost COUNT 1 STREAMS binary >";
    run::<redis::Value>(&mut connection, read);
    let dir = tempfile::tempdir().expect("a directory");
    let visibility = [("COMMS_VISIBILITY_MS", "5000")];
    let mut terminal = console_with(&redis.url(), dir.path(), &["--all-streams"], &visibility);
    terminal.until_contains("● live");
    terminal.press("4");
    terminal.until_contains(&ids[0]);
    terminal.press("/lost\r");
    terminal.until_contains("payload");
    terminal.press("\u{1b}");
    // Esc and a key in one piece would be that key with Alt.
    terminal.until("no filter", Duration::from_secs(10), |s| {
        !s.contains("filter lost")
    });
    terminal.press("/stream:orders\r");
    terminal.until_contains("of 201 stuck, the oldest; there are more");
    alive(&mut connection);
    terminal.press("A");
    terminal.until_contains("450 entries");
    terminal.until_contains("type 450");
    alive(&mut connection);
    // Tab: the target, the idle time, then the count; from Cancel backwards it is the nearest.
    terminal.press("\u{1b}[Z450\t\t\r");
    terminal.until_contains("450 of 450 entries claimed");
    let held: redis::Value = run(
        &mut connection,
        &format!("XINFO CONSUMERS {STREAM} {GROUP}"),
    );
    assert!(format!("{held:?}").contains("int(450)"), "{held:?}");
}

fn asked(terminal: &mut Terminal) {
    terminal.press("C");
    terminal.until_contains("XCLAIM");
}

#[test]
fn what_y_copies_of_a_plan_is_taken_by_redis_cli() {
    let redis = RedisServer::start(&[]);
    let mut connection = connection(&redis);
    stuck_orders(&mut connection, 230);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console_with(&redis.url(), dir.path(), &["--all-streams"], &[]);
    terminal.until_contains("● live");
    terminal.press("4");
    terminal.until_contains("gone");
    alive(&mut connection);
    terminal.press("A");
    terminal.until_contains("type 230");
    terminal.press("y");
    terminal.until_contains("copied 3 commands for redis-cli");
    let commands = terminal.copied().expect("copied");
    let port = redis.port().to_string();
    if !pasted(&port, &commands) {
        println!("there is no redis-cli here");
        return;
    }
    let held: Vec<redis::Value> = run(
        &mut connection,
        &format!("XPENDING {STREAM} {GROUP} - + 1000 alive"),
    );
    assert_eq!(held.len(), 230);
}

#[test]
fn each_id_has_its_outcome_when_others_were_faster_or_the_stream_was_trimmed() {
    let redis = RedisServer::start(&[]);
    let mut connection = connection(&redis);
    let ids = stuck_orders(&mut connection, 5);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = at_what_gone_holds(&redis, dir.path(), &ids[0]);
    terminal.press("a");
    terminal.until_contains("5 marked");
    asked(&mut terminal);
    // Between the plan and the confirmation.
    let rival = format!("XCLAIM {STREAM} {GROUP} rival 0 {}", ids[0]);
    run::<redis::Value>(&mut connection, &rival);
    run::<i64>(&mut connection, &format!("XDEL {STREAM} {}", ids[1]));
    run::<i64>(
        &mut connection,
        &format!("XACK {STREAM} {GROUP} {}", ids[2]),
    );
    terminal.press("\t\r");
    terminal.until_contains("2 of 5 entries claimed");
    for outcome in [
        "1 taken by another",
        "1 vanished: trimmed from the stream",
        "1 handled meanwhile",
        "2 claimed",
        "claimed by alive",
    ] {
        terminal.until_contains(outcome);
    }
    let held: redis::Value = run(
        &mut connection,
        &format!("XPENDING {STREAM} {GROUP} - + 10 alive"),
    );
    let redis::Value::Array(held) = held else {
        panic!("{held:?}")
    };
    assert_eq!(held.len(), 2);
}

#[test]
fn a_claim_whose_reply_is_lost_is_unknown_and_the_console_comes_back() {
    let mut redis = RedisServer::start(&[]);
    let mut connection = connection(&redis);
    let ids = stuck_orders(&mut connection, 2);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = at_what_gone_holds(&redis, dir.path(), &ids[0]);
    terminal.press("a");
    asked(&mut terminal);
    // Redis takes the claim in and is killed before it answers.
    run::<()>(&mut connection, "CLIENT PAUSE 60000 WRITE");
    terminal.press("\t\r");
    eventually(
        Duration::from_secs(10),
        "the claim to wait in Redis",
        || {
            run::<String>(&mut connection, "CLIENT LIST")
                .lines()
                .any(|client| client.contains(" flags=b "))
        },
    );
    redis.kill();
    terminal.until("the outcome", Duration::from_secs(20), |s| {
        s.contains("2 unknown: the reply was lost")
    });
    assert!(terminal.screen().contains(&ids[1]), "{}", terminal.screen());
    redis.restart();
    terminal.until("Redis again", Duration::from_secs(20), |s| {
        s.contains("● live")
    });
    terminal.press("\r");
    // It wasn't done, and can be done again.
    terminal.until_contains("gone");
    let mut connection = self::connection(&redis);
    alive(&mut connection);
    asked(&mut terminal);
    terminal.press("\t\r");
    terminal.until_contains("claimed by alive");
}

#[test]
fn an_operator_makes_moves_and_cleans_up_groups() {
    let redis = RedisServer::start(&[]);
    let mut connection = connection(&redis);
    let ids = stuck_orders(&mut connection, 3);
    let dir = tempfile::tempdir().expect("a directory");
    let visibility = [("COMMS_VISIBILITY_MS", "1000")];
    let mut terminal = console_with(&redis.url(), dir.path(), &["--all-streams"], &visibility);
    terminal.until_contains("● live");
    terminal.press("3");
    terminal.until_contains(STREAM);
    terminal.press("\r");
    terminal.until_contains(GROUP);

    terminal.press("Nreports $\r");
    terminal.until_contains("XGROUP CREATE orders reports $ MKSTREAM");
    terminal.press("\t\r");
    terminal.until_contains("made");
    terminal.press("\r");
    terminal.until_contains("2 groups");
    let groups: redis::Value = run(&mut connection, "XINFO GROUPS orders");
    assert!(format!("{groups:?}").contains("reports"));

    // Back to the first entry: it is delivered again.
    terminal.press("/reports\r");
    terminal.until_contains("1 of 2 groups");
    terminal.press("I0\r");
    terminal.until_contains("delivered again");
    terminal.press("\t\r");
    terminal.until_contains("set");
    terminal.press("\r");
    let again: redis::Value = run(
        &mut connection,
        "XREADGROUP GROUP reports r COUNT 9 STREAMS orders >",
    );
    assert!(format!("{again:?}").contains(&ids[0]), "{again:?}");

    // A consumer goes only when it holds nothing.
    terminal.press("\u{1b}");
    terminal.until_contains(GROUP);
    terminal.press("/^billing\r");
    terminal.until_contains("1 of 2 groups");
    terminal.press("\r");
    terminal.until_contains("gone");
    terminal.press("/^gone\r");
    terminal.until_contains("1 of 2 consumers");
    terminal.until("silence", Duration::from_secs(10), |s| s.contains("silent"));
    terminal.press("X");
    terminal.until_contains("gone holds 3 entries");
    terminal.press("\r");
    for id in &ids {
        run::<i64>(&mut connection, &format!("XACK {STREAM} {GROUP} {id}"));
    }
    terminal.press("X");
    terminal.until_contains("XGROUP DELCONSUMER orders billing gone");
    terminal.press("\t\r");
    terminal.until_contains("removed");
    terminal.press("\r");
    terminal.until_contains("0 of 1 consumer");
    let consumers: redis::Value = run(&mut connection, "XINFO CONSUMERS orders billing");
    assert!(!format!("{consumers:?}").contains("gone"));
    terminal.press("9");
    for what in ["group.create", "group.setid", "group.delete-consumer"] {
        terminal.until_contains(what);
    }
}
