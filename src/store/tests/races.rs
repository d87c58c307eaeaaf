//! Several processes at once; each is a store of its own.

use super::{
    super::{Claim, ClaimOutcome, Created, Ledger},
    claim, new_campaign, on_both,
};

on_both! {
    async fn of_several_openers_one_makes_the_tables(db) {
        let (a, b, c) = tokio::join!(db.open(), db.open(), db.open());
        for store in [a, b, c] {
            assert_eq!(store.count_users().await.unwrap(), 0);
        }
    }

    async fn of_several_seeders_one_makes_the_users(db) {
        let (a, b, c) = (db.open().await, db.open().await, db.open().await);
        let made = tokio::join!(a.seed_users(3_000), b.seed_users(3_000), c.seed_users(3_000));
        let mut made = [made.0.unwrap(), made.1.unwrap(), made.2.unwrap()];
        made.sort_unstable();
        assert_eq!(made, [0, 0, 3_000]);
        assert_eq!(a.count_users().await.unwrap(), 3_000);
    }

    async fn a_seed_that_was_cut_off_leaves_nothing(db) {
        let store = db.open().await;
        let half_way = std::time::Duration::from_millis(40);
        let cut_off = tokio::time::timeout(half_way, store.seed_users(200_000)).await;
        assert!(cut_off.is_err(), "too fast to be cut off");
        let other = db.open().await;
        assert_eq!(other.count_users().await.unwrap(), 0);
        assert_eq!(other.seed_users(50).await.unwrap(), 50);
    }

    async fn of_several_creators_with_one_key_one_wins(db) {
        let stores = [db.open().await, db.open().await, db.open().await, db.open().await];
        let tasks: Vec<_> = stores.iter().cloned().map(|store| tokio::spawn(async move {
            store.create_campaign(&new_campaign(Some("same")), 2).await.unwrap()
        })).collect();
        let (mut created, mut ids) = (0, std::collections::HashSet::new());
        for task in tasks {
            match task.await.unwrap() {
                Created::New(campaign) => { created += 1; ids.insert(campaign.id); }
                Created::Replayed(campaign) => { ids.insert(campaign.id); }
                Created::KeyReused => panic!("the body is the same"),
            }
        }
        assert_eq!((created, ids.len()), (1, 1));
        assert_eq!(stores[0].open_outbox().await.unwrap().len(), 2);
    }

    async fn of_several_claimers_one_gets_a_row(db) {
        const USERS: i64 = 600;
        let ledgers = [
            Ledger::start(db.open().await, "one".to_owned()),
            Ledger::start(db.open().await, "two".to_owned()),
            Ledger::start(db.open().await, "three".to_owned()),
        ];
        // Each twice, in another order, in another cut.
        let mut tasks = Vec::new();
        for (index, ledger) in ledgers.iter().enumerate() {
            for turn in 0..2 {
                let mut users: Vec<i64> = (1..=USERS).collect();
                users.rotate_left(97 * (index + 3 * turn));
                for part in users.chunks(50 + 30 * index) {
                    let claims: Vec<Claim> = part.iter().map(|user| claim(1, *user)).collect();
                    let ledger = ledger.clone();
                    tasks.push(tokio::spawn(async move { ledger.claim(claims).await.unwrap() }));
                }
            }
        }
        let (mut claimed, mut others) = (0, 0);
        for task in tasks {
            for outcome in task.await.unwrap() {
                match outcome {
                    ClaimOutcome::Claimed => claimed += 1,
                    ClaimOutcome::SendingBy { .. } => others += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!((claimed, others), (USERS, 5 * USERS));
        for ledger in ledgers {
            ledger.shutdown().await;
        }
    }
}
