//! What an operator types at a shell, where nothing but Redis runs: the real `comms-tui` over a stream that
//! isn't ours.

#![expect(
    clippy::print_stdout,
    reason = "a tool that is missing is said with --nocapture"
)]

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use redis::Connection;
use serde_json::{Value, json};

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

/// Pipes commands into the real redis-cli; false where there is none.
pub(crate) fn pasted(port: &str, commands: &str) -> bool {
    let mut cli = Command::new("redis-cli");
    cli.args(["-p", port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let Ok(mut cli) = cli.spawn() else {
        return false;
    };
    let mut input = cli.stdin.take().expect("piped");
    writeln!(input, "{commands}").expect("it reads");
    drop(input);
    let output = cli.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !said.contains("ERR"), "{said}");
    true
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

/// Times are another thing each run: they are looked at, and taken out.
fn without_idle(mut items: Value) -> Value {
    for item in items.as_array_mut().expect("a list") {
        let idle_ms = item.as_object_mut().and_then(|o| o.remove("idle_ms"));
        assert!(
            idle_ms
                .and_then(|ms| ms.as_u64())
                .is_some_and(|ms| ms >= 3_600_000)
        );
    }
    items
}

#[test]
fn a_claim_has_a_plan_an_outcome_of_each_id_and_an_exact_audit() {
    let desk = Desk::new();
    let ids = desk.stuck(3);
    let url = desk.redis.url();
    let claim = |more: &[&str]| {
        let args = [
            "--redis", &url, "claim", STREAM, GROUP, "--to", "alive", "--all",
        ];
        desk.tui(&[&args[..], &["--min-idle", "90s", "--json"], more].concat())
    };
    let read = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).expect("JSON") };

    let output = claim(&["--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    let answer = read(&output);
    let command = format!(
        "XCLAIM 'orders of today' \"billing's\" alive 90000 {}",
        ids.join(" ")
    );
    let source = json!({ "stream": STREAM, "partition": null, "key": STREAM });
    let item =
        |id: &String| json!({ "source": source, "id": id, "owner": "gone", "deliveries": 1 });
    assert_eq!(answer["commands"], json!([command]));
    let plan = &answer["plan"];
    assert_eq!(
        without_idle(plan["items"].clone()),
        ids.iter().map(item).collect::<Value>()
    );
    let names: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["commands", "plan"]);
    let names: Vec<&String> = plan.as_object().expect("an object").keys().collect();
    let all = [
        "absent",
        "group",
        "items",
        "min_idle_ms",
        "more",
        "stream",
        "targets",
        "to",
    ];
    assert_eq!(names, all);
    assert_eq!(
        (
            &plan["absent"],
            &plan["group"],
            &plan["min_idle_ms"],
            &plan["more"]
        ),
        (&json!([]), &json!(GROUP), &json!(90_000), &json!(false))
    );
    assert_eq!(
        (&plan["stream"], &plan["to"]),
        (&json!(STREAM), &json!("alive"))
    );
    let target = &plan["targets"][0];
    assert_eq!(
        (&target["name"], &target["in_hand"]),
        (&json!("alive"), &json!(0))
    );
    assert_eq!(desk.held_by("gone"), 3, "a plan changes nothing");

    let output = claim(&["--yes"]);
    assert_eq!(output.status.code(), Some(0));
    let claimed = |id: &String| json!({ "source": source, "id": id, "outcome": "claimed" });
    let expected = json!({
        "group": GROUP,
        "to": "alive",
        "results": ids.iter().map(claimed).collect::<Value>(),
        "audited": true,
        "absent": [],
    });
    assert_eq!(read(&output), expected);
    assert_eq!(desk.held_by("alive"), 3);

    let log = desk.answer(&["--redis", &url, "audit", "--json"]);
    let entry = &log[0];
    assert!(
        entry["who"]
            .as_str()
            .is_some_and(|who| who.starts_with("ann@")),
        "{entry}"
    );
    assert_eq!(entry["what"], json!(format!("claim {STREAM} {GROUP}")));
    assert_eq!(entry["ids"], json!(ids.join(" ")));
    assert_eq!(entry["before"], json!("gone held 3"));
    assert_eq!(entry["after"], json!("alive got 3 of 3"));
    assert_eq!(
        (&entry["command"], &entry["left_out"]),
        (&json!(command), &json!(0))
    );

    // Nothing is idle long enough now, and the answer is no.
    for more in ["--dry-run", "--yes"] {
        assert_eq!(claim(&[more]).status.code(), Some(1), "{more}");
    }
    assert_eq!(
        read(&claim(&["--yes"])),
        json!({ "results": [], "absent": [] })
    );
}

#[test]
fn what_the_audit_has_recorded_can_be_pasted_into_redis_cli() {
    let desk = Desk::new();
    // More than one command takes.
    let ids = desk.stuck(230);
    let url = desk.redis.url();
    let args = [&["--redis", &url][..], &CLAIM, &["--json"]].concat();
    assert_eq!(
        desk.answer(&args)["results"].as_array().map(Vec::len),
        Some(230)
    );
    let log = desk.answer(&["--redis", &url, "audit", "--json"]);
    let commands = log[0]["command"].as_str().expect("a text");
    assert_eq!(
        (commands.lines().count(), &log[0]["left_out"]),
        (3, &json!(0))
    );
    for id in &ids {
        assert!(commands.contains(id.as_str()), "{id}");
    }
    for page in ids.chunks(100) {
        let page: Vec<&str> = page.iter().map(String::as_str).collect();
        let back = [
            &["XCLAIM", STREAM, GROUP, "gone", "0"][..],
            &page,
            &["IDLE", "3600000"],
        ];
        desk.redis::<redis::Value>(&back.concat());
    }
    assert_eq!(desk.held_by("gone"), 230);
    if pasted(&desk.redis.port().to_string(), commands) {
        assert_eq!(desk.held_by("alive"), 230);
    } else {
        println!("there is no redis-cli here");
    }
}
