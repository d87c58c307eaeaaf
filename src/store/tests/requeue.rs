use super::{
    super::{
        Again, CampaignStatus, Claim, DeliveryFilter, DeliveryResult, DeliveryStatus, Ledger,
        OutboxKind, Reopened, Requeued, Store,
    },
    campaign, claim, on_both, result,
};
use crate::queue::Tally;
use DeliveryStatus::{Accepted, Failed, InDoubt, Queued};

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

async fn again(store: &Store, what: Again<'_>, partitions: u32) -> Vec<Requeued> {
    match store.requeue(&what, partitions).await.unwrap() {
        Reopened::Again(moved) => moved,
        Reopened::Refused => panic!("refused"),
    }
}

fn users(moved: &[Requeued]) -> Vec<i64> {
    moved.iter().map(|r| r.user).collect()
}

/// As the relay does when a fan-out is complete.
async fn close_outbox(store: &Store) {
    for row in store.open_outbox().await.unwrap() {
        assert!(store.close_outbox(&row).await.unwrap());
    }
}

on_both! {
    async fn a_failed_delivery_is_queued_again_by_one_caller(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        delivered(&store, id, 500, Failed).await;
        let (a, b) = (db.open().await, db.open().await);
        let both = tokio::join!(again(&a, Again::all(id, Failed), 1), again(&b, Again::all(id, Failed), 1));
        let mut all = users(&both.0);
        all.extend(users(&both.1));
        all.sort_unstable();
        assert_eq!(all, (1..=500).collect::<Vec<_>>());
        let moves = store.moves(id, 0, 1, 0, 1_000).await.unwrap();
        assert_eq!((moves.len(), moves[0].round, moves[0].from, moves[0].status), (500, 2, Failed, Queued));
        assert!(store.open_outbox().await.unwrap().iter().any(|row| row.kind == OutboxKind::Replay));
        assert!(store.requeue(&Again::all(id, Accepted), 1).await.is_err());
    }

    async fn only_the_partitions_concerned_get_a_replay_row(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        close_outbox(&store).await;
        delivered(&store, id, 12, Failed).await;
        let moved = again(&store, Again { users: Some(&[5, 9]), ..Again::all(id, Failed) }, 4).await;
        assert_eq!(users(&moved), [5, 9]);
        let rows = store.open_outbox().await.unwrap();
        assert_eq!(rows.iter().map(|r| (r.campaign_id, r.partition)).collect::<Vec<_>>(), [(id, 1)]);
        assert_eq!(store.moves(id, 1, 4, 5, 10).await.unwrap().len(), 1);
        assert!(again(&store, Again { users: Some(&[]), ..Again::all(id, Failed) }, 4).await.is_empty());
    }

    async fn code_and_domain_narrow_what_is_queued_again(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        store.seed_users(20).await.unwrap();
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        ledger.claim((1..=20).map(|user| claim(id, user)).collect()).await.unwrap();
        let failed = |user: i64| DeliveryResult {
            code: Some(if user % 2 == 0 { 550 } else { 452 }),
            ..result(id, user, Failed)
        };
        ledger.record((1..=20).map(failed).collect()).await.unwrap();
        let domain = |email: &str| email.split('@').nth(1).unwrap().to_owned();
        let wanted = domain(&store.user(1).await.unwrap().unwrap().email).to_uppercase();
        let filter = DeliveryFilter {
            codes: vec![452, 421],
            domains: vec!["no.example".to_owned(), wanted.clone()],
            ..DeliveryFilter::default()
        };
        let what = Again { filter: &filter, ..Again::all(id, Failed) };
        let mut expected = Vec::new();
        for user in store.users(&(1..=20).collect::<Vec<_>>()).await.unwrap() {
            if user.id % 2 == 1 && domain(&user.email).to_uppercase() == wanted {
                expected.push(user.id);
            }
        }
        expected.sort_unstable();
        assert_eq!(users(&again(&store, what, 1).await), expected);
        let wild = DeliveryFilter { domains: vec!["%".to_owned()], ..DeliveryFilter::default() };
        assert!(again(&store, Again { filter: &wild, ..Again::all(id, Failed) }, 1).await.is_empty());
        let address = store.user(2).await.unwrap().unwrap().email.to_uppercase();
        let one = DeliveryFilter { addresses: vec![address], ..DeliveryFilter::default() };
        assert_eq!(users(&again(&store, Again { filter: &one, ..Again::all(id, Failed) }, 1).await), [2]);
    }

    async fn a_finished_campaign_runs_again_only_when_something_goes_again(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        let totals = Tally { queued: 3, failed: 3, ..Tally::default() };
        assert!(!store.finish_campaign(id, 1, &totals).await.unwrap(), "its fan-out is open");
        close_outbox(&store).await;
        assert!(store.finish_campaign(id, 1, &totals).await.unwrap());
        assert!(again(&store, Again::all(id, Failed), 1).await.is_empty());
        assert_eq!(store.campaign(id).await.unwrap().unwrap().status, CampaignStatus::Finished);
        delivered(&store, id, 3, Failed).await;
        assert_eq!(again(&store, Again::all(id, Failed), 1).await.len(), 3);
        let row = store.campaign(id).await.unwrap().unwrap();
        assert_eq!((row.status, row.revision, row.finished_at_ms), (CampaignStatus::Running, 3, None));
        assert!(!store.finish_campaign(id, 3, &totals).await.unwrap(), "the replay is open");
        store.set_status(id, &[CampaignStatus::Running], CampaignStatus::Cancelled, None).await.unwrap();
        assert_eq!(store.requeue(&Again::all(id, Failed), 1).await.unwrap(), Reopened::Refused);
    }

    async fn a_doubt_is_resolved_either_way(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        delivered(&store, id, 3, InDoubt).await;
        let one = Again { users: Some(&[2]), ..Again::all(id, InDoubt) };
        assert_eq!(store.accept_in_doubt(&one, 1).await.unwrap(), [2]);
        assert!(store.accept_in_doubt(&one, 1).await.unwrap().is_empty());
        assert_eq!(again(&store, Again::all(id, InDoubt), 1).await.len(), 2);
        let counts = store.count_deliveries(id).await.unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(Queued, 2), (Accepted, 1)]);
        // Redis still has all three as in doubt.
        let counted = store.counted(id, 0, 1).await.unwrap();
        assert_eq!(counted.into_iter().collect::<Vec<_>>(), [(InDoubt, 3)]);
    }

    async fn a_move_is_cleared_when_it_has_ended_and_not_before(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        delivered(&store, id, 2, InDoubt).await;
        store.accept_in_doubt(&Again { users: Some(&[1]), ..Again::all(id, InDoubt) }, 1).await.unwrap();
        again(&store, Again::all(id, InDoubt), 1).await;
        let moves = store.moves(id, 0, 1, 0, 10).await.unwrap();
        store.clear_moves(id, &moves.iter().collect::<Vec<_>>()).await.unwrap();
        assert_eq!(store.moves(id, 0, 1, 0, 10).await.unwrap(), moves[1..]);
        assert_eq!(store.close_moves(id, None, DeliveryStatus::Cancelled, "why").await.unwrap(), 1);
        store.clear_moves(id, &moves.iter().collect::<Vec<_>>()).await.unwrap();
        assert!(store.moves(id, 0, 1, 0, 10).await.unwrap().is_empty());
    }

    async fn every_attempt_that_failed_is_remembered_once(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        for (attempt, status) in [(1, DeliveryStatus::Retrying), (2, DeliveryStatus::Retrying), (3, Failed)] {
            ledger.claim(vec![Claim { attempt, ..claim(id, 1) }]).await.unwrap();
            let answer = Some(format!("4.2.{attempt} try\nlater"));
            let result = DeliveryResult { attempt, code: Some(450), answer, ..result(id, 1, status) };
            ledger.record(vec![result.clone()]).await.unwrap();
            ledger.record(vec![result]).await.unwrap();
        }
        let history = store.delivery(id, 1, "email").await.unwrap().unwrap().history;
        let told: Vec<_> = history.iter().map(|a| (a.round, a.attempt, a.code, a.answer.as_str())).collect();
        assert_eq!(told, [
            (1, 1, Some(450), "4.2.1 try later"),
            (1, 2, Some(450), "4.2.2 try later"),
            (1, 3, Some(450), "4.2.3 try later"),
        ]);
        assert!(history.iter().all(|a| a.at_ms > 1_600_000_000_000));
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
