use super::{
    super::{AcceptTimes, DeliveryFilter, DeliveryStatus, Ledger},
    campaign, claim, on_both, result, sql,
};

on_both! {
    async fn who_got_what_is_found_by_status_code_domain_and_address(db) {
        let store = db.open().await;
        store.seed_users(9).await.unwrap();
        sql(&store, "UPDATE users SET email = 'Ann_Lee@Slow.example' WHERE id = 2").await;
        sql(&store, "UPDATE users SET email = 'annXlee@slow.example' WHERE id = 3").await;
        sql(&store, "UPDATE users SET email = 'Äb@Example.com' WHERE id = 1").await;
        let id = campaign(&store).await;
        let ledger = Ledger::start(store.clone(), "w-1-1".to_owned());
        ledger.claim((1..=4).map(|user| claim(id, user)).collect()).await.unwrap();
        let mut refused = result(id, 4, DeliveryStatus::Failed);
        refused.code = Some(550);
        refused.answer = Some("5.1.1 no such user".to_owned());
        let accepted = (1..=3).map(|user| result(id, user, DeliveryStatus::Accepted));
        ledger.record(accepted.chain([refused]).collect()).await.unwrap();
        ledger.shutdown().await;
        sql(&store, "UPDATE deliveries SET created_at_ms = 1000, updated_at_ms = 1000 + user_id * 100, attempt = user_id").await;

        let find = async |filter: DeliveryFilter| -> Vec<i64> {
            let found = store.search_deliveries(id, &filter, 0, 100).await.unwrap();
            found.iter().map(|f| f.delivery.user_id).collect()
        };
        let all = DeliveryFilter::default();
        assert_eq!(find(all.clone()).await, [1, 2, 3, 4]);
        assert_eq!(store.search_deliveries(id + 1, &all, 0, 100).await.unwrap(), []);
        assert_eq!(find(DeliveryFilter { users: vec![3, 9], ..all.clone() }).await, [3]);
        assert_eq!(find(DeliveryFilter { codes: vec![550, 251], ..all.clone() }).await, [4]);
        assert_eq!(find(DeliveryFilter { status: Some(DeliveryStatus::Failed), ..all.clone() }).await, [4]);
        assert_eq!(find(DeliveryFilter { codes: vec![250], ..all.clone() }).await, [1, 2, 3]);
        assert_eq!(find(DeliveryFilter { domains: vec!["SLOW.example".to_owned()], ..all.clone() }).await, [2, 3]);
        assert_eq!(find(DeliveryFilter { domains: vec!["low.example".to_owned()], ..all.clone() }).await, [0; 0]);
        assert_eq!(find(DeliveryFilter { domains: vec!["%".to_owned()], ..all.clone() }).await, [0; 0]);
        let ann = DeliveryFilter { addresses: vec!["ann_lee@slow.example".to_owned()], ..all.clone() };
        assert_eq!(find(DeliveryFilter { status: Some(DeliveryStatus::Accepted), codes: vec![250], ..ann }).await, [2]);
        // Folded alike by both databases: only what is ASCII.
        assert_eq!(find(DeliveryFilter { addresses: vec!["ÄB@example.COM".to_owned()], ..all.clone() }).await, [1]);
        assert_eq!(find(DeliveryFilter { addresses: vec!["äb@example.com".to_owned()], ..all.clone() }).await, [0; 0]);
        let page = store.search_deliveries(id, &all, 2, 1).await.unwrap();
        assert_eq!(page[0].delivery.user_id, 3);
        assert_eq!(page[0].address.as_deref(), Some("annXlee@slow.example"));

        let answers = store.answers(id, 10).await.unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!((answers[0].status, answers[0].code, answers[0].number), (DeliveryStatus::Accepted, Some(250), 3));
        assert_eq!(answers[1].example.as_deref(), Some("5.1.1 no such user"));
        let times = store.accept_times(id).await.unwrap();
        assert_eq!((times.first, times.half, times.last, times.again), (Some(1_100), Some(1_200), Some(1_300), 2));
        assert_eq!(store.accept_times(id + 1).await.unwrap(), AcceptTimes::default());
        let slowest = store.slowest_domains(id, 10).await.unwrap();
        assert_eq!((slowest[0].domain.as_str(), slowest[0].accepted, slowest[0].longest_ms), ("slow.example", 2, 300));
        assert!((slowest[0].mean_ms - 250.0).abs() < 0.01, "{slowest:?}");
        assert_eq!(slowest[1].domain, "example.com");
    }
}
