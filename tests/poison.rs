//! A mail that killed whoever had it: the ledger is told before it becomes a dead letter.

use std::{collections::HashMap, time::Duration};

use comms::store::{CHANNEL_EMAIL, Claim, DeliveryStatus, Ledger, Store};
use redis::aio::MultiplexedConnection;
use serde_json::Value;

use crate::{
    pipeline::{command, running_with},
    support::postgres_database,
};

const USERS: i64 = 10;
const KEY: &str = "{comms:0}:email-notification";
const GROUP: &str = "email-service";
const LAST: &str = "victim-1-1";

/// The last of seven consumers takes an entry, begins its mail, and dies. Returns the user.
async fn the_seventh_dies(redis: &mut MultiplexedConnection, store: &Store, campaign: i64) -> i64 {
    let read = format!("XREADGROUP GROUP {GROUP} {LAST} COUNT 1 STREAMS {KEY} >");
    command::<redis::Value>(redis, &read).await;
    let page = format!("XPENDING {KEY} {GROUP} - + 1 {LAST}");
    let held: Vec<(String, String, u64, u64)> = command(redis, &page).await;
    let id = &held[0].0;
    let body: Vec<(String, HashMap<String, String>)> =
        command(redis, &format!("XRANGE {KEY} {id} {id}")).await;
    let data: Value = serde_json::from_str(&body[0].1["data"]).expect("JSON");
    let user = data["user"].as_i64().expect("a user");
    command::<i64>(redis, &format!("HSET {KEY}:crashes {id} 6")).await;
    let now: (u64, u64) = command(redis, "TIME").await;
    let beat = now.0 * 1_000 - 5_000;
    command::<i64>(redis, &format!("ZADD comms:workers {beat} {LAST}")).await;

    let ledger = Ledger::start(store.clone(), LAST.to_owned());
    let claim = Claim {
        campaign,
        user,
        attempt: 1,
        round: 1,
        message_id: "<poison@example.com>".to_owned(),
    };
    ledger.claim(vec![claim]).await.expect("claimed");
    ledger.shutdown().await;
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_has_failed_in_the_ledger_too_and_its_letter_goes_again() {
    let database = postgres_database().await;
    let presence = [("COMMS_PRESENCE_MS", "1500")];
    let mut running = running_with(&USERS.to_string(), Some(database.clone()), &presence).await;
    let store = Store::open(&database, false).await.expect("the database");
    running.fleet.terminate(GROUP, Duration::from_secs(30));
    let id = running.fleet.create().await;
    let mut redis = running.redis().await;
    running.until_length(KEY, USERS).await;
    let user = the_seventh_dies(&mut redis, &store, id).await;
    running.fleet.start(GROUP);
    let fleet = &running.fleet;
    fleet.until_ready(GROUP).await;

    let finished = |accepted: i64| {
        move |c: &Value| {
            assert_eq!(c["balanced"], true, "{c}");
            c["status"] == "finished" && c["accepted"] == accepted
        }
    };
    let seen = fleet.until(id, "it is finished", finished(USERS - 1)).await;
    assert_eq!(seen["failed"], 1, "{seen}");
    let row = store.delivery(id, user, CHANNEL_EMAIL).await.expect("SQL");
    let row = row.expect("a row");
    assert_eq!(
        (row.status, row.in_doubt_count),
        (DeliveryStatus::Failed, 1)
    );
    let answer = row.answer.unwrap_or_default();
    assert!(answer.starts_with("poison"), "{answer}");
    let deep = fleet.tui_output(&["doctor", "--deep", "--json"]);
    let deep = String::from_utf8_lossy(&deep.stdout).into_owned();
    assert!(deep.contains("tally, ledger and entries agree"), "{deep}");

    let replayed = fleet.tui(&["dead", "replay", "--all", "--yes", "--json"]);
    assert_eq!(replayed["results"][0]["outcome"], "queued", "{replayed}");
    fleet.until(id, "it is sent", finished(USERS)).await;
}
