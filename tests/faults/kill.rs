//! The kill matrix: SIGKILL to each worker in turn, and to any of them at random.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::arena::{Arena, Plan, SECONDS, all};
use crate::support::{WORKERS, postgres_database, rules};

/// What the server takes for each mail: something is in hand whenever somebody is killed.
const SLOW: Duration = Duration::from_millis(10);

async fn arena(users: u64) -> Arena {
    let arena = Arena::start(Plan {
        users,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(SLOW));
    arena
}

/// Kills workers at random until that many are killed or the mails are mostly out; returns how many mails
/// those had in hand, by the ledger.
async fn fire(arena: &mut Arena, users: u64, most: usize) -> u64 {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let names: Vec<&'static str> = all().collect();
    let (mut kills, mut in_hand) = (0, 0);
    while (arena.smtp.taken() as u64) < users * 9 / 10 && kills < most {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..500))).await;
        let name = names.choose(&mut random).expect("not empty");
        in_hand += arena.kill(name).await;
        arena.fleet.start(name);
        kills += 1;
    }
    println!("{kills} killed with {in_hand} mails in hand");
    assert!(kills > 0);
    in_hand
}

async fn killed_at_random(users: u64, policy: &str, most: usize) {
    let mut arena = arena(users).await;
    let id = arena.create(policy).await;
    let watch = arena.watch(id);
    let in_hand = fire(&mut arena, users, most).await;
    let audit = arena.everybody_once(id, users).await;
    let looks = watch.end().await;
    println!("{audit:?}, looked {looks} times");
    assert!(audit.doubts <= in_hand, "{audit:?}, in hand {in_hand}");
    if policy == "hold" {
        assert_eq!(audit.doubled, 0, "nobody twice");
    } else {
        assert_eq!(audit.held, 0, "nobody missed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_at_random_cost_nobody_a_mail() {
    killed_at_random(20_000, "resend", 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_at_random_mail_nobody_twice_under_hold() {
    killed_at_random(20_000, "hold", 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_at_random_with_postgresql_and_four_partitions_cost_nobody_a_mail() {
    let users = 10_000;
    let mut arena = Arena::start(Plan {
        users,
        partitions: 4,
        database_url: Some(postgres_database().await),
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(SLOW));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    let in_hand = fire(&mut arena, users, 20).await;
    let audit = arena.everybody_once(id, users).await;
    watch.end().await;
    println!("{audit:?}");
    assert!(audit.doubts <= in_hand, "{audit:?}, in hand {in_hand}");
    assert_eq!(audit.held, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long; ./test.sh soak"]
async fn soak_workers_killed_at_random_under_resend() {
    killed_at_random(100_000, "resend", 2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long; ./test.sh soak"]
async fn soak_workers_killed_at_random_under_hold() {
    killed_at_random(100_000, "hold", 2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_worker_killed_in_turn_costs_nobody_a_mail() {
    let users = 20_000;
    let mut arena = arena(users).await;
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    let mut in_hand = 0;
    for (n, pair) in WORKERS.into_iter().zip(SECONDS).enumerate() {
        arena.until_taken(2_000 * (n + 1)).await;
        // One of the two, then the other as soon as the first is back.
        for name in [pair.0, pair.1] {
            in_hand += arena.kill(name).await;
            arena.fleet.start(name);
            arena.fleet.until_ready(name).await;
        }
    }
    let audit = arena.everybody_once(id, users).await;
    watch.end().await;
    println!("{audit:?}, in hand {in_hand}");
    assert!(audit.doubts <= in_hand, "{audit:?}, in hand {in_hand}");
    assert_eq!(audit.held, 0);
}
