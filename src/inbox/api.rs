//! Inbucket's REST API v1, and what every service has: health, readiness, metrics.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    browse,
    mail::{Mail, mailbox_of},
    page,
    store::Store,
    view::{self, Full, Summary},
};
use crate::http::{self, Path, Problem, Readiness};

/// The newest mails of a mailbox that are listed; Inbucket keeps as many by default.
const MAILBOX_LISTED: usize = 500;

#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) store: Arc<Store>,
    /// Ends the event streams.
    pub(super) stop: CancellationToken,
    /// One permit an event stream.
    pub(super) watchers: Arc<Semaphore>,
}

pub(super) fn router(store: Arc<Store>, stop: CancellationToken) -> Router {
    let app = App {
        store,
        stop,
        watchers: Arc::new(Semaphore::new(browse::MAX_WATCHERS)),
    };
    let api = Router::new()
        .route("/api/v1/mailbox/{name}", get(list).delete(purge))
        .route(
            "/api/v1/mailbox/{name}/{id}",
            get(show).patch(mark).delete(remove),
        )
        .route("/api/v1/mailbox/{name}/{id}/source", get(source))
        .route(
            "/serve/mailbox/{name}/{id}/attach/{nth}/{file}",
            get(attachment),
        )
        .merge(browse::routes())
        .route("/", get(page::page))
        .route("/metrics", get(metrics))
        .with_state(app);
    // What it needs it has: it is ready as soon as it answers. It keeps its counters itself.
    http::router(api, Readiness::default(), None, None).layer(map_response(harden))
}

/// Hostile content is never sniffed, framed, cached or run, whatever the route.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; sandbox",
        ));
    response
}

async fn list(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    blocking(move || {
        let mailbox = mailbox_of(&name);
        let mails = app.store.mailbox(&name, MAILBOX_LISTED);
        let list: Vec<_> = mails
            .iter()
            .map(|mail| Summary::of(mail, mailbox.clone()))
            .collect();
        Json(list).into_response()
    })
    .await
}

async fn show(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mail = find(&app.store, &name, &id)?;
    let host = headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("localhost");
    let base = format!("http://{host}");
    blocking(move || Json(Full::of(&mail, mailbox_of(&name), &base)).into_response()).await
}

async fn source(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mail = find(&app.store, &name, &id)?;
    let text = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((text, mail.source().to_vec()).into_response())
}

async fn attachment(
    State(app): State<App>,
    Path((name, id, nth, _file)): Path<(String, String, usize, String)>,
) -> Result<Response, Problem> {
    let mail = find(&app.store, &name, &id)?;
    blocking(move || {
        let content = view::attachment(&mail, nth)
            .ok_or_else(|| Problem::not_found(format!("the mail has no attachment {nth}")))?;
        // Always a download, under the name that the link ends with.
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::CONTENT_DISPOSITION, "attachment"),
        ];
        Ok((headers, content).into_response())
    })
    .await?
}

#[derive(Deserialize)]
struct Mark {
    seen: bool,
}

async fn mark(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Problem> {
    let mail = find(&app.store, &name, &id)?;
    let mark: Mark = serde_json::from_slice(&body)
        .map_err(|e| Problem::bad_request(format!("expected {{\"seen\": true}}: {e}")))?;
    mail.mark_seen(mark.seen);
    Ok(ok())
}

async fn remove(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mail = find(&app.store, &name, &id)?;
    app.store.remove(&name, mail.id());
    Ok(ok())
}

async fn purge(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    blocking(move || {
        app.store.purge(&name);
        ok()
    })
    .await
}

fn find(store: &Store, name: &str, id: &str) -> Result<Arc<Mail>, Problem> {
    let found = match id {
        "latest" => store.latest(name),
        id => id.parse().ok().and_then(|id| store.get(name, id)),
    };
    found.ok_or_else(|| {
        Problem::not_found(format!("mailbox {:?} has no mail {id:?}", mailbox_of(name)))
    })
}

/// Inbucket's answer when there is nothing to say.
pub(super) fn ok() -> Response {
    Json("OK").into_response()
}

/// Parsing a long mail, or many, must not hold up the connections.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        tracing::error!("a request failed: {e}");
        Problem::internal("the mail could not be shown; its source still can")
    })
}

async fn metrics(State(app): State<App>) -> Response {
    let stats = app.store.stats();
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, help: &str, value: u64| {
        text += &format!(
            "# HELP inbox_{name} {help}\n# TYPE inbox_{name} {kind}\ninbox_{name} {value}\n"
        );
    };
    put("mails_total", "counter", "Mails accepted.", stats.mails);
    put(
        "dropped_total",
        "counter",
        "Mails dropped to make room.",
        stats.dropped,
    );
    put(
        "duplicate_message_ids_total",
        "counter",
        "Mails whose Message-ID had come before.",
        stats.duplicate_message_ids,
    );
    put(
        "recipients",
        "gauge",
        "Different recipient addresses.",
        stats.recipients,
    );
    put(
        "max_per_recipient",
        "gauge",
        "The most mails that one recipient got.",
        u64::from(stats.max_per_recipient),
    );
    put("kept", "gauge", "Mails that can be looked at.", stats.kept);
    put(
        "kept_bytes",
        "gauge",
        "Memory that the kept mails cost.",
        stats.bytes,
    );
    put(
        "connections",
        "gauge",
        "Open SMTP connections.",
        stats.connections,
    );
    let version = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (version, text).into_response()
}
