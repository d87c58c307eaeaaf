use super::{
    super::{Imported, ImportedUser, UserStatus},
    on_both,
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
