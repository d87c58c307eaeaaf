//! The database goes away and comes back; nothing is lost.

use sqlx::{AssertSqlSafe, Executor};

use super::{
    super::{Claim, ClaimOutcome, DeliveryStatus, Ledger, Store, is_away},
    Database, claim, on_both, result, sql, until,
};
use DeliveryStatus::Accepted;

/// Claims and accepts users, a hundred at a time, from several tasks.
fn work(ledger: &Ledger, users: i64) -> Vec<tokio::task::JoinHandle<()>> {
    let parts = (0..users / 100).map(|part| part * 100);
    parts
        .map(|first| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let users = first + 1..=first + 100;
                let claims: Vec<Claim> = users.clone().map(|user| claim(1, user)).collect();
                let outcomes = ledger.claim(claims).await.unwrap();
                assert!(
                    outcomes.iter().all(|o| *o == ClaimOutcome::Claimed),
                    "{outcomes:?}"
                );
                let results = users.map(|user| result(1, user, Accepted)).collect();
                let statuses = ledger.record(results).await.unwrap();
                assert!(statuses.iter().all(|s| *s == Accepted), "{statuses:?}");
            })
        })
        .collect()
}

async fn all_accepted(store: &Store, users: i64) {
    let counts = store.count_deliveries(1).await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(Accepted, users)]);
}

on_both! {
    async fn a_ledger_that_cannot_write_keeps_what_it_has(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        ledger.claim(vec![claim(2, 1)]).await.unwrap();
        sql(&store, "ALTER TABLE deliveries RENAME TO elsewhere").await;
        let tasks = work(&ledger, 1_000);
        until("it says that it can't write", async || ledger.is_away()).await;
        sql(&store, "ALTER TABLE elsewhere RENAME TO deliveries").await;
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!ledger.is_away());
        all_accepted(&store, 1_000).await;
        ledger.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_is_away_and_loses_nothing() {
    let db = Database::sqlite();
    let store = db.open().await;
    let ledger = Ledger::start(store.clone(), "me".to_owned());
    let lock = db.open().await.begin().await.unwrap();
    let tasks = work(&ledger, 1_000);
    let busy = store.seed_users(1).await.unwrap_err();
    assert!(is_away(&busy), "{busy:?}");
    until("it says that it can't write", async || ledger.is_away()).await;
    drop(lock);
    for task in tasks {
        task.await.unwrap();
    }
    all_accepted(&store, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_hangs_up_loses_nothing() {
    let db = Database::postgres().await;
    let store = db.open().await;
    let ledger = Ledger::start(store.clone(), "me".to_owned());
    let (_, schema) = db.url.rsplit_once('=').unwrap();
    let killer = sqlx::AnyPool::connect(&super::postgres_url())
        .await
        .unwrap();
    let hang_up = format!(
        "SELECT CAST(COUNT(pg_terminate_backend(pid)) AS BIGINT) FROM pg_stat_activity WHERE application_name = '{schema}'"
    );
    let tasks = work(&ledger, 20_000);
    let mut hung_up = 0;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        killer
            .execute(AssertSqlSafe(hang_up.clone()))
            .await
            .unwrap();
        hung_up += 1;
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }
    assert!(hung_up > 1);
    for task in tasks {
        task.await.unwrap();
    }
    let store = db.open().await;
    all_accepted(&store, 20_000).await;
}
