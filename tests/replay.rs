//! What failed goes again: the real workers, and a mail server that refuses everybody at first.

use serde_json::{Value, json};

use crate::support::{Fleet, RedisServer, SmtpSink, free_port, one_pipeline, postgres_database};

const USERS: i64 = 150;

fn number(value: &Value, name: &str) -> i64 {
    value[name]
        .as_i64()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

async fn retry_failed(fleet: &Fleet, id: i64, body: &str) -> (u16, Value) {
    let path = format!("/api/v1/campaigns/{id}/retry-failed");
    let request = reqwest::Client::new().post(fleet.url("campaign-service", &path));
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.to_owned()).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

async fn finished(fleet: &Fleet, id: i64, accepted: i64, failed: i64) {
    let end = fleet
        .until(id, "it is finished", |c| {
            assert_eq!(c["balanced"], true, "{c}");
            c["status"] == "finished"
        })
        .await;
    assert_eq!(
        (number(&end, "accepted"), number(&end, "failed")),
        (accepted, failed),
        "{end}"
    );
    assert_eq!(number(&end, "queued"), USERS);
}

async fn everybody_gets_the_mail_that_was_refused_first(database_url: Option<String>) {
    let _one = one_pipeline().await;
    comms::telemetry::install_tls_provider();
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let sqlite = format!("sqlite://{}/comms.db", dir.path().display());
    let port = free_port();
    // A hard error at RCPT: 5xx for each recipient.
    let refusing = SmtpSink::start_on(port, &["-f", "RCPT"]);
    let smtp = format!("127.0.0.1:{port}");
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            ("COMMS_DATABASE_URL", &database_url.unwrap_or(sqlite)),
            ("COMMS_USERS", &USERS.to_string()),
            ("COMMS_INBOX_SMTP_ADDR", &smtp),
            ("COMMS_SMTP_URL", &format!("smtp://{smtp}")),
        ],
    );
    fleet.start_workers().await;
    let id = fleet.create().await;
    finished(&fleet, id, 0, USERS).await;

    refusing.kill();
    fleet.start("inbox");
    fleet.until_ready("inbox").await;
    let (status, report) = retry_failed(&fleet, id, r#"{"users": [7, 9]}"#).await;
    assert_eq!(
        (status, number(&report, "deliveries")),
        (200, 2),
        "{report}"
    );
    finished(&fleet, id, 2, USERS - 2).await;

    let plan = fleet.tui(&[
        "campaign",
        "retry-failed",
        &id.to_string(),
        "--dry-run",
        "--json",
    ]);
    let expected = json!({ "campaign": id, "status": "finished", "deliveries": USERS - 2 });
    assert_eq!(plan, expected, "and nothing was done");

    // The rest, and whoever would publish it dies at once; so does who sends it.
    let (_, report) = retry_failed(&fleet, id, "").await;
    assert_eq!(number(&report, "deliveries"), USERS - 2, "{report}");
    assert_eq!(number(&report, "passed_over"), 0, "{report}");
    fleet.kill("campaign-service");
    fleet.start("campaign-service");
    fleet.until_ready("campaign-service").await;
    let (_, report) = retry_failed(&fleet, id, r#"{"codes": [550]}"#).await;
    assert_eq!(number(&report, "deliveries"), 0, "{report}");
    finished(&fleet, id, USERS, 0).await;
    let stats = fleet.get("inbox", "/api/v1/stats").await;
    assert_eq!(number(&stats, "mails"), USERS, "{stats}");
    assert_eq!(number(&stats, "recipients"), USERS, "{stats}");

    let (status, problem) = retry_failed(&fleet, id, r#"{"code": 1}"#).await;
    assert_eq!(status, 422, "{problem}");
    let path = format!("/api/v1/campaigns/{id}/reconcile");
    let request = reqwest::Client::new().post(fleet.url("campaign-service", &path));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 409, "it has ended");
    the_books_agree_and_the_way_of_a_mail_is_told(&fleet, id).await;
    let log = fleet.tui(&["audit", "--json"]);
    assert_eq!(log[0]["what"], "dead.replay", "{log}");
    assert_eq!(log[1]["what"], "campaign.retry-failed", "{log}");
    assert_eq!(log[1]["before"], format!("{} failed", USERS - 2));
}

async fn the_books_agree_and_the_way_of_a_mail_is_told(fleet: &Fleet, id: i64) {
    let findings = fleet.tui(&["doctor", "--deep", "--json"]);
    let findings = findings.as_array().expect("a list").iter();
    let texts: Vec<&str> = findings.filter_map(|f| f["text"].as_str()).collect();
    let agree = |text: &&str| text.ends_with("tally, ledger and entries agree");
    assert_eq!(
        texts.iter().filter(|text| agree(text)).count(),
        1,
        "{texts:?}"
    );

    let trace = fleet.tui(&["trace", &id.to_string(), "8", "--json"]);
    assert_eq!(trace["now"], "the mail server has taken it", "{trace}");
    let delivery = &trace["delivery"];
    assert_eq!(
        (number(delivery, "round"), number(delivery, "attempt")),
        (2, 1)
    );
    assert_eq!(
        delivery["history"].as_array().expect("a list").len(),
        1,
        "{trace}"
    );
    assert!(number(&delivery["history"][0], "code") >= 500);
    let letters = trace["letters"].as_array().expect("a list");
    let letter = letters[0]["id"].as_str().expect("an id");
    // The mail has arrived since, so its dead letter is settled and sends nothing.
    let report = fleet.tui_with_code(&["dead", "replay", "--id", letter, "--yes", "--json"], 1);
    assert_eq!(report["results"][0]["outcome"], "not", "{report}");
    let groups = fleet.tui(&["dead", "list", "--json"]);
    assert_eq!(number(&groups["groups"][0], "count"), USERS - 1, "{groups}");
    let mails = fleet.get("inbox", "/api/v1/stats").await;
    assert_eq!(number(&mails, "mails"), USERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_the_mail_that_was_refused_first_on_sqlite() {
    everybody_gets_the_mail_that_was_refused_first(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_the_mail_that_was_refused_first_on_postgresql() {
    everybody_gets_the_mail_that_was_refused_first(Some(postgres_database().await)).await;
}
