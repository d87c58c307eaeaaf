//! From a CSV of users to the report of their campaign over HTTP, with the real binaries.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    support::{Fleet, postgres_database},
    who_got_it::running,
};

const USERS: &str = "email,first_name,last_name,status
ann@example.org,Ann,Lee,active
bea@example.org,\"Bea, the second\",O'Hara,
zoë,Zoë,X,active
cy@example.net,Cy,,inactive
finn@example.net,Finn,Äxample,active
";
const CSV: &str = "text/csv";
const WINTER: &str = "{% extends \"base.html\" %}{% block content %}<p>{{ vars.discount }} % for {{ first_name }}</p>{% endblock %}";

struct Api<'a> {
    fleet: &'a Fleet,
    client: reqwest::Client,
}

impl<'a> Api<'a> {
    fn of(fleet: &'a Fleet) -> Self {
        let client = reqwest::Client::new();
        Self { fleet, client }
    }

    fn ask(&self, method: Method, service: &'static str, path: &str) -> RequestBuilder {
        let url = self.fleet.url(service, path);
        self.client.request(method, url)
    }

    async fn json(&self, request: RequestBuilder, status: u16) -> Value {
        let answer = request.send().await.expect("an answer");
        let found = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(found, status, "{body}");
        body
    }

    async fn get(&self, service: &'static str, path: &str) -> Value {
        self.json(self.ask(Method::GET, service, path), 200).await
    }

    async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        let request = self.ask(Method::POST, "campaign-service", path);
        self.json(request.json(&body), status).await
    }

    async fn text(&self, service: &'static str, path: &str) -> (String, String) {
        let answer = self.ask(Method::GET, service, path).send().await;
        let answer = answer.expect("an answer").error_for_status().expect("200");
        let kind = answer.headers()["content-type"].to_str().expect("ASCII");
        let kind = kind.to_owned();
        (kind, answer.text().await.expect("text"))
    }

    /// The detail of a refusal, which is a problem.
    async fn refused(&self, request: RequestBuilder, status: u16) -> String {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let found = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(found, status, "{body}");
        body["detail"].as_str().expect("a detail").to_owned()
    }
}

async fn a_csv_becomes_a_report_over_http(database: Option<String>) {
    let (fleet, _dir, _redis) = running(database).await;
    let api = Api::of(&fleet);
    users_come_from_a_file_and_go_to_one(&api).await;
    templates_are_kept_checked_and_shown(&api).await;
    let new = json!({ "name": "Winter", "template": "winter", "variables": { "discount": 20 } });
    let made = api.post("/api/v1/campaigns", new, 201).await;
    let id = made["id"].as_i64().expect("an id");
    fleet
        .until(id, "the end", |c| c["status"] == "finished")
        .await;
    deliveries_are_found_and_exported(&api, id).await;

    let report = api
        .get(
            "campaign-service",
            &format!("/api/v1/campaigns/{id}/report"),
        )
        .await;
    assert_eq!(report["campaign"]["accepted"], 3, "{report}");
    assert_eq!(report["answers"][0]["code"], 250, "{report}");
    let retry = format!("/api/v1/campaigns/{id}/retry-failed");
    let done = api
        .post(&retry, json!({ "addresses": ["ann@example.org"] }), 200)
        .await;
    assert_eq!(done["deliveries"], 0, "{done}");
    let wrong = api.post(&retry, json!({ "status": "accepted" }), 422).await;
    assert!(
        wrong["detail"].as_str().expect("why").contains("failed"),
        "{wrong}"
    );
    let test_send = format!("/api/v1/campaigns/{id}/test-send");
    let wrong = api.post(&test_send, json!({ "to": "nobody" }), 422).await;
    assert!(
        wrong["detail"].as_str().expect("why").starts_with("to: "),
        "{wrong}"
    );
    api.post(&test_send, json!({ "to": "me@example.org" }), 202)
        .await;
    fleet.until_mail("me@example.org").await;
}

async fn users_come_from_a_file_and_go_to_one(api: &Api<'_>) {
    let import = |kind: &str, body: String| {
        let request = api.ask(Method::POST, "user-service", "/api/v1/users/import");
        request.header("content-type", kind).body(body)
    };
    let taken = api.json(import(CSV, USERS.to_owned()), 200).await;
    assert_eq!(
        (&taken["new"], &taken["bad"]),
        (&json!(4), &json!(1)),
        "{taken}"
    );
    assert_eq!(
        taken["bad_rows"],
        json!([{ "line": 4, "reason": "\"zoë\" is no address" }])
    );
    let again = api
        .json(import("Text/CSV; charset=utf-8", USERS.to_owned()), 200)
        .await;
    assert_eq!(
        (&again["new"], &again["unchanged"]),
        (&json!(0), &json!(4)),
        "{again}"
    );
    // Larger than any body that isn't streamed.
    let mut large = "email,first_name\n".to_owned();
    while large.len() <= 2 * comms::http::BODY_LIMIT {
        large.push_str("zoë,not an address but a long enough name to fill a body quickly\n");
    }
    let rows = large.lines().count() - 1;
    let taken = api.json(import(CSV, large), 200).await;
    assert_eq!(
        (&taken["read"], &taken["bad"]),
        (&json!(rows), &json!(rows))
    );
    assert_eq!(taken["bad_rows"].as_array().expect("a list").len(), 1_000);

    let why = api
        .refused(import("text/plain", USERS.to_owned()), 415)
        .await;
    assert!(why.contains("text/csv"), "{why}");
    let why = api
        .refused(import(CSV, "mail\nann@example.org\n".to_owned()), 422)
        .await;
    assert!(why.contains("\"mail\"") && why.contains("email"), "{why}");

    let request = api.ask(Method::POST, "user-service", "/api/v1/users/import");
    let latin = b"email,\xe9\n".to_vec();
    let why = api
        .refused(request.header("content-type", CSV).body(latin), 422)
        .await;
    assert!(
        why.starts_with("line 1: ") && why.contains("UTF-8"),
        "{why}"
    );

    let (kind, csv) = api.text("user-service", "/api/v1/users/export").await;
    assert!(kind.starts_with(CSV), "{kind}");
    assert!(
        csv.contains("2,bea@example.org,\"Bea, the second\",O'Hara,active,"),
        "{csv}"
    );
    let again = api.json(import(CSV, csv), 200).await;
    assert_eq!(
        (&again["unchanged"], &again["bad"]),
        (&json!(4), &json!(0)),
        "{again}"
    );
    let inactive = api
        .get("user-service", "/api/v1/users?status=inactive")
        .await;
    assert_eq!(inactive[0]["email"], "cy@example.net", "{inactive}");
    let page = api
        .get("user-service", "/api/v1/users?limit=1&after=1")
        .await;
    assert_eq!(
        (page.as_array().map(Vec::len), &page[0]["id"]),
        (Some(1), &json!(2))
    );
    let wrong = api.ask(Method::GET, "user-service", "/api/v1/users?status=asleep");
    assert!(api.refused(wrong, 400).await.contains("asleep"));

    let set = |who: &str, status: &str| {
        let request = api.ask(
            Method::PATCH,
            "user-service",
            &format!("/api/v1/user/{who}"),
        );
        request.json(&json!({ "status": status }))
    };
    let ann = api.json(set("ann@example.org", "inactive"), 200).await;
    assert_eq!(
        (&ann["id"], &ann["status"]),
        (&json!(1), &json!("inactive"))
    );
    api.json(set("1", "active"), 200).await;
    assert_eq!(
        api.get("user-service", "/api/v1/user/1").await["status"],
        "active"
    );
    assert!(
        api.refused(set("1", "asleep"), 422)
            .await
            .contains("status")
    );
    assert!(api.refused(set("99", "active"), 404).await.contains("99"));
}

async fn templates_are_kept_checked_and_shown(api: &Api<'_>) {
    let new = |html: &str| {
        json!({ "name": "winter", "subject": "{{ first_name }}, {{ vars.discount }} % off", "html": html,
                "variables": { "discount": 20 } })
    };
    let wrong = api
        .post("/api/v1/templates", new("<p>\n{{ nickname }}</p>"), 422)
        .await;
    let why = wrong["detail"].as_str().expect("why");
    assert!(why.contains("nickname") && why.contains("line 2"), "{why}");
    let kept = api.post("/api/v1/templates", new(WINTER), 201).await;
    assert_eq!(
        (&kept["name"], &kept["version"]),
        (&json!("winter"), &json!(1))
    );
    let list = api.get("campaign-service", "/api/v1/templates").await;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    let shown = api
        .get("campaign-service", "/api/v1/templates/winter@1")
        .await;
    assert_eq!(shown["html"], WINTER);
    let vars = json!({ "variables": { "discount": 20 } });
    let tried = api
        .post("/api/v1/templates/winter/check", vars.clone(), 200)
        .await;
    assert_eq!(tried["users"], 4);
    let wrong = api
        .post("/api/v1/templates/winter/check", json!({}), 422)
        .await;
    let why = wrong["detail"].as_str().expect("why");
    assert!(why.contains("winter@1") && why.contains("user"), "{why}");
    let mut asked = vars;
    asked["user"] = json!(1);
    let preview = api
        .post("/api/v1/templates/winter/preview", asked, 200)
        .await;
    assert_eq!(preview["subject"], "Ann, 20 % off");
    assert!(
        preview["text"]
            .as_str()
            .expect("a text")
            .contains("20 % for Ann"),
        "{preview}"
    );
    api.post("/api/v1/templates/summer/preview", json!({}), 404)
        .await;
}

async fn deliveries_are_found_and_exported(api: &Api<'_>, id: i64) {
    let path = |rest: &str| format!("/api/v1/campaigns/{id}/deliveries{rest}");
    let found = async |query: &str| -> Vec<i64> {
        let page = api.get("campaign-service", &path(query)).await;
        let rows = page["deliveries"].as_array().expect("a list").clone();
        rows.iter()
            .filter_map(|row| row["user_id"].as_i64())
            .collect()
    };
    assert_eq!(found("").await, [1, 2, 3, 4]);
    assert_eq!(found("?status=suppressed").await, [3]);
    assert_eq!(
        found("?code=250,550&domain=EXAMPLE.net,no.example").await,
        [4]
    );
    assert_eq!(found("?address=Ann@example.org&user=1,2").await, [1]);
    let (mut after, mut walked) = (0, Vec::new());
    loop {
        let page = api
            .get(
                "campaign-service",
                &path(&format!("?limit=3&after={after}")),
            )
            .await;
        walked.extend(page["deliveries"].as_array().expect("a list").clone());
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!((walked.len(), after), (4, 3));

    let (kind, csv) = api.text("campaign-service", &path("/export")).await;
    assert!(
        kind.starts_with(CSV) && csv.starts_with("campaign_id,user_id,address,status,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 5, "{csv}");
    let (_, lines) = api
        .text(
            "campaign-service",
            &path("/export?format=jsonl&status=accepted"),
        )
        .await;
    let rows: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(
        (rows.len(), &rows[0]["address"]),
        (3, &json!("ann@example.org"))
    );

    for (query, words) in [
        ("?code=25x", "code: \"25x\""),
        ("?status=lost", "lost"),
        ("?limit=0", "limit: expected 1 to 1000"),
        ("?cod=250", "cod"),
        ("/export?limit=5", "limit: an export has all rows"),
    ] {
        let why = api
            .refused(api.ask(Method::GET, "campaign-service", &path(query)), 400)
            .await;
        assert!(why.contains(words), "{query}: {why}");
    }
    let none = api.ask(
        Method::GET,
        "campaign-service",
        "/api/v1/campaigns/999/deliveries/export",
    );
    assert!(api.refused(none, 404).await.contains("999"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_becomes_a_report_over_http_on_sqlite() {
    a_csv_becomes_a_report_over_http(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_becomes_a_report_over_http_on_postgresql() {
    a_csv_becomes_a_report_over_http(Some(postgres_database().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_describes_what_it_answers() {
    let (mut fleet, _dir, _redis) = running(None).await;
    fleet.start("scheduler-service");
    fleet.until_ready("scheduler-service").await;
    let api = Api::of(&fleet);
    let described: [(&str, &[&str]); 4] = [
        ("email-service", &["/api/v1/email/send"]),
        (
            "campaign-service",
            &[
                "/api/v1/campaigns/{id}/deliveries/export",
                "/api/v1/templates/{reference}/check",
                "/api/v1/campaigns/{id}/report",
            ],
        ),
        (
            "user-service",
            &[
                "/api/v1/users/import",
                "/api/v1/users/export",
                "/api/v1/user/{who}",
            ],
        ),
        (
            "scheduler-service",
            &[
                "/api/v1/schedules",
                "/api/v1/schedules/{id}",
                "/api/v1/schedules/{id}/run",
            ],
        ),
    ];
    for (service, paths) in described {
        let described = api.get(service, "/openapi.json").await;
        for path in paths {
            assert!(
                described["paths"][*path].is_object(),
                "{service} {path}: {described}"
            );
        }
        assert!(
            described["components"]["schemas"]["Problem"].is_object(),
            "{service}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_again_with_its_key_is_done_once() {
    let (mut fleet, _dir, _redis) = running(None).await;
    fleet.start("scheduler-service");
    fleet.until_ready("scheduler-service").await;
    let api = Api::of(&fleet);
    let ask = |service, path: &str, key: &[u8], body: &Value| {
        let request = api.ask(Method::POST, service, path).json(body);
        let key = reqwest::header::HeaderValue::from_bytes(key).expect("a header");
        request.header("idempotency-key", key)
    };
    let news = json!({"name": "news", "cron": "0 9 * * 1"});
    let mail = json!({"to": "ann@example.org", "subject": "s", "text": "t"});
    for (service, path, body, status) in [
        ("scheduler-service", "/api/v1/schedules", &news, 201),
        ("email-service", "/api/v1/email/send", &mail, 202),
    ] {
        let asked = |key: &[u8], body: &Value| ask(service, path, key, body);
        let first = api.json(asked(b"k", body), status).await;
        let again = api.json(asked(b"k", body), status).await;
        assert_eq!(again["id"], first["id"], "{path}");
        let another = api.json(asked(b"another", body), status).await;
        assert_ne!(another["id"], first["id"], "{path}");
        let mut changed = body.clone();
        changed["subject"] = json!("other words");
        let refused = api.refused(asked(b"k", &changed), 422).await;
        assert!(refused.contains("used before"), "{refused}");
        let refused = api.refused(asked("é".as_bytes(), body), 400).await;
        assert!(refused.contains("Idempotency-Key"), "{refused}");
        let refused = api.refused(asked(&[b'k'; 201], body), 422).await;
        assert!(refused.contains("200 bytes"), "{refused}");
    }
    let all = api.get("scheduler-service", "/api/v1/schedules").await;
    assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
    let run = |key: &[u8]| {
        let path = format!("/api/v1/schedules/{}/run", all[0]["id"]);
        ask("scheduler-service", &path, key, &Value::Null)
    };
    let first = api.json(run(b"k"), 201).await;
    assert_eq!(api.json(run(b"k"), 201).await["id"], first["id"]);
    assert_ne!(api.json(run(b"another"), 201).await["id"], first["id"]);
}
