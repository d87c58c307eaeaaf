//! What the console costs and how fast it answers: untouched, over 200,000 pending entries of 50 consumers, over
//! the same while three campaigns run at full speed, and over the outcome of a claim of 100,000 of them.
//! Run: `cargo bench --bench console`
//!
//! A key is answered when what a terminal shows has moved by exactly one row. Redis' time is what its own
//! statistics of commands say, while nobody but the console asks. `COMMS_BENCH_PENDING` and
//! `COMMS_BENCH_USERS` change the size, `COMMS_BENCH_KEYS` how many keys are pressed.

#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "what every test may use, not what this does"
)]
mod support;

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use support::{Fleet, RedisServer, Terminal, free_port, leave_pending};

const CAMPAIGNS: usize = 3;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |v| v.parse().expect("a number"))
}

/// CPU time so far, in ticks of 10 ms, and resident memory in MB.
fn used(pid: u32) -> (u64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after = stat.rsplit_once(") ").expect("a name").1;
    let fields: Vec<&str> = after.split(' ').collect();
    let number = |n: usize| fields[n].parse::<u64>().expect("a number");
    (number(11) + number(12), number(21) as f64 * 4_096.0 / 1e6)
}

/// Its share of one core over some seconds, in percent.
fn cpu(terminal: &Terminal, seconds: u64) -> f64 {
    let (before, begin) = (used(terminal.pid()).0, Instant::now());
    sleep(Duration::from_secs(seconds));
    (used(terminal.pid()).0 - before) as f64 / begin.elapsed().as_secs_f64()
}

/// The row of the screen on which the list's pointer stands.
fn pointer(screen: &str) -> Option<usize> {
    // The first is that of the tabs.
    let mut rows = screen.lines().skip(2);
    rows.position(|line| line.starts_with(" ▸"))
}

/// The ids whose outcome is in view.
fn outcomes(screen: &str) -> Vec<String> {
    let lines = screen.lines().filter(|line| line.contains("claimed by"));
    let ids = lines.filter_map(|line| line.split([' ', '│']).find(|word| word.contains('-')));
    ids.map(str::to_owned).collect()
}

/// From key to paint.
struct Answers {
    keys: usize,
    /// Half of the keys were answered sooner, ms.
    p50: f64,
    /// 99 of a hundred.
    p99: f64,
    most: f64,
    /// Not answered at all, within 5 s.
    missed: usize,
}

impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            keys,
            p50,
            p99,
            most,
            missed,
        } = self;
        write!(
            f,
            "key to paint p50 {p50:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms, {missed} of {keys} missed"
        )
    }
}

/// Presses `j` as often as `k`, fifteen at a time; `moved` says whether a screen is the one before, moved by
/// one row down (1) or up (-1).
fn answers(terminal: &mut Terminal, moved: impl Fn(&str, &str, isize) -> bool) -> Answers {
    let keys = setting("COMMS_BENCH_KEYS", 420);
    let (mut took, mut missed) = (Vec::new(), 0);
    for n in 0..keys {
        let (key, by) = if n / 15 % 2 == 0 { ("j", 1) } else { ("k", -1) };
        let before = terminal.screen();
        let begin = Instant::now();
        terminal.press(key);
        while !moved(&before, &terminal.screen(), by) {
            if begin.elapsed() > Duration::from_secs(5) {
                missed += 1;
                break;
            }
            sleep(Duration::from_micros(100));
        }
        took.push(begin.elapsed().as_secs_f64() * 1_000.0);
        // As fast as a held key repeats.
        sleep(Duration::from_millis(20));
    }
    took.sort_by(f64::total_cmp);
    Answers {
        keys,
        p50: took[keys / 2],
        p99: took[keys * 99 / 100],
        most: took[keys - 1],
        missed,
    }
}

fn pointer_moved(before: &str, after: &str, by: isize) -> bool {
    pointer(before).and_then(|row| row.checked_add_signed(by)) == pointer(after)
}

/// Above the ids are the sums, which are scrolled away first: the last id in view tells.
fn outcomes_moved(before: &str, after: &str, by: isize) -> bool {
    let (before, after) = (outcomes(before), outcomes(after));
    let (above, below) = if by > 0 {
        (before, after)
    } else {
        (after, before)
    };
    let second_last = below.len().checked_sub(2).and_then(|n| below.get(n));
    above.last().is_some() && above.last() == second_last
}

/// Redis' time for commands while `work` runs, ms a second.
fn redis_ms_a_second(url: &str, work: impl FnOnce()) -> f64 {
    let client = redis::Client::open(url).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let _: () = redis::cmd("CONFIG")
        .arg("RESETSTAT")
        .query(&mut connection)
        .expect("reset");
    let begin = Instant::now();
    work();
    let seconds = begin.elapsed().as_secs_f64();
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut connection)
        .expect("statistics");
    let lines = stats.lines().filter(|line| !line.contains("config"));
    let usec = lines.filter_map(|line| {
        line.split("usec=")
            .nth(1)?
            .split(',')
            .next()?
            .parse::<u64>()
            .ok()
    });
    usec.sum::<u64>() as f64 / 1_000.0 / seconds
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let pending = setting("COMMS_BENCH_PENDING", 200_000);
    let users = setting("COMMS_BENCH_USERS", 100_000);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    comms::telemetry::install_tls_provider();
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let inbox = format!("127.0.0.1:{}", free_port());
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            (
                "COMMS_DATABASE_URL",
                &format!("sqlite://{}/comms.db", dir.path().display()),
            ),
            ("COMMS_USERS", &users.to_string()),
            ("COMMS_INBOX_SMTP_ADDR", &inbox),
            ("COMMS_INBOX_BYTES", "16000000"),
            ("COMMS_SMTP_URL", &format!("smtp://{inbox}")),
            // What is stuck stays so, to be looked at.
            ("COMMS_RECLAIM", "manual"),
            // And may be claimed while the campaigns run.
            ("COMMS_VISIBILITY_MS", "15000"),
        ],
    );
    fleet.start("inbox");
    runtime.block_on(fleet.until_ready("inbox"));

    let terminal = fleet.terminal((120, 40));
    let first = terminal.until_contains("● live");
    sleep(Duration::from_secs(2));
    let share = cpu(&terminal, 20);
    let memory = used(terminal.pid()).1;
    println!("untouched: first screen after {first:.0?}, {share:.2} % CPU, {memory:.1} MB");
    drop(terminal);

    leave_pending(&redis.url(), pending, 50);
    let mut terminal = fleet.terminal((120, 40));
    terminal.until_contains("● live");
    terminal.press("4");
    terminal.until_contains("the oldest; there are more");
    let answered = answers(&mut terminal, pointer_moved);
    let mut share = 0.0;
    let spent = redis_ms_a_second(&redis.url(), || share = cpu(&terminal, 10));
    println!(
        "{pending} pending: {answered}; {share:.2} % CPU, {:.1} MB; \
         Redis {spent:.2} ms a second",
        used(terminal.pid()).1
    );

    runtime.block_on(fleet.start_workers());
    let begin = Instant::now();
    let ids: Vec<i64> = (0..CAMPAIGNS)
        .map(|_| runtime.block_on(fleet.create()))
        .collect();
    let answered = answers(&mut terminal, pointer_moved);
    let still = ids.iter().any(|id| {
        let seen = runtime.block_on(fleet.campaign(*id));
        seen["status"] == "running"
    });
    let share = cpu(&terminal, 5);
    assert!(
        still,
        "the campaigns were over too soon: set COMMS_BENCH_USERS higher"
    );
    for id in ids {
        let finished = |seen: &serde_json::Value| seen["status"] == "finished";
        let seen = runtime.block_on(fleet.until(id, "it is finished", finished));
        assert_eq!(seen["accepted"], users, "{seen}");
    }
    let rate = (CAMPAIGNS * users) as f64 / begin.elapsed().as_secs_f64();
    println!(
        "and {CAMPAIGNS} campaigns, {rate:.0} mails/s: {answered}; {share:.2} % CPU, \
         {:.1} MB",
        used(terminal.pid()).1
    );

    // All that is left of those that are gone, as much as one plan holds, goes to who is alive.
    let claimed = pending.min(100_000);
    let begin = Instant::now();
    terminal.press("A");
    terminal.until_contains(&format!("type {claimed}"));
    let planned = begin.elapsed();
    terminal.press("\u{1b}[Z");
    terminal.press(&claimed.to_string());
    terminal.press("\t\t");
    let begin = Instant::now();
    terminal.press("\r");
    terminal.until("the outcome", Duration::from_secs(60), |s| {
        s.contains("claimed by")
    });
    let took = begin.elapsed();
    let answered = answers(&mut terminal, outcomes_moved);
    println!(
        "all claimed: {claimed} planned in {planned:.1?}, claimed in {took:.1?}: {answered}, {:.1} MB",
        used(terminal.pid()).1
    );
    terminal.press("\r");
    terminal.until("no question", Duration::from_secs(5), |s| {
        !s.contains("claimed by")
    });
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}
