//! What the diagnosis says of a pipeline that is really there.

use super::*;
use crate::{
    event::STAGES,
    ops::tests::ops_on,
    queue::inspect::test_redis::{self, run},
};

/// A live worker for each stage, with one entry in hand and two handled.
async fn at_work() -> (Redis, Ops) {
    let redis = test_redis::redis(2);
    let now: (u64, u64) = redis::cmd("TIME")
        .query_async(&mut redis.commands())
        .await
        .expect("TIME");
    let now_ms = (now.0 * 1_000).to_string();
    for (stream, group) in STAGES {
        let worker = format!("{group}-1-1");
        for partition in 0..2 {
            let key = redis.keys().stream(partition, stream);
            run(&redis, &["XGROUP", "CREATE", &key, group, "0", "MKSTREAM"]).await;
            for id in ["1-1", "2-1", "3-1"] {
                run(&redis, &["XADD", &key, id, "type", "x", "data", "{}"]).await;
            }
            run(
                &redis,
                &["XREADGROUP", "GROUP", group, &worker, "STREAMS", &key, ">"],
            )
            .await;
            run(&redis, &["XACK", &key, group, "2-1", "3-1"]).await;
        }
        let keys = redis.keys();
        run(&redis, &["ZADD", &keys.workers(), &now_ms, &worker]).await;
        let info = format!(r#"{{"service":"{group}","state":"ready"}}"#);
        run(&redis, &["HSET", &keys.workers_info(), &worker, &info]).await;
    }
    let ops = ops_on(redis.clone(), false);
    (redis, ops)
}

async fn findings(ops: &Ops) -> Vec<Finding> {
    let overview = ops.status().await.expect("status").overview;
    assert!(
        overview
            .stages
            .iter()
            .all(|s| s.own_group().is_some_and(|g| g.pending == 2))
    );
    diagnose(&overview, ops.config().visibility_ms)
}

#[tokio::test]
async fn of_a_healthy_pipeline_at_work_the_diagnosis_is_empty() {
    let (_redis, ops) = at_work().await;
    assert_eq!(findings(&ops).await, []);
}

#[tokio::test]
async fn an_entry_that_was_delivered_too_often_is_named_with_what_ends_it() {
    let (redis, ops) = at_work().await;
    let (stream, group) = STAGES[2];
    let delivered = |partition, times: &'static str| {
        let (redis, key) = (redis.clone(), redis.keys().stream(partition, stream));
        async move {
            let worker = format!("{group}-1-1");
            let words = [
                "XCLAIM",
                &key,
                group,
                &worker,
                "0",
                "1-1",
                "RETRYCOUNT",
                times,
                "JUSTID",
            ];
            run(&redis, &words).await;
        }
    };
    // As often as it takes the pipeline to find poison by itself.
    delivered(1, "7").await;
    assert_eq!(findings(&ops).await, []);
    delivered(1, "9").await;
    let found = findings(&ops).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].text,
        format!("1-1 of {stream} was delivered 9 times")
    );
    assert_eq!(found[0].remedy, Some(Remedy::Bury));
    assert_eq!(
        found[0].next,
        format!("comms-tui dead-letter {stream} {group} --id 1-1")
    );
    delivered(0, "11").await;
    let found = findings(&ops).await;
    let text = format!("1-1 of {stream} was delivered 11 times, 1 more like it");
    assert_eq!(found[0].text, text);
}
