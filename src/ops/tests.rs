use super::*;
use crate::{
    config::{Config, test_config, test_redis_url},
    queue::inspect::test_redis::{self, run},
};

pub(super) const STREAM: &str = "email-notification";
pub(super) const GROUP: &str = "email-service";

pub(super) fn ops_on(redis: Redis, read_only: bool) -> Ops {
    Ops::open(&config_of(&redis, &[]), read_only).expect("opened")
}

/// Of the Redis of tests, with more settings.
pub(super) fn config_of(redis: &Redis, more: &[(&str, &str)]) -> Config {
    let (url, keys) = (test_redis_url(), redis.keys());
    let partitions = keys.partitions().to_string();
    let mut settings = vec![
        ("redis_url", url.as_str()),
        ("key_prefix", keys.prefix()),
        ("partitions", &partitions),
    ];
    settings.extend(more);
    test_config(&settings)
}

async fn now_ms(redis: &Redis) -> u64 {
    crate::queue::inspect::overview(redis, &[], 5_000)
        .await
        .expect("overview")
        .server
        .now_ms
}

/// Two partitions; consumer `gone-1-1` holds two idle entries of each and doesn't beat; `live-2-2`
/// beats and holds one fresh entry.
pub(super) async fn pipeline() -> (Redis, Ops) {
    let redis = test_redis::redis(2);
    for partition in 0..2 {
        let key = redis.keys().stream(partition, STREAM);
        run(&redis, &["XGROUP", "CREATE", &key, GROUP, "0", "MKSTREAM"]).await;
        for n in ["1-1", "2-1", "3-1"] {
            run(
                &redis,
                &["XADD", &key, n, "type", "email.requested", "flow", "7"],
            )
            .await;
        }
        let read = |who: &'static str, n: &'static str| {
            let words = [
                "XREADGROUP",
                "GROUP",
                GROUP,
                who,
                "COUNT",
                n,
                "STREAMS",
                &key,
                ">",
            ];
            words.map(str::to_owned)
        };
        for words in [read("gone-1-1", "2"), read("live-2-2", "1")] {
            run(&redis, &words.each_ref().map(String::as_str)).await;
        }
        for id in ["1-1", "2-1"] {
            run(
                &redis,
                &[
                    "XCLAIM", &key, GROUP, "gone-1-1", "0", id, "IDLE", "300000", "JUSTID",
                ],
            )
            .await;
        }
    }
    let now = now_ms(&redis).await.to_string();
    run(&redis, &["ZADD", &redis.keys().workers(), &now, "live-2-2"]).await;
    let info = format!(r#"{{"service":"{GROUP}","state":"ready"}}"#);
    run(
        &redis,
        &["HSET", &redis.keys().workers_info(), "live-2-2", &info],
    )
    .await;
    let ops = ops_on(redis.clone(), false);
    (redis, ops)
}

pub(super) fn all() -> ClaimRequest {
    ClaimRequest {
        stream: STREAM.to_owned(),
        group: GROUP.to_owned(),
        to: None,
        min_idle_ms: None,
        which: Which::All,
    }
}

#[tokio::test]
async fn stuck_is_what_nobody_works_on_oldest_first() {
    let (_redis, ops) = pipeline().await;
    let stuck = ops.stuck(100).await.expect("stuck");
    let ids: Vec<_> = stuck
        .entries
        .iter()
        .map(|s| (s.entry.id.as_str(), s.entry.source.partition, s.owner_live))
        .collect();
    assert_eq!(
        ids,
        [
            ("1-1", Some(0), false),
            ("1-1", Some(1), false),
            ("2-1", Some(0), false),
            ("2-1", Some(1), false)
        ]
    );
    assert!(!stuck.more);
    assert_eq!(stuck.entries[0].entry.field("flow"), Some("7"));
}

#[tokio::test]
async fn a_group_is_changed_by_a_plan_and_a_consumer_that_holds_something_stays() {
    let (redis, ops) = pipeline().await;
    let key = format!("{}-theirs", redis.keys().prefix());
    run(&redis, &["XADD", &key, "1-1", "a", "b"]).await;
    let verb = GroupVerb::Create {
        from: "0".to_owned(),
    };
    let plan = ops.plan_group(&key, "g", verb.clone()).await.expect("plan");
    assert_eq!(plan.commands, [format!("XGROUP CREATE {key} g 0 MKSTREAM")]);
    assert!(ops.change_group(&plan).await.expect("made")[0].done);
    assert!(!ops.change_group(&plan).await.expect("there")[0].done);
    let again = ops.plan_group(&key, "g", verb).await;
    assert!(matches!(again, Err(OpsError::Conflict(_))));

    let id = "$".to_owned();
    let plan = ops.plan_group(&key, "g", GroupVerb::Setid { id }).await;
    let plan = plan.expect("plan");
    assert!(plan.warnings[0].contains("1 entries that nobody has read would be skipped"));
    ops.change_group(&plan).await.expect("set");
    let groups = ops.groups(Some(&key)).await.expect("groups");
    assert_eq!(groups[0].group.last_delivered_id, "1-1");
    let id = "soon".to_owned();
    let wrong = ops.plan_group(&key, "g", GroupVerb::Setid { id }).await;
    assert!(matches!(wrong, Err(OpsError::Invalid(_))));

    let consumer = "gone-1-1".to_owned();
    let verb = GroupVerb::DeleteConsumer { consumer };
    let held = ops.plan_group(STREAM, GROUP, verb.clone()).await;
    assert!(matches!(&held, Err(OpsError::Conflict(text)) if text.contains("comms-tui claim")));
    let plan = ops.plan_claim(&all()).await.expect("plan");
    assert_eq!(ops.claim(&plan).await.expect("claimed").claimed(), 4);
    let plan = ops.plan_group(STREAM, GROUP, verb.clone()).await;
    ops.change_group(&plan.expect("plan"))
        .await
        .expect("removed");
    let missing = ops.plan_group(STREAM, GROUP, verb).await;
    assert!(matches!(missing, Err(OpsError::NotFound(_))));
    let consumer = "live-2-2".to_owned();
    let alive = ops
        .plan_group(STREAM, GROUP, GroupVerb::DeleteConsumer { consumer })
        .await;
    assert!(matches!(alive, Err(OpsError::Conflict(_))));
    let log = ops.audit(1).await.expect("audit");
    assert_eq!(log[0].what, "group.delete-consumer");
    assert!(log[0].command.contains("XGROUP DELCONSUMER"));
}

#[tokio::test]
async fn the_diagnosis_names_the_fault_and_what_mends_it() {
    let (redis, ops) = pipeline().await;
    let status = ops.status().await.expect("status");
    let fault = &status.findings[0];
    assert_eq!(
        (fault.severity, fault.remedy),
        (Severity::Fault, Some(Remedy::Claim))
    );
    assert_eq!(
        fault.text,
        format!("gone-1-1 is gone and holds 4 of {STREAM}")
    );

    let key = redis.keys().stream(0, STREAM);
    run(&redis, &["XADD", &key, "*", "type", "x"]).await;
    run(&redis, &["DEL", &redis.keys().workers()]).await;
    let status = ops.status().await.expect("status");
    assert!(
        status
            .findings
            .iter()
            .any(|f| f.text == "no worker is alive")
    );
    let now = now_ms(&redis).await.to_string();
    run(
        &redis,
        &["ZADD", &redis.keys().workers(), &now, "other-3-3"],
    )
    .await;
    let status = ops.status().await.expect("status");
    let texts: Vec<&str> = status.findings.iter().map(|f| f.text.as_str()).collect();
    assert!(
        texts
            .iter()
            .any(|t| t.contains("no email-service is alive")),
        "{texts:?}"
    );
}

#[tokio::test]
async fn the_doctor_reports_what_cannot_be_reached() {
    let redis = test_redis::redis(1);
    let nobody = [
        ("redis_url", "redis://127.0.0.1:1"),
        ("smtp_url", "smtp://127.0.0.1:1"),
        ("inbox_url", "http://127.0.0.1:1"),
    ];
    let ops = Ops::open(&config_of(&redis, &nobody), false).expect("opened");
    let findings = ops.doctor().await;
    let faults: Vec<&str> = findings
        .iter()
        .filter(|f| f.severity == Severity::Fault)
        .map(|f| f.text.as_str())
        .collect();
    assert!(faults.iter().any(|t| t.starts_with("Redis")), "{faults:?}");
    assert!(faults.iter().any(|t| t.starts_with("SMTP")), "{faults:?}");
}

#[test]
fn the_exit_code_tells_no_from_no_answer() {
    assert_eq!(OpsError::NotFound(String::new()).exit_code(), 1);
    assert_eq!(OpsError::Conflict(String::new()).exit_code(), 1);
    assert_eq!(OpsError::ReadOnly.exit_code(), 2);
    let refused = redis::RedisError::from((redis::ErrorKind::Io, "connection refused"));
    let away = OpsError::from(refused);
    assert!(away.is_away() && away.exit_code() == 2);
    assert!(format!("{:#}", anyhow::Error::new(away)).starts_with("Redis is away: "));
}

#[tokio::test]
async fn what_was_dropped_is_recorded_as_whole_commands_one_a_key() {
    let (redis, ops) = pipeline().await;
    let mut expected = Vec::new();
    for partition in 0..2 {
        let key = redis.keys().dead(partition, STREAM);
        let ids = (1..=5).map(|n| format!("{n}-{partition}"));
        let ids: Vec<String> = ids.collect();
        for id in &ids {
            let fields = [
                "id",
                "1-1",
                "reason",
                "no mailbox",
                "flow",
                "",
                "data",
                "{}",
            ];
            run(
                &redis,
                &[&["XADD", &key, id.as_str()][..], &fields].concat(),
            )
            .await;
        }
        expected.push(format!("XDEL {key} {}", ids.join(" ")));
    }
    let plan = ops.plan_drop(&DeadFilter::default()).await.expect("plan");
    let key = redis.keys().dead(1, STREAM);
    // Somebody else was faster with this one: it was not dropped by us.
    run(&redis, &["XDEL", &key, "3-1"]).await;
    ops.drop_dead(&plan).await.expect("dropped");
    expected[1] = expected[1].replace(" 3-1", "");
    let entry = ops.audit(1).await.expect("audit").remove(0);
    assert_eq!(entry.command, expected.join("\n"));
    assert_eq!((entry.what.as_str(), entry.left_out), ("dead.drop", 0));
}

#[tokio::test]
async fn users_that_were_made_are_in_the_audit() {
    let redis = test_redis::redis(1);
    let dir = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}/users.db", dir.path().display());
    let store = crate::store::Store::open(&url, false)
        .await
        .expect("opened");
    let ops = Ops::with(&config_of(&redis, &[]), redis.clone(), store);
    assert_eq!(ops.generate_users(12).await.expect("made"), (12, 12));
    assert_eq!(ops.generate_users(12).await.expect("there"), (0, 12));
    let log = ops.audit(10).await.expect("audit");
    assert_eq!(log.len(), 1, "the second time nothing was changed");
    assert_eq!(
        (log[0].what.as_str(), log[0].after.as_str()),
        ("users.generate", "12 new, 12 in all")
    );
}

#[tokio::test]
async fn a_group_that_is_not_ours_is_named_only_when_it_loses_entries() {
    let (redis, ops) = pipeline().await;
    let keys = [0, 1].map(|partition| redis.keys().stream(partition, STREAM));
    let found = async || {
        let findings = ops.status().await.expect("status").findings;
        let texts = findings.into_iter().map(|f| f.text);
        texts
            .filter(|text| text.contains("\"theirs\""))
            .collect::<Vec<_>>()
    };
    for key in &keys {
        run(&redis, &["XGROUP", "CREATE", key, "theirs", "0"]).await;
    }
    let soon = format!(
        "group \"theirs\" of {STREAM}: 6 entries that it hasn't read will be trimmed when ours has handled them"
    );
    assert_eq!(found().await, [soon]);
    let gone = format!("group \"theirs\" of {STREAM}: 6 entries were trimmed before it read them");
    for key in &keys {
        run(&redis, &["XACK", key, GROUP, "1-1", "2-1", "3-1"]).await;
    }
    assert_eq!(found().await, [gone.as_str()], "they go with the next trim");
    for key in &keys {
        run(&redis, &["XTRIM", key, "MINID", "3-2"]).await;
    }
    assert_eq!(found().await, [gone]);
    let from = "0".to_owned();
    let plan = ops
        .plan_group(STREAM, "late", GroupVerb::Create { from })
        .await;
    let warnings = plan.expect("plan").warnings.join(" ");
    assert!(warnings.contains("all 3 so far were trimmed"), "{warnings}");
    for key in &keys {
        run(&redis, &["XGROUP", "SETID", key, "theirs", "$"]).await;
    }
    assert_eq!(found().await, Vec::<String>::new());
}

#[tokio::test]
async fn entries_are_read_between_two_ids_in_both_orders() {
    let (_, ops) = pipeline().await;
    let ids = async |newest, range| {
        let entries = ops.entries(STREAM, newest, range, 100).await.expect("read");
        entries.into_iter().map(|e| e.id).collect::<Vec<_>>()
    };
    // Of each of two partitions.
    assert_eq!(ids(false, ("2", "3-0")).await, ["2-1"; 2]);
    assert_eq!(ids(false, ("(1-1", "")).await, ["2-1", "2-1", "3-1", "3-1"]);
    assert_eq!(ids(true, ("2", "1-1")).await, ["2-1", "2-1", "1-1", "1-1"]);
    assert_eq!(ids(true, ("(3-1", "2")).await, ["2-1"; 2]);
    assert_eq!(ids(true, ("", "")).await.len(), 6);
}
