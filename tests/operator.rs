//! What an operator types at a shell, where nothing but Redis runs: the real `comms-tui` over a stream that
//! isn't ours.

use std::process::{Command, Output};

use redis::Connection;
use serde_json::Value;

use crate::support::RedisServer;

/// Both need quotes at the prompt of redis-cli.
const STREAM: &str = "orders of today";
const GROUP: &str = "billing's";

struct Desk {
    redis: RedisServer,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            redis: RedisServer::start(&[]),
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    fn connection(&self) -> Connection {
        let client = redis::Client::open(self.redis.url()).expect("a URL");
        client.get_connection().expect("Redis answers")
    }

    fn redis<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answer = command.query(&mut self.connection());
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn settings(&self, text: &str) {
        std::fs::write(self.dir.path().join("comms.toml"), text).expect("written");
    }

    /// Nothing says where Redis is but what is typed.
    fn tui(&self, args: &[&str]) -> Output {
        let database = format!("sqlite://{}/comms.db", self.dir.path().display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_comms-tui"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("COMMS_STATE_DIR", self.dir.path())
            .env("COMMS_DATABASE_URL", database)
            .env("COMMS_REDIS_URL", "redis://127.0.0.1:9")
            .env("USER", "ann");
        command.output().expect("comms-tui runs")
    }

    fn answer(&self, args: &[&str]) -> Value {
        let output = self.tui(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// `gone` holds `count` entries for an hour, and `alive` has just read.
    fn stuck(&self, count: usize) -> Vec<String> {
        self.redis::<()>(&["XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM"]);
        let add = || self.redis::<String>(&["XADD", STREAM, "*", "order", "1"]);
        let ids: Vec<String> = (0..count).map(|_| add()).collect();
        let read = |consumer, count: &str| {
            let read = ["XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count];
            self.redis::<redis::Value>(&[&read[..], &["STREAMS", STREAM, ">"]].concat());
        };
        read("gone", &count.to_string());
        let claim = ["XCLAIM", STREAM, GROUP, "gone", "0"];
        let ids_: Vec<&str> = ids.iter().map(String::as_str).collect();
        let aged = [&claim[..], &ids_, &["IDLE", "3600000", "JUSTID"]].concat();
        self.redis::<redis::Value>(&aged);
        let id = add();
        read("alive", "1");
        self.redis::<i64>(&["XACK", STREAM, GROUP, &id]);
        ids
    }

    /// How many entries a consumer holds.
    fn held_by(&self, consumer: &str) -> usize {
        let held: Vec<redis::Value> =
            self.redis(&["XPENDING", STREAM, GROUP, "-", "+", "10000", consumer]);
        held.len()
    }
}

const CLAIM: [&str; 7] = ["claim", STREAM, GROUP, "--to", "alive", "--all", "--yes"];

#[test]
fn what_is_read_only_by_profile_or_for_the_console_is_so_for_every_verb() {
    let desk = Desk::new();
    desk.stuck(3);
    let url = desk.redis.url();
    let profile =
        format!("[console.profiles.production]\nredis_url = \"{url}\"\nread_only = true\n");
    let refused = |args: &[&str]| {
        let output = desk.tui(&[args, &CLAIM[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("read-only") && said.contains("read_only in comms.toml"),
            "{said}"
        );
        assert_eq!(desk.held_by("gone"), 3);
    };
    desk.settings(&profile);
    refused(&["--profile", "production"]);
    desk.settings("[console]\nread_only = true\n");
    refused(&["--redis", &url]);
    // Looking is allowed, and where nobody says read-only, so is changing.
    desk.settings(&profile);
    let look = [
        "--profile",
        "production",
        "pending",
        STREAM,
        GROUP,
        "--json",
    ];
    assert!(desk.answer(&look).to_string().contains("gone"));
    let args = [&["--redis", &url][..], &CLAIM, &["--json"]].concat();
    assert_eq!(desk.answer(&args)["to"], "alive");
    assert_eq!(desk.held_by("alive"), 3);
}
