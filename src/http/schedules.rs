//! The HTTP face of schedules.

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

use super::{IdempotencyKey, Json, Path, Problem, Query};
use crate::ops::{AskedSchedule, CampaignView, Ops, OpsError, ScheduleDetail, ScheduleView};

/// What the routes share. `scheduler` is woken when a planned time has changed.
#[derive(Clone)]
pub struct Schedules {
    pub ops: Arc<Ops>,
    pub scheduler: Arc<Notify>,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "comms: schedules",
    description = "Errors are problem details (RFC 9457). In prod a bearer token is required (RFC 6750)."
))]
struct Description;

/// The routes below `/api/v1`, and their description at `/openapi.json`.
pub fn routes(schedules: Schedules) -> Router {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(list, create))
        .routes(routes!(show, edit, remove))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(run))
        .with_state(schedules)
        .split_for_parts();
    router.route("/openapi.json", get(async move || axum::Json(description)))
}

type Answer = Result<Json<ScheduleView>, Problem>;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// How many, at most 1,000.
    #[serde(default = "fifty")]
    limit: u32,
    /// The last id of the page before.
    #[serde(default)]
    after: i64,
}

fn fifty() -> u32 {
    50
}

/// Schedules in the order of their ids, each with its next five starts and its last outcome
#[utoipa::path(get, path = "/api/v1/schedules", params(Listing), responses(
    (status = 200, body = Vec<ScheduleView>),
))]
async fn list(
    State(to): State<Schedules>,
    Query(listing): Query<Listing>,
) -> Result<Json<Vec<ScheduleView>>, Problem> {
    let limit = listing.limit.min(1_000);
    Ok(Json(to.ops.schedules(limit, listing.after).await?))
}

/// Writes an active schedule
///
/// Its words are tried on 50 users first.
#[utoipa::path(post, path = "/api/v1/schedules", request_body = AskedSchedule,
    params(("idempotency-key" = Option<String>, Header, description = "the same key and body give the same schedule again")),
    responses(
        (status = 201, body = ScheduleView, headers(("location", description = "its path"))),
        (status = 422, description = "a field is wrong, or the key was used with another body", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(to): State<Schedules>,
    IdempotencyKey(key): IdempotencyKey,
    Json(mut asked): Json<AskedSchedule>,
) -> Result<Response, Problem> {
    asked.idempotency_key = key;
    let Json(view) = to.answer(to.ops.create_schedule(asked).await)?;
    let location = HeaderValue::from_str(&format!("/api/v1/schedules/{}", view.id))
        .map_err(|_| Problem::internal("the schedule's path is no header"))?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(view),
    )
        .into_response())
}

/// One, with what became of its last ten planned times
#[utoipa::path(get, path = "/api/v1/schedules/{id}", params(("id" = i64, Path)), responses(
    (status = 200, body = ScheduleDetail),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn show(
    State(to): State<Schedules>,
    Path(id): Path<i64>,
) -> Result<Json<ScheduleDetail>, Problem> {
    Ok(Json(to.ops.schedule(id).await?))
}

/// Changes what is given
#[utoipa::path(patch, path = "/api/v1/schedules/{id}", params(("id" = i64, Path)),
    request_body = AskedSchedule,
    responses(
        (status = 200, body = ScheduleView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "changed by somebody else meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a field is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn edit(
    State(to): State<Schedules>,
    Path(id): Path<i64>,
    Json(asked): Json<AskedSchedule>,
) -> Answer {
    to.answer(to.ops.edit_schedule(id, asked).await)
}

/// Removes it; its campaigns stay
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", params(("id" = i64, Path)), responses(
    (status = 204),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn remove(State(to): State<Schedules>, Path(id): Path<i64>) -> Result<StatusCode, Problem> {
    to.ops.remove_schedule(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets its times pass until it is resumed
#[utoipa::path(post, path = "/api/v1/schedules/{id}/pause", params(("id" = i64, Path)), responses(
    (status = 200, body = ScheduleView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it isn't active", body = Problem, content_type = "application/problem+json"),
))]
async fn pause(State(to): State<Schedules>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.pause_schedule(id).await)
}

/// Goes on with the next time after now
#[utoipa::path(post, path = "/api/v1/schedules/{id}/resume", params(("id" = i64, Path)), responses(
    (status = 200, body = ScheduleView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "it isn't paused", body = Problem, content_type = "application/problem+json"),
))]
async fn resume(State(to): State<Schedules>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.resume_schedule(id).await)
}

/// Starts a campaign of it now, and answers with that; the plan stays as it is
#[utoipa::path(post, path = "/api/v1/schedules/{id}/run",
    params(
        ("id" = i64, Path),
        ("idempotency-key" = Option<String>, Header, description = "the same key gives the same campaign again"),
    ),
    responses(
        (status = 201, body = CampaignView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn run(
    State(to): State<Schedules>,
    Path(id): Path<i64>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<(StatusCode, Json<CampaignView>), Problem> {
    let view = to.ops.run_schedule(id, key.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

impl Schedules {
    fn answer(&self, done: Result<ScheduleView, OpsError>) -> Answer {
        self.scheduler.notify_one();
        Ok(Json(done?))
    }
}
