//! Redis away for as long as a restart of a server takes.

use std::time::{Duration, Instant};

use super::console;
use crate::support::RedisServer;

#[test]
#[ignore = "long; ./test.sh soak"]
fn soak_redis_killed_for_a_minute_under_an_open_console() {
    let mut redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut terminal = console(&redis.url(), dir.path(), &[]);
    terminal.until_contains("● live");
    terminal.until_contains("notification-service");
    redis.kill();
    terminal.until_contains("Redis is away");
    let killed = Instant::now();
    while killed.elapsed() < Duration::from_secs(60) {
        let screen = terminal.screen();
        assert!(
            screen.contains("notification-service"),
            "the data stays: {screen}"
        );
        assert!(screen.contains("Redis is away"), "{screen}");
        std::thread::sleep(Duration::from_millis(500));
    }
    terminal.until_contains("next try in");
    terminal.press("c");
    terminal.until_contains("nothing can be changed now");
    redis.restart();
    terminal.until("Redis again", Duration::from_secs(20), |s| {
        s.contains("● live") && !s.contains("Redis is away")
    });
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}
