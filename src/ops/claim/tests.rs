//! Claims, from the plan to the audit: real Redis.

use super::*;
use crate::{
    ops::{
        StuckEntry,
        tests::{GROUP, STREAM, all, ops_on, pipeline},
    },
    queue::inspect::test_redis::run,
};

#[tokio::test]
async fn a_claim_is_planned_done_audited_and_followed() {
    let (redis, ops) = pipeline().await;
    let plan = ops.plan_claim(&all()).await.expect("plan");
    assert_eq!(
        (plan.to.as_str(), plan.min_idle_ms, plan.items.len()),
        ("live-2-2", 60_000, 4)
    );
    let key = redis.keys().stream(0, STREAM);
    assert_eq!(
        plan.commands()[0],
        format!("XCLAIM {key} {GROUP} live-2-2 60000 1-1 2-1")
    );
    run(&redis, &["XACK", &key, GROUP, "1-1"]).await;

    let report = ops.claim(&plan).await.expect("report");
    assert_eq!(report.claimed(), 3);
    assert_eq!(report.results[0].outcome, ClaimOutcome::Acknowledged);
    assert_eq!(ops.claim_left(&report).await.expect("left"), 3);
    run(&redis, &["XACK", &key, GROUP, "2-1"]).await;
    assert_eq!(ops.claim_left(&report).await.expect("left"), 2);

    assert!(report.audited);
    let log = ops.audit(10).await.expect("audit");
    assert_eq!(log[0].what, format!("claim {STREAM} {GROUP}"));
    assert_eq!(log[0].before, "gone-1-1 held 4");
    assert_eq!(log[0].after, "live-2-2 got 3 of 4");
    assert!(ops.stuck(100).await.expect("stuck").entries.is_empty());
}

#[tokio::test]
async fn all_that_is_stuck_is_planned_of_everybody_or_of_one_and_what_is_wanted_of_it() {
    let (_redis, ops) = pipeline().await;
    let ids = |plan: &ClaimPlan| {
        let ids = plan
            .items
            .iter()
            .map(|i| (i.entry.source.partition, i.entry.id.clone()));
        ids.collect::<Vec<_>>()
    };
    let every = |_: &StuckEntry| true;
    let plan = ops.plan_claim_stuck(&all(), None, false, &every).await;
    let plan = plan.expect("plan");
    // live-2-2 works on the third of each partition.
    let stuck = [(0, "1-1"), (0, "2-1"), (1, "1-1"), (1, "2-1")];
    assert_eq!(ids(&plan), stuck.map(|(p, id)| (Some(p), id.to_owned())));
    assert_eq!((plan.to.as_str(), plan.more), ("live-2-2", false));
    let live = ops
        .plan_claim_stuck(&all(), Some("live-2-2"), false, &every)
        .await;
    assert!(live.expect("plan").items.is_empty());
    let second = |s: &StuckEntry| s.entry.id == "2-1" && s.entry.field("flow") == Some("7");
    let plan = ops
        .plan_claim_stuck(&all(), Some("gone-1-1"), true, &second)
        .await;
    let plan = plan.expect("plan");
    assert_eq!(
        ids(&plan),
        [(Some(0), "2-1".to_owned()), (Some(1), "2-1".to_owned())]
    );
    assert_eq!(ops.claim(&plan).await.expect("report").claimed(), 2);
}

#[tokio::test]
async fn only_a_live_consumer_of_the_group_can_be_the_target() {
    let (redis, ops) = pipeline().await;
    for name in ["gone-1-1", "misspelt"] {
        let request = ClaimRequest {
            to: Some(name.to_owned()),
            ..all()
        };
        let error = ops.plan_claim(&request).await.expect_err("refused");
        assert!(
            matches!(&error, OpsError::Conflict(t) if t.contains("live-2-2")),
            "{error}"
        );
    }
    // Alive when it was planned, gone when it is done.
    let plan = ops.plan_claim(&all()).await.expect("plan");
    run(&redis, &["ZADD", &redis.keys().workers(), "1", "live-2-2"]).await;
    let error = ops.claim(&plan).await.expect_err("refused");
    assert!(matches!(error, OpsError::Conflict(_)), "{error}");
    assert_eq!(ops.stuck(100).await.expect("stuck").entries.len(), 6 - 2);
    let plan = ops
        .plan_claim(&all())
        .await
        .expect("a plan without a target");
    assert!(plan.to.is_empty() && plan.targets.is_empty());
}

#[tokio::test]
async fn min_idle_zero_and_read_only_are_refused() {
    let (redis, ops) = pipeline().await;
    let request = ClaimRequest {
        min_idle_ms: Some(0),
        ..all()
    };
    assert!(matches!(
        ops.plan_claim(&request).await,
        Err(OpsError::Invalid(_))
    ));
    let looking = ops_on(redis, true);
    let plan = looking.plan_claim(&all()).await.expect("a plan only looks");
    assert!(matches!(
        looking.claim(&plan).await,
        Err(OpsError::ReadOnly)
    ));
    assert_eq!(looking.stuck(100).await.expect("stuck").entries.len(), 4);
}

#[tokio::test]
async fn ids_that_are_not_pending_are_named() {
    let (_redis, ops) = pipeline().await;
    let which = Which::Ids(vec!["2-1".to_owned(), "9-9".to_owned()]);
    let plan = ops
        .plan_claim(&ClaimRequest { which, ..all() })
        .await
        .expect("plan");
    assert_eq!(plan.items.len(), 2, "the same id in two partitions");
    assert_eq!(plan.absent, ["9-9"]);
    let group = "nobody".to_owned();
    let error = ops
        .plan_claim(&ClaimRequest { group, ..all() })
        .await
        .expect_err("no group");
    assert!(
        matches!(&error, OpsError::NotFound(t) if t.contains("nobody")),
        "{error}"
    );
}

#[tokio::test]
async fn a_foreign_group_can_be_claimed_from_too() {
    let (redis, ops) = pipeline().await;
    let key = format!("{}-theirs", redis.keys().prefix());
    run(&redis, &["XADD", &key, "1-1", "a", "b"]).await;
    run(&redis, &["XGROUP", "CREATE", &key, "g", "0"]).await;
    run(
        &redis,
        &["XREADGROUP", "GROUP", "g", "a", "STREAMS", &key, ">"],
    )
    .await;
    run(
        &redis,
        &["XREADGROUP", "GROUP", "g", "b", "STREAMS", &key, ">"],
    )
    .await;
    run(
        &redis,
        &[
            "XCLAIM", &key, "g", "a", "0", "1-1", "IDLE", "90000", "JUSTID",
        ],
    )
    .await;
    run(&redis, &["XGROUP", "CREATECONSUMER", &key, "g", "b"]).await;
    let request = ClaimRequest {
        stream: key,
        group: "g".to_owned(),
        to: Some("b".to_owned()),
        min_idle_ms: Some(60_000),
        which: Which::All,
    };
    let plan = ops.plan_claim(&request).await.expect("plan");
    assert_eq!(ops.claim(&plan).await.expect("report").claimed(), 1);
}
