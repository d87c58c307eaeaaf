//! Redis for tests.

use std::{sync::OnceLock, time::Duration};

use super::process::{Server, directory, eventually, find, free_port};

/// A Redis of the test's own, which it may kill and restart.
pub struct RedisServer(Server);

impl RedisServer {
    /// Append-only file on, as start.sh has it. `extra` are more of its options, such as `--maxmemory 2mb`.
    pub fn start(extra: &[&str]) -> Self {
        let program = find("COMMS_TEST_REDIS_SERVER", &["redis-server"], &[]);
        let (dir, port) = (directory("redis"), free_port());
        let (place, number) = (dir.display().to_string(), port.to_string());
        let mut args: Vec<String> = [
            "--port",
            &number,
            "--bind",
            "127.0.0.1",
            "--dir",
            &place,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(extra.iter().map(|arg| (*arg).to_owned()));
        let server = Self(Server::start(&program, args, dir, port));
        server.wait_for_data();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.0.port())
    }

    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Where its files are.
    pub fn dir(&self) -> &std::path::Path {
        self.0.dir()
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.0.kill();
    }

    /// Again on the same port, with what the append-only file holds.
    pub fn restart(&mut self) {
        self.0.restart();
        self.wait_for_data();
    }

    /// Silent but connected, until [`RedisServer::thaw`].
    pub fn freeze(&self) {
        self.0.signal("STOP");
    }

    pub fn thaw(&self) {
        self.0.signal("CONT");
    }

    /// It answers LOADING while it reads the append-only file.
    fn wait_for_data(&self) {
        let client = redis::Client::open(self.url()).expect("a valid URL");
        eventually(Duration::from_secs(10), "Redis to load its data", || {
            client
                .get_connection()
                .and_then(|mut c| redis::cmd("PING").query::<String>(&mut c))
                .is_ok()
        });
    }
}

/// The Redis that all tests share; each uses a key prefix of its own ([`super::prefix`]).
pub fn redis_url() -> String {
    static SHARED: OnceLock<RedisServer> = OnceLock::new();
    match std::env::var("COMMS_TEST_REDIS_URL") {
        Ok(url) if !url.is_empty() => url,
        _ => SHARED.get_or_init(|| RedisServer::start(&[])).url(),
    }
}
