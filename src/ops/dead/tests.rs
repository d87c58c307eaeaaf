//! Replays of dead letters: real Redis, both databases.

use super::*;
use crate::{
    event::{EmailRequested, Event, NotificationRequested, TURNS},
    ops::tests::config_of,
    queue::{
        self, Redis, Tally,
        inspect::test_redis::{self, run as command},
    },
    store::{
        CHANNEL_EMAIL, Campaign, Claim, Created, DeliveryResult, DeliveryStatus, Ledger, Store,
        tests::{Database, new_campaign, on_both},
    },
};

struct Scene {
    redis: Redis,
    store: Store,
    ops: Ops,
    id: i64,
}

const STREAM: &str = EmailRequested::STREAM;

fn data(user: i64) -> String {
    format!(
        r#"{{"v":1,"user":{user},"email":"u{user}@example.com","first_name":"A","last_name":"B"}}"#
    )
}

impl Scene {
    /// A campaign of four users, fanned out: 1 to 3 failed, 4 accepted.
    async fn new(db: &Database) -> Self {
        Self::of(db, 1).await
    }

    async fn of(db: &Database, partitions: u32) -> Self {
        let (redis, store) = (test_redis::redis(partitions), db.open().await);
        let ops = Ops::with(&config_of(&redis, &[]), redis.clone(), store.clone());
        store.seed_users(4).await.expect("users");
        let new = new_campaign(None);
        let Created::New(campaign) = store.create_campaign(&new, 1).await.expect("made") else {
            panic!("not new");
        };
        let scene = Self {
            redis,
            store,
            ops,
            id: campaign.id,
        };
        scene.deliver(1..=3, 1, DeliveryStatus::Failed).await;
        scene.deliver(4..=4, 1, DeliveryStatus::Accepted).await;
        scene.flow(&campaign).await;
        scene
    }

    async fn flow(&self, campaign: &Campaign) {
        let id = campaign.id.to_string();
        let state = queue::FlowState {
            flow: &id,
            status: "running",
            revision: 1,
            epoch: campaign.epoch,
            audience: 4,
        };
        let counters = [("queued", 4), ("failed", 3), ("accepted", 1)];
        let made = queue::restore(&self.redis, 0, &state, &counters).await;
        assert!(made.expect("made"));
    }

    async fn deliver(
        &self,
        users: std::ops::RangeInclusive<i64>,
        round: u32,
        status: DeliveryStatus,
    ) {
        let ledger = Ledger::start(self.store.clone(), "me".to_owned());
        let claim = |user| Claim {
            campaign: self.id,
            user,
            attempt: 1,
            round,
            message_id: String::new(),
        };
        ledger
            .claim(users.clone().map(claim).collect())
            .await
            .expect("claimed");
        let result = |user| DeliveryResult {
            campaign: self.id,
            user,
            attempt: 1,
            status,
            code: Some(452),
            answer: Some("4.2.2 mailbox full".to_owned()),
            due_at_ms: None,
            in_doubt: false,
        };
        ledger
            .record(users.map(result).collect())
            .await
            .expect("recorded");
        ledger.shutdown().await;
    }

    /// As settling writes it.
    async fn bury(&self, stream: &str, fields: &[(&str, &str)]) -> String {
        let key = self.redis.keys().dead(0, stream);
        let mut words = vec!["XADD", &key, "*"];
        words.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
        match command(&self.redis, &words).await {
            redis::Value::BulkString(id) => String::from_utf8(id).expect("an id"),
            other => panic!("{other:?}"),
        }
    }

    /// Of a mail that was refused.
    async fn bury_mail(&self, user: i64) -> String {
        let reason = format!("refused at RCPT: 452 4.2.2 <u{user}@example.com>: mailbox full");
        let (flow, data) = (self.id.to_string(), data(user));
        self.bury(
            STREAM,
            &[
                ("id", "1-1"),
                ("reason", &reason),
                ("at_ms", "1731000000000"),
                ("counted", "1"),
                ("type", EmailRequested::TYPE),
                ("flow", &flow),
                ("data", &data),
            ],
        )
        .await
    }

    /// The same, with an id in a partition.
    async fn bury_mail_as(&self, partition: u32, id: &str, user: i64) {
        let key = self.redis.keys().dead(partition, STREAM);
        let (flow, data) = (self.id.to_string(), data(user));
        let words = [
            "XADD",
            &key,
            id,
            "reason",
            "mailbox full",
            "counted",
            "1",
            "type",
            EmailRequested::TYPE,
            "flow",
            &flow,
            "data",
            &data,
        ];
        command(&self.redis, &words).await;
    }

    /// Somebody sends the user's mail of the second round, with that end.
    async fn send_again(&self, user: i64, status: DeliveryStatus) {
        let queued = async || {
            let row = self.store.delivery(self.id, user, CHANNEL_EMAIL).await;
            row.expect("SQL").expect("a row").status == DeliveryStatus::Queued
        };
        while !queued().await {
            tokio::task::yield_now().await;
        }
        self.deliver(user..=user, 2, status).await;
    }

    async fn letters(&self) -> Vec<Letter> {
        let found = self.ops.dead_letters(&DeadFilter::default()).await;
        found.expect("read").letters
    }

    async fn replay(&self, filter: &DeadFilter) -> Vec<DeadOutcome> {
        let plan = self.ops.plan_replay(filter, None).await.expect("a plan");
        let report = self.ops.replay_dead(&plan).await.expect("a report");
        assert!(report.audited);
        report.results.into_iter().map(|r| r.outcome).collect()
    }

    async fn length(&self, stream: &str) -> redis::Value {
        let key = self.redis.keys().stream(0, stream);
        command(&self.redis, &["XLEN", &key]).await
    }

    async fn tally(&self) -> Tally {
        let tally = Tally::read(&self.redis, &self.id.to_string()).await;
        let tally = tally.expect("HGETALL");
        assert!(tally.balanced(), "{tally:?}");
        tally
    }
}

fn ids(ids: &[&String]) -> DeadFilter {
    DeadFilter {
        ids: ids.iter().map(|id| LetterId::anywhere(*id)).collect(),
        ..DeadFilter::default()
    }
}

/// Takes connections, and hangs up as soon as it is asked to change something.
async fn server_that_hangs_up() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 4_096];
            while let Ok(n @ 1..) = socket.read(&mut buffer).await {
                let asked = String::from_utf8_lossy(&buffer[..n]);
                let greetings = asked.matches("SETINFO").count();
                if greetings == 0 {
                    break;
                }
                let answer = "+OK\r\n".repeat(greetings);
                socket.write_all(answer.as_bytes()).await.expect("sent");
            }
        }
    });
    format!("redis://{address}")
}

on_both! {
    async fn letters_of_one_cause_are_a_group_and_show_their_attempts(db) {
        let scene = Scene::new(&db).await;
        let one = scene.bury_mail(1).await;
        scene.bury_mail(2).await;
        scene.bury("campaign", &[("reason", "no field \"type\""), ("raw", "[]")]).await;
        let groups = grouped(&scene.letters().await);
        assert_eq!(groups.iter().map(|g| g.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(groups[0].cause, "refused at RCPT: 452 4.2.2 <…>: mailbox full");
        let filter = DeadFilter { cause: Some(groups[0].fingerprint.clone()), ..DeadFilter::default() };
        assert_eq!(scene.ops.dead_letters(&filter).await.expect("read").letters.len(), 2);
        let details = scene.ops.dead_letter(STREAM, &LetterId::anywhere(&one)).await.expect("a letter");
        let attempt = details.delivery.expect("a row").history.remove(0);
        assert_eq!((attempt.code, attempt.answer.as_str()), (Some(452), "4.2.2 mailbox full"));
        assert!(matches!(scene.ops.dead_letter(STREAM, &LetterId::anywhere("9-9")).await, Err(OpsError::NotFound(_))));
    }

    async fn a_replay_goes_through_the_ledger_and_an_accepted_mail_stays_one(db) {
        let scene = Scene::new(&db).await;
        for user in [1, 2, 4] {
            scene.bury_mail(user).await;
        }
        let outcomes = scene.replay(&DeadFilter::default()).await;
        assert_eq!(outcomes[..2], [DeadOutcome::Queued { round: 2 }, DeadOutcome::Queued { round: 2 }]);
        assert!(matches!(&outcomes[2], DeadOutcome::Not { why } if why.contains("accepted")), "{outcomes:?}");
        assert!(scene.letters().await.is_empty(), "nothing is left to decide");
        let moves = scene.store.moves(scene.id, 0, 1, 0, 10).await.expect("SQL");
        assert_eq!(moves.iter().map(|m| m.user).collect::<Vec<_>>(), [1, 2]);
        // The relay emits them, nobody else.
        assert_eq!(scene.length(STREAM).await, redis::Value::Int(0));
        let log = scene.ops.audit(1).await.expect("audit");
        assert_eq!((log[0].what.as_str(), log[0].after.as_str()), ("dead.replay", "2 of 3"));
    }

    async fn of_two_operators_one_replays_a_letter(db) {
        let scene = Scene::new(&db).await;
        scene.bury_mail(3).await;
        let plan = scene.ops.plan_replay(&DeadFilter::default(), None).await.expect("a plan");
        let both = tokio::join!(scene.ops.replay_dead(&plan), scene.ops.replay_dead(&plan));
        let done = both.0.expect("a report").done() + both.1.expect("a report").done();
        assert_eq!(done, 1);
        assert_eq!(scene.store.moves(scene.id, 0, 1, 0, 10).await.expect("SQL").len(), 1);
    }

    async fn the_others_go_only_when_the_mail_of_the_first_one_was_accepted(db) {
        for (end, others) in [
            (DeliveryStatus::Accepted, DeadOutcome::Queued { round: 2 }),
            (DeliveryStatus::Failed, DeadOutcome::Stays { why: "the first one is failed".to_owned() }),
        ] {
            let scene = Scene::new(&db).await;
            // One that is accepted already can't be the first.
            for user in [4, 1, 2, 3] {
                scene.bury_mail(user).await;
            }
            let plan = scene.ops.plan_replay(&DeadFilter::default(), None).await.expect("a plan");
            let replayed = scene.ops.replay_canary_first(&plan);
            let (report, ()) = tokio::join!(replayed, scene.send_again(1, end));
            let report = report.expect("a report");
            assert_eq!(report.results[0].outcome, DeadOutcome::Queued { round: 2 });
            assert_eq!(report.results[0].id(), plan.items[1].letter.id());
            let stays = matches!(others, DeadOutcome::Stays { .. });
            assert_eq!(report.results[2..].iter().filter(|r| r.outcome == others).count(), 2, "{report:?}");
            assert_eq!(scene.letters().await.len(), if stays { 3 } else { 0 });
            let lines = scene.ops.audit(5).await.expect("audit").len();
            assert_eq!(lines, if stays { 1 } else { 2 });
        }
        let scene = Scene::new(&db).await;
        scene.bury_mail(4).await;
        let plan = scene.ops.plan_replay(&DeadFilter::default(), None).await.expect("a plan");
        let refused = scene.ops.replay_canary_first(&plan).await.expect_err("accepted already");
        assert!(matches!(refused, OpsError::Conflict(_)), "{refused}");
    }

    async fn letters_of_one_id_in_two_partitions_are_two(db) {
        let scene = Scene::of(&db, 2).await;
        scene.bury_mail_as(0, "5-5", 2).await;
        scene.bury_mail_as(1, "5-5", 1).await;
        let anywhere = ids(&[&"5-5".to_owned()]);
        let plans = [
            scene.ops.plan_drop(&anywhere).await.expect_err("which?"),
            scene.ops.plan_replay(&anywhere, None).await.expect_err("which?"),
            scene.ops.dead_letter(STREAM, &LetterId::anywhere("5-5")).await.expect_err("which?"),
        ];
        for error in plans {
            assert!(error.to_string().contains("0/5-5 and email-notification 1/5-5"), "{error}");
        }
        let second: LetterId = "1/5-5".parse().expect("an id");
        let details = scene.ops.dead_letter(STREAM, &second).await.expect("a letter");
        assert_eq!(details.letter.user(), Some(1));
        let third: LetterId = "2/5-5".parse().expect("an id");
        let filter = DeadFilter { ids: vec![second.clone(), third], ..DeadFilter::default() };
        let plan = scene.ops.plan_replay(&filter, Some(&data(1))).await.expect("a plan");
        assert_eq!(plan.absent, ["2/5-5"]);
        let report = scene.ops.replay_dead(&plan).await.expect("a report");
        assert_eq!(report.results.len(), 1);
        assert_eq!((report.results[0].id(), report.done()), (second, 1));
        let left = scene.letters().await;
        assert_eq!(left.iter().map(|l| l.id().to_string()).collect::<Vec<_>>(), ["0/5-5"]);
        let report = scene.ops.drop_dead(&scene.ops.plan_drop(&anywhere).await.expect("one now")).await;
        assert_eq!(report.expect("a report").done(), 1);
    }

    async fn what_is_not_known_when_redis_goes_is_said_and_the_rest_not_tried(db) {
        let scene = Scene::new(&db).await;
        let flow = scene.id.to_string();
        for _ in 0..3 {
            scene.bury(TURNS.stream, &[
                ("reason", "poison"), ("type", TURNS.kind), ("flow", &flow), ("data", r#"{"v":1,"turn":1}"#),
            ]).await;
        }
        let plan = scene.ops.plan_replay(&DeadFilter::default(), None).await.expect("a plan");
        let lost = Redis::open(&server_that_hangs_up().await, scene.redis.keys().clone()).expect("a URL");
        let ops = Ops::with(scene.ops.config(), lost, scene.store.clone());
        let report = ops.replay_dead(&plan).await.expect("outcomes");
        assert!(!report.audited && report.done() == 0);
        let unknown = |outcome: &DeadOutcome| matches!(outcome, DeadOutcome::Unknown { .. });
        let untried = |outcome: &DeadOutcome| matches!(outcome, DeadOutcome::NotTried { .. });
        assert!(unknown(&report.results[0].outcome), "{report:?}");
        assert!(report.results[1..].iter().all(|r| untried(&r.outcome)), "{report:?}");
        let report = ops.drop_dead(&plan).await.expect("outcomes");
        assert!(report.results.iter().all(|r| unknown(&r.outcome)), "one pipeline: {report:?}");
    }

    async fn edited_data_is_checked_and_sent_instead(db) {
        let scene = Scene::new(&db).await;
        let letter = ids(&[&scene.bury_mail(1).await]);
        for (wrong, part) in [("{", "EOF"), (data(2).as_str(), "user 1's"), (r#"{"v":1}"#, "user")] {
            let error = scene.ops.plan_replay(&letter, Some(wrong)).await.expect_err("refused");
            assert!(matches!(&error, OpsError::Invalid(text) if text.contains(part)), "{error}");
        }
        let edited = data(1).replace("u1@example.com", "right@example.com");
        let plan = scene.ops.plan_replay(&letter, Some(&edited)).await.expect("a plan");
        assert_eq!(scene.ops.replay_dead(&plan).await.expect("a report").done(), 1);
        let moves = scene.store.moves(scene.id, 0, 1, 0, 10).await.expect("SQL");
        assert_eq!(moves[0].with.as_deref(), Some(edited.as_str()));
        scene.bury_mail(2).await;
        scene.bury_mail(3).await;
        let error = scene.ops.plan_replay(&DeadFilter::default(), Some(&edited)).await.expect_err("two");
        assert!(error.to_string().contains("one letter"), "{error}");
    }

    async fn what_no_fan_out_counted_is_appended_and_counted_once(db) {
        let scene = Scene::new(&db).await;
        let flow = scene.id.to_string();
        let broken = scene.bury(NotificationRequested::STREAM, &[
            ("reason", "data of notification.requested: EOF"), ("counted", "0"),
            ("type", NotificationRequested::TYPE), ("flow", &flow), ("data", "{"),
        ]).await;
        let filter = ids(&[&broken]);
        assert!(matches!(&scene.replay(&filter).await[0], DeadOutcome::Not { why } if why.contains("can't be read")));
        assert_eq!(scene.letters().await.len(), 1, "it stays");
        let plan = scene.ops.plan_replay(&filter, Some(&data(9))).await.expect("a plan");
        let both = tokio::join!(scene.ops.replay_dead(&plan), scene.ops.replay_dead(&plan));
        assert_eq!(both.0.expect("a report").done() + both.1.expect("a report").done(), 1);
        assert_eq!(scene.length(NotificationRequested::STREAM).await, redis::Value::Int(1));
        let tally = scene.tally().await;
        assert_eq!((tally.queued, tally.in_flight), (5, 1));
        assert!(scene.letters().await.is_empty());
    }

    async fn a_counted_letter_without_a_row_is_written_down_first(db) {
        let scene = Scene::new(&db).await;
        let (flow, data) = (scene.id.to_string(), data(8));
        scene.bury(NotificationRequested::STREAM, &[
            ("reason", "poison"), ("counted", "1"), ("type", NotificationRequested::TYPE),
            ("flow", &flow), ("data", &data),
        ]).await;
        assert_eq!(scene.replay(&DeadFilter::default()).await, [DeadOutcome::Queued { round: 2 }]);
    }

    async fn a_turn_goes_back_to_its_stream_and_counts_nobody(db) {
        let scene = Scene::new(&db).await;
        let flow = scene.id.to_string();
        scene.bury(TURNS.stream, &[
            ("reason", "poison"), ("type", TURNS.kind), ("flow", &flow), ("data", r#"{"v":1,"turn":1}"#),
        ]).await;
        assert_eq!(scene.replay(&DeadFilter::default()).await, [DeadOutcome::Appended]);
        assert_eq!(scene.length(TURNS.stream).await, redis::Value::Int(1));
        assert_eq!(scene.tally().await.queued, 4);
    }

    async fn a_dropped_letter_is_gone_and_a_cancelled_campaign_sends_none(db) {
        let scene = Scene::new(&db).await;
        let (one, two) = (scene.bury_mail(1).await, scene.bury_mail(2).await);
        let plan = scene.ops.plan_drop(&ids(&[&one])).await.expect("a plan");
        let report = scene.ops.drop_dead(&plan).await.expect("a report");
        assert_eq!(report.results[0].outcome, DeadOutcome::Dropped);
        let report = scene.ops.drop_dead(&plan).await.expect("a report");
        assert_eq!(report.results[0].outcome, DeadOutcome::Gone);
        scene.ops.cancel(scene.id).await.expect("cancelled");
        assert!(matches!(&scene.replay(&ids(&[&two])).await[0], DeadOutcome::Not { why } if why.contains("neither")));
        assert_eq!(scene.letters().await.len(), 1);
        let plan = scene.ops.plan_replay(&ids(&[&one]), None).await.expect("a plan");
        assert_eq!((plan.items.len(), plan.absent), (0, vec![one]));
    }
}
