//! What every HTTP server of ours has: health, metrics, problems as errors, a bearer token, an orderly end.

pub mod campaigns;
mod deliveries;
mod extract;
pub mod mails;
mod problem;
mod readiness;
pub mod schedules;
mod server;
mod stream;
mod templates;
pub mod users;

pub use extract::{IdempotencyKey, Json, Path, Query};
pub use problem::Problem;
pub use readiness::Readiness;
pub use server::{bind, serve, serve_on};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{Method, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// The largest request body, in bytes.
pub const BODY_LIMIT: usize = 1_048_576;

/// Puts a service's own routes beside `/healthz`, `/readyz` and `/metrics`. With a token, all but the two
/// health paths require it.
pub fn router(
    api: Router,
    readiness: Readiness,
    metrics: Option<PrometheusHandle>,
    token: Option<SecretString>,
) -> Router {
    let mut guarded = api;
    if let Some(metrics) = metrics {
        guarded = guarded.route("/metrics", get(async move || metrics.render()));
    }
    let guarded = guarded
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let guarded = match token {
        Some(token) => guarded.layer(from_fn_with_state(token, require)),
        None => guarded,
    };
    let health = Router::new()
        .route("/healthz", get("ok\n"))
        .route("/readyz", get(async move || readiness.answer()))
        .method_not_allowed_fallback(wrong_method);
    health.merge(guarded)
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path = uri.path();
    Problem::method_not_allowed(format!(
        "{path} doesn't answer {method}; the Allow header names what it does"
    ))
}

/// RFC 6750: `Authorization: Bearer TOKEN`.
async fn require(
    State(token): State<SecretString>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    match given {
        Some(given) if same(given, token.expose_secret()) => Ok(next.run(request).await),
        Some(_) => Err(Problem::unauthorized(
            "the bearer token is not the right one",
        )),
        None => Err(Problem::unauthorized(
            "send the token of COMMS_API_TOKEN as Authorization: Bearer TOKEN",
        )),
    }
}

/// Takes equally long wherever the two differ, so that the token can't be guessed byte by byte.
fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}
