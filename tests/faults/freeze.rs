//! Workers that are silent for a while and then go on as if nothing had happened, and workers that are
//! restarted one after the other.

use std::time::Duration;

use super::{
    arena::{Arena, Plan, SECONDS, all},
    audit::Audit,
};
use crate::support::{WORKERS, postgres_database, rules};

/// SIGSTOP to the first of each worker in turn.
///
/// On PostgreSQL: one that is frozen within a transaction of SQLite's holds up all others.
async fn frozen(users: u64, times: [Duration; 4], settings: &[(&str, &str)], slow: Duration) {
    let arena = Arena::start(Plan {
        users,
        settings,
        database_url: Some(postgres_database().await),
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(slow));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    let mut in_hand = 0;
    // The last of the flow first: it must have mails in hand, however long it is frozen.
    for (n, (name, time)) in WORKERS.into_iter().zip(times).rev().enumerate() {
        arena.until_taken(500 * (n + 1)).await;
        in_hand += arena.freeze(name).await;
        tokio::time::sleep(time).await;
        arena.fleet.signal(name, "CONT");
    }
    let audit = arena.everybody_once(id, users).await;
    watch.end().await;
    let log = arena.fleet.log("email-service.2");
    println!(
        "{}",
        log.lines()
            .filter(|l| l.contains("took over") || l.contains("gone"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    println!("{audit:?}, in hand {in_hand}");
    assert!(audit.doubts <= in_hand, "{audit:?}, in hand {in_hand}");
    assert_eq!(audit.held, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_frozen_beyond_the_presence_time_send_nothing_that_others_took_over() {
    let slow = Duration::from_millis(30);
    // Little in hand: the other one gets to what it took over before the first is back.
    let settings = [("COMMS_BATCH", "100")];
    // PostgreSQL ends the transaction of one that is silent in it after 5 s; then its rows are free.
    let times = [2, 2, 2, 8].map(Duration::from_secs);
    frozen(15_000, times, &settings, slow).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long; ./test.sh soak"]
async fn soak_workers_frozen_for_three_eight_and_seventy_seconds() {
    for seconds in [3, 8, 70] {
        let settings = [("COMMS_PRESENCE_MS", "5000")];
        let slow = Duration::from_millis(30);
        frozen(50_000, [Duration::from_secs(seconds); 4], &settings, slow).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_sends_no_mail_again() {
    let users = 10_000;
    let mut arena = Arena::start(Plan {
        users,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(Duration::from_millis(15)));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(500).await;
    for pair in WORKERS.into_iter().zip(SECONDS).rev() {
        for name in [pair.0, pair.1] {
            arena.fleet.terminate(name, Duration::from_secs(30));
            arena.fleet.start(name);
            arena.fleet.until_ready(name).await;
        }
    }
    assert!(
        (arena.smtp.taken() as u64) < users,
        "all were restarted under load"
    );
    let audit = arena.everybody_once(id, users).await;
    watch.end().await;
    assert_eq!(audit, Audit::default());
    assert_eq!(arena.smtp.most_tries(), 1, "no mail was begun twice");
    let ledger = arena.ledger(id).await;
    assert!(ledger.iter().all(|row| row.attempt == 1));
    for name in all() {
        let log = arena.fleet.log(name);
        assert!(!log.contains("drain took too long"), "{name}: {log}");
    }
}
