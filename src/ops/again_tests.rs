//! Who is sent to again: those of the plan. Real Redis, both databases.

use std::ops::RangeInclusive;

use super::*;
use crate::{
    ops::tests::config_of,
    queue::{self, inspect::test_redis},
    store::{
        Claim, Created, DeliveryResult, Ledger, Store,
        tests::{Database, new_campaign, on_both},
    },
};
use DeliveryStatus::Failed;

struct Scene {
    store: Store,
    ops: Ops,
    id: i64,
}

impl Scene {
    /// A campaign of six users, fanned out; 1 to 4 failed.
    async fn new(db: &Database) -> Self {
        let (redis, store) = (test_redis::redis(1), db.open().await);
        let ops = Ops::with(&config_of(&redis, &[]), redis.clone(), store.clone());
        store.seed_users(6).await.expect("users");
        let made = store.create_campaign(&new_campaign(None), 1).await;
        let Created::New(campaign) = made.expect("made") else {
            panic!("not new");
        };
        let flow = campaign.id.to_string();
        let state = queue::FlowState {
            flow: &flow,
            status: "running",
            revision: 1,
            epoch: campaign.epoch,
            audience: 6,
        };
        let restored = queue::restore(&redis, 0, &state, &[("queued", 6), ("failed", 4)]);
        assert!(restored.await.expect("made"));
        let scene = Self {
            store,
            ops,
            id: campaign.id,
        };
        scene.fails(1..=4, 1).await;
        scene
    }

    async fn fails(&self, users: RangeInclusive<i64>, round: u32) {
        let ledger = Ledger::start(self.store.clone(), "me".to_owned());
        let claim = |user| Claim {
            campaign: self.id,
            user,
            attempt: 1,
            round,
            message_id: String::new(),
        };
        let claims = users.clone().map(claim).collect();
        ledger.claim(claims).await.expect("claimed");
        let result = |user| DeliveryResult {
            campaign: self.id,
            user,
            attempt: 1,
            status: Failed,
            code: Some(550),
            answer: None,
            due_at_ms: None,
            in_doubt: false,
        };
        let results = users.map(result).collect();
        ledger.record(results).await.expect("recorded");
        ledger.shutdown().await;
    }

    async fn plan(&self) -> RetryPlan {
        let all = DeliveryFilter::default();
        let plan = self.ops.plan_retry(self.id, &all).await;
        plan.expect("plan")
    }

    async fn users(&self, status: DeliveryStatus) -> Vec<i64> {
        let again = Again::all(self.id, status);
        let rows = self.store.chosen_again(&again).await.expect("read");
        rows.into_iter().map(|(user, _)| user).collect()
    }
}

on_both! {
    async fn exactly_those_of_the_plan_go_again_and_each_has_its_outcome(db) {
        let scene = Scene::new(&db).await;
        let plan = scene.plan().await;
        assert_eq!((plan.deliveries(), plan.status.as_str()), (4, "running"));
        // Meanwhile one more fails; another operator sends to 1 and 2 again, and with 2 it fails once more.
        scene.fails(5..=5, 1).await;
        let others = RetryPlan { rounds: [(1, vec![1, 2])].into(), ..plan.clone() };
        assert_eq!(scene.ops.retry_failed(&others).await.expect("done").deliveries, 2);
        scene.fails(2..=2, 2).await;

        let report = scene.ops.retry_failed(&plan).await.expect("done");
        assert_eq!((report.deliveries, report.passed_over), (2, 2));
        assert_eq!(report.outcomes, [(1, false), (2, false), (3, true), (4, true)]);
        assert_eq!(scene.users(Failed).await, [2, 5], "they failed after the plan");
        assert_eq!(scene.users(DeliveryStatus::Queued).await, [1, 3, 4]);
        let log = scene.ops.audit(1).await.expect("audit").remove(0);
        assert_eq!(log.ids, format!("{} 3 4", scene.id));
        // They are in a plan of their own, each in its round.
        let rounds = scene.plan().await.rounds;
        assert_eq!(rounds, [(1, vec![5]), (2, vec![2])].into());
        // What is done is done: the same plan a second time changes nothing.
        let report = scene.ops.retry_failed(&plan).await.expect("done");
        assert_eq!((report.deliveries, report.passed_over), (0, 4));
    }

    async fn a_plan_of_thousands_is_whole(db) {
        let scene = Scene::new(&db).await;
        scene.fails(5..=2_345, 1).await;
        let plan = scene.plan().await;
        assert_eq!(plan.deliveries(), 2_345);
        let report = scene.ops.retry_failed(&plan).await.expect("done");
        assert_eq!((report.deliveries, report.passed_over), (2_345, 0));
        assert!(report.outcomes.iter().map(|(user, _)| *user).eq(1..=2_345));
    }
}
