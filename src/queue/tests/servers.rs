//! The servers that the model is held against: the one of all tests, and Redis 8 where there is one.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

/// Name and URL of each.
pub(super) fn urls() -> Vec<(&'static str, String)> {
    let mut urls = vec![("the shared Redis", crate::config::test_redis_url())];
    static EIGHT: OnceLock<Option<String>> = OnceLock::new();
    if let Some(url) = EIGHT.get_or_init(eight) {
        urls.push(("Redis 8", url.clone()));
    }
    urls
}

#[expect(clippy::print_stdout, reason = "says what a test leaves out")]
fn eight() -> Option<String> {
    let Some(program) = crate::config::test_redis8_server() else {
        println!("Redis 8 is left out: COMMS_TEST_REDIS8_SERVER names no server");
        return None;
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    // A watcher ends it when this process has ended, however it ends.
    let child = Command::new("sh")
        .args(["-c", "\"$@\" & cat >/dev/null; kill $!", "keeper"])
        .arg(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    static KEEPER: Mutex<Option<Child>> = Mutex::new(None);
    *KEEPER.lock().expect("not poisoned") = Some(child);
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "COMMS_TEST_REDIS8_SERVER doesn't answer"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(format!("redis://127.0.0.1:{port}"))
}
