//! The whole pipeline: real binaries, a Redis and an inbox of the test's own.

use std::time::Duration;

use comms::store::{DeliveryStatus, Store};
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use tokio::sync::MutexGuard;

use crate::support::{Fleet, RedisServer, WORKERS, free_port, one_pipeline, postgres_database};

pub(crate) struct Running {
    pub(crate) fleet: Fleet,
    _one: MutexGuard<'static, ()>,
    redis: RedisServer,
    dir: tempfile::TempDir,
}

impl Running {
    /// A connection to the pipeline's own Redis.
    pub(crate) async fn redis(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.redis.url()).expect("a URL of Redis");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis answers")
    }

    /// Waits until a stream has so many entries.
    pub(crate) async fn until_length(&self, key: &str, entries: i64) {
        let mut redis = self.redis().await;
        for _ in 0..1_000 {
            if command::<i64>(&mut redis, &format!("XLEN {key}")).await >= entries {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{key} had no {entries} entries within 20 s");
    }
}

/// One command, given as words.
pub(crate) async fn command<T: redis::FromRedisValue>(
    redis: &mut MultiplexedConnection,
    words: &str,
) -> T {
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().expect("a command"));
    for word in words {
        command.arg(word);
    }
    command.query_async(redis).await.expect("Redis answers")
}

pub(crate) async fn running(users: &str, database_url: Option<String>) -> Running {
    running_with(users, database_url, &[]).await
}

/// With more variables for every process.
pub(crate) async fn running_with(
    users: &str,
    database_url: Option<String>,
    variables: &[(&str, &str)],
) -> Running {
    let one = one_pipeline().await;
    comms::telemetry::install_tls_provider();
    let redis = RedisServer::start(&[]);
    let dir = tempfile::tempdir().expect("a directory");
    let sqlite = format!("sqlite://{}/comms.db", dir.path().display());
    let smtp = format!("127.0.0.1:{}", free_port());
    let mut fleet = Fleet::new(
        dir.path(),
        &[
            ("COMMS_REDIS_URL", &redis.url()),
            ("COMMS_DATABASE_URL", &database_url.unwrap_or(sqlite)),
            ("COMMS_USERS", users),
            ("COMMS_INBOX_SMTP_ADDR", &smtp),
            ("COMMS_SMTP_URL", &format!("smtp://{smtp}")),
        ],
    );
    for (name, value) in variables {
        fleet.set(name, value);
    }
    fleet.start("inbox");
    fleet.until_ready("inbox").await;
    fleet.start_workers().await;
    Running {
        fleet,
        _one: one,
        redis,
        dir,
    }
}

fn number(value: &Value, name: &str) -> i64 {
    value[name]
        .as_i64()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

pub(crate) async fn everybody_has_one_mail(fleet: &Fleet, id: i64, users: i64) {
    let end = fleet
        .until(id, "it is finished", |c| c["status"] == "finished")
        .await;
    assert_eq!(number(&end, "accepted"), users, "{end}");
    assert_eq!(end["balanced"], true, "{end}");
    let stats = fleet.get("inbox", "/api/v1/stats").await;
    assert_eq!(number(&stats, "mails"), users, "{stats}");
    assert_eq!(number(&stats, "recipients"), users, "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_reaches_everybody_once() {
    let running = running("20000", None).await;
    let id = running.fleet.create().await;
    everybody_has_one_mail(&running.fleet, id, 20_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_on_postgresql_reaches_everybody_once() {
    let running = running("20000", Some(postgres_database().await)).await;
    let id = running.fleet.create().await;
    everybody_has_one_mail(&running.fleet, id, 20_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_costs_nobody_a_mail_and_only_email_service_can_double_one() {
    let mut running = running("40000", None).await;
    let url = format!("sqlite://{}/comms.db", running.dir.path().display());
    let store = Store::open(&url, false).await.expect("the database");
    let fleet = &mut running.fleet;
    let id = fleet.create().await;
    let mut in_hand = 0;
    for (n, worker) in WORKERS.into_iter().enumerate() {
        let least = 5_000 * (n as i64 + 1);
        fleet
            .until(id, "more are accepted", |c| number(c, "accepted") >= least)
            .await;
        fleet.kill(worker);
        if worker == "email-service" {
            // There is no other one: what is being sent was being sent by it.
            let counts = store.count_deliveries(id).await.expect("counts");
            let sending = counts.get(&DeliveryStatus::Sending);
            in_hand = sending.copied().unwrap_or_default();
        }
        fleet.start(worker);
        fleet.until_ready(worker).await;
    }
    let end = fleet
        .until(id, "it is finished", |c| c["status"] == "finished")
        .await;
    assert_eq!(number(&end, "accepted"), 40_000, "{end}");
    assert_eq!(end["balanced"], true, "{end}");
    let stats = fleet.get("inbox", "/api/v1/stats").await;
    assert_eq!(number(&stats, "recipients"), 40_000, "{stats}");
    let doubled = number(&stats, "mails") - 40_000;
    assert!(
        (0..=in_hand).contains(&doubled),
        "{doubled} doubled, {in_hand} in hand: {stats}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_campaign_goes_on_and_a_cancelled_one_ends() {
    let running = running("20000", None).await;
    let fleet = &running.fleet;
    let client = reqwest::Client::new();
    let verb = async |id: i64, verb: &str| {
        let url = fleet.url(
            "campaign-service",
            &format!("/api/v1/campaigns/{id}/{verb}"),
        );
        client
            .post(url)
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
    };
    let id = fleet.create().await;
    assert_eq!(verb(id, "pause").await, 200);
    assert_eq!(verb(id, "pause").await, 409);
    fleet
        .until(id, "nothing is in flight", |c| number(c, "in_flight") == 0)
        .await;
    assert_eq!(verb(id, "resume").await, 200);
    everybody_has_one_mail(fleet, id, 20_000).await;
    assert_eq!(verb(id, "cancel").await, 409);

    let other = fleet.create().await;
    assert_eq!(verb(other, "cancel").await, 200);
    let end = fleet
        .until(other, "nothing of it is open", |c| {
            ["in_flight", "retrying", "parked"]
                .iter()
                .all(|n| number(c, n) == 0)
        })
        .await;
    assert_eq!(end["status"], "cancelled");
    assert_eq!(end["balanced"], true, "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_named_and_an_idempotency_key_makes_one_campaign() {
    let running = running("10", None).await;
    let client = reqwest::Client::new();
    let url = running.fleet.url("campaign-service", "/api/v1/campaigns");
    let post = async |body: &str, key: &str| {
        let request = client
            .post(&url)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body.to_owned());
        let answer = request.send().await.expect("an answer");
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.expect("JSON"),
        )
    };
    let (status, problem) = post(r#"{"name": "x", "text": "{{ nickname }}"}"#, "a").await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"]
            .as_str()
            .expect("text")
            .contains("text, line 1"),
        "{problem}"
    );
    let (status, problem) = post(r#"{"nam": "x"}"#, "a").await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"].as_str().expect("text").contains("nam"),
        "{problem}"
    );
    let (status, first) = post(r#"{"name": "x"}"#, "a").await;
    assert_eq!(status, 201);
    let (status, again) = post(r#"{"name":"x"}"#, "a").await;
    assert_eq!((status, &again["id"]), (201, &first["id"]));
    let (status, _) = post(r#"{"name": "y"}"#, "a").await;
    assert_eq!(status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_and_shows_what_arrived_in_the_inbox() {
    let running = running("30", None).await;
    let fleet = &running.fleet;
    let id = fleet.create().await;
    everybody_has_one_mail(fleet, id, 30).await;

    let listed = fleet.tui(&["inbox", "list", "--limit", "20", "--json"]);
    assert_eq!(listed["messages"].as_array().expect("a list").len(), 20);
    assert_eq!(listed["stats"]["recipients"], 30, "{listed}");
    let found = fleet.tui(&["inbox", "list", "--search", ".7@", "--json"]);
    let found = found["messages"].as_array().expect("a list");
    assert_eq!(found.len(), 1, "user 7 has one mail: {found:?}");

    let text = |name: &str| found[0][name].as_str().expect("text").to_owned();
    let mailbox = fleet.tui(&["inbox", "list", &text("mailbox"), "--json"]);
    assert_eq!(mailbox["messages"][0]["id"], found[0]["id"]);
    let mail = fleet.tui(&["inbox", "show", &text("mailbox"), &text("id"), "--json"]);
    assert_eq!(mail["subject"], found[0]["subject"]);
    assert!(
        mail["body"]["text"]
            .as_str()
            .expect("text")
            .contains("Dear"),
        "{mail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_description_is_what_campaign_service_answers() {
    let running = running("10", None).await;
    let fleet = &running.fleet;
    let described = fleet.get("campaign-service", "/openapi.json").await;
    let id = fleet.create().await;
    let answer = fleet.campaign(id).await;
    let keys = |object: &Value| -> Vec<String> {
        object
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let schema = &described["components"]["schemas"]["CampaignView"];
    assert_eq!(keys(&schema["properties"]), keys(&answer));
    let client = reqwest::Client::new();
    for path in keys(&described["paths"]) {
        for method in keys(&described["paths"][&path]) {
            let method = method.to_uppercase().parse().expect("a method");
            // No campaign has this id: whatever changes something is refused, but by the route itself.
            let url = fleet.url("campaign-service", &path.replace("{id}", "987654321"));
            let answer = client.request(method, url).send().await.expect("an answer");
            let body = answer.text().await.expect("text");
            assert!(!body.contains("there is nothing at"), "{path}: {body}");
            assert!(!body.contains("doesn't answer"), "{path}: {body}");
        }
    }
}
