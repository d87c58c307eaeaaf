//! Redis killed, rolled back, emptied, filled, cut off and replaced.

use std::{path::Path, time::Duration};

use comms::{
    queue::{Redis, Tally},
    store::CampaignStatus,
};

use super::{
    arena::{Arena, Plan, until},
    audit::Audit,
};
use crate::support::{Proxy, RedisServer, rules};

const USERS: u64 = 10_000;
const NOTHING: Audit = Audit {
    doubled: 0,
    doubts: 0,
    held: 0,
};

async fn arena(redis: &[&str]) -> Arena {
    let arena = Arena::start(Plan {
        users: USERS,
        redis,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(Duration::from_millis(8)));
    arena
}

/// Killed while the fan-out runs, and again while the last mails go.
async fn killed_and_restarted(fsync: &str) {
    let mut arena = arena(&["--appendfsync", fsync]).await;
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    for mails in [500, 5_000] {
        arena.until_taken(mails).await;
        arena.redis.kill();
        arena.redis.restart();
    }
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_restarted_loses_nobody_with_everysec() {
    killed_and_restarted("everysec").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_restarted_loses_nobody_with_always() {
    killed_and_restarted("always").await;
}

/// Copies the append-only files as they are now, and puts them in place of a killed Redis' own.
struct Earlier(tempfile::TempDir);

impl Earlier {
    fn copy(redis: &RedisServer) -> Self {
        let copy = tempfile::tempdir().expect("a directory");
        copy_files(&redis.dir().join("appendonlydir"), copy.path());
        Self(copy)
    }

    fn restore(self, redis: &mut RedisServer) {
        redis.kill();
        let files = redis.dir().join("appendonlydir");
        std::fs::remove_dir_all(&files).expect("it was there");
        std::fs::create_dir(&files).expect("a directory");
        copy_files(self.0.path(), &files);
        redis.restart();
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_its_last_second_mails_nobody_twice() {
    let mut arena = arena(&[]).await;
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    for mails in [300, 4_000] {
        arena.until_taken(mails).await;
        let earlier = Earlier::copy(&arena.redis);
        let before = arena.smtp.taken();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(arena.smtp.taken() > before, "something is lost");
        earlier.restore(&mut arena.redis);
    }
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_a_pause_or_a_cancellation_is_told_again() {
    let mut arena = arena(&[]).await;
    let id = arena.create("resend").await;
    for (verb, status) in [("pause", "paused"), ("cancel", "cancelled")] {
        if verb == "cancel" {
            arena.campaign_verb("resume", id);
        }
        let before = arena.smtp.taken();
        arena.until_taken(before + 500).await;
        let earlier = Earlier::copy(&arena.redis);
        arena.campaign_verb(verb, id);
        until(Duration::from_secs(20), "it has stopped", async || {
            arena.tally(id).await.in_flight == 0
        })
        .await;
        earlier.restore(&mut arena.redis);
        let key = arena.client.keys().flow(0, &id.to_string());
        until(Duration::from_secs(20), "redis knows again", async || {
            let found: redis::RedisResult<String> = redis::cmd("HGET")
                .arg(&key)
                .arg("status")
                .query_async(&mut arena.client.commands())
                .await;
            found.is_ok_and(|now| now == status)
        })
        .await;
        until(Duration::from_secs(20), "it has stopped", async || {
            let tally = arena.tally(id).await;
            tally.in_flight == 0 && tally.balanced()
        })
        .await;
    }
    let most = arena.mails_of(id).values().copied().max();
    assert_eq!(most, Some(1), "nobody twice");
    assert!((arena.smtp.taken() as u64) < USERS, "it was cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_everything_begins_again_from_the_ledger() {
    let arena = arena(&[]).await;
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    for mails in [300, 4_000] {
        arena.until_taken(mails).await;
        let _: () = redis::cmd("FLUSHALL")
            .query_async(&mut arena.client.commands())
            .await
            .expect("Redis answers");
    }
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

/// As when one of a cluster's nodes comes back empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_one_of_four_partitions_begins_again_in_that_one_only() {
    let arena = Arena::start(Plan {
        users: USERS,
        partitions: 4,
        ..Plan::default()
    })
    .await;
    arena.smtp.obey(rules::slow(Duration::from_millis(8)));
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    // During the fan-out, and when the others have been told to the end.
    for (partition, mails) in [(2, 300), (1, 7_500)] {
        arena.until_taken(mails).await;
        let before = tallies(&arena, id).await;
        lose(&arena.client, partition).await;
        until(Duration::from_secs(20), "it begins again", async || {
            tallies(&arena, id).await[partition as usize].queued > 0
        })
        .await;
        for (n, (before, now)) in before.iter().zip(tallies(&arena, id).await).enumerate() {
            let whole = n != partition as usize;
            assert!(!whole || now.queued >= before.queued, "{before:?} {now:?}");
            assert!(
                !whole || now.accepted >= before.accepted,
                "{before:?} {now:?}"
            );
        }
    }
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
    let tally = Tally::read(&arena.client, &id.to_string()).await;
    let tally = tally.expect("Redis answers");
    assert_eq!((tally.queued, tally.accepted), (USERS as i64, USERS as i64));
}

/// What each partition counts.
async fn tallies(arena: &Arena, id: i64) -> Vec<Tally> {
    let mut all = Vec::new();
    for partition in 0..arena.client.keys().partitions() {
        let one = Tally::read_partition(&arena.client, partition, &id.to_string()).await;
        all.push(one.expect("Redis answers"));
    }
    all
}

/// Removes every key of a partition in one step.
async fn lose(redis: &Redis, partition: u32) {
    let pattern = format!("{{{}:{partition}}}*", redis.keys().prefix());
    let lost: i64 = redis::cmd("EVAL")
        .arg("local n = 0 for _, key in ipairs(redis.call('KEYS', ARGV[1])) do n = n + redis.call('DEL', key) end return n")
        .arg(0)
        .arg(pattern)
        .query_async(&mut redis.commands())
        .await
        .expect("Redis answers");
    assert!(lost > 3, "{lost} keys were there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_pauses_the_fan_out_says_why_and_goes_on() {
    let arena = arena(&["--maxmemory-policy", "noeviction"]).await;
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    arena.until_taken(300).await;
    // What is in flight takes longer than a worker is trusted without a beat.
    arena.smtp.obey(rules::slow(Duration::from_millis(200)));
    set_maxmemory(&arena.client, "1").await;
    // What was fanned out is sent and settled at maxmemory; the next page is refused.
    until(
        Duration::from_secs(30),
        "nothing is in flight",
        async || {
            let tally = arena.tally(id).await;
            tally.in_flight == 0 && tally.retrying == 0
        },
    )
    .await;
    let taken = arena.smtp.taken();
    assert!(
        (taken as u64) < USERS,
        "the fan-out went on at maxmemory: {taken}"
    );
    let why = arena.fleet.log("user-service") + &arena.fleet.log("user-service.2");
    assert!(why.contains("OOM"), "{why}");
    arena.smtp.obey(rules::well());
    set_maxmemory(&arena.client, "0").await;
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
}

async fn set_maxmemory(redis: &Redis, bytes: &str) {
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", bytes])
        .query_async(&mut redis.commands())
        .await
        .expect("Redis answers");
}

/// The workers reach Redis through a proxy.
async fn behind_a_proxy() -> (Arena, Proxy) {
    let redis = RedisServer::start(&[]);
    let proxy = Proxy::start(redis.port());
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let plan = Plan {
        users: USERS,
        redis_url: Some(url),
        ..Plan::default()
    };
    let mut arena = Arena::prepare(plan, redis).await;
    arena.start_all().await;
    (arena, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_and_late_replies_change_nothing() {
    let (arena, proxy) = behind_a_proxy().await;
    proxy.delay(Duration::from_millis(5));
    proxy.lose(100);
    // The larger the batches, the fewer the replies: as many campaigns as it takes to lose enough of them.
    let mut campaigns = 0;
    while proxy.lost() <= 10 {
        campaigns += 1;
        assert!(campaigns <= 20, "only {} replies were lost", proxy.lost());
        let id = arena.create("resend").await;
        let watch = arena.watch(id);
        assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
        watch.end().await;
    }
    println!(
        "{} replies were lost in {campaigns} campaigns",
        proxy.lost()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_replica_loses_nobody() {
    let (mut arena, proxy) = behind_a_proxy().await;
    arena.smtp.obey(rules::slow(Duration::from_millis(8)));
    let replica =
        RedisServer::start(&["--replicaof", &format!("127.0.0.1 {}", arena.redis.port())]);
    let other = Redis::open(&replica.url(), arena.client.keys().clone()).expect("a valid URL");
    until(Duration::from_secs(20), "the replica follows", async || {
        let info: redis::RedisResult<String> = redis::cmd("INFO")
            .arg("replication")
            .query_async(&mut other.commands())
            .await;
        info.is_ok_and(|text| text.contains("master_link_status:up"))
    })
    .await;
    let id = arena.create("resend").await;
    arena.until_taken(2_000).await;
    arena.redis.kill();
    let _: () = redis::cmd("REPLICAOF")
        .arg(&["NO", "ONE"])
        .query_async(&mut other.commands())
        .await
        .expect("Redis answers");
    proxy.switch(replica.port());
    arena.redis = replica;
    arena.client = other;
    let watch = arena.watch(id);
    assert_eq!(arena.everybody_once(id, USERS).await, NOTHING);
    watch.end().await;
    assert_eq!(arena.campaign(id).await.status, CampaignStatus::Finished);
    let tally = Tally::read(&arena.client, &id.to_string()).await;
    assert_eq!(tally.expect("Redis answers").accepted, USERS as i64);
}
