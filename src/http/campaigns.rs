//! The HTTP face of campaigns, and all that campaign-service answers.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::sync::Notify;
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{IdempotencyKey, Json, Path, Problem, Query, deliveries, templates};
use crate::{
    config::Profile,
    ops::{AgainReport, CampaignView, DeliveryFilter, NewCampaign, Ops, OpsError, generated_name},
};

/// What the routes share. `relay` is woken when it has something to tell Redis.
#[derive(Clone)]
pub struct Campaigns {
    pub ops: Arc<Ops>,
    pub relay: Arc<Notify>,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "comms: campaigns",
    description = "Errors are problem details (RFC 9457). In prod a bearer token is required (RFC 6750)."
))]
struct Description;

/// The routes below `/api/v1`, and their description at `/openapi.json`.
pub fn routes(campaigns: Campaigns) -> Router {
    let ops = Arc::clone(&campaigns.ops);
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(create_by_get))
        .routes(routes!(list, create))
        .routes(routes!(show))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(reconcile))
        .routes(routes!(retry_failed))
        .with_state(campaigns)
        .merge(templates::routes(Arc::clone(&ops)))
        .merge(deliveries::routes(ops))
        .split_for_parts();
    router.route("/openapi.json", get(async move || axum::Json(description)))
}

type Answer = Result<Json<CampaignView>, Problem>;

/// Creates a campaign with a generated name; in dev only
///
/// The path of the system that this one replaces. A GET that changes something is for trying out only.
#[utoipa::path(get, path = "/api/v1/campaign/create", responses(
    (status = 200, body = CampaignView),
    (status = 405, description = "in prod", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "a server is away", body = Problem, content_type = "application/problem+json"),
))]
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

/// Creates a campaign that mails every active user
///
/// The answer means that it is accepted: it will run whatever fails afterwards.
#[utoipa::path(post, path = "/api/v1/campaigns", request_body = NewCampaign,
    params(("idempotency-key" = Option<String>, Header, description = "the same key and body give the same campaign again")),
    responses(
        (status = 201, body = CampaignView, headers(("location", description = "its path"))),
        (status = 400, description = "the body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field is wrong, or the key was used with another body", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "a server is away", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(to): State<Campaigns>,
    IdempotencyKey(key): IdempotencyKey,
    Json(mut new): Json<NewCampaign>,
) -> Result<Response, Problem> {
    new.idempotency_key = key;
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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// How many, at most 1,000.
    #[serde(default = "fifty")]
    limit: usize,
}

fn fifty() -> usize {
    50
}

/// The newest campaigns
#[utoipa::path(get, path = "/api/v1/campaigns", params(Listing), responses(
    (status = 200, body = Vec<CampaignView>),
))]
async fn list(
    State(to): State<Campaigns>,
    Query(listing): Query<Listing>,
) -> Result<Json<Vec<CampaignView>>, Problem> {
    Ok(Json(to.ops.list(listing.limit.min(1_000)).await?))
}

/// One campaign and its counters
#[utoipa::path(get, path = "/api/v1/campaigns/{id}", params(("id" = i64, Path)), responses(
    (status = 200, body = CampaignView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn show(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    Ok(Json(to.ops.show(id).await?))
}

/// Starts no more of its mails until it is resumed
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/pause", params(("id" = i64, Path)), responses(
    (status = 200, body = CampaignView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "not in its state", body = Problem, content_type = "application/problem+json"),
))]
async fn pause(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.pause(id).await)
}

/// Goes on with a paused campaign
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/resume", params(("id" = i64, Path)), responses(
    (status = 200, body = CampaignView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "not in its state", body = Problem, content_type = "application/problem+json"),
))]
async fn resume(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.resume(id).await)
}

/// Ends it; what was not sent will not be
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/cancel", params(("id" = i64, Path)), responses(
    (status = 200, body = CampaignView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "not in its state", body = Problem, content_type = "application/problem+json"),
))]
async fn cancel(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.cancel(id).await)
}

/// Counts a campaign anew whose state Redis has lost
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/reconcile", params(("id" = i64, Path)), responses(
    (status = 200, body = CampaignView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it has ended, or nothing is lost", body = Problem, content_type = "application/problem+json"),
))]
async fn reconcile(State(to): State<Campaigns>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.reconcile(id).await)
}

/// Sends again to those for whom it failed; a finished campaign runs again
///
/// Without a body to all of them.
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/retry-failed", params(("id" = i64, Path)),
    request_body = Option<DeliveryFilter>,
    responses(
        (status = 200, body = AgainReport),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a filter that asks for others than failed ones", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "it was cancelled", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn retry_failed(
    State(to): State<Campaigns>,
    Path(id): Path<i64>,
    body: Option<Json<DeliveryFilter>>,
) -> Result<Json<AgainReport>, Problem> {
    let filter = body.map(|Json(filter)| filter).unwrap_or_default();
    let plan = to.ops.plan_retry(id, &filter).await?;
    let done = to.ops.retry_failed(&plan).await;
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
