use std::collections::HashSet;

use super::{super::UserStatus, on_both};

on_both! {
    async fn users_are_the_same_however_many_are_made(db) {
        let few = db.open().await;
        assert_eq!(few.seed_users(700).await.unwrap(), 700);
        assert_eq!(few.seed_users(700).await.unwrap(), 0);
        assert_eq!(few.count_users().await.unwrap(), 700);
        assert_eq!(few.max_user_id().await.unwrap(), 700);

        let other = super::super::Database::sqlite();
        let many = other.open().await;
        many.seed_users(5_000).await.unwrap();
        for id in [1, 699, 700] {
            let (a, b) = (few.user(id).await.unwrap().unwrap(), many.user(id).await.unwrap().unwrap());
            assert_eq!((&a.email, &a.first_name, &a.last_name), (&b.email, &b.first_name, &b.last_name));
        }
        let user = few.user(7).await.unwrap().unwrap();
        assert!(user.email.ends_with(".7@example.com"), "{}", user.email);
        assert!(user.email.is_ascii() && user.email == user.email.to_lowercase());
        assert_eq!(user.status, UserStatus::Active);
        assert_eq!(few.user(701).await.unwrap(), None);
    }

    async fn the_pages_of_all_partitions_hold_everybody_once(db) {
        let store = db.open().await;
        store.seed_users(1_003).await.unwrap();
        let mut seen = HashSet::new();
        for partition in 0..3 {
            let mut after = 0;
            loop {
                let page = store.users_page(after, 1_000, partition, 3, 100).await.unwrap();
                let Some(last) = page.last() else { break };
                after = last.id;
                for user in page {
                    assert_eq!(user.id % 3, i64::from(partition));
                    assert!(seen.insert(user.id));
                }
            }
        }
        assert_eq!(seen.len(), 1_000, "users above the frozen audience don't count");
    }

    async fn inactive_users_are_found_among_many(db) {
        let store = db.open().await;
        store.seed_users(600).await.unwrap();
        for id in [3, 599] {
            assert!(store.set_user_status(id, UserStatus::Inactive).await.unwrap());
        }
        assert!(!store.set_user_status(601, UserStatus::Inactive).await.unwrap());
        let ids: Vec<i64> = (1..=600).collect();
        assert_eq!(store.inactive_users(&ids).await.unwrap(), HashSet::from([3, 599]));
        assert_eq!(store.inactive_users(&ids[..3]).await.unwrap(), HashSet::from([3]));
        assert!(store.inactive_users(&[]).await.unwrap().is_empty());
    }

    async fn a_sample_is_spread_over_all(db) {
        let store = db.open().await;
        assert!(store.sample_users(3).await.unwrap().is_empty());
        store.seed_users(90).await.unwrap();
        let ids: Vec<i64> = store.sample_users(3).await.unwrap().iter().map(|u| u.id).collect();
        assert_eq!(ids, [1, 31, 61]);
    }
}
