//! The HTTP face of templates, and of mails to try them with.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use super::{Json, Path, Problem};
use crate::{
    ops::{AskedWords, NewTemplate, Ops, Preview},
    store::StoredTemplate,
};

/// The routes below `/api/v1`.
pub fn routes(ops: Arc<Ops>) -> Router {
    Router::new()
        .route("/api/v1/templates", get(list).post(create))
        .route("/api/v1/templates/{reference}", get(show))
        .route("/api/v1/templates/{reference}/preview", post(preview))
        .route("/api/v1/campaigns/{id}/test-send", post(test_send))
        .with_state(ops)
}

async fn list(State(ops): State<Arc<Ops>>) -> Result<Json<Vec<StoredTemplate>>, Problem> {
    Ok(Json(ops.templates().await?))
}

async fn create(
    State(ops): State<Arc<Ops>>,
    Json(new): Json<NewTemplate>,
) -> Result<(StatusCode, Json<StoredTemplate>), Problem> {
    Ok((StatusCode::CREATED, Json(ops.create_template(new).await?)))
}

async fn show(
    State(ops): State<Arc<Ops>>,
    Path(reference): Path<String>,
) -> Result<Json<StoredTemplate>, Problem> {
    Ok(Json(ops.template(&reference).await?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Previewed {
    #[serde(default)]
    user: Option<i64>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
}

async fn preview(
    State(ops): State<Arc<Ops>>,
    Path(reference): Path<String>,
    body: Option<Json<Previewed>>,
) -> Result<Json<Preview>, Problem> {
    let asked = body.map(|Json(body)| body).unwrap_or_default();
    let words = AskedWords {
        template: Some(reference),
        variables: asked.variables,
        ..AskedWords::default()
    };
    Ok(Json(ops.preview(&words, asked.user).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestSend {
    to: String,
    #[serde(default)]
    user: Option<i64>,
}

#[derive(Serialize)]
struct Queued {
    mail: i64,
}

async fn test_send(
    State(ops): State<Arc<Ops>>,
    Path(id): Path<i64>,
    Json(body): Json<TestSend>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let mail = ops.test_send(id, &body.to, body.user).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { mail })))
}
