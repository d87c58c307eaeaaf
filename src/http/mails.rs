//! One mail to one address: `POST /api/v1/email/send`.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Json, Problem};
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

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SendMail {
    pub to: String,
    #[serde(default)]
    pub name: String,
    pub subject: String,
    pub text: String,
    #[serde(default)]
    pub html: Option<String>,
}

#[derive(Serialize)]
struct Queued {
    id: i64,
}

/// Writes the mail down, then queues it; the answer comes only when both are done. With an
/// `Idempotency-Key` a request may be repeated: the ledger sends it once.
///
/// # Errors
/// 422 for an address that is none, or a key that was used for another mail.
pub async fn send(
    State(mails): State<Mails>,
    headers: HeaderMap,
    Json(body): Json<SendMail>,
) -> Result<Response, Problem> {
    check_address(&body.to).map_err(|error| Problem::unprocessable(format!("to: {error:#}")))?;
    let key = headers.get("idempotency-key").and_then(|k| k.to_str().ok());
    let body_hash =
        serde_json::to_string(&body).map_err(|_| Problem::internal("the mail is no JSON"))?;
    let new = NewMail {
        address: body.to,
        name: body.name,
        subject: body.subject,
        text: body.text,
        html: body.html,
        idempotency_key: key.map(str::to_owned),
        body_hash,
    };
    let id = queue(&mails.store, &mails.redis, new).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { id })).into_response())
}
