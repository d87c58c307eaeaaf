//! What the console costs: untouched, and over a long list.

use std::time::{Duration, Instant};

use super::console;
use crate::support::RedisServer;

/// CPU time of a process so far, in clock ticks of 10 ms, and its resident memory in bytes.
fn used(pid: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after = stat.rsplit_once(") ").expect("a name").1;
    let fields: Vec<&str> = after.split(' ').collect();
    let number = |n: usize| fields[n].parse::<u64>().expect("a number");
    (number(11) + number(12), number(21) * 4_096)
}

#[test]
fn untouched_it_costs_next_to_nothing_and_draws_nothing() {
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    // What the first seconds load is not what it costs to sit there.
    std::thread::sleep(Duration::from_secs(2));
    let ((before, _), drawn, begin) = (used(terminal.pid()), terminal.written(), Instant::now());
    std::thread::sleep(Duration::from_secs(10));
    let (after, memory) = used(terminal.pid());
    let percent = (after - before) as f64 / begin.elapsed().as_secs_f64();
    let drawn = terminal.written() - drawn;
    println!(
        "untouched: {percent:.2} % CPU, {:.1} MB, {drawn} bytes drawn in 10 s",
        memory as f64 / 1e6
    );
    // Debug builds cost several times as much as what is shipped.
    assert!(percent < 3.0 && memory < 60_000_000, "{percent} % {memory}");
    assert!(drawn < 2_000, "{drawn} bytes");
}

#[test]
fn keys_answer_at_once_with_200_000_pending_entries_and_redis_hardly_notices() {
    let redis = RedisServer::start(&[]);
    let client = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let key = "{comms:0}:email-notification";
    let _: () = redis::cmd("XGROUP")
        .arg("CREATE")
        .arg(key)
        .arg("email-service")
        .arg("0")
        .arg("MKSTREAM")
        .query(&mut connection)
        .expect("a group");
    for page in 0..20 {
        let mut pipe = redis::pipe();
        for n in 0..10_000 {
            let data = format!(
                r#"{{"v":1,"user":{},"email":"a.b@example.com"}}"#,
                page * 10_000 + n
            );
            pipe.cmd("XADD")
                .arg(key)
                .arg("*")
                .arg("type")
                .arg("email.requested")
                .arg("flow")
                .arg(1)
                .arg("data")
                .arg(data)
                .ignore();
        }
        pipe.exec(&mut connection).expect("added");
    }
    for consumer in 0..50 {
        let _: redis::Value = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg("email-service")
            .arg(format!("gone-{consumer}"))
            .arg("COUNT")
            .arg(4_000)
            .arg("STREAMS")
            .arg(key)
            .arg(">")
            .query(&mut connection)
            .expect("read");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    terminal.press("4");
    terminal.until_contains("the oldest; there are more");
    assert!(
        terminal.screen().contains("200\u{2009}000"),
        "{}",
        terminal.screen()
    );

    let mut paints = Vec::new();
    for n in 0..300 {
        let before = terminal.written();
        let begin = Instant::now();
        terminal.press(if n / 20 % 2 == 0 { "j" } else { "k" });
        while terminal.written() == before {
            assert!(
                begin.elapsed() < Duration::from_secs(5),
                "no answer to a key"
            );
            std::thread::sleep(Duration::from_micros(100));
        }
        paints.push(begin.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    paints.sort();
    let (p50, p99) = (paints[paints.len() / 2], paints[paints.len() * 99 / 100]);
    println!("key to paint: p50 {p50:?}, p99 {p99:?}");
    assert!(p99 < Duration::from_millis(200), "{p99:?}");

    let _: () = redis::cmd("CONFIG")
        .arg("RESETSTAT")
        .query(&mut connection)
        .expect("reset");
    let cpu = used(terminal.pid()).0;
    let begin = Instant::now();
    std::thread::sleep(Duration::from_secs(5));
    let stats: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut connection)
        .expect("statistics");
    let seconds = begin.elapsed().as_secs_f64();
    let usec: u64 = stats
        .lines()
        .filter(|line| !line.contains("config"))
        .filter_map(|line| {
            line.split("usec=")
                .nth(1)?
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum();
    let ms_per_s = usec as f64 / 1_000.0 / seconds;
    let percent = (used(terminal.pid()).0 - cpu) as f64 / seconds;
    println!("Redis: {ms_per_s:.2} ms a second for the console, which takes {percent:.2} % CPU");
    assert!(ms_per_s < 25.0, "{stats}");
}
