//! A campaign for 100,000 users through the real workers into Postfix's smtp-sink, beside what smtp-source
//! sends into the same sink, beside the same campaign into the development inbox, and beside one with an HTML
//! template of 30 KB (base layout, five fields, its text made from the HTML) into the same sink.
//! Run: `cargo bench --bench campaign`
//!
//! Redis runs with its append-only file (everysec), the ledger is on. Every run checks that the ledger has
//! accepted each recipient once, and at the inbox, which can tell what smtp-sink can't, that each recipient
//! got exactly one mail. Redis' peak memory is held against the template's size: entries carry no words. `COMMS_BENCH_USERS` and `COMMS_BENCH_RUNS` change the size.

#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "what every test may use, not what this does"
)]
mod support;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use support::{Fleet, RedisServer, SmtpSink, find, free_port};

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |v| v.parse().expect("a number"))
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Mails a second of smtp-source over ten kept connections.
fn source(sink: &str, mails: usize, bytes: usize) -> f64 {
    let program = find("COMMS_TEST_SMTP_SOURCE", &["smtp-source"], &["/usr/sbin"]);
    let address = sink.trim_start_matches("smtp://");
    let started = Instant::now();
    let status = Command::new(program)
        .args([
            "-s",
            "10",
            "-d",
            "-l",
            &bytes.to_string(),
            "-m",
            &mails.to_string(),
            address,
        ])
        .status()
        .expect("smtp-source runs");
    assert!(status.success(), "smtp-source failed");
    mails as f64 / started.elapsed().as_secs_f64()
}

/// Bytes of a mail of smtp-source that is as large as one of ours.
const PLAIN: usize = 800;
const LARGE: usize = 30_000;
/// What Redis may need more for a campaign whose every mail is 30 KB larger; a window of 20,000 entries that
/// carried their words would need 600 MB.
const MORE_MEMORY: u64 = 8_000_000;

/// A newsletter with the base layout and five fields.
fn template() -> serde_json::Value {
    let story = "<tr><td><h2>News of the week</h2><p>One more story, with <b>some</b> words &amp; a \
        <a href=\"https://example.com/story\">link</a> to read on, for as long as anybody likes.</p></td></tr>\n";
    let mut html = String::from(
        "{% extends \"base.html\" %}{% block content %}<h1>{{ vars.title }}</h1><p>Dear {{ first_name }} \
         {{ last_name }},</p><p>this goes to {{ email }}, as one of {{ campaign.name }}.</p><table>\n",
    );
    while html.len() < LARGE - 100 {
        html.push_str(story);
    }
    html.push_str("</table>{% endblock %}");
    serde_json::json!({
        "name": "Newsletter", "subject": "{{ first_name }}, the news", "html": html,
        "variables": {"title": "The news"}
    })
}

/// Mails a second and Redis' peak memory.
struct Measured {
    rate: f64,
    redis_bytes: u64,
}

fn peak_memory(redis: &RedisServer) -> u64 {
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let info: String = redis::cmd("INFO")
        .arg("memory")
        .query(&mut connection)
        .expect("statistics");
    let peak = info
        .lines()
        .find_map(|l| l.strip_prefix("used_memory_peak:"));
    peak.expect("a figure").trim().parse().expect("a number")
}

/// From the request that creates the campaign to its end, into `sink` or else an inbox; with the words of
/// `body`, or else the built-in ones.
async fn campaign(users: usize, sink: Option<&str>, body: Option<&serde_json::Value>) -> Measured {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let database = format!("sqlite://{}/comms.db", dir.path().display());
    let inbox = format!("127.0.0.1:{}", free_port());
    let to_inbox = format!("smtp://{inbox}");
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            ("COMMS_DATABASE_URL", &database),
            ("COMMS_USERS", &users.to_string()),
            ("COMMS_INBOX_SMTP_ADDR", &inbox),
            ("COMMS_INBOX_BYTES", "16000000"),
            ("COMMS_SMTP_URL", sink.unwrap_or(&to_inbox)),
        ],
    );
    if sink.is_none() {
        fleet.start("inbox");
        fleet.until_ready("inbox").await;
    }
    fleet.start_workers().await;
    let started = Instant::now();
    let id = match body {
        Some(body) => fleet.create_with(body).await,
        None => fleet.create().await,
    };
    let end = loop {
        let seen = fleet.campaign(id).await;
        if seen["status"] == "finished" {
            break seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let took = started.elapsed();
    assert_eq!(end["accepted"], users, "{end}");
    assert_eq!(end["balanced"], true, "{end}");
    if sink.is_none() {
        let received = fleet.get("inbox", "/api/v1/stats").await;
        assert_eq!(received["mails"], users, "{received}");
        assert_eq!(received["recipients"], users, "{received}");
    }
    let store = comms::store::Store::open(&database, false)
        .await
        .expect("the database");
    let counts = store.count_deliveries(id).await.expect("counts");
    let accepted = counts.get(&comms::store::DeliveryStatus::Accepted).copied();
    assert_eq!(
        accepted,
        Some(users as i64),
        "each recipient once: {counts:?}"
    );
    Measured {
        rate: users as f64 / took.as_secs_f64(),
        redis_bytes: peak_memory(&redis),
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let (users, runs) = (
        setting("COMMS_BENCH_USERS", 100_000),
        setting("COMMS_BENCH_RUNS", 3),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    comms::telemetry::install_tls_provider();
    let sink = SmtpSink::start(&[]);
    let body = template();
    let (mut ours, mut inbox, mut large) = (Vec::new(), Vec::new(), Vec::new());
    let (mut theirs, mut theirs_large) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        theirs.push(source(&sink.url(), users, PLAIN));
        let plain = runtime.block_on(campaign(users, Some(&sink.url()), None));
        let to_inbox = runtime.block_on(campaign(users, None, None));
        theirs_large.push(source(&sink.url(), users, LARGE));
        let rich = runtime.block_on(campaign(users, Some(&sink.url()), Some(&body)));
        println!(
            "run {run}: campaign {:.0} mails/s, into the inbox {:.0}, smtp-source {:.0}; with a template of 30 KB {:.0}, \
             smtp-source {:.0}; Redis at most {:.1} MB, with the template {:.1} MB",
            plain.rate,
            to_inbox.rate,
            theirs[run - 1],
            rich.rate,
            theirs_large[run - 1],
            plain.redis_bytes as f64 / 1e6,
            rich.redis_bytes as f64 / 1e6,
        );
        assert!(
            rich.redis_bytes < plain.redis_bytes + MORE_MEMORY,
            "the template's size is seen in Redis"
        );
        ours.push(plain.rate);
        inbox.push(to_inbox.rate);
        large.push(rich.rate);
    }
    let (ours, inbox, theirs) = (median(&mut ours), median(&mut inbox), median(&mut theirs));
    let (large, theirs_large) = (median(&mut large), median(&mut theirs_large));
    println!(
        "median of {runs}, {users} users: campaign {ours:.0} mails/s, into the inbox {inbox:.0}, smtp-source {theirs:.0}, \
         ratio {:.2}",
        ours / theirs
    );
    println!(
        "with a template of 30 KB: {large:.0} mails/s, {:.2} of the plain campaign; smtp-source {theirs_large:.0}, ratio {:.2}",
        large / ours,
        large / theirs_large
    );
}
