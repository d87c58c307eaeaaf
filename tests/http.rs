//! The HTTP base: problems, health, the token, and an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use comms::http::{self, Json, Path, Readiness};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(serde::Deserialize)]
struct Asked {
    name: String,
    options: Options,
}

#[derive(serde::Deserialize)]
struct Options {
    lanes: u32,
}

fn api() -> Router {
    Router::new()
        .route(
            "/things",
            post(async |Json(asked): Json<Asked>| {
                format!("{} {}", asked.name, asked.options.lanes)
            }),
        )
        .route(
            "/things/{id}",
            get(async |Path(id): Path<u64>| id.to_string()),
        )
}

/// Serves `router` until the guard is dropped.
async fn served(router: Router) -> (String, tokio_util::sync::DropGuard) {
    comms::telemetry::install_tls_provider();
    let listener = http::bind(SocketAddr::from(([127, 0, 0, 1], 0)), "COMMS_HTTP_ADDR")
        .await
        .expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let shutdown = CancellationToken::new();
    tokio::spawn(http::serve_on(listener, router, shutdown.clone()));
    (url, shutdown.drop_guard())
}

async fn problem(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], "about:blank");
    assert!(body["title"].is_string());
    (
        status,
        body["detail"].as_str().expect("a detail").to_owned(),
    )
}

async fn sent(url: &str, body: &str) -> reqwest::Response {
    reqwest::Client::new()
        .post(format!("{url}/things"))
        .header("content-type", "application/json")
        .body(body.to_owned())
        .send()
        .await
        .expect("an answer")
}

#[tokio::test]
async fn a_wrong_body_names_its_field_and_line() {
    let (url, _guard) = served(http::router(api(), Readiness::default(), None, None)).await;
    let good = sent(&url, r#"{"name":"a","options":{"lanes":3}}"#).await;
    assert_eq!(good.text().await.expect("text"), "a 3");

    let answer = sent(&url, "{\"name\":\"a\",\n\"options\":{\"lanes\":\"many\"}}").await;
    let (status, detail) = problem(answer).await;
    assert_eq!(status, 422);
    assert!(
        detail.contains("options.lanes") && detail.contains("line 2"),
        "{detail}"
    );

    let (status, detail) = problem(sent(&url, "{\"name\":").await).await;
    assert_eq!(status, 400);
    assert!(detail.contains("line 1"), "{detail}");

    let (status, detail) = problem(sent(&url, r#"{"name":"a"}"#).await).await;
    assert_eq!(status, 422);
    assert!(detail.contains("`options`"), "{detail}");

    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(http::BODY_LIMIT));
    assert_eq!(problem(sent(&url, &huge).await).await.0, 413);

    let untyped = reqwest::Client::new()
        .post(format!("{url}/things"))
        .body("{}");
    let answer = untyped.send().await.expect("an answer");
    assert_eq!(problem(answer).await.0, 415);
}

#[tokio::test]
async fn an_unknown_path_or_method_is_a_problem_too() {
    let (url, _guard) = served(http::router(api(), Readiness::default(), None, None)).await;
    let answer = reqwest::get(format!("{url}/nowhere"))
        .await
        .expect("an answer");
    let (status, detail) = problem(answer).await;
    assert_eq!(status, 404);
    assert!(detail.contains("/nowhere"), "{detail}");

    let answer = reqwest::get(format!("{url}/things/seven"))
        .await
        .expect("an answer");
    assert_eq!(problem(answer).await.0, 404);

    let answer = reqwest::get(format!("{url}/things"))
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["allow"], "POST");
    assert_eq!(problem(answer).await.0, 405);
}

#[tokio::test]
async fn all_but_health_needs_the_token() {
    let router = http::router(api(), Readiness::default(), None, Some("right".into()));
    let (url, _guard) = served(router).await;
    let client = reqwest::Client::new();
    let path = format!("{url}/things/7");

    let without = client.get(&path).send().await.expect("an answer");
    assert_eq!(without.headers()["www-authenticate"], "Bearer");
    assert_eq!(problem(without).await.0, 401);
    let wrong = client.get(&path).bearer_auth("wrong").send().await;
    assert_eq!(problem(wrong.expect("an answer")).await.0, 401);
    let right = client.get(&path).bearer_auth("right").send().await;
    assert_eq!(right.expect("an answer").status(), 200);
    let health = client.get(format!("{url}/healthz")).send().await;
    assert_eq!(health.expect("an answer").status(), 200);
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let readiness = Readiness::waiting_for(&["redis", "sql"]);
    let (url, _guard) = served(http::router(api(), readiness.clone(), None, None)).await;
    readiness.up("sql");
    readiness.down("redis", "connection refused");
    let answer = reqwest::get(format!("{url}/readyz"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["missing"]["redis"], "connection refused");
    assert!(body["missing"].get("sql").is_none());

    readiness.up("redis");
    let answer = reqwest::get(format!("{url}/readyz"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_port_in_use_names_the_setting() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let addr = taken.local_addr().expect("bound");
    let error = http::bind(addr, "COMMS_HTTP_ADDR")
        .await
        .expect_err("in use")
        .to_string();
    assert!(error.contains(&addr.to_string()), "{error}");
    assert!(
        error.contains("COMMS_HTTP_ADDR") && error.contains("in use"),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_in_hand_is_answered_after_the_shutdown_began() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, released) = (begun.clone(), go.clone());
    let router = Router::new().route(
        "/slow",
        get(async move || {
            inside.notify_one();
            released.notified().await;
            "done"
        }),
    );
    let (url, guard) = served(http::router(router, Readiness::default(), None, None)).await;
    let slow = tokio::spawn(reqwest::get(format!("{url}/slow")));
    begun.notified().await;
    drop(guard);
    let refused = async {
        while reqwest::Client::new()
            .get(format!("{url}/healthz"))
            .send()
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), refused)
        .await
        .expect("new requests are refused");
    go.notify_one();
    let answer = slow.await.expect("no panic").expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "done");
}
