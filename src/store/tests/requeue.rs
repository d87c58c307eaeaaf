use super::{
    super::{CampaignStatus, DeliveryStatus, Ledger, OutboxKind, Store},
    campaign, claim, on_both, result,
};
use DeliveryStatus::{Accepted, Failed, InDoubt};

async fn delivered(store: &Store, id: i64, users: i64, status: DeliveryStatus) {
    let ledger = Ledger::start(store.clone(), "me".to_owned());
    ledger
        .claim((1..=users).map(|user| claim(id, user)).collect())
        .await
        .unwrap();
    ledger
        .record((1..=users).map(|user| result(id, user, status)).collect())
        .await
        .unwrap();
    ledger.shutdown().await;
}

on_both! {
    async fn a_failed_delivery_is_queued_again_by_one_caller(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        delivered(&store, id, 500, Failed).await;
        let (a, b) = (db.open().await, db.open().await);
        let both = tokio::join!(
            a.requeue(id, Failed, None, 1, 1_000),
            b.requeue(id, Failed, None, 1, 1_000)
        );
        let mut users: Vec<i64> = both.0.unwrap().into_iter().chain(both.1.unwrap()).map(|r| r.user).collect();
        users.sort_unstable();
        assert_eq!(users, (1..=500).collect::<Vec<_>>());
        let replays = store.replays(id, 0, 1, 0, 1_000).await.unwrap();
        assert_eq!((replays.len(), replays[0].round), (500, 2));
        assert!(store.open_outbox().await.unwrap().iter().any(|row| row.kind == OutboxKind::Replay));
        assert!(store.requeue(id, Accepted, None, 1, 1).await.is_err());
    }

    async fn only_the_partitions_concerned_get_a_replay_row(db) {
        let store = db.open().await;
        delivered(&store, 9, 12, Failed).await;
        let again = store.requeue(9, Failed, Some(&[5, 9]), 4, 1_000).await.unwrap();
        assert_eq!(again.iter().map(|r| r.user).collect::<Vec<_>>(), [5, 9]);
        let rows = store.open_outbox().await.unwrap();
        assert_eq!(rows.iter().map(|r| (r.campaign_id, r.partition)).collect::<Vec<_>>(), [(9, 1)]);
        assert_eq!(store.replays(9, 1, 4, 5, 10).await.unwrap().len(), 1);
        assert!(store.requeue(9, Failed, Some(&[]), 4, 10).await.unwrap().is_empty());
    }

    async fn a_doubt_is_resolved_either_way(db) {
        let store = db.open().await;
        delivered(&store, 9, 3, InDoubt).await;
        assert_eq!(store.accept_in_doubt(9, Some(&[2]), 10).await.unwrap(), [2]);
        assert!(store.accept_in_doubt(9, Some(&[2]), 10).await.unwrap().is_empty());
        assert_eq!(store.requeue(9, InDoubt, None, 1, 10).await.unwrap().len(), 2);
        let counts = store.count_deliveries(9).await.unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(DeliveryStatus::Queued, 2), (Accepted, 1)]);
    }

    async fn old_deliveries_are_pruned_when_their_campaign_has_ended(db) {
        let store = db.open().await;
        let (ended, running) = (campaign(&store).await, campaign(&store).await);
        delivered(&store, ended, 3, Accepted).await;
        delivered(&store, running, 3, Accepted).await;
        store.set_status(ended, &[CampaignStatus::Running], CampaignStatus::Cancelled, None).await.unwrap();
        assert_eq!(store.prune_deliveries(1, 10).await.unwrap(), 0);
        assert_eq!(store.prune_deliveries(i64::MAX, 2).await.unwrap(), 2);
        assert_eq!(store.prune_deliveries(i64::MAX, 2).await.unwrap(), 1);
        assert_eq!(store.deliveries(running, None, 0, 10).await.unwrap().len(), 3);
    }
}
