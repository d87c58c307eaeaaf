//! The HTTP face of campaigns.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::sync::Notify;

use super::{Json, Path, Problem, Query};
use crate::{
    config::Profile,
    ops::{AgainReport, CampaignView, NewCampaign, Ops, OpsError, RetryFilter, generated_name},
};

/// What the routes share. `relay` is woken when it has something to tell Redis.
#[derive(Clone)]
pub struct Campaigns {
    pub ops: Arc<Ops>,
    pub relay: Arc<Notify>,
}

/// The routes below `/api/v1`.
pub fn routes(campaigns: Campaigns) -> Router {
    Router::new()
        .route("/api/v1/campaign/create", get(create_by_get))
        .route("/api/v1/campaigns", get(list).post(create))
        .route("/api/v1/campaigns/{id}", get(show))
        .route("/api/v1/campaigns/{id}/pause", post(pause))
        .route("/api/v1/campaigns/{id}/resume", post(resume))
        .route("/api/v1/campaigns/{id}/cancel", post(cancel))
        .route("/api/v1/campaigns/{id}/reconcile", post(reconcile))
        .route("/api/v1/campaigns/{id}/retry-failed", post(retry_failed))
        .with_state(campaigns)
}

type Answer = Result<Json<CampaignView>, Problem>;

/// The path of the system that this one replaces. A GET that changes something is for trying out only.
async fn create_by_get(State(to): State<Campaigns>) -> Answer {
    if to.ops.config().profile == Profile::Prod {
        return Err(Problem::method_not_allowed(
            "in prod a campaign is created by POST /api/v1/campaigns with {\"name\": \"…\"}",
        ));
    }
    let new = NewCampaign {
        name: generated_name(),
        ..NewCampaign::default()
    };
    to.answer(to.ops.create(new).await)
}

async fn create(
    State(to): State<Campaigns>,
    headers: HeaderMap,
    Json(mut new): Json<NewCampaign>,
) -> Result<Response, Problem> {
    if let Some(key) = headers.get("idempotency-key") {
        let key = key
            .to_str()
            .map_err(|_| Problem::bad_request("Idempotency-Key must be ASCII"))?;
        new.idempotency_key = Some(key.to_owned());
    }
    let Json(view) = to.answer(to.ops.create(new).await)?;
    let location = HeaderValue::from_str(&format!("/api/v1/campaigns/{}", view.id))
        .map_err(|_| Problem::internal("the campaign's path is no header"))?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(view),
    )
        .into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    #[serde(default = "fifty")]
    limit: usize,
}

fn fifty() -> usize {
    50
}

async fn list(
    State(to): State<Campaigns>,
    Query(listing): Query<Listing>,
) -> Result<Json<Vec<CampaignView>>, Problem> {
    Ok(Json(to.ops.list(listing.limit.min(1_000)).await?))
}

async fn show(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    Ok(Json(to.ops.show(id).await?))
}

async fn pause(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.pause(id).await)
}

async fn resume(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.resume(id).await)
}

async fn cancel(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.cancel(id).await)
}

async fn reconcile(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.reconcile(id).await)
}

/// Without a body: all that failed.
async fn retry_failed(
    State(to): State<Campaigns>,
    Path(id): Path<i64>,
    body: Option<Json<RetryFilter>>,
) -> Result<Json<AgainReport>, Problem> {
    let filter = body.map(|Json(filter)| filter).unwrap_or_default();
    let done = to.ops.retry_failed(id, &filter).await;
    to.relay.notify_one();
    Ok(Json(done?))
}

impl Campaigns {
    fn answer(&self, done: Result<CampaignView, OpsError>) -> Answer {
        self.relay.notify_one();
        Ok(Json(done?))
    }
}

impl From<OpsError> for Problem {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::NotFound(text) => Self::not_found(text),
            OpsError::Conflict(text) => Self::conflict(text),
            OpsError::Invalid(text) => Self::unprocessable(text),
            OpsError::ReadOnly => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            OpsError::Away { what, source } => {
                tracing::warn!(error = %format!("{source:#}"), "{what} is away");
                Self::unavailable(format!("{what} is away; try again"))
            }
            OpsError::Failed(error) => {
                tracing::error!(error = %format!("{error:#}"), "a request failed");
                Self::internal("something of ours is wrong; the log says what")
            }
        }
    }
}
