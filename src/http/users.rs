//! The HTTP face of users: looked at, set inactive, in from a file, out to one. user-service has it.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::get,
};
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Json, Path, Problem, Query,
    stream::{file, incoming},
};
use crate::{
    ops::{BadRow, Format, ImportReport, Ops, UserPages},
    store::{User, UserStatus},
};

/// Rows not taken that an answer names; all are counted.
const NAMED: usize = 1_000;

#[derive(OpenApi)]
#[openapi(info(
    title = "comms: users",
    description = "Errors are problem details (RFC 9457). In prod a bearer token is required (RFC 6750)."
))]
struct Description;

/// The routes below `/api/v1`, and their description at `/openapi.json`. `generated`: how many users are
/// made when there are none.
pub fn routes(ops: Arc<Ops>, generated: u64) -> Router {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(list))
        .routes(routes!(show, set_status))
        .routes(routes!(import))
        .routes(routes!(export))
        .routes(routes!(generate))
        .with_state(Users { ops, generated })
        .split_for_parts();
    router.route("/openapi.json", get(async move || axum::Json(description)))
}

#[derive(Clone)]
struct Users {
    ops: Arc<Ops>,
    generated: u64,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    #[serde(default)]
    status: Option<UserStatus>,
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

/// A page of users in the order of their ids
#[utoipa::path(get, path = "/api/v1/users", params(Listing), responses(
    (status = 200, body = Vec<User>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
async fn list(
    State(to): State<Users>,
    Query(asked): Query<Listing>,
) -> Result<Json<Vec<User>>, Problem> {
    let limit = asked.limit.min(1_000);
    Ok(Json(to.ops.users(asked.status, asked.after, limit).await?))
}

/// One, by id or address
#[utoipa::path(get, path = "/api/v1/user/{who}", params(("who" = String, Path)), responses(
    (status = 200, body = User),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn show(State(to): State<Users>, Path(who): Path<String>) -> Result<Json<User>, Problem> {
    Ok(Json(to.ops.user(&who).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetStatus {
    status: UserStatus,
}

/// Who is inactive gets no mail of a campaign
#[utoipa::path(patch, path = "/api/v1/user/{who}", params(("who" = String, Path)),
    request_body = SetStatus,
    responses(
        (status = 200, body = User),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "there is no such status", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set_status(
    State(to): State<Users>,
    Path(who): Path<String>,
    Json(asked): Json<SetStatus>,
) -> Result<Json<User>, Problem> {
    Ok(Json(to.ops.set_user_status(&who, asked.status).await?))
}

/// What became of a file.
#[derive(Serialize, ToSchema)]
struct Taken {
    #[serde(flatten)]
    report: ImportReport,
    /// Rows that were not taken: the first 1,000; `bad` counts all.
    bad_rows: Vec<BadRow>,
}

/// Takes users from CSV as it comes, of any length
///
/// The first line names the columns: email, and if wanted first_name, last_name, status. Who is there already,
/// by the address, is changed. It may be repeated.
#[utoipa::path(post, path = "/api/v1/users/import",
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, body = Taken),
        (status = 400, description = "the body broke off; what was read is written", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "not CSV", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the headings are wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn import(
    State(to): State<Users>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !kind.to_ascii_lowercase().starts_with("text/csv") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the file as CSV, with the header Content-Type: text/csv",
        ));
    }
    let (file, fill) = incoming(body);
    let runtime = tokio::runtime::Handle::current();
    // Reading CSV blocks; the rows are written one batch at a time.
    let work = tokio::task::spawn_blocking(move || {
        let mut bad_rows = Vec::new();
        let bad = |row| {
            if bad_rows.len() < NAMED {
                bad_rows.push(row);
            }
        };
        let done = runtime.block_on(to.ops.import_users(file, bad, |_| ()));
        done.map(|report| Taken { report, bad_rows })
    });
    let (done, is_whole) = tokio::join!(work, fill);
    if !is_whole {
        return Err(Problem::bad_request(
            "the body broke off; the rows before that are written, and it may be sent again",
        ));
    }
    let done = done.map_err(|_| Problem::internal("the import ended early; the log says why"))?;
    Ok(Json(done?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Exported {
    #[serde(default)]
    status: Option<UserStatus>,
}

/// All users as CSV that fits an import, row by row
#[utoipa::path(get, path = "/api/v1/users/export", params(Exported), responses(
    (status = 200, body = String, content_type = "text/csv"),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
async fn export(
    State(to): State<Users>,
    Query(asked): Query<Exported>,
) -> Result<Response, Problem> {
    let from = (to.ops, UserPages::new(asked.status));
    let pages = stream::try_unfold(from, async |(ops, mut pages)| {
        let page = pages.next(&ops).await?;
        Ok(page.map(|page| (page, (ops, pages))))
    });
    file(Format::Csv.content_type(), pages).await
}

#[derive(Serialize, ToSchema)]
struct Made {
    made: u64,
    total: i64,
}

/// Makes the users when there are none, as the start does
#[utoipa::path(post, path = "/api/v1/user/generate", responses(
    (status = 200, body = Made),
))]
async fn generate(State(to): State<Users>) -> Result<Json<Made>, Problem> {
    let (made, total) = to.ops.generate_users(to.generated).await?;
    Ok(Json(Made { made, total }))
}
