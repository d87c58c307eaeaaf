use super::{
    super::{Claim, DeliveryStatus, GaveUp, GivenUp, InDoubt, Ledger, Store},
    campaign, claim, on_both, result,
};
use crate::queue::Closed;
use DeliveryStatus::{Accepted, Failed, Retrying, Sending};

fn given_up(campaign: i64, user: i64, policy: InDoubt) -> GivenUp {
    GivenUp {
        campaign,
        user,
        attempt: 1,
        round: 1,
        policy,
    }
}

/// A row as a process of that name left it.
async fn left(store: &Store, owner: &str, claim: Claim, status: DeliveryStatus) {
    let ledger = Ledger::start(store.clone(), owner.to_owned());
    let (campaign, user) = (claim.campaign, claim.user);
    ledger.claim(vec![claim]).await.unwrap();
    if status != Sending {
        ledger
            .record(vec![result(campaign, user, status)])
            .await
            .unwrap();
    }
    ledger.shutdown().await;
}

on_both! {
    async fn a_row_that_is_given_up_has_failed_unless_it_ended_otherwise_or_is_in_live_hands(db) {
        let store = db.open().await;
        let id = campaign(&store).await;
        left(&store, "gone", claim(id, 1), Sending).await;
        left(&store, "gone", claim(id, 2), Sending).await;
        left(&store, "live", claim(id, 3), Sending).await;
        left(&store, "gone", claim(id, 4), Accepted).await;
        left(&store, "gone", claim(id, 5), Retrying).await;
        left(&store, "gone", claim(id, 6), Failed).await;
        let mut rows: Vec<GivenUp> = (1..=7).map(|user| given_up(id, user, InDoubt::Resend)).collect();
        rows[1].policy = InDoubt::Hold;
        let ledger = Ledger::start(store.clone(), "me".to_owned());
        let expected = [
            GaveUp::Failed,
            GaveUp::Closed(Closed::InDoubt),
            GaveUp::InHand("live".to_owned()),
            GaveUp::Closed(Closed::Accepted),
            GaveUp::Failed,
            GaveUp::Failed,
            GaveUp::Failed,
        ];
        // A second time, as after a lost reply, it is the same.
        for _ in 0..2 {
            let ends = ledger.give_up(&rows, "poison", |owner| owner == "gone").await.unwrap();
            assert_eq!(ends, expected);
        }
        let row = store.delivery(id, 1, "email").await.unwrap().unwrap();
        assert_eq!((row.status, row.answer.as_deref(), row.in_doubt_count), (Failed, Some("poison"), 1));
        let row = store.delivery(id, 3, "email").await.unwrap().unwrap();
        assert_eq!((row.status, row.owner.as_str()), (Sending, "live"));
        assert_eq!(ledger.give_up(&[], "poison", |_| true).await.unwrap(), []);
        ledger.shutdown().await;
    }
}
