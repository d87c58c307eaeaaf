//! What is wrong is refused by name, and costs nothing that is right.

use std::{collections::HashMap, net::TcpListener, process::Command, time::Duration};

use redis::aio::MultiplexedConnection;

use crate::pipeline::{everybody_has_one_mail, running};

/// Each stream with the group that reads it.
const STREAMS: [(&str, &str); 3] = [
    ("campaign", "user-service"),
    ("notification", "notification-service"),
    ("email-notification", "email-service"),
];

struct Bad {
    fields: &'static [(&'static str, &'static [u8])],
    /// What the reason of its dead letter names.
    reason: &'static str,
    /// What of it must be found in the letter.
    kept: &'static str,
}

const BAD: [Bad; 4] = [
    Bad {
        fields: &[("type", b"no.such"), ("flow", b"7"), ("data", b"{\"n\":1}")],
        reason: "no.such",
        kept: "{\"n\":1}",
    },
    Bad {
        fields: &[
            ("type", b"campaign.turn"),
            ("flow", b"7"),
            ("data", b"{\"v\":1,"),
        ],
        reason: "",
        kept: "{\"v\":1,",
    },
    Bad {
        fields: &[("nothing", b"of ours")],
        reason: "type",
        kept: "of ours",
    },
    Bad {
        fields: &[("type", b"\xff\xfe\x00"), ("data", b"\x80")],
        reason: "",
        kept: r"\\xff\\xfe\\x00",
    },
];

type Letter = HashMap<String, String>;

async fn letters(redis: &mut MultiplexedConnection, stream: &str) -> Vec<Letter> {
    let found: Vec<(String, Letter)> = redis::cmd("XRANGE")
        .arg(format!("{{comms:0}}:{stream}:dead"))
        .arg("-")
        .arg("+")
        .query_async(redis)
        .await
        .expect("the dead letters");
    found.into_iter().map(|(_, letter)| letter).collect()
}

/// Pending entries, and entries that were not read yet.
async fn open(redis: &mut MultiplexedConnection, stream: &str, group: &str) -> (i64, Option<i64>) {
    let groups: Vec<HashMap<String, redis::Value>> = redis::cmd("XINFO")
        .arg("GROUPS")
        .arg(format!("{{comms:0}}:{stream}"))
        .query_async(redis)
        .await
        .expect("the groups");
    let found = groups
        .iter()
        .find(|of| of["name"] == redis::Value::BulkString(group.into()))
        .expect("the group");
    let number = |name: &str| redis::from_redis_value(found[name].clone()).ok();
    (number("pending").expect("a number"), number("lag"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_worker_can_read_becomes_a_dead_letter_with_its_bytes_and_stops_nothing() {
    let running = running("500", None).await;
    let mut redis = running.redis().await;
    for (stream, _) in STREAMS {
        for bad in &BAD {
            let mut add = redis::cmd("XADD");
            add.arg(format!("{{comms:0}}:{stream}")).arg("*");
            for (name, value) in bad.fields {
                add.arg(name).arg(value);
            }
            let _: String = add.query_async(&mut redis).await.expect("added");
        }
    }
    let id = running.fleet.create().await;
    everybody_has_one_mail(&running.fleet, id, 500).await;

    for (stream, group) in STREAMS {
        let mut found = Vec::new();
        for _ in 0..500 {
            found = letters(&mut redis, stream).await;
            if found.len() == BAD.len() && open(&mut redis, stream, group).await == (0, Some(0)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(open(&mut redis, stream, group).await.0, 0, "{stream}");
        assert_eq!(found.len(), BAD.len(), "{stream}: {found:?}");
        for bad in &BAD {
            let kept = |letter: &&Letter| letter.values().any(|value| value.contains(bad.kept));
            let letter = found.iter().find(kept);
            let letter = letter.unwrap_or_else(|| panic!("{:?} is lost: {found:?}", bad.kept));
            let reason = &letter["reason"];
            assert!(
                !reason.is_empty() && reason.contains(bad.reason),
                "{letter:?}"
            );
        }
    }
}

/// What a binary says when it can't start.
fn refusal(binary: &str, variables: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    // One that starts after all is ended, and fails the test by its exit code.
    let output = Command::new("timeout")
        .args(["20", binary])
        .current_dir(dir.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("COMMS_STATE_DIR", dir.path())
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_wrong_variable_stops_every_worker_with_its_name() {
    let wrong = [
        ("COMMS_REDIS_URL", "http://127.0.0.1", "rediss"),
        ("COMMS_DATABASE_URL", "mysql://h/d", "postgres"),
        ("COMMS_SMTP_URL", "127.0.0.1:25", "smtps"),
        ("COMMS_LANES", "many", "number"),
        ("COMMS_LOG", "comms=loudly", "filter"),
    ];
    for binary in [
        env!("CARGO_BIN_EXE_campaign-service"),
        env!("CARGO_BIN_EXE_user-service"),
        env!("CARGO_BIN_EXE_notification-service"),
        env!("CARGO_BIN_EXE_email-service"),
        env!("CARGO_BIN_EXE_inbox"),
    ] {
        for (name, value, next) in wrong {
            let said = refusal(binary, &[(name, value)]);
            assert!(
                said.contains(name) && said.contains(next),
                "{name}={value}: {said}"
            );
        }
    }
}

#[test]
fn a_port_in_use_is_named_with_the_setting_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("bound").to_string();
    for binary in [
        env!("CARGO_BIN_EXE_campaign-service"),
        env!("CARGO_BIN_EXE_inbox"),
    ] {
        let variables = [
            ("COMMS_HTTP_ADDR", addr.as_str()),
            ("COMMS_INBOX_SMTP_ADDR", "127.0.0.1:0"),
        ];
        let said = refusal(binary, &variables);
        assert!(
            said.contains(&addr) && said.contains("COMMS_HTTP_ADDR"),
            "{said}"
        );
        assert!(said.contains("in use"), "{said}");
    }
}
