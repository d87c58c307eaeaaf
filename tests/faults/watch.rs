//! Looks at a campaign every 200 ms from a process of its own: it balances, and ends no sooner than it should.
//!
//! The process is this test binary once more, which runs one hidden test until its input ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use comms::{
    queue::{Keys, Redis, Tally},
    store::{CampaignStatus, Store},
};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(200);
/// What the other process is to look at, as [`Target`] in JSON.
const VARIABLE: &str = "COMMS_TEST_WATCH";
/// What it says before its first look, and before the number of its looks.
const BEGINS: &str = "watching";
const LOOKED: &str = "looked ";

pub(super) struct Watch {
    process: Child,
    output: BufReader<ChildStdout>,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Target {
    pub(super) redis_url: String,
    pub(super) partitions: u32,
    pub(super) database_url: String,
    pub(super) campaign: i64,
}

#[derive(Default)]
struct Seen {
    looks: u64,
    wrong: Vec<String>,
}

impl Watch {
    /// Returns when the other process looks.
    pub(super) fn start(target: &Target) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "faults::watch::looks_until_its_input_ends"])
            .args(["--ignored", "--nocapture"])
            .env(VARIABLE, serde_json::to_string(target).expect("JSON"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary runs");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let mut line = String::new();
        while !line.contains(BEGINS) {
            line.clear();
            let read = output.read_line(&mut line).expect("it says what it does");
            assert!(read > 0, "the watch has ended before its first look");
        }
        Self { process, output }
    }

    /// Ends the watch, and fails when anything was wrong. Returns how often it looked.
    pub(super) async fn end(mut self) -> u64 {
        drop(self.process.stdin.take());
        let ended = tokio::task::spawn_blocking(move || {
            let mut said = String::new();
            self.output.read_to_string(&mut said).expect("text");
            (self.process.wait().expect("it ends"), said)
        });
        let (status, said) = ended.await.expect("no panic");
        assert!(status.success(), "{said}");
        let looks = said.lines().find_map(|line| line.strip_prefix(LOOKED));
        looks.and_then(|n| n.parse().ok()).expect("a number")
    }
}

/// A test that failed meanwhile is the one to be heard, not the watch that can tell nobody what it saw.
impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "a process of its own: other tests start it"]
async fn looks_until_its_input_ends() {
    let Ok(target) = std::env::var(VARIABLE) else {
        return;
    };
    let target: Target = serde_json::from_str(&target).expect("JSON");
    comms::telemetry::install_tls_provider();
    let keys = Keys::new("comms", target.partitions).expect("a valid prefix");
    let redis = Redis::open(&target.redis_url, keys).expect("a valid URL");
    let store = Store::open(&target.database_url, false).await;
    let store = store.expect("a database");
    println!("{BEGINS}");
    std::io::stdout().flush().expect("it is read");
    let seen = watch(&redis, &store, target.campaign).await;
    println!("{LOOKED}{}", seen.looks);
    assert!(seen.wrong.is_empty(), "{}", seen.wrong.join("\n"));
    assert!(seen.looks > 0, "it never looked");
}

async fn watch(redis: &Redis, store: &Store, id: i64) -> Seen {
    let mut seen = Seen::default();
    let ended = CancellationToken::new();
    let for_thread = ended.clone();
    std::thread::spawn(move || {
        // Nothing is ever written there: it ends when the test does, however that ends.
        let _ = std::io::stdin().read(&mut [0]);
        for_thread.cancel();
    });
    loop {
        look(redis, store, id, &mut seen).await;
        let over = tokio::time::timeout(EVERY, ended.cancelled()).await.is_ok();
        if over {
            return seen;
        }
    }
}

/// A server that is away has nothing to say, and neither has a Redis that has lost the campaign.
async fn look(redis: &Redis, store: &Store, id: i64, seen: &mut Seen) {
    // The status first: what it says of Redis must have been true by then.
    let Ok(Some(campaign)) = store.campaign(id).await else {
        return;
    };
    let Ok(tally) = Tally::read(redis, &id.to_string()).await else {
        return;
    };
    seen.looks += 1;
    let least = [
        tally.accepted,
        tally.failed,
        tally.suppressed,
        tally.cancelled,
        tally.retrying,
        tally.in_flight,
        tally.in_doubt,
        tally.parked,
    ];
    if !tally.balanced() || least.iter().any(|n| *n < 0) {
        seen.wrong.push(format!("it doesn't balance: {tally:?}"));
    }
    if campaign.status == CampaignStatus::Finished {
        let totals = Tally {
            queued: campaign.queued,
            accepted: campaign.accepted,
            failed: campaign.failed,
            suppressed: campaign.suppressed,
            cancelled: campaign.cancelled,
            in_doubt: campaign.in_doubt_count,
            ..Tally::default()
        };
        let early = !totals.balanced() || tally.open() != 0 || totals.queued < campaign.audience;
        // An operator may have started it again between the two looks.
        let now = store.campaign(id).await;
        let same = matches!(&now, Ok(Some(now)) if now.revision == campaign.revision);
        if early && same {
            seen.wrong
                .push(format!("finished too early: {totals:?}, {tally:?}"));
        }
    }
}
