//! A campaign for 100,000 users through the real workers into Postfix's smtp-sink, beside what smtp-source
//! sends into the same sink, and beside the same campaign into the development inbox.
//! Run: `cargo bench --bench campaign`
//!
//! Redis runs with its append-only file (everysec), the ledger is on. Every run checks that the ledger has
//! accepted each recipient once, and at the inbox, which can tell what smtp-sink can't, that each recipient
//! got exactly one mail. `COMMS_BENCH_USERS` and `COMMS_BENCH_RUNS` change the size.

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
fn source(sink: &str, mails: usize) -> f64 {
    let program = find("COMMS_TEST_SMTP_SOURCE", &["smtp-source"], &["/usr/sbin"]);
    let address = sink.trim_start_matches("smtp://");
    let started = Instant::now();
    let status = Command::new(program)
        .args([
            "-s",
            "10",
            "-d",
            "-l",
            "800",
            "-m",
            &mails.to_string(),
            address,
        ])
        .status()
        .expect("smtp-source runs");
    assert!(status.success(), "smtp-source failed");
    mails as f64 / started.elapsed().as_secs_f64()
}

/// Mails a second from the request that creates the campaign to its end, into `sink` or else an inbox.
async fn campaign(users: usize, sink: Option<&str>) -> f64 {
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
    let id = fleet.create().await;
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
    users as f64 / took.as_secs_f64()
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
    let (mut ours, mut inbox, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=runs {
        theirs.push(source(&sink.url(), users));
        ours.push(runtime.block_on(campaign(users, Some(&sink.url()))));
        inbox.push(runtime.block_on(campaign(users, None)));
        println!(
            "run {run}: campaign {:.0} mails/s, into the inbox {:.0}, smtp-source {:.0}",
            ours[run - 1],
            inbox[run - 1],
            theirs[run - 1]
        );
    }
    let (ours, inbox, theirs) = (median(&mut ours), median(&mut inbox), median(&mut theirs));
    println!(
        "median of {runs}, {users} users: campaign {ours:.0} mails/s, into the inbox {inbox:.0}, smtp-source {theirs:.0}, \
         ratio {:.2}",
        ours / theirs
    );
}
