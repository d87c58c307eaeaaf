//! A million users: memory stays what it was, and a paused campaign holds up no other.

use std::time::{Duration, Instant};

use comms::store::CampaignStatus;

use super::arena::{Arena, Plan, all};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Bytes.
const WORKER: u64 = 60_000_000;
/// What comes and goes with batches and pages, bytes: more than that over the warm state is growth.
const SWING: u64 = 8_000_000;

/// What somebody had at each look, bytes.
struct Series {
    name: &'static str,
    bytes: Vec<u64>,
}

impl Series {
    fn max(&self) -> u64 {
        self.bytes.iter().copied().max().unwrap_or(0)
    }

    /// The peaks of the second and of the last quarter: the first fills windows, caches and pools.
    fn warm_and_end(&self) -> (u64, u64) {
        let quarter = self.bytes.len().div_ceil(4);
        let peak = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
        let mut quarters = self.bytes.chunks(quarter.max(1));
        let warm = quarters.nth(1).map_or(0, peak);
        (
            warm,
            self.bytes.chunks(quarter.max(1)).last().map_or(0, peak),
        )
    }

    fn print(&self) {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let step = self.bytes.len().div_ceil(10).max(1);
        let course: Vec<String> = self
            .bytes
            .iter()
            .step_by(step)
            .map(|b| format!("{:.1}", mb(*b)))
            .collect();
        let (warm, end) = self.warm_and_end();
        println!(
            "{:24} MB over time {}; max {:.1}, second quarter {:.1}, last {:.1}",
            self.name,
            course.join(" "),
            mb(self.max()),
            mb(warm),
            mb(end)
        );
    }

    fn is_flat(&self, swing: u64) -> bool {
        let (warm, end) = self.warm_and_end();
        end <= (warm + swing).max(warm * 5 / 4)
    }
}

/// The memory of each worker and, last, of Redis.
struct Memory(Vec<Series>);

impl Memory {
    fn new() -> Self {
        let series = |name| Series {
            name,
            bytes: Vec::new(),
        };
        Self(all().chain(["redis"]).map(series).collect())
    }

    async fn look(&mut self, arena: &Arena) {
        for series in &mut self.0 {
            let bytes = match series.name {
                "redis" => arena.redis_memory().await,
                worker => resident(arena.fleet.pid(worker)),
            };
            series.bytes.push(bytes);
        }
    }

    fn judge(&self) {
        for series in &self.0 {
            series.print();
        }
        for series in &self.0 {
            let (name, max) = (series.name, series.max());
            assert!(name == "redis" || max < WORKER, "{name} took {max} bytes");
            assert!(series.is_flat(SWING), "{name} grows: {:?}", series.bytes);
        }
    }
}

impl Arena {
    async fn redis_memory(&self) -> u64 {
        let info: redis::RedisResult<String> = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut self.client.commands())
            .await;
        let info = info.expect("Redis answers");
        let used = info.lines().find_map(|l| l.strip_prefix("used_memory:"));
        used.and_then(|n| n.parse().ok()).expect("a number")
    }
}

fn resident(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("it runs");
    let pages = statm.split_whitespace().nth(1).expect("RSS");
    pages.parse::<u64>().expect("a number") * 4_096
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
    let mut memory = Memory::new();
    while arena.campaign(id).await.status != CampaignStatus::Finished {
        assert!(
            begin.elapsed() < limit,
            "not done after {limit:?}: {:?}",
            arena.tally(id).await
        );
        memory.look(&arena).await;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = begin.elapsed();
    let rate = (arena.smtp.taken() - before) as f64 / took.as_secs_f64();
    println!("{users} mails in {took:.1?}, {rate:.0} a second");
    memory.judge();
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
