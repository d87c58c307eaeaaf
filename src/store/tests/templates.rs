use super::on_both;

on_both! {
    async fn other_words_make_the_next_version_and_the_same_words_dont(db) {
        let store = db.open().await;
        let first = store.save_template("winter", "s", "t", "").await.unwrap();
        assert_eq!((first.version, first.subject.as_str()), (1, "s"));
        assert_eq!(store.save_template("winter", "s", "t", "").await.unwrap(), first);
        let second = store.save_template("winter", "s", "t", "<p>").await.unwrap();
        assert_eq!(second.version, 2);
        assert_eq!(store.save_template("winter", "s", "t", "").await.unwrap().version, 3);
        assert_eq!(store.template("winter", Some(1)).await.unwrap(), Some(first));
        assert_eq!(store.template("winter", None).await.unwrap().unwrap().version, 3);
        assert_eq!(store.template("winter", Some(9)).await.unwrap(), None);
        assert_eq!(store.template("summer", None).await.unwrap(), None);
        store.save_template("autumn", "s", "t", "").await.unwrap();
        let all = store.templates().await.unwrap();
        assert_eq!(all.iter().map(|t| (t.name.as_str(), t.version)).collect::<Vec<_>>(), [("autumn", 1), ("winter", 3)]);
    }
}
