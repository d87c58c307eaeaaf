//! One mail to one address: `POST /api/v1/email/send`.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{IdempotencyKey, Json, Problem};
use crate::{
    mail::check_address,
    ops::mails::queue,
    queue::Redis,
    store::{NewMail, Store},
};

#[derive(Clone)]
pub struct Mails {
    pub store: Store,
    pub redis: Redis,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "comms: mails",
    description = "Errors are problem details (RFC 9457). In prod a bearer token is required (RFC 6750)."
))]
struct Description;

/// The route below `/api/v1`, and its description at `/openapi.json`.
pub fn routes(mails: Mails) -> Router {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(send))
        .with_state(mails)
        .split_for_parts();
    router.route("/openapi.json", get(async move || axum::Json(description)))
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SendMail {
    /// One address.
    to: String,
    /// The recipient's.
    #[serde(default)]
    name: String,
    subject: String,
    text: String,
    #[serde(default)]
    html: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Queued {
    id: i64,
}

/// Writes one mail down, then queues it
///
/// The answer comes only when both are done.
#[utoipa::path(post, path = "/api/v1/email/send", request_body = SendMail,
    params(("idempotency-key" = Option<String>, Header, description = "the same key and body are the same mail: it is sent once")),
    responses(
        (status = 202, body = Queued),
        (status = 422, description = "a field is wrong, or the key was used with another body", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "a server is away", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn send(
    State(mails): State<Mails>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<SendMail>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    check_address(&body.to).map_err(|error| Problem::unprocessable(format!("to: {error:#}")))?;
    let body_hash =
        serde_json::to_string(&body).map_err(|_| Problem::internal("the mail is no JSON"))?;
    let new = NewMail {
        address: body.to,
        name: body.name,
        subject: body.subject,
        text: body.text,
        html: body.html,
        idempotency_key: key,
        body_hash,
    };
    let id = queue(&mails.store, &mails.redis, new).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { id })))
}
