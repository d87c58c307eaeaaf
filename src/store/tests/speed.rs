//! Run by hand: `cargo test --release --lib store::tests::speed -- --ignored --nocapture --test-threads 1`

use std::time::Instant;

use super::{
    super::{Claim, ClaimOutcome, DeliveryStatus, Ledger},
    Database, claim, result,
};

const USERS: i64 = 100_000;

#[expect(clippy::print_stdout, reason = "a measurement that is run by hand")]
async fn measure(name: &str, db: Database, lanes: i64, batch: usize) {
    let store = db.open().await;
    let began = Instant::now();
    store.seed_users(USERS.unsigned_abs()).await.unwrap();
    println!("{name}: {USERS} users made in {:?}", began.elapsed());

    let ledger = Ledger::start(store.clone(), "me".to_owned());
    let began = Instant::now();
    let tasks: Vec<_> = (0..lanes)
        .map(|lane| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let users: Vec<i64> = (1..=USERS).filter(|user| user % lanes == lane).collect();
                for part in users.chunks(batch) {
                    let claims: Vec<Claim> = part.iter().map(|user| claim(1, *user)).collect();
                    let outcomes = ledger.claim(claims).await.unwrap();
                    assert!(outcomes.iter().all(|o| *o == ClaimOutcome::Claimed));
                    let results = part
                        .iter()
                        .map(|user| result(1, *user, DeliveryStatus::Accepted));
                    ledger.record(results.collect()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{name}: {USERS} claims and results by {lanes} lanes x {batch} in {seconds:.2} s: {:.0} rows/s",
        2.0 * USERS as f64 / seconds
    );
    let began = Instant::now();
    let counts = store.count_deliveries(1).await.unwrap();
    println!("{name}: counted in {:?}", began.elapsed());
    assert_eq!(counts.get(&DeliveryStatus::Accepted), Some(&USERS));
    ledger.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, run by hand"]
async fn on_sqlite() {
    measure("SQLite", Database::sqlite(), 32, 16).await;
    measure("SQLite", Database::sqlite(), 8, 64).await;
    measure("SQLite", Database::sqlite(), 256, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, run by hand"]
async fn on_postgres() {
    measure("PostgreSQL", Database::postgres().await, 32, 16).await;
    measure("PostgreSQL", Database::postgres().await, 8, 64).await;
    measure("PostgreSQL", Database::postgres().await, 256, 1).await;
}
