use super::{
    super::{
        Again, Claim, ClaimOutcome, Closing, DeliveryResult, DeliveryStatus, InDoubt, Lapsed,
        Ledger, Reopened, Store,
    },
    campaign, claim, on_both, result, until,
};
use crate::queue::Closed;
use ClaimOutcome::{Claimed, Retrying, SendingBy, Superseded};
use DeliveryStatus::{Accepted, Cancelled, Failed, Queued, Sending, Suppressed};

async fn one(ledger: &Ledger, claim: Claim) -> ClaimOutcome {
    ledger.claim(vec![claim]).await.unwrap().remove(0)
}

async fn record(ledger: &Ledger, result: DeliveryResult) -> DeliveryStatus {
    ledger.record(vec![result]).await.unwrap().remove(0)
}

async fn resolve(ledger: &Ledger, user: i64, owner: &str, policy: InDoubt) -> ClaimOutcome {
    let lapsed = Lapsed {
        owner: owner.to_owned(),
        policy,
        claim: claim(1, user),
    };
    ledger.resolve_lapsed(vec![lapsed]).await.unwrap().remove(0)
}

async fn close(ledger: &Ledger, user: i64, status: DeliveryStatus) -> DeliveryStatus {
    let closing = Closing {
        campaign: 1,
        user,
        round: 1,
        status,
        code: None,
        answer: None,
    };
    ledger.close(vec![closing]).await.unwrap().remove(0)
}

async fn row(store: &Store, user: i64) -> super::super::Delivery {
    store.delivery(1, user, "email").await.unwrap().unwrap()
}

on_both! {
    async fn a_delivery_goes_its_way(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        assert_eq!(one(&ledger, claim(1, 7)).await, Claimed);
        let sending = row(&store, 7).await;
        assert_eq!((sending.status, sending.owner.as_str(), sending.attempt), (Sending, "me", 1));
        assert_eq!(sending.message_id, "<1.7.email@example.com>");
        assert!(matches!(one(&ledger, claim(1, 7)).await, SendingBy { .. }), "once in a process too");

        let later = DeliveryResult { code: Some(451), due_at_ms: Some(99), ..result(1, 7, DeliveryStatus::Retrying) };
        assert_eq!(record(&ledger, later).await, DeliveryStatus::Retrying);
        assert_eq!(one(&ledger, claim(1, 7)).await, Retrying { due_at_ms: 99, attempt: 1 });
        assert_eq!(one(&ledger, Claim { attempt: 2, ..claim(1, 7) }).await, Claimed);
        assert_eq!(row(&store, 7).await.due_at_ms, None);

        let accepted = DeliveryResult { attempt: 2, ..result(1, 7, Accepted) };
        assert_eq!(record(&ledger, accepted.clone()).await, Accepted);
        assert_eq!(record(&ledger, accepted).await, Accepted, "harmless when repeated");
        assert_eq!(one(&ledger, Claim { attempt: 3, ..claim(1, 7) }).await, ClaimOutcome::Closed(Closed::Accepted));
        let done = row(&store, 7).await;
        assert_eq!((done.attempt, done.code, done.answer.as_deref()), (2, Some(250), Some("2.0.0 Ok: queued")));
        ledger.shutdown().await;
    }

    async fn what_was_released_is_claimed_again(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        let other = Ledger::start(store.clone(), "other".to_owned());
        assert_eq!(one(&ledger, claim(1, 1)).await, Claimed);
        ledger.release(&[claim(1, 1)]).await.unwrap();
        assert_eq!(row(&store, 1).await.status, Queued);
        assert_eq!(one(&other, claim(1, 1)).await, Claimed);
        ledger.release(&[claim(1, 1)]).await.unwrap();
        assert_eq!(row(&store, 1).await.owner, "other", "it is not ours any more");
    }

    async fn a_result_is_written_by_owner_and_attempt_and_accepted_wins(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        let other = Ledger::start(store.clone(), "other".to_owned());
        assert_eq!(one(&ledger, claim(1, 1)).await, Claimed);
        assert_eq!(record(&other, result(1, 1, Failed)).await, Sending);
        assert_eq!(record(&ledger, DeliveryResult { attempt: 2, ..result(1, 1, Failed) }).await, Sending);
        assert_eq!(record(&ledger, result(1, 1, Failed)).await, Failed);
        assert_eq!(record(&ledger, result(1, 1, Queued)).await, Failed, "failed isn't released");
        assert_eq!(record(&other, result(1, 1, Accepted)).await, Accepted);
        assert_eq!(record(&ledger, result(1, 1, Failed)).await, Accepted);
        assert_eq!(row(&store, 1).await.status, Accepted);
        assert_eq!(record(&ledger, result(1, 2, Accepted)).await, Accepted, "even without a row");
        assert_eq!(row(&store, 2).await.status, Accepted);
    }

    async fn what_nobody_has_in_hand_is_closed_without_a_claim(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        let other = Ledger::start(store.clone(), "other".to_owned());
        assert_eq!(close(&ledger, 1, Suppressed).await, Suppressed);
        assert_eq!(close(&ledger, 1, Cancelled).await, Suppressed);
        assert_eq!(one(&ledger, claim(1, 1)).await, ClaimOutcome::Closed(Closed::Suppressed));
        assert_eq!(one(&other, claim(1, 2)).await, Claimed);
        assert_eq!(close(&ledger, 2, Cancelled).await, Sending);
        assert_eq!(close(&other, 2, Failed).await, Failed, "its owner may");
        assert_eq!(one(&ledger, claim(1, 3)).await, Claimed);
        record(&ledger, result(1, 3, DeliveryStatus::Retrying)).await;
        assert_eq!(close(&other, 3, Cancelled).await, Cancelled);
        let counts = store.count_deliveries(1).await.unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(Failed, 1), (Suppressed, 1), (Cancelled, 1)]);
    }

    async fn a_lapsed_owners_rows_are_decided_once(db) {
        let store = db.open().await;
        let gone = Ledger::start(store.clone(), "gone".to_owned());
        gone.claim((1..=3).map(|user| claim(1, user)).collect()).await.unwrap();
        let (a, b) = (Ledger::start(db.open().await, "a".to_owned()), Ledger::start(db.open().await, "b".to_owned()));

        assert_eq!(resolve(&a, 1, "gone", InDoubt::Hold).await, ClaimOutcome::Closed(Closed::InDoubt));
        assert_eq!(resolve(&b, 1, "gone", InDoubt::Resend).await, ClaimOutcome::Closed(Closed::InDoubt));
        assert_eq!(row(&store, 1).await.in_doubt_count, 1);
        assert_eq!(close(&b, 1, Cancelled).await, DeliveryStatus::InDoubt);

        let both = tokio::join!(resolve(&a, 2, "gone", InDoubt::Resend), resolve(&b, 2, "gone", InDoubt::Resend));
        let winner = if both.0 == Claimed { "a" } else { "b" };
        let loser = if both.0 == Claimed { both.1 } else { both.0 };
        assert!(matches!(loser, SendingBy { ref owner, .. } if owner == winner), "{loser:?}");
        let taken = row(&store, 2).await;
        assert_eq!((taken.in_doubt_count, taken.attempt, taken.owner.as_str()), (1, 1, winner));
        assert_eq!(record(&gone, result(1, 2, Failed)).await, Sending, "too late");
        assert_eq!(record(&gone, result(1, 2, Accepted)).await, Accepted, "but accepted wins");

        assert!(matches!(resolve(&a, 3, "a", InDoubt::Resend).await, SendingBy { .. }), "it isn't a's");
    }

    async fn a_claim_and_a_take_over_at_once_give_the_row_to_one(db) {
        let gone = Ledger::start(db.open().await, "gone".to_owned());
        for user in 1..=40 {
            assert_eq!(one(&gone, claim(1, user)).await, Claimed);
        }
        let me = Ledger::start(db.open().await, "me".to_owned());
        for user in 1..=40 {
            let (claimed, resolved) = tokio::join!(one(&me, claim(1, user)), resolve(&me, user, "gone", InDoubt::Resend));
            assert_eq!(resolved, Claimed);
            assert!(matches!(claimed, SendingBy { .. }), "{claimed:?}");
        }
    }

    async fn doubts_are_counted_also_when_the_mail_is_sent_again(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        assert_eq!(one(&ledger, claim(1, 1)).await, Claimed);
        let cut_off = DeliveryResult { in_doubt: true, code: None, ..result(1, 1, DeliveryStatus::Retrying) };
        record(&ledger, cut_off.clone()).await;
        record(&ledger, cut_off).await;
        assert_eq!(row(&store, 1).await.in_doubt_count, 1);
    }

    async fn a_row_queued_for_a_later_round_waits_for_its_entry(db) {
        let store = db.open().await;
        assert_eq!(campaign(&store).await, 1);
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        assert_eq!(one(&ledger, claim(1, 1)).await, Claimed);
        record(&ledger, result(1, 1, Failed)).await;
        let again = Again { users: Some(&[1]), ..Again::all(1, Failed) };
        let Reopened::Again(again) = store.requeue(&again, 1).await.unwrap() else { panic!("refused") };
        assert_eq!(again[0].round, 2);
        assert_eq!(one(&ledger, claim(1, 1)).await, Superseded { round: 2, from: Closed::Failed });
        assert_eq!(close(&ledger, 1, Failed).await, Queued, "an old entry doesn't close it");
        assert_eq!(one(&ledger, Claim { round: 2, ..claim(1, 1) }).await, Claimed);
        assert_eq!(row(&store, 1).await.round, 2);
    }

    async fn a_claim_whose_commit_was_answered_to_nobody_is_still_ours(db) {
        let store = db.open().await;
        let before = Ledger::start(store.clone(), "me".to_owned());
        assert_eq!(one(&before, claim(1, 1)).await, Claimed);
        // A new writer of the same name knows of no claim, as after a commit whose reply was lost.
        let after = Ledger::start(store.clone(), "me".to_owned());
        assert_eq!(one(&after, claim(1, 1)).await, Claimed);
        assert!(matches!(one(&after, claim(1, 1)).await, SendingBy { .. }));
    }

    async fn a_claim_that_nobody_waits_for_is_given_back(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        let mut claiming = Box::pin(ledger.claim(vec![claim(1, 1)]));
        let polled = futures::poll!(&mut claiming);
        assert!(polled.is_pending());
        drop(claiming);
        until("it is queued", async || {
            store.delivery(1, 1, "email").await.unwrap().is_some_and(|d| d.status == Queued)
        }).await;
        assert_eq!(one(&ledger, claim(1, 1)).await, Claimed);
    }

    async fn a_shutdown_writes_what_waits(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        ledger.claim((1..=1_000).map(|user| claim(1, user)).collect()).await.unwrap();
        let recording: Vec<_> = (0..10).map(|part| {
            let rows = (1..=100).map(|n| result(1, part * 100 + n, Accepted)).collect();
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.record(rows).await })
        }).collect();
        tokio::task::yield_now().await;
        ledger.shutdown().await;
        let mut written = 0;
        for task in recording {
            written += task.await.unwrap().map_or(0, |rows| rows.len());
        }
        assert_eq!(store.count_deliveries(1).await.unwrap().get(&Accepted).copied().unwrap_or(0), written as i64);
        assert!(ledger.claim(vec![claim(1, 1)]).await.is_err());
    }

    async fn the_ledger_is_read_by_pages(db) {
        let store = db.open().await;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        ledger.claim((1..=10).map(|user| claim(1, user)).collect()).await.unwrap();
        ledger.claim(vec![claim(2, 1)]).await.unwrap();
        ledger.record(vec![result(1, 4, Failed), result(1, 8, Failed)]).await.unwrap();
        let page = store.deliveries(1, None, 3, 4).await.unwrap();
        assert_eq!(page.iter().map(|d| d.user_id).collect::<Vec<_>>(), [4, 5, 6, 7]);
        let page = store.deliveries(1, Some(Failed), 0, 4).await.unwrap();
        assert_eq!(page.iter().map(|d| d.user_id).collect::<Vec<_>>(), [4, 8]);
    }
}
