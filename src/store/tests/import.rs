use super::{
    super::{Imported, ImportedUser, UserStatus},
    on_both, sql,
};

fn user(email: &str, first_name: Option<&str>, status: Option<UserStatus>) -> ImportedUser {
    ImportedUser {
        email: email.to_owned(),
        first_name: first_name.map(str::to_owned),
        last_name: None,
        status,
    }
}

on_both! {
    async fn an_import_makes_changes_and_leaves_as_it_says_and_may_be_repeated(db) {
        let store = db.open().await;
        store.seed_users(3).await.unwrap();
        let mut users: Vec<ImportedUser> = (0..700).map(|n| user(&format!("u{n}@example.org"), Some("Ann"), None)).collect();
        users[5].status = Some(UserStatus::Inactive);
        let all_new = Imported { new: 700, ..Imported::default() };
        assert_eq!(store.import_users(&users).await.unwrap(), all_new);
        let unchanged = Imported { unchanged: 700, ..Imported::default() };
        assert_eq!(store.import_users(&users).await.unwrap(), unchanged);
        assert_eq!(store.max_user_id().await.unwrap(), 703, "ids without gaps");
        let five = store.user_of("u5@example.org").await.unwrap().unwrap();
        assert_eq!((five.first_name.as_str(), five.last_name.as_str(), five.status), ("Ann", "", UserStatus::Inactive));

        users[7].first_name = Some("Bea".to_owned());
        users[5].first_name = None;
        users[5].status = None;
        users.push(user("new@example.org", None, None));
        let done = store.import_users(&users).await.unwrap();
        assert_eq!(done, Imported { new: 1, changed: 1, unchanged: 699 });
        assert_eq!(store.user_of("u7@example.org").await.unwrap().unwrap().first_name, "Bea");
        assert_eq!(store.user_of("u5@example.org").await.unwrap().unwrap(), five, "what isn't given stays");
        assert_eq!(store.count_users().await.unwrap(), 704);
        let inactive = store.list_users(Some(UserStatus::Inactive), 0, 9).await.unwrap();
        assert_eq!(inactive, [five]);
        assert_eq!(store.list_users(None, 702, 9).await.unwrap().len(), 2);
        assert_eq!(store.import_users(&[]).await.unwrap(), Imported::default());
    }

    async fn addresses_that_differ_in_capitals_are_one_user_who_keeps_the_spelling(db) {
        let store = db.open().await;
        store.import_users(&[user("Ann.Lee@Example.org", None, None), user("ÄB@example.org", None, None)]).await.unwrap();
        let again = [user("ann.lee@example.ORG", Some("Ann"), None), user("ÄB@example.org", None, None)];
        let done = store.import_users(&again).await.unwrap();
        assert_eq!(done, Imported { new: 0, changed: 1, unchanged: 1 });
        let ann = store.user_of("ANN.LEE@EXAMPLE.ORG").await.unwrap().unwrap();
        assert_eq!((ann.email.as_str(), ann.first_name.as_str()), ("Ann.Lee@Example.org", "Ann"));
        assert!(store.user_of("äb@example.org").await.unwrap().is_none(), "only capitals of ASCII are folded");

        // An older table may hold two spellings; each is found by its own.
        sql(&store, "INSERT INTO users (id, email, first_name, last_name, status, created_at_ms)
            VALUES (9, 'ann.lee@example.org', 'Other', '', 'active', 0)").await;
        assert_eq!(store.user_of("ann.lee@example.org").await.unwrap().unwrap().id, 9);
        assert_eq!(store.user_of("ANN.lee@example.org").await.unwrap().unwrap().id, ann.id);
        let one = [user("ann.lee@example.org", Some("New"), None)];
        assert_eq!(store.import_users(&one).await.unwrap().changed, 1);
        assert_eq!(store.user(9).await.unwrap().unwrap().first_name, "New");
        assert_eq!(store.user(ann.id).await.unwrap().unwrap().first_name, "Ann");
    }

    async fn two_imports_at_once_make_each_user_once(db) {
        let store = db.open().await;
        let users: Vec<ImportedUser> = (0..300).map(|n| user(&format!("u{n}@example.org"), None, None)).collect();
        let other = db.open().await;
        let (a, b) = tokio::join!(store.import_users(&users), other.import_users(&users));
        assert_eq!(a.unwrap().new + b.unwrap().new, 300);
        assert_eq!(store.count_users().await.unwrap(), 300);
        assert_eq!(store.max_user_id().await.unwrap(), 300);
    }
}
