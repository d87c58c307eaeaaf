//! Replays, step by step: real Redis, both databases, and relays that are killed between two steps.

use std::sync::Arc;

use tokio::sync::Notify;

use super::Relay;
use crate::{
    config::test_config,
    event::{Event, NotificationRequested},
    ops::{Ops, OpsError},
    queue::{
        self, FlowState, Redis, Tally, Windows,
        inspect::{self, test_redis},
    },
    store::{
        Again, CampaignStatus, Claim, DeliveryResult, DeliveryStatus, Ledger, Reopened, Store,
        tests::{Database, new_campaign, on_both},
    },
};
use DeliveryStatus::{Accepted, Failed};

const WINDOWS: Windows = Windows {
    in_flight: 20_000,
    waiting: 200_000,
};
const PARTITIONS: u32 = 2;

struct Scene {
    redis: Redis,
    store: Store,
    id: i64,
}

impl Scene {
    /// A campaign whose fan-out is complete: `users` of them, of which the first `failed` failed.
    async fn new(db: &Database, users: i64, failed: i64) -> Self {
        let (redis, store) = (test_redis::redis(PARTITIONS), db.open().await);
        store
            .seed_users(u64::try_from(users).expect("few"))
            .await
            .expect("users");
        let new = new_campaign(None);
        let crate::store::Created::New(campaign) =
            store.create_campaign(&new, PARTITIONS).await.expect("made")
        else {
            panic!("not new");
        };
        let scene = Self {
            redis,
            store,
            id: campaign.id,
        };
        scene.deliver(1..=failed, 1, Failed).await;
        scene.deliver(failed + 1..=users, 1, Accepted).await;
        scene.restore().await;
        scene
    }

    /// What Redis would have counted by now.
    async fn restore(&self) {
        let campaign = self.campaign().await;
        for partition in 0..PARTITIONS {
            let counted = self.store.counted(self.id, partition, PARTITIONS).await;
            let counted = counted.expect("counted");
            let mut counters: Vec<(&str, i64)> =
                counted.iter().map(|(s, n)| (s.as_str(), *n)).collect();
            counters.push(("queued", counted.values().sum()));
            let id = self.id.to_string();
            let state = super::state(&campaign, &id);
            let made = queue::restore(&self.redis, partition, &state, &counters).await;
            assert!(made.expect("restored"));
        }
    }

    async fn deliver(
        &self,
        users: std::ops::RangeInclusive<i64>,
        round: u32,
        status: DeliveryStatus,
    ) {
        let ledger = Ledger::start(self.store.clone(), "me".to_owned());
        let claims = users.clone().map(|user| Claim {
            campaign: self.id,
            user,
            attempt: 1,
            round,
            message_id: format!("<{user}@example.com>"),
        });
        ledger.claim(claims.collect()).await.expect("claimed");
        let results = users.map(|user| DeliveryResult {
            campaign: self.id,
            user,
            attempt: 1,
            status,
            code: Some(550),
            answer: None,
            due_at_ms: None,
            in_doubt: false,
        });
        ledger.record(results.collect()).await.expect("recorded");
        ledger.shutdown().await;
    }

    async fn campaign(&self) -> crate::store::Campaign {
        let found = self.store.campaign(self.id).await.expect("SQL");
        found.expect("it is there")
    }

    async fn again(&self) -> usize {
        let again = Again::all(self.id, Failed);
        match self.store.requeue(&again, PARTITIONS).await.expect("SQL") {
            Reopened::Again(moved) => moved.len(),
            Reopened::Refused => panic!("refused"),
        }
    }

    fn ops(&self) -> Ops {
        let config = test_config(&[("key_prefix", self.redis.keys().prefix())]);
        Ops::with(&config, self.redis.clone(), self.store.clone())
    }

    /// One that knows nothing yet, as after a kill.
    fn relay(&self) -> Relay {
        let (redis, store) = (self.redis.clone(), self.store.clone());
        Relay::new(redis, store, Arc::new(Notify::new()), WINDOWS)
    }

    async fn round(&self) {
        self.relay().round().await.expect("a round");
    }

    /// Users of the entries that were emitted, with their rounds.
    async fn emitted(&self) -> Vec<(i64, String)> {
        let mut emitted = Vec::new();
        for source in inspect::Source::of(&self.redis, NotificationRequested::STREAM) {
            let page = inspect::browse(&self.redis, &source, ("-", "+"), 1_000).await;
            for entry in page.expect("XRANGE") {
                let field = |name: &str| {
                    let found = entry.fields.iter().find(|(n, _)| n == name);
                    found.map(|(_, v)| v.clone()).unwrap_or_default()
                };
                let event: NotificationRequested =
                    serde_json::from_str(&field("data")).expect("an event");
                assert!(event.email.contains('@'));
                emitted.push((event.user, field("round")));
            }
        }
        emitted.sort();
        emitted
    }

    async fn tally(&self) -> Tally {
        let tally = Tally::read(&self.redis, &self.id.to_string()).await;
        let tally = tally.expect("HGETALL");
        assert!(tally.balanced(), "{tally:?}");
        tally
    }

    /// As email-service ends the entries that were emitted; the tally too.
    async fn end(&self, users: std::ops::RangeInclusive<i64>, round: u32, status: DeliveryStatus) {
        self.deliver(users.clone(), round, status).await;
        for user in users {
            let partition = u32::try_from(user).expect("small") % PARTITIONS;
            let key = self.redis.keys().tally(partition, &self.id.to_string());
            self.command(&["HINCRBY", &key, "in_flight", "-1"]).await;
            self.command(&["HINCRBY", &key, status.as_str(), "1"]).await;
        }
    }

    async fn command(&self, words: &[&str]) -> redis::Value {
        test_redis::run(&self.redis, words).await
    }

    async fn is_finished(&self) -> bool {
        self.campaign().await.status == CampaignStatus::Finished
    }
}

fn rounds(users: std::ops::RangeInclusive<i64>, round: &str) -> Vec<(i64, String)> {
    users.map(|user| (user, round.to_owned())).collect()
}

on_both! {
    async fn what_failed_is_emitted_once_however_often_the_relay_dies(db) {
        let scene = Scene::new(&db, 10, 4).await;
        scene.round().await;
        scene.round().await;
        assert!(scene.is_finished().await);
        assert_eq!(scene.again().await, 4);
        assert_eq!(scene.again().await, 0, "they are queued already");
        for _ in 0..3 {
            scene.round().await;
            assert_eq!(scene.emitted().await, rounds(1..=4, "2"));
            let tally = scene.tally().await;
            assert_eq!((tally.failed, tally.in_flight, tally.accepted), (0, 4, 6));
            assert!(!scene.is_finished().await);
        }
        let ttl = scene.command(&["TTL", &scene.redis.keys().flow(0, &scene.id.to_string())]).await;
        assert_eq!(ttl, redis::Value::Int(-1), "a campaign that runs again doesn't expire");

        scene.end(1..=4, 2, Accepted).await;
        scene.round().await;
        scene.round().await;
        assert!(scene.is_finished().await);
        let campaign = scene.campaign().await;
        assert_eq!((campaign.accepted, campaign.failed), (10, 0));
        assert_eq!(scene.emitted().await.len(), 4);
    }

    async fn the_round_after_fails_and_goes_again(db) {
        let scene = Scene::new(&db, 6, 3).await;
        scene.again().await;
        scene.round().await;
        scene.end(1..=3, 2, Failed).await;
        // Before the relay has cleared the first move.
        assert_eq!(scene.again().await, 3);
        scene.round().await;
        let mut both = rounds(1..=3, "2");
        both.extend(rounds(1..=3, "3"));
        both.sort();
        assert_eq!(scene.emitted().await, both);
        assert_eq!(scene.tally().await.in_flight, 3);
    }

    async fn a_finished_campaign_that_redis_has_forgotten_is_counted_from_the_ledger(db) {
        let scene = Scene::new(&db, 10, 4).await;
        scene.round().await;
        scene.round().await;
        assert!(scene.is_finished().await);
        for partition in 0..PARTITIONS {
            let id = scene.id.to_string();
            let keys = scene.redis.keys();
            for key in [keys.flow(partition, &id), keys.tally(partition, &id), keys.told(partition, &id)] {
                scene.command(&["DEL", &key]).await;
            }
        }
        assert_eq!(scene.again().await, 4);
        scene.round().await;
        scene.round().await;
        assert_eq!(scene.emitted().await, rounds(1..=4, "2"));
        let tally = scene.tally().await;
        assert_eq!((tally.queued, tally.accepted, tally.in_flight), (10, 6, 4));
        scene.end(1..=4, 2, Accepted).await;
        scene.round().await;
        scene.round().await;
        assert!(scene.is_finished().await);
    }

    async fn what_was_told_is_told_again_when_redis_comes_back_older(db) {
        let scene = Scene::new(&db, 4, 2).await;
        scene.again().await;
        scene.round().await;
        assert_eq!(scene.emitted().await, rounds(1..=2, "2"));
        // The last second of the append-only file is lost: counters, marks and entries go together.
        let id = scene.id.to_string();
        for partition in 0..PARTITIONS {
            let keys = scene.redis.keys();
            let tally = keys.tally(partition, &id);
            scene.command(&["DEL", &keys.told(partition, &id)]).await;
            scene.command(&["DEL", &keys.stream(partition, NotificationRequested::STREAM)]).await;
            scene.command(&["HSET", &tally, "in_flight", "0", "failed", "1"]).await;
        }
        scene.round().await;
        assert_eq!(scene.emitted().await, rounds(1..=2, "2"));
        assert_eq!(scene.tally().await.in_flight, 2);
    }

    async fn a_paused_campaign_waits_and_a_cancelled_one_sends_nothing(db) {
        let scene = Scene::new(&db, 4, 2).await;
        for (from, to) in [(CampaignStatus::Running, CampaignStatus::Paused), (CampaignStatus::Paused, CampaignStatus::Cancelled)] {
            scene.store.set_status(scene.id, &[from], to, None).await.expect("SQL");
            if to == CampaignStatus::Paused {
                assert_eq!(scene.again().await, 2);
            }
            scene.round().await;
            scene.round().await;
            assert!(scene.emitted().await.is_empty());
        }
        let tally = scene.tally().await;
        assert_eq!((tally.cancelled, tally.failed, tally.accepted), (2, 0, 2));
        scene.round().await;
        assert!(scene.store.open_outbox().await.expect("SQL").iter().all(|row| row.kind != crate::store::OutboxKind::Replay));
    }

    async fn a_doubt_that_is_resolved_moves_its_counter_and_nothing_else(db) {
        let scene = Scene::new(&db, 3, 0).await;
        let id = scene.id.to_string();
        for partition in 0..PARTITIONS {
            scene.command(&["DEL", &scene.redis.keys().flow(partition, &id)]).await;
        }
        scene.deliver(4..=5, 1, DeliveryStatus::InDoubt).await;
        scene.restore().await;
        assert_eq!(scene.tally().await.in_doubt, 2);
        let again = Again { users: Some(&[4]), ..Again::all(scene.id, DeliveryStatus::InDoubt) };
        assert_eq!(scene.store.accept_in_doubt(&again, PARTITIONS).await.expect("SQL"), [4]);
        for _ in 0..3 {
            scene.round().await;
            let tally = scene.tally().await;
            assert_eq!((tally.accepted, tally.in_doubt, tally.in_flight), (4, 1, 0));
        }
        assert!(scene.emitted().await.is_empty());
    }

    async fn a_paused_campaign_that_redis_lost_is_reconciled_by_hand_and_a_whole_one_is_not(db) {
        let scene = Scene::new(&db, 4, 2).await;
        scene.round().await;
        let ops = scene.ops();
        let scene_running = ops.reconcile(scene.id).await;
        assert!(matches!(scene_running, Err(OpsError::Conflict(_))), "it has finished");
        assert_eq!(scene.again().await, 2);
        ops.pause(scene.id).await.expect("paused");
        let whole = ops.reconcile(scene.id).await;
        assert!(matches!(&whole, Err(OpsError::Conflict(text)) if text.contains("whole")), "{whole:?}");
        let id = scene.id.to_string();
        scene.command(&["DEL", &scene.redis.keys().flow(1, &id)]).await;
        let epoch = scene.campaign().await.epoch;
        ops.reconcile(scene.id).await.expect("reconciled");
        let campaign = scene.campaign().await;
        assert_eq!((campaign.epoch, campaign.status), (epoch + 1, CampaignStatus::Paused));
        let moves = async |partition| {
            scene.store.moves(scene.id, partition, PARTITIONS, 0, 10).await.expect("SQL").len()
        };
        assert_eq!((moves(0).await, moves(1).await), (1, 0), "where it was lost the fan-out counts everybody anew");
        scene.round().await;
        assert_eq!(scene.tally().await.queued, 2, "the lost one from the beginning, the other goes on");
        for partition in 0..PARTITIONS {
            let flow = scene.redis.keys().flow(partition, &id);
            let known = scene.command(&["HGET", &flow, "epoch"]).await;
            let known: i64 = redis::from_redis_value(known).expect("a number");
            assert_eq!(known, campaign.epoch, "what is moved is told to the whole one too");
        }
    }

    async fn a_full_window_lets_the_rest_wait(db) {
        let scene = Scene::new(&db, 1_300, 1_300).await;
        while scene.again().await > 0 {}
        scene.round().await;
        // The smallest window is 500, shared by two partitions.
        assert_eq!(scene.tally().await.in_flight, 500);
        scene.round().await;
        assert_eq!(scene.emitted().await.len(), 500);
    }
}

#[tokio::test]
async fn a_state_of_another_epoch_is_not_told() {
    let redis = test_redis::redis(1);
    let state = FlowState {
        flow: "7",
        status: "running",
        revision: 1,
        epoch: 1,
        audience: 3,
    };
    let counters = [("queued", 1), ("failed", 1)];
    assert!(
        queue::restore(&redis, 0, &state, &counters)
            .await
            .expect("made")
    );
    assert!(
        !queue::restore(&redis, 0, &state, &counters)
            .await
            .expect("known")
    );
    let newer = FlowState { epoch: 2, ..state };
    let telling = queue::Telling {
        flow: Some(&newer),
        partition: 0,
        stream: NotificationRequested::STREAM,
        kind: NotificationRequested::TYPE,
        windows: WINDOWS,
    };
    let recipient = queue::Retold {
        id: 1,
        round: 2,
        from: "failed",
        to: "in_flight",
        data: "{}".to_owned(),
    };
    let told = queue::tell(&redis, telling, &[recipient])
        .await
        .expect("told");
    assert_eq!((told.state, told.known.len()), (queue::ToldState::Stale, 0));
}
