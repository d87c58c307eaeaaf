//! The HTTP face of schedules.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::sync::Notify;

use super::{Json, Path, Problem, Query};
use crate::ops::{AskedSchedule, CampaignView, Ops, OpsError, ScheduleDetail, ScheduleView};

/// What the routes share. `scheduler` is woken when a planned time has changed.
#[derive(Clone)]
pub struct Schedules {
    pub ops: Arc<Ops>,
    pub scheduler: Arc<Notify>,
}

/// The routes below `/api/v1`.
pub fn routes(schedules: Schedules) -> Router {
    Router::new()
        .route("/api/v1/schedules", get(list).post(create))
        .route(
            "/api/v1/schedules/{id}",
            get(show).patch(edit).delete(remove),
        )
        .route("/api/v1/schedules/{id}/pause", post(pause))
        .route("/api/v1/schedules/{id}/resume", post(resume))
        .route("/api/v1/schedules/{id}/run", post(run))
        .with_state(schedules)
}

type Answer = Result<Json<ScheduleView>, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    #[serde(default = "fifty")]
    limit: u32,
    /// The last id of the page before.
    #[serde(default)]
    after: i64,
}

fn fifty() -> u32 {
    50
}

async fn list(
    State(to): State<Schedules>,
    Query(listing): Query<Listing>,
) -> Result<Json<Vec<ScheduleView>>, Problem> {
    let limit = listing.limit.min(1_000);
    Ok(Json(to.ops.schedules(limit, listing.after).await?))
}

async fn create(
    State(to): State<Schedules>,
    Json(asked): Json<AskedSchedule>,
) -> Result<Response, Problem> {
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

async fn show(
    State(to): State<Schedules>,
    Path(id): Path<i64>,
) -> Result<Json<ScheduleDetail>, Problem> {
    Ok(Json(to.ops.schedule(id).await?))
}

async fn edit(
    State(to): State<Schedules>,
    Path(id): Path<i64>,
    Json(asked): Json<AskedSchedule>,
) -> Answer {
    to.answer(to.ops.edit_schedule(id, asked).await)
}

async fn remove(State(to): State<Schedules>, Path(id): Path<i64>) -> Result<StatusCode, Problem> {
    to.ops.remove_schedule(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn pause(State(to): State<Schedules>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.pause_schedule(id).await)
}

async fn resume(State(to): State<Schedules>, Path(id): Path<i64>) -> Answer {
    to.answer(to.ops.resume_schedule(id).await)
}

/// The answer is the campaign that was started.
async fn run(
    State(to): State<Schedules>,
    Path(id): Path<i64>,
) -> Result<(StatusCode, Json<CampaignView>), Problem> {
    let view = to.ops.run_schedule(id).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

impl Schedules {
    fn answer(&self, done: Result<ScheduleView, OpsError>) -> Answer {
        self.scheduler.notify_one();
        Ok(Json(done?))
    }
}
