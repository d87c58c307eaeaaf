//! Schedulers as real processes: killed, restarted, several at once; and how late they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use comms::{
    scheduler::Scheduler,
    store::{
        CampaignStatus, FireOutcome, InDoubt, MisfirePolicy, NewSchedule, Store, Words, fire_id,
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::{Fleet, postgres_database, prefix, redis_url, sqlite_database};

const BOTH: [&str; 2] = ["scheduler-service", "scheduler-service-2"];

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn new_schedule(name: &str, cron: &str) -> NewSchedule {
    NewSchedule {
        name: name.to_owned(),
        cron: cron.to_owned(),
        zone: "UTC".to_owned(),
        misfire: MisfirePolicy::All,
        misfire_cap: 100,
        words: Words {
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: String::new(),
            template: None,
            variables: "{}".to_owned(),
        },
        in_doubt: InDoubt::Resend,
        idempotency_key: None,
        body_hash: String::new(),
    }
}

fn fleet(dir: &std::path::Path, database: &str) -> Fleet {
    comms::telemetry::install_tls_provider();
    Fleet::new(
        dir,
        &[
            ("COMMS_REDIS_URL", &redis_url()),
            ("COMMS_KEY_PREFIX", &prefix()),
            ("COMMS_DATABASE_URL", database),
        ],
    )
}

/// Two schedulers, killed and restarted at random moments through 200 planned times of ten schedules that
/// are due every second: each planned time has one campaign, and none is missing.
async fn two_killed_schedulers_start_every_planned_time_once(database: &str) {
    const WANTED: usize = 200;
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(database, false).await.expect("a database");
    let mut fleet = fleet(dir.path(), database);
    for name in BOTH {
        fleet.start(name);
    }
    for name in BOTH {
        fleet.until_ready(name).await;
    }
    let mut ids = Vec::new();
    for n in 0..10 {
        let new = new_schedule(&format!("s{n}"), "* * * * * *");
        let next = (now_ms() / 1_000 + 1) * 1_000;
        let added = store.add_schedule(&new, next).await.expect("added");
        ids.push(added.row().expect("new").id);
    }
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let (mut seen, mut kills) = (0, 0);
    while seen < WANTED {
        let target = seen + random.random_range(1..20);
        for _ in 0..3_000 {
            seen = store.campaigns(1_000, None).await.expect("campaigns").len();
            if seen >= target {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(
            seen >= target,
            "seed {seed}: no fire within 15 s, {seen} so far"
        );
        // Now and then both at once: nobody is there for a while.
        let both = random.random_range(0..4) == 0;
        let first = random.random_range(0..2_usize);
        for n in 0..=usize::from(both) {
            fleet.kill(BOTH[(first + n) % 2]);
            kills += 1;
        }
        for n in 0..=usize::from(both) {
            fleet.start(BOTH[(first + n) % 2]);
        }
    }
    for id in &ids {
        store.pause_schedule(*id, None).await.expect("paused");
    }
    let mut by_schedule: BTreeMap<i64, Vec<(i64, Option<i64>)>> = BTreeMap::new();
    for id in ids {
        for fire in store.fires(id, 1_000).await.expect("fires") {
            assert_eq!(fire.outcome, FireOutcome::Started, "seed {seed}: {fire:?}");
            let fires = by_schedule.entry(id).or_default();
            fires.push((fire.planned_at_ms, fire.campaign_id));
        }
    }
    let mut keys = BTreeSet::new();
    for (id, fires) in &mut by_schedule {
        fires.sort_unstable();
        for pair in fires.windows(2) {
            assert_eq!(pair[1].0 - pair[0].0, 1_000, "seed {seed}: schedule {id}");
        }
        keys.extend(fires.iter().map(|(planned, _)| fire_id(*id, *planned)));
    }
    let campaigns = store.campaigns(1_000, None).await.expect("campaigns");
    let found: BTreeSet<String> = campaigns
        .iter()
        .filter_map(|c| c.idempotency_key.clone())
        .collect();
    assert_eq!(campaigns.len(), keys.len(), "seed {seed}");
    assert_eq!(found, keys, "seed {seed}");
    assert!(
        keys.len() >= WANTED && kills >= 10,
        "{} fires, {kills} kills",
        keys.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_killed_schedulers_on_sqlite_start_every_planned_time_once() {
    let (_dir, database) = sqlite_database();
    two_killed_schedulers_start_every_planned_time_once(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_killed_schedulers_on_postgresql_start_every_planned_time_once() {
    let database = postgres_database().await;
    two_killed_schedulers_start_every_planned_time_once(&database).await;
}

/// 1,000 schedules, each every ten seconds, whose times are spread over so many seconds: each planned time is started
/// once and never before it has come. How long after, planned time to commit, is printed.
#[expect(clippy::print_stdout, reason = "a measurement prints its figures")]
async fn a_thousand_schedules_start_once_each(database: &str, spread: i64, what: &str) {
    let store = Store::open(database, false).await.expect("a database");
    let begin = (now_ms() / 1_000 + 5) * 1_000;
    for n in 0..1_000_i64 {
        let second = (begin / 1_000 + n % spread) % 60;
        let rest = (second + 10..second + 60)
            .step_by(10)
            .map(|s| (s % 60).to_string());
        let list: Vec<String> = std::iter::once(second.to_string()).chain(rest).collect();
        let cron = format!("{} * * * * *", list.join(","));
        let next = begin + (n % spread) * 1_000;
        store
            .add_schedule(&new_schedule(&format!("s{n}"), &cron), next)
            .await
            .expect("added");
    }
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut late = Vec::new();
    let scheduler = Scheduler::new(store.clone(), 1, Arc::new(Notify::new()));
    let running = scheduler.run(shutdown, |round| {
        late.extend(
            round
                .started
                .iter()
                .map(|(planned, committed)| committed - planned),
        );
        if late.len() >= 2_000 {
            stop.cancel();
        }
    });
    tokio::time::timeout(Duration::from_secs(60), running)
        .await
        .expect("2,000 starts within a minute");
    late.sort_unstable();
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    let (median, p99, most) = (at(0.5), at(0.99), at(1.0));
    println!(
        "{what}: 1,000 schedules over {spread} s, {} starts: lateness p50 {median} ms, p99 {p99} ms, max {most} ms",
        late.len()
    );
    assert!(late[0] >= 0, "never before its time");
    let campaigns = store.campaigns(10_000, None).await.expect("campaigns");
    let mut per_schedule: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for campaign in &campaigns {
        let planned = campaign.schedule_id.zip(campaign.start_at_ms);
        let (schedule, planned) = planned.expect("a schedule's");
        per_schedule.entry(schedule).or_default().push(planned);
    }
    assert_eq!((campaigns.len(), per_schedule.len()), (late.len(), 1_000));
    for (schedule, mut planned) in per_schedule {
        planned.sort_unstable();
        let gaps = planned.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            gaps.into_iter().all(|gap| gap == 10_000),
            "{schedule}: {planned:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_schedules_on_sqlite_start_once_each() {
    for spread in [10, 1] {
        let (_dir, database) = sqlite_database();
        a_thousand_schedules_start_once_each(&database, spread, "SQLite").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_schedules_on_postgresql_start_once_each() {
    for spread in [10, 1] {
        let database = postgres_database().await;
        a_thousand_schedules_start_once_each(&database, spread, "PostgreSQL").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_written_looked_at_and_steered_over_http() {
    let (dir, database) = sqlite_database();
    let mut fleet = fleet(dir.path(), &database);
    fleet.set("COMMS_API_TOKEN", "right");
    fleet.start("scheduler-service");
    fleet.until_ready("scheduler-service").await;
    let client = reqwest::Client::new();
    let ask = async |method: &str, path: &str, body: Value| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let url = fleet.url("scheduler-service", &format!("/api/v1/schedules{path}"));
        let mut request = client.request(method, url).bearer_auth("right");
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or(Value::Null))
    };
    let new = json!({ "name": "news", "cron": "30 2 * * *", "tz": "Europe/Berlin" });
    let (status, made) = ask("POST", "", new.clone()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_i64().expect("an id");
    assert_eq!(made["cron_words"], "At 02:30.");
    assert_eq!(made["next"].as_array().expect("a list").len(), 5);
    let unnamed = reqwest::get(fleet.url("scheduler-service", "/api/v1/schedules")).await;
    assert_eq!(unnamed.expect("an answer").status(), 401);

    for (wrong, words) in [
        (json!({ "name": "x" }), "cron is missing"),
        (json!({ "name": "x", "cron": "61 * * * *" }), "61 * * * *"),
        (
            json!({ "name": "x", "cron": "* * * * *", "tz": "Mars" }),
            "Mars",
        ),
        (
            json!({ "name": "x", "cron": "* * * * *", "text": "{{ nme }}" }),
            "nme",
        ),
        (
            json!({ "name": "x", "cron": "* * * * *", "crn": "y" }),
            "crn",
        ),
    ] {
        let (status, problem) = ask("POST", "", wrong).await;
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            status == 422 && detail.contains(words),
            "{status} {problem}"
        );
    }
    assert_eq!(
        ask("POST", &format!("/{id}/pause"), Value::Null).await.0,
        200
    );
    assert_eq!(
        ask("POST", &format!("/{id}/pause"), Value::Null).await.0,
        409
    );
    let (status, campaign) = ask("POST", &format!("/{id}/run"), Value::Null).await;
    assert_eq!((status, &campaign["schedule_id"]), (201, &json!(id)));
    let cron = json!({ "cron": "* * * * * *", "misfire": "all", "misfire_cap": 5 });
    let (status, edited) = ask("PATCH", &format!("/{id}"), cron).await;
    assert_eq!((status, &edited["name"]), (200, &json!("news")), "{edited}");
    assert_eq!(
        (&edited["status"], &edited["tz"]),
        (&json!("paused"), &json!("Europe/Berlin"))
    );
    assert_eq!(
        ask("POST", &format!("/{id}/resume"), Value::Null).await.0,
        200
    );
    let mut shown = Value::Null;
    for _ in 0..500 {
        shown = ask("GET", &format!("/{id}"), Value::Null).await.1;
        if shown["history"][0]["outcome"] == "started" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shown["history"][0]["campaign_status"], "running", "{shown}");
    assert_eq!(ask("DELETE", &format!("/{id}"), Value::Null).await.0, 204);
    assert_eq!(ask("GET", &format!("/{id}"), Value::Null).await.0, 404);
    assert_eq!(ask("GET", "", Value::Null).await.1, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_schedules_a_campaign_and_a_scheduler_starts_it() {
    let (dir, database) = sqlite_database();
    let mut fleet = fleet(dir.path(), &database);
    let made = fleet.tui(&[
        "schedule",
        "create",
        "--name",
        "tick",
        "--cron",
        "0 0 1 1 *",
        "--tz",
        "Asia/Tokyo",
        "--json",
    ]);
    assert_eq!(made["status"], "active", "{made}");
    assert!(
        made["next"][0]
            .as_str()
            .expect("a time")
            .ends_with("-01-01 00:00 +09:00")
    );
    let id = made["id"].to_string();
    assert_eq!(
        fleet.tui(&["schedule", "list", "--json"])[0]["name"],
        "tick"
    );
    assert_eq!(
        fleet.tui(&["schedule", "pause", &id, "--json"])["status"],
        "paused"
    );

    let soon = jiff::Timestamp::from_second(now_ms() / 1_000 + 3).expect("a time");
    let campaign = fleet.tui(&[
        "campaign",
        "create",
        "--name",
        "winter",
        "--at",
        &soon.to_string(),
        "--json",
    ]);
    assert_eq!(campaign["status"], "scheduled", "{campaign}");
    fleet.start("scheduler-service");
    let store = Store::open(&database, false).await.expect("the database");
    let id = campaign["id"].as_i64().expect("an id");
    for _ in 0..1_000 {
        let row = store
            .campaign(id)
            .await
            .expect("a row")
            .expect("a campaign");
        if row.status == CampaignStatus::Running {
            assert!(row.started_at_ms >= row.start_at_ms, "{row:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not started within 20 s");
}
