//! Pending entries ended by an operator: real Redis, both databases.

use super::*;
use crate::{
    event::{EmailRequested, Event, TURNS},
    ops::{DeadFilter, DeadOutcome, Letter, Ops, OpsError, Severity, tests::config_of},
    queue::{
        self, Redis, Tally,
        inspect::{
            Source,
            test_redis::{self, run},
        },
    },
    store::{
        Claim, Created, DeliveryResult, DeliveryStatus, GivenUp, InDoubt, Ledger, Store,
        tests::{Database, new_campaign, on_both},
    },
};

const STREAM: &str = EmailRequested::STREAM;
const GROUP: &str = "email-service";
const GONE: &str = "gone-1-1";
const USERS: i64 = 6;

/// A running campaign of six users, each with an entry that a process which is gone has held for five minutes.
struct Scene {
    redis: Redis,
    store: Store,
    ops: Ops,
    id: i64,
}

fn data(user: i64) -> String {
    format!(
        r#"{{"v":1,"user":{user},"email":"u{user}@example.com","first_name":"A","last_name":"B"}}"#
    )
}

fn id_of(user: i64) -> String {
    format!("{user}-1")
}

impl Scene {
    async fn new(db: &Database, in_doubt: InDoubt) -> Self {
        let (redis, store) = (test_redis::redis(1), db.open().await);
        let ops = Ops::with(&config_of(&redis, &[]), redis.clone(), store.clone());
        store.seed_users(USERS.unsigned_abs()).await.expect("users");
        let mut new = new_campaign(None);
        new.in_doubt = in_doubt;
        let Created::New(campaign) = store.create_campaign(&new, 1).await.expect("made") else {
            panic!("not new");
        };
        let id = campaign.id.to_string();
        let state = queue::FlowState {
            flow: &id,
            status: "running",
            revision: 1,
            epoch: campaign.epoch,
            audience: USERS,
        };
        let counters = [("queued", USERS), ("in_flight", USERS)];
        queue::restore(&redis, 0, &state, &counters)
            .await
            .expect("made");
        let scene = Self {
            redis,
            store,
            ops,
            id: campaign.id,
        };
        scene.group(STREAM, GROUP).await;
        for user in 1..=USERS {
            let fields = [
                "type",
                EmailRequested::TYPE,
                "flow",
                &id,
                "data",
                &data(user),
            ];
            scene.add(STREAM, GROUP, &id_of(user), &fields).await;
        }
        scene
    }

    fn key(&self, stream: &str) -> String {
        self.redis.keys().stream(0, stream)
    }

    async fn run(&self, words: &str) -> redis::Value {
        run(&self.redis, &words.split(' ').collect::<Vec<_>>()).await
    }

    async fn group(&self, stream: &str, group: &str) {
        let key = self.key(stream);
        self.run(&format!("XGROUP CREATE {key} {group} 0 MKSTREAM"))
            .await;
    }

    /// An entry that the process which is gone has held for five minutes, delivered nine times.
    async fn add(&self, stream: &str, group: &str, id: &str, fields: &[&str]) {
        let key = self.key(stream);
        let mut words = vec!["XADD", key.as_str(), id];
        words.extend(fields);
        run(&self.redis, &words).await;
        self.run(&format!(
            "XREADGROUP GROUP {group} {GONE} COUNT 1 STREAMS {key} >"
        ))
        .await;
        self.run(&format!(
            "XCLAIM {key} {group} {GONE} 0 {id} IDLE 300000 RETRYCOUNT 9 JUSTID"
        ))
        .await;
    }

    /// A row as a process of that name left it.
    async fn deliver(&self, owner: &str, user: i64, status: DeliveryStatus) {
        let ledger = Ledger::start(self.store.clone(), owner.to_owned());
        let claim = Claim {
            campaign: self.id,
            user,
            attempt: 1,
            round: 1,
            message_id: String::new(),
        };
        ledger.claim(vec![claim]).await.expect("claimed");
        if status != DeliveryStatus::Sending {
            let result = DeliveryResult {
                campaign: self.id,
                user,
                attempt: 1,
                status,
                code: None,
                answer: None,
                due_at_ms: None,
                in_doubt: false,
            };
            ledger.record(vec![result]).await.expect("recorded");
        }
        ledger.shutdown().await;
    }

    async fn beats(&self, name: &str) {
        let now: (u64, u64) = redis::cmd("TIME")
            .query_async(&mut self.redis.commands())
            .await
            .expect("TIME");
        let workers = self.redis.keys().workers();
        self.run(&format!("ZADD {workers} {} {name}", now.0 * 1_000))
            .await;
    }

    fn request(&self, verb: SettleVerb, users: &[i64]) -> SettleRequest {
        SettleRequest {
            verb,
            stream: STREAM.to_owned(),
            group: GROUP.to_owned(),
            min_idle_ms: None,
            which: Which::Ids(users.iter().map(|user| id_of(*user)).collect()),
        }
    }

    async fn plan(&self, verb: SettleVerb, users: &[i64]) -> SettlePlan {
        let request = self.request(verb, users);
        self.ops.plan_settle(&request).await.expect("a plan")
    }

    async fn settle(&self, plan: &SettlePlan) -> Vec<SettleOutcome> {
        let report = self.ops.settle(plan).await.expect("a report");
        assert!(report.audited);
        report.results.into_iter().map(|r| r.outcome).collect()
    }

    async fn letters(&self) -> Vec<Letter> {
        let found = self.ops.dead_letters(&DeadFilter::default()).await;
        found.expect("read").letters
    }

    async fn ledger(&self, user: i64) -> (DeliveryStatus, String) {
        let row = self
            .store
            .delivery(self.id, user, "email")
            .await
            .expect("SQL");
        let row = row.expect("a row");
        (row.status, row.answer.unwrap_or_default())
    }

    async fn tally(&self) -> Tally {
        let tally = Tally::read(&self.redis, &self.id.to_string()).await;
        tally.expect("HGETALL")
    }

    /// As `doctor --deep` does.
    async fn books_agree(&self) {
        assert!(self.tally().await.balanced());
        let findings = self.ops.compare_books().await.expect("compared");
        assert!(
            findings.iter().all(|f| f.severity == Severity::Ok),
            "{findings:?}"
        );
    }

    /// Who holds an entry.
    async fn owner(&self, user: i64) -> Option<String> {
        let source = &Source::of(&self.redis, STREAM)[0];
        let filter = crate::ops::PendingFilter {
            start: id_of(user),
            ..Default::default()
        };
        let page = queue::inspect::held(&self.redis, source, GROUP, &filter).await;
        let found = page
            .expect("XPENDING")
            .into_iter()
            .find(|e| e.id == id_of(user));
        found.map(|entry| entry.consumer)
    }
}

use SettleVerb::{Acknowledge, DeadLetter};

on_both! {
    async fn a_dead_letter_by_hand_is_one_as_the_pipeline_writes_it_and_goes_again(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        let plan = scene.plan(DeadLetter, &[1, 2]).await;
        assert_eq!((plan.items[0].owner.as_str(), plan.items[0].deliveries), (GONE, 9));
        assert_eq!(plan.items[0].what, format!("campaign {}, user 1", scene.id));
        assert!(plan.commands.is_empty(), "no command keeps the books");
        assert_eq!(scene.settle(&plan).await, [SettleOutcome::DeadLettered, SettleOutcome::DeadLettered]);

        let letters = scene.letters().await;
        let letter = &letters[0].letter;
        assert_eq!((letter.origin_id.as_str(), letter.kind.as_str()), ("1-1", EmailRequested::TYPE));
        assert_eq!((letter.data.clone(), letter.flow.clone()), (data(1), scene.id.to_string()));
        assert_eq!((letter.counted, letter.deliveries, letter.round), (true, Some(9), 1));
        assert!(letter.reason.starts_with("operator: dead-lettered by "), "{}", letter.reason);
        assert_eq!(letters[0].cause, "operator: dead-lettered by …");
        assert_eq!(scene.ledger(1).await, (DeliveryStatus::Failed, letter.reason.clone()));
        let tally = scene.tally().await;
        assert_eq!((tally.failed, tally.in_flight), (2, 4));
        scene.books_agree().await;
        let consumers = scene.run(&format!("XINFO CONSUMERS {} {GROUP}", scene.key(STREAM))).await;
        assert!(!format!("{consumers:?}").contains("operator-"), "{consumers:?}");

        let log = &scene.ops.audit(1).await.expect("audit")[0];
        assert_eq!(log.what, format!("dead-letter {STREAM} {GROUP}"));
        assert_eq!((log.ids.as_str(), log.after.as_str()), ("1-1 2-1", "2 of 2"));
        assert!(log.before.contains("gone-1-1 held 2") && log.before.contains("2-1 campaign"), "{}", log.before);

        let plan = scene.ops.plan_replay(&DeadFilter::default(), None).await.expect("a plan");
        let report = scene.ops.replay_dead(&plan).await.expect("a report");
        assert!(report.results.iter().all(|r| r.outcome == DeadOutcome::Queued { round: 2 }));
    }

    async fn what_is_acknowledged_counts_as_failed_and_only_the_letter_is_missing(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        let plan = scene.plan(Acknowledge, &[1, 99, 1]).await;
        assert_eq!(plan.absent, ["99-1"]);
        assert_eq!(scene.settle(&plan).await, [SettleOutcome::Acknowledged]);
        assert!(scene.letters().await.is_empty());
        let (status, answer) = scene.ledger(1).await;
        assert_eq!(status, DeliveryStatus::Failed);
        assert!(answer.starts_with("operator: skipped by "), "{answer}");
        assert_eq!(scene.tally().await.failed, 1);
        scene.books_agree().await;
        let log = &scene.ops.audit(1).await.expect("audit")[0];
        assert_eq!((log.what.clone(), log.ids.as_str()), (format!("ack {STREAM} {GROUP}"), "1-1"));
        assert!(log.before.contains("user 1"), "{}", log.before);
    }

    async fn an_entry_that_has_changed_since_the_plan_stays_as_it_is(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        for verb in [DeadLetter, Acknowledge] {
            let plan = scene.plan(verb, &[1, 2, 3, 4, 5, 6]).await;
            let key = scene.key(STREAM);
            if verb == DeadLetter {
                scene.run(&format!("XACK {key} {GROUP} 1-1")).await;
                scene.run(&format!("XCLAIM {key} {GROUP} rival 0 2-1 IDLE 300000")).await;
                scene.run(&format!("XCLAIM {key} {GROUP} {GONE} 0 3-1 JUSTID")).await;
                scene.run(&format!("XDEL {key} 4-1")).await;
                let outcomes = scene.settle(&plan).await;
                assert_eq!(outcomes[0], SettleOutcome::Handled);
                assert_eq!(outcomes[1], SettleOutcome::Taken { by: "rival".to_owned() });
                assert!(matches!(outcomes[2], SettleOutcome::NotIdle { idle_ms } if idle_ms < 60_000));
                assert_eq!(outcomes[3..], [
                    SettleOutcome::Vanished, SettleOutcome::DeadLettered, SettleOutcome::DeadLettered,
                ]);
                assert_eq!(scene.letters().await.len(), 2);
                assert_eq!(scene.owner(2).await.as_deref(), Some("rival"));
                assert_eq!(scene.owner(3).await.as_deref(), Some(GONE));
                assert_eq!(scene.owner(4).await, None);
                let rows = scene.store.count_deliveries(scene.id).await.expect("SQL");
                assert_eq!(rows, [(DeliveryStatus::Failed, 2)].into(), "nobody else's row was touched");
            } else {
                // What is left.
                assert_eq!(plan.items.len(), 2);
                let outcomes = scene.settle(&plan).await;
                assert_eq!(outcomes[0], SettleOutcome::Acknowledged);
                assert!(matches!(outcomes[1], SettleOutcome::NotIdle { .. }));
            }
        }
    }

    async fn what_the_ledger_knows_better_is_counted_as_that(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        scene.beats("live-2-2").await;
        scene.deliver(GONE, 1, DeliveryStatus::Accepted).await;
        scene.deliver(GONE, 2, DeliveryStatus::Sending).await;
        scene.deliver("live-2-2", 3, DeliveryStatus::Sending).await;
        scene.deliver(GONE, 4, DeliveryStatus::Retrying).await;
        let plan = scene.plan(DeadLetter, &[1, 2, 3, 4]).await;
        assert_eq!(scene.settle(&plan).await, [
            SettleOutcome::Ended { status: "accepted" },
            SettleOutcome::DeadLettered,
            SettleOutcome::InHand { by: "live-2-2".to_owned() },
            SettleOutcome::DeadLettered,
        ]);
        assert_eq!(scene.ledger(2).await.0, DeliveryStatus::Failed);
        assert_eq!(scene.ledger(3).await.0, DeliveryStatus::Sending);
        assert_eq!(scene.ledger(4).await.0, DeliveryStatus::Failed);
        let tally = scene.tally().await;
        assert_eq!((tally.accepted, tally.failed, tally.in_flight), (1, 2, 3));
        assert!(scene.owner(3).await.is_some(), "still pending: its mail may be going out");
        scene.books_agree().await;
    }

    async fn a_mail_in_doubt_is_held_where_the_campaign_says_so(db) {
        let scene = Scene::new(&db, InDoubt::Hold).await;
        scene.deliver(GONE, 1, DeliveryStatus::Sending).await;
        let plan = scene.plan(DeadLetter, &[1]).await;
        assert_eq!(scene.settle(&plan).await, [SettleOutcome::Ended { status: "in_doubt" }]);
        assert_eq!(scene.ledger(1).await.0, DeliveryStatus::InDoubt);
        assert!(scene.letters().await.is_empty());
        scene.books_agree().await;
    }

    async fn what_no_fan_out_counted_changes_no_counter(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        let flow = scene.id.to_string();
        let lost = ["type", EmailRequested::TYPE, "flow", "999", "data", &data(1)];
        scene.add(STREAM, GROUP, "11-1", &["payload", "x"]).await;
        scene.add(STREAM, GROUP, "12-1", &lost).await;
        scene.add(STREAM, GROUP, "13-1", &["payload", "y"]).await;
        let before = scene.tally().await;
        assert_eq!(scene.settle(&scene.plan(DeadLetter, &[11, 12]).await).await, [
            SettleOutcome::DeadLettered, SettleOutcome::DeadLettered,
        ]);
        assert_eq!(scene.settle(&scene.plan(Acknowledge, &[13]).await).await, [SettleOutcome::Acknowledged]);
        let letters = scene.letters().await;
        assert_eq!(letters.iter().map(|l| l.letter.counted).collect::<Vec<_>>(), [false, false]);
        assert_eq!(letters[0].letter.raw.as_deref(), Some(r#"[["payload","x"]]"#));
        assert!(letters[1].letter.reason.contains("no campaign \"999\""), "{}", letters[1].letter.reason);
        assert_eq!(scene.tally().await, before);
        let rows = scene.store.count_deliveries(scene.id).await.expect("SQL");
        assert!(rows.is_empty(), "{rows:?}");

        // A turn counts nobody either; replayed, it goes back to its stream.
        scene.group(TURNS.stream, TURNS.group).await;
        let turn = ["type", TURNS.kind, "flow", &flow, "data", r#"{"v":1,"turn":1}"#];
        scene.add(TURNS.stream, TURNS.group, "1-1", &turn).await;
        let request = SettleRequest {
            stream: TURNS.stream.to_owned(),
            group: TURNS.group.to_owned(),
            ..scene.request(DeadLetter, &[1])
        };
        let plan = scene.ops.plan_settle(&request).await.expect("a plan");
        assert_eq!(scene.settle(&plan).await, [SettleOutcome::DeadLettered]);
        assert_eq!(scene.tally().await, before);
        scene.books_agree().await;
    }

    async fn of_two_operators_each_entry_is_ended_by_one(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        let plan = scene.plan(DeadLetter, &[1, 2, 3, 4, 5, 6]).await;
        let other = Ops::with(&config_of(&scene.redis, &[]), scene.redis.clone(), scene.store.clone());
        let (one, two) = tokio::join!(scene.ops.settle(&plan), other.settle(&plan));
        let (one, two) = (one.expect("a report"), two.expect("a report"));
        for (one, two) in one.results.iter().zip(&two.results) {
            let done = [&one.outcome, &two.outcome].map(|o| *o == SettleOutcome::DeadLettered);
            assert!(done[0] != done[1], "{one:?} {two:?}");
        }
        assert_eq!(scene.letters().await.len(), 6);
        assert_eq!(scene.tally().await.failed, 6);
        scene.books_agree().await;
    }

    async fn a_deed_that_broke_off_after_the_ledger_is_finished_by_whoever_has_the_entry(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        // The first one died between the ledger and Redis, its consumer holding the entry.
        let ledger = Ledger::start(scene.store.clone(), "operator-1".to_owned());
        let row = GivenUp { campaign: scene.id, user: 1, round: 1, attempt: 1, policy: InDoubt::Resend };
        ledger.give_up(&[row], "operator: dead-lettered by x", |_| false).await.expect("closed");
        ledger.shutdown().await;
        let key = scene.key(STREAM);
        scene.run(&format!("XCLAIM {key} {GROUP} operator-1 0 1-1 IDLE 300000")).await;
        let plan = scene.plan(DeadLetter, &[1]).await;
        assert_eq!(scene.settle(&plan).await, [SettleOutcome::DeadLettered]);
        assert_eq!(scene.ledger(1).await.1, "operator: dead-lettered by x");
        scene.books_agree().await;
    }

    async fn read_only_and_zero_idle_are_refused_and_without_a_database_nothing_is_changed(db) {
        let scene = Scene::new(&db, InDoubt::Resend).await;
        let plan = scene.plan(DeadLetter, &[1]).await;
        scene.ops.set_read_only(true);
        assert!(matches!(scene.ops.settle(&plan).await, Err(OpsError::ReadOnly)));
        scene.ops.set_read_only(false);
        let zero = SettleRequest { min_idle_ms: Some(0), ..scene.request(Acknowledge, &[1]) };
        assert!(matches!(scene.ops.plan_settle(&zero).await, Err(OpsError::Invalid(_))));
        let zero = SettlePlan { min_idle_ms: 0, ..plan.clone() };
        assert!(matches!(scene.ops.settle(&zero).await, Err(OpsError::Invalid(_))));

        let nobody = [("database_url", "postgres://nobody@127.0.0.1:1/none")];
        let alone = Ops::open(&config_of(&scene.redis, &nobody), false).expect("opened");
        let error = alone.settle(&plan).await.expect_err("no database");
        assert!(error.is_away(), "{error:?}");
        assert_eq!(scene.owner(1).await.as_deref(), Some(GONE));
        assert!(scene.letters().await.is_empty());
    }
}

#[tokio::test]
async fn a_foreign_group_is_only_acknowledged_and_guarded_like_ours() {
    let redis = test_redis::redis(1);
    let ops = Ops::open(&config_of(&redis, &[]), false).expect("opened");
    let key = format!("{}-theirs", redis.keys().prefix());
    let words = |text: String| {
        let redis = redis.clone();
        async move { run(&redis, &text.split(' ').collect::<Vec<_>>()).await }
    };
    words(format!("XGROUP CREATE {key} billing 0 MKSTREAM")).await;
    for n in 1..=5 {
        words(format!("XADD {key} {n}-1 order {n}")).await;
    }
    words(format!("XREADGROUP GROUP billing a STREAMS {key} >")).await;
    let all = "1-1 2-1 3-1 4-1 5-1";
    words(format!("XCLAIM {key} billing a 0 {all} IDLE 90000 JUSTID")).await;
    let request = |verb| SettleRequest {
        verb,
        stream: key.clone(),
        group: "billing".to_owned(),
        min_idle_ms: Some(60_000),
        which: Which::All,
    };
    let refused = ops.plan_settle(&request(DeadLetter)).await;
    assert!(
        matches!(&refused, Err(OpsError::Invalid(text)) if text.contains("no dead letters")),
        "{refused:?}"
    );
    let plan = ops
        .plan_settle(&request(Acknowledge))
        .await
        .expect("a plan");
    assert_eq!(plan.commands, [format!("XACK {key} billing {all}")]);
    words(format!("XACK {key} billing 1-1")).await;
    words(format!("XCLAIM {key} billing b 0 2-1 IDLE 90000")).await;
    words(format!("XCLAIM {key} billing a 0 3-1 JUSTID")).await;
    words(format!("XDEL {key} 4-1")).await;
    let report = ops.settle(&plan).await.expect("a report");
    let outcomes: Vec<&SettleOutcome> = report.results.iter().map(|r| &r.outcome).collect();
    assert_eq!(*outcomes[0], SettleOutcome::Handled);
    assert_eq!(*outcomes[1], SettleOutcome::Taken { by: "b".to_owned() });
    assert!(matches!(outcomes[2], SettleOutcome::NotIdle { .. }));
    assert_eq!(
        outcomes[3..],
        [&SettleOutcome::Vanished, &SettleOutcome::Acknowledged]
    );
    assert_eq!(
        report.done(),
        2,
        "a trimmed one is acknowledged, as was asked for"
    );
    let left = words(format!("XPENDING {key} billing")).await;
    assert!(format!("{left:?}").contains("int(2)"), "{left:?}");
    let command = &ops.audit(1).await.expect("audit")[0].command;
    let done = format!("XACK {key} billing 4-1 5-1");
    assert_eq!(*command, done, "what was done, not what was planned");
}

#[tokio::test]
async fn a_stream_of_ours_is_not_acknowledged_behind_its_books_by_its_key() {
    let redis = test_redis::redis(1);
    let ops = Ops::open(&config_of(&redis, &[]), false).expect("opened");
    let request = SettleRequest {
        verb: Acknowledge,
        stream: redis.keys().stream(0, STREAM),
        group: GROUP.to_owned(),
        min_idle_ms: None,
        which: Which::All,
    };
    let refused = ops.plan_settle(&request).await;
    assert!(
        matches!(&refused, Err(OpsError::Invalid(text)) if text.ends_with(STREAM)),
        "{refused:?}"
    );
}
