//! Dead letters by keys: looked at, edited, replayed one first, dropped. A mail server refuses everybody at
//! first, and the inbox takes its place.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::MutexGuard;

use crate::support::{Fleet, RedisServer, SmtpSink, Terminal, eventually, free_port, one_pipeline};

const SIZE: (u16, u16) = (120, 40);
const ESC: &str = "\u{1b}";
const HOME: &str = "\u{1b}[H";
const RIGHT: &str = "\u{1b}[C";

struct Refused {
    fleet: Fleet,
    id: i64,
    users: i64,
    /// Until it is killed.
    sink: Option<SmtpSink>,
    _redis: RedisServer,
    _dir: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

/// A campaign that has ended with a dead letter for each of its users.
async fn refused(users: i64) -> Refused {
    let one = one_pipeline().await;
    comms::telemetry::install_tls_provider();
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let database = format!("sqlite://{}/comms.db", dir.path().display());
    let port = free_port();
    let sink = SmtpSink::start_on(port, &["-f", "RCPT"]);
    let smtp = format!("127.0.0.1:{port}");
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            ("COMMS_DATABASE_URL", &database),
            ("COMMS_USERS", &users.to_string()),
            ("COMMS_INBOX_SMTP_ADDR", &smtp),
            ("COMMS_SMTP_URL", &format!("smtp://{smtp}")),
        ],
    );
    fleet.start_workers().await;
    let id = fleet.create().await;
    let refused = Refused {
        fleet,
        id,
        users,
        sink: Some(sink),
        _redis: redis,
        _dir: dir,
        _one: one,
    };
    refused.until_accepted(0).await;
    refused
}

impl Refused {
    /// Until the campaign has ended again, with so many accepted.
    async fn until_accepted(&self, accepted: i64) {
        let ended = |c: &Value| {
            let open = c["accepted"].as_i64() != Some(accepted);
            !open && c["status"] == "finished"
        };
        let end = self.fleet.until(self.id, "it ends", ended).await;
        assert_eq!(end["failed"], self.users - accepted, "{end}");
        assert_eq!(end["balanced"], true, "{end}");
    }

    /// Another operator sends again to a user.
    async fn retry(&self, user: &Value) {
        let path = format!("/api/v1/campaigns/{}/retry-failed", self.id);
        let request = reqwest::Client::new().post(self.fleet.url("campaign-service", &path));
        let body = format!(r#"{{"users": [{user}]}}"#);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }

    fn letters(&self) -> Vec<Value> {
        let found = self.fleet.tui(&["dead", "list", "--ids", "--json"]);
        found["letters"].as_array().expect("a list").clone()
    }

    /// The inbox takes the place of the server that refuses; the console at the letters.
    async fn console(&mut self) -> Terminal {
        self.sink.take().expect("it refuses").kill();
        self.fleet.start("inbox");
        self.fleet.until_ready("inbox").await;
        let mut terminal = self.fleet.terminal(SIZE);
        terminal.until_contains("● live");
        terminal.press("5");
        terminal.until_contains("1 cause");
        terminal.press("\r");
        terminal.until_contains(&format!("{} letters", self.users));
        terminal
    }

    async fn mails(&self) -> i64 {
        let stats = self.fleet.get("inbox", "/api/v1/stats").await;
        stats["mails"].as_i64().expect("a number")
    }

    /// What was done, the oldest first.
    fn audit(&self) -> Vec<(String, String)> {
        let log = self.fleet.tui(&["audit", "--json"]);
        let lines = log.as_array().expect("a list").iter().rev();
        let text = |line: &Value, name: &str| line[name].as_str().expect("a text").to_owned();
        let lines = lines.map(|line| (text(line, "what"), text(line, "after")));
        lines
            .filter(|(what, _)| what.starts_with("dead."))
            .collect()
    }
}

/// From Cancel, which has the focus, to the button, and presses it.
fn confirm(terminal: &mut Terminal) {
    terminal.press("\t\r");
}

fn close(terminal: &mut Terminal) {
    terminal.press("\r");
    terminal.until("no question", Duration::from_secs(10), |s| {
        !s.contains("[ Close ]")
    });
}

/// How long the question says that it works.
fn working_s(screen: &str) -> Option<u64> {
    let (_, after) = screen.split_once("working for ")?;
    after.split(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_looked_at_edited_replayed_one_first_and_dropped() {
    let mut refused = refused(12).await;
    // By command, and refused again: the others stay.
    let said = refused
        .fleet
        .tui_fails(&["dead", "replay", "--all", "--canary", "--yes"]);
    assert!(
        said.contains("the first one is failed; the other 11 letters stay as they are"),
        "{said}"
    );
    refused.until_accepted(0).await;
    let letters = refused.letters();
    assert_eq!(letters.len(), 12);

    let mut terminal = refused.console().await;
    terminal.press("\r");
    terminal.until_contains("attempts");
    terminal.press(ESC);
    terminal.until_contains("12 letters");

    // The data is edited in the middle, once addresses may be seen.
    terminal.press("E");
    terminal.until_contains("m shows addresses, then E edits it");
    terminal.press("m");
    terminal.until_contains("addresses shown");
    terminal.press("E");
    terminal.until_contains("▏");
    terminal.press("x\r");
    terminal.until_contains("no JSON: trailing characters");
    let data = letters[0]["data"].as_str().expect("a text");
    let address = data.find(r#""email":""#).expect("an address") + r#""email":""#.len();
    // The cursor stands before what is wrong.
    terminal.press(&format!("{ESC}[3~{HOME}{}right.", RIGHT.repeat(address)));
    terminal.until_contains("right.▏");
    terminal.press("\r");
    terminal.until_contains("1 queued again by the ledger");
    terminal.until_contains(r#""email":"right."#);
    confirm(&mut terminal);
    terminal.until_contains("queued again, round ");
    close(&mut terminal);
    refused.fleet.until_mail("right.").await;
    terminal.until_contains("11 letters");
    refused.until_accepted(1).await;

    terminal.press("GX");
    terminal.until_contains("1 thrown away");
    confirm(&mut terminal);
    terminal.until_contains("dropped");
    close(&mut terminal);
    terminal.until_contains("10 letters");

    // The next one's mail arrives in another way; its letter stays, and sends nothing.
    let other: Value =
        serde_json::from_str(letters[1]["data"].as_str().expect("a text")).expect("JSON");
    refused.retry(&other["user"]).await;
    refused.until_accepted(2).await;
    refused.fleet.signal("email-service", "STOP");
    terminal.press("aO");
    terminal.until_contains("9 queued again by the ledger");
    terminal.until_contains("1 not sent again, only removed here: the ledger says accepted");
    confirm(&mut terminal);
    // As long as it takes, and longer than a look may.
    terminal.until("a change that takes long", Duration::from_secs(40), |s| {
        working_s(s).is_some_and(|s| s > 16)
    });
    assert_eq!(refused.mails().await, 2, "the first one is on its way");
    refused.fleet.signal("email-service", "CONT");
    terminal.until_contains("not sent: the ledger says accepted");
    let screen = terminal.screen();
    assert_eq!(
        screen.matches("queued again, round ").count(),
        9,
        "{screen}"
    );
    close(&mut terminal);
    terminal.until_contains("none is left");
    refused.until_accepted(11).await;
    assert_eq!(refused.mails().await, 11, "nobody got two");
    let done = refused.audit();
    let done: Vec<(&str, &str)> = done.iter().map(|(w, a)| (w.as_str(), a.as_str())).collect();
    assert_eq!(
        done,
        [
            ("dead.replay", "1 of 1"),
            ("dead.replay", "1 of 1"),
            ("dead.drop", "1 of 1"),
            ("dead.replay", "1 of 1"),
            ("dead.replay", "8 of 9"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_on_when_its_question_is_closed_and_when_the_console_is_left() {
    let mut refused = refused(5).await;
    let mut terminal = refused.console().await;
    let asked = |terminal: &mut Terminal, number: usize| {
        terminal.until_contains(&format!("{number} queued again by the ledger"));
        confirm(terminal);
        terminal.until_contains("it goes on");
        terminal.press(ESC);
        terminal.until("no question", Duration::from_secs(10), |s| {
            !s.contains("it goes on")
        });
    };
    refused.fleet.signal("email-service", "STOP");
    terminal.press("  O");
    asked(&mut terminal, 2);
    refused.fleet.signal("email-service", "CONT");
    terminal.until_contains("2 of 2 done");
    terminal.until_contains("3 letters");
    refused.until_accepted(2).await;

    refused.fleet.signal("email-service", "STOP");
    terminal.press("aO");
    asked(&mut terminal, 3);
    terminal.press("q");
    terminal.until_contains("waiting for the changes under way");
    eventually(Duration::from_secs(5), "the terminal as it was", || {
        terminal.is_restored()
    });
    refused.fleet.signal("email-service", "CONT");
    assert_eq!(terminal.end(), 0);
    let replays = refused.audit();
    let after: Vec<&str> = replays.iter().map(|(_, after)| after.as_str()).collect();
    assert_eq!(after, ["1 of 1", "1 of 1", "1 of 1", "2 of 2"]);
    refused.until_accepted(5).await;
    assert_eq!(refused.mails().await, 5);
}
