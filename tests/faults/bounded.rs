//! A million users: memory stays what it was, and a paused campaign holds up no other.

use std::time::{Duration, Instant};

use comms::store::CampaignStatus;

use super::arena::{Arena, Plan, all};

/// Bytes.
const WORKER: u64 = 60_000_000;

/// What a look found, bytes.
#[derive(Debug, Clone, Copy)]
struct Look {
    largest_worker: u64,
    redis: u64,
}

impl Arena {
    async fn memory(&self) -> Look {
        let info: redis::RedisResult<String> = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut self.client.commands())
            .await;
        let info = info.expect("Redis answers");
        let used = info.lines().find_map(|l| l.strip_prefix("used_memory:"));
        let largest = all().map(|name| resident(self.fleet.pid(name))).max();
        Look {
            largest_worker: largest.expect("eight workers"),
            redis: used.and_then(|n| n.parse().ok()).expect("a number"),
        }
    }
}

fn resident(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("it runs");
    let pages = statm.split_whitespace().nth(1).expect("RSS");
    pages.parse::<u64>().expect("a number") * 4_096
}

/// The greatest of each.
fn peak(looks: &[Look]) -> Look {
    Look {
        largest_worker: looks.iter().map(|l| l.largest_worker).max().unwrap_or(0),
        redis: looks.iter().map(|l| l.redis).max().unwrap_or(0),
    }
}

async fn bounded(users: u64, limit: Duration) {
    let arena = Arena::start(Plan {
        users,
        settings: &[("COMMS_PRESENCE_MS", "5000"), ("COMMS_LANES", "32")],
        ..Plan::default()
    })
    .await;
    // One that is paused half-way has its window parked, and nothing more.
    let paused = arena.create("resend").await;
    arena.until_taken(users as usize / 100).await;
    arena.campaign_verb("pause", paused);
    let begin = Instant::now();
    let before = arena.smtp.taken();
    let id = arena.create("resend").await;
    let watch = arena.watch(id);
    let mut looks = Vec::new();
    while arena.campaign(id).await.status != CampaignStatus::Finished {
        assert!(
            begin.elapsed() < limit,
            "not done after {limit:?}: {:?}",
            arena.tally(id).await
        );
        looks.push(arena.memory().await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let took = begin.elapsed();
    let rate = (arena.smtp.taken() - before) as f64 / took.as_secs_f64();
    println!(
        "{users} mails in {took:.1?}, {rate:.0} a second, {} looks",
        looks.len()
    );
    for name in all() {
        println!(
            "{name}: {:.1} MB",
            resident(arena.fleet.pid(name)) as f64 / 1e6
        );
    }
    // The first third fills windows and caches.
    let (warm, rest) = looks.split_at(looks.len() / 3);
    let (early, late) = (peak(warm), peak(rest));
    println!("peak until a third: {early:?}\npeak after it:      {late:?}");
    assert!(late.largest_worker < WORKER, "a worker of {late:?}");
    assert!(
        late.redis <= early.redis.max(20_000_000) * 5 / 4,
        "Redis grows: {early:?}, {late:?}"
    );
    arena.everybody_once_within(id, users, limit).await;
    watch.end().await;

    arena.campaign_verb("resume", paused);
    arena.everybody_once_within(paused, users, limit).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long; ./test.sh soak"]
async fn soak_a_million_users_in_bounded_memory() {
    bounded(1_000_000, Duration::from_secs(1_800)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_campaign_holds_up_no_other_and_memory_stays_bounded() {
    bounded(15_000, Duration::from_secs(120)).await;
}
