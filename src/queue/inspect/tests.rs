use super::{test_redis::run, *};

const STAGES: &[(&str, &str)] = &[("orders", "packer")];

fn text(value: redis::Value) -> String {
    reply::text(&value)
}

/// Adds `count` entries and makes the group; returns the key and the ids.
async fn stream(
    redis: &crate::queue::Redis,
    partition: u32,
    count: usize,
) -> (String, Vec<String>) {
    let key = redis.keys().stream(partition, "orders");
    run(
        redis,
        &["XGROUP", "CREATE", &key, "packer", "0", "MKSTREAM"],
    )
    .await;
    let mut ids = Vec::new();
    for n in 0..count {
        let n = n.to_string();
        ids.push(text(
            run(redis, &["XADD", &key, "*", "type", "order", "data", &n]).await,
        ));
    }
    (key, ids)
}

async fn read(redis: &crate::queue::Redis, key: &str, consumer: &str, count: &str) {
    run(
        redis,
        &[
            "XREADGROUP",
            "GROUP",
            "packer",
            consumer,
            "COUNT",
            count,
            "STREAMS",
            key,
            ">",
        ],
    )
    .await;
}

#[tokio::test]
async fn an_empty_server_is_an_empty_pipeline() {
    let redis = test_redis::redis(2);
    let view = overview(&redis, STAGES, 5_000).await.expect("overview");
    assert!(view.server.now_ms > 1_600_000_000_000);
    assert!(!view.server.version.is_empty());
    assert_eq!(view.stages[0].length, 0);
    assert_eq!(view.stages[0].partitions.len(), 2);
    assert!(!view.stages[0].partitions[0].exists);
    assert!(view.workers.is_empty());
}

#[tokio::test]
async fn partitions_are_summed() {
    let redis = test_redis::redis(2);
    let (first, _) = stream(&redis, 0, 5).await;
    let (second, _) = stream(&redis, 1, 3).await;
    read(&redis, &first, "a", "2").await;
    read(&redis, &second, "a", "1").await;
    let dead = redis.keys().dead(1, "orders");
    run(
        &redis,
        &["XADD", &dead, "*", "id", "1-1", "reason", "no such address"],
    )
    .await;
    run(
        &redis,
        &["ZADD", &redis.keys().retry(0, "orders"), "77", "m"],
    )
    .await;
    run(
        &redis,
        &["SADD", &redis.keys().parked_flows(0, "orders"), "7"],
    )
    .await;
    run(
        &redis,
        &["RPUSH", &redis.keys().parked(0, "orders", "7"), "x", "y"],
    )
    .await;

    let view = overview(&redis, STAGES, 5_000).await.expect("overview");
    let stage = &view.stages[0];
    let group = stage.own_group().expect("the group");
    assert_eq!(
        (stage.length, stage.dead, stage.retry, stage.parked),
        (8, 1, 1, 2)
    );
    assert_eq!(stage.retry_due_at_ms, Some(77));
    assert_eq!((group.pending, group.lag), (3, Some(5)));
    assert_eq!((group.backlog.count, group.backlog.at_least), (5, false));
    assert_eq!(group.consumers.len(), 1);
    assert_eq!(group.consumers[0].pending, 3);
    assert!(group.oldest_idle_ms.is_some());

    let letters = dead_letters(&redis, "orders", 1, "-", 10)
        .await
        .expect("letters");
    assert_eq!(letters[0].reason, "no such address");
    assert_eq!(letters[0].origin_id, "1-1");
}

#[tokio::test]
async fn a_lag_that_redis_cannot_know_is_none_beside_a_counted_backlog() {
    let redis = test_redis::redis(1);
    let (key, ids) = stream(&redis, 0, 10).await;
    read(&redis, &key, "a", "2").await;
    // A hole behind the last delivered entry: Redis 7 gives up on the lag.
    run(&redis, &["XDEL", &key, &ids[5]]).await;
    let view = overview(&redis, STAGES, 5_000).await.expect("overview");
    let group = view.stages[0].own_group().expect("the group");
    assert_eq!(group.lag, None);
    assert_eq!(
        group.backlog,
        Backlog {
            count: 7,
            at_least: false
        }
    );
}

#[tokio::test]
async fn a_long_backlog_is_counted_only_so_far() {
    let redis = test_redis::redis(1);
    let (key, ids) = stream(&redis, 0, 3).await;
    let mut pipe = redis::pipe();
    for _ in 0..3_000 {
        pipe.cmd("XADD").arg(&key).arg("*").arg("n").arg(1).ignore();
    }
    let () = pipe
        .query_async(&mut redis.commands())
        .await
        .expect("added");
    read(&redis, &key, "a", "1").await;
    run(&redis, &["XDEL", &key, &ids[2]]).await;
    let view = overview(&redis, STAGES, 5_000).await.expect("overview");
    let group = view.stages[0].own_group().expect("the group");
    assert_eq!(
        group.backlog,
        Backlog {
            count: 2_000,
            at_least: true
        }
    );
}

#[tokio::test]
async fn the_time_lag_is_the_age_of_the_first_undelivered_entry() {
    let redis = test_redis::redis(1);
    let key = redis.keys().stream(0, "orders");
    run(
        &redis,
        &["XGROUP", "CREATE", &key, "packer", "0", "MKSTREAM"],
    )
    .await;
    let now = overview(&redis, STAGES, 5_000)
        .await
        .expect("overview")
        .server
        .now_ms;
    run(
        &redis,
        &["XADD", &key, &format!("{}-0", now - 90_000), "n", "1"],
    )
    .await;
    let lag = async || {
        let view = overview(&redis, STAGES, 5_000).await.expect("overview");
        view.stages[0].own_group().expect("the group").time_lag_ms
    };
    assert!((90_000..100_000).contains(&lag().await));
    read(&redis, &key, "a", "1").await;
    assert_eq!(lag().await, 0);
}

#[tokio::test]
async fn a_worker_without_a_heartbeat_is_lapsed() {
    let redis = test_redis::redis(1);
    let now = workers(&redis, 5_000).await.expect("workers").len() as u64
        + overview(&redis, STAGES, 5_000)
            .await
            .expect("overview")
            .server
            .now_ms;
    let beats = redis.keys().workers();
    run(&redis, &["ZADD", &beats, &now.to_string(), "h-1-1"]).await;
    run(
        &redis,
        &["ZADD", &beats, &(now - 60_000).to_string(), "h-2-1"],
    )
    .await;
    let info = r#"{"service":"packer","state":"ready","rate":12.5,"in_hand":3}"#;
    run(
        &redis,
        &["HSET", &redis.keys().workers_info(), "h-1-1", info],
    )
    .await;
    let workers = workers(&redis, 5_000).await.expect("workers");
    let of = |name: &str| workers.iter().find(|w| w.name == name).expect("listed");
    assert!(of("h-1-1").live && !of("h-2-1").live);
    assert_eq!((of("h-1-1").info.in_hand, of("h-1-1").info.rate), (3, 12.5));
}

#[tokio::test]
async fn a_pending_page_tells_what_was_trimmed() {
    let redis = test_redis::redis(1);
    let (key, ids) = stream(&redis, 0, 4).await;
    read(&redis, &key, "a", "2").await;
    read(&redis, &key, "b", "2").await;
    run(&redis, &["XDEL", &key, &ids[1]]).await;
    let source = &Source::of(&redis, "orders")[0];
    let page = pending(&redis, source, "packer", &PendingFilter::default())
        .await
        .expect("page");
    assert_eq!(page.len(), 4);
    assert_eq!(page[0].field("data"), Some("0"));
    assert_eq!(page[1].fields, None);
    let filter = PendingFilter {
        consumer: Some("b".to_owned()),
        start: format!("({}", ids[2]),
        ..PendingFilter::default()
    };
    let page = pending(&redis, source, "packer", &filter)
        .await
        .expect("page");
    assert_eq!(
        page.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(),
        [ids[3].as_str()]
    );
    assert_eq!(page[0].deliveries, 1);
}

#[tokio::test]
async fn a_foreign_stream_shows_its_groups() {
    let redis = test_redis::redis(1);
    let key = format!("{}-foreign", redis.keys().prefix());
    run(&redis, &["XADD", &key, "*", "a", "b"]).await;
    run(&redis, &["XGROUP", "CREATE", &key, "theirs", "0"]).await;
    let view = groups_of(&redis, Source::foreign(&key))
        .await
        .expect("groups");
    assert_eq!((view.length, view.groups[0].name.as_str()), (1, "theirs"));
    assert_eq!(view.groups[0].backlog.count, 1);
    let absent = groups_of(&redis, Source::foreign("nothing-here"))
        .await
        .expect("groups");
    assert!(!absent.exists);
    assert!(
        memory_of(&redis, &[Source::foreign(&key)])
            .await
            .expect("memory")[0]
            > 0
    );
}

#[tokio::test]
async fn a_flow_is_complete_when_every_partition_is() {
    let redis = test_redis::redis(2);
    for (partition, cursor, complete) in [(0, "900", "1"), (1, "400", "0")] {
        let key = redis.keys().flow(partition, "7");
        run(
            &redis,
            &[
                "HSET", &key, "status", "running", "audience", "1000", "cursor", cursor,
                "complete", complete,
            ],
        )
        .await;
    }
    let view = flow(&redis, "7").await.expect("flow");
    assert_eq!(
        (view.audience, view.cursor, view.complete),
        (1_000, 400, false)
    );
}
