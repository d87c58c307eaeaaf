//! The HTTP face of templates, and of mails to try them with. campaign-service has it.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Json, Path, Problem};
use crate::{
    ops::{AskedWords, NewTemplate, Ops, Preview},
    store::StoredTemplate,
};

/// The routes below `/api/v1`, and their description.
pub(super) fn routes(ops: Arc<Ops>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show))
        .routes(routes!(check))
        .routes(routes!(preview))
        .routes(routes!(test_send))
        .with_state(ops)
}

/// The last version of each template, by name
#[utoipa::path(get, path = "/api/v1/templates", responses(
    (status = 200, body = Vec<StoredTemplate>),
))]
async fn list(State(ops): State<Arc<Ops>>) -> Result<Json<Vec<StoredTemplate>>, Problem> {
    Ok(Json(ops.templates().await?))
}

/// Keeps words under a name, as its next version if they are new
///
/// They are tried on 50 users first.
#[utoipa::path(post, path = "/api/v1/templates", request_body = NewTemplate, responses(
    (status = 201, body = StoredTemplate),
    (status = 422, description = "names the line and the field", body = Problem, content_type = "application/problem+json"),
))]
async fn create(
    State(ops): State<Arc<Ops>>,
    Json(new): Json<NewTemplate>,
) -> Result<(StatusCode, Json<StoredTemplate>), Problem> {
    Ok((StatusCode::CREATED, Json(ops.create_template(new).await?)))
}

/// `NAME`, its last version, or `NAME@VERSION`
#[utoipa::path(get, path = "/api/v1/templates/{reference}", params(("reference" = String, Path)), responses(
    (status = 200, body = StoredTemplate),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn show(
    State(ops): State<Arc<Ops>>,
    Path(reference): Path<String>,
) -> Result<Json<StoredTemplate>, Problem> {
    Ok(Json(ops.template(&reference).await?))
}

/// With what it is tried.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Tried {
    /// Whose fields are filled in; a preview takes the first user when missing, a check takes 50 users.
    user: Option<i64>,
    /// The fields below `vars`.
    #[schema(value_type = Option<Object>)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Tried {
    fn words(self, reference: String) -> AskedWords {
        AskedWords {
            template: Some(reference),
            variables: self.variables,
            ..AskedWords::default()
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Checked {
    /// On how many users it was tried.
    users: usize,
}

/// Tries it on 50 users
#[utoipa::path(post, path = "/api/v1/templates/{reference}/check", params(("reference" = String, Path)),
    request_body = Option<Tried>,
    responses(
        (status = 200, body = Checked),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "names template, line, field and user", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn check(
    State(ops): State<Arc<Ops>>,
    Path(reference): Path<String>,
    body: Option<Json<Tried>>,
) -> Result<Json<Checked>, Problem> {
    let tried = body.map(|Json(body)| body).unwrap_or_default();
    if let Some(user) = tried.user {
        ops.preview(None, &tried.words(reference), Some(user))
            .await?;
        return Ok(Json(Checked { users: 1 }));
    }
    let users = ops.check_words(&tried.words(reference)).await?;
    Ok(Json(Checked { users }))
}

/// The mail as a user would get it
#[utoipa::path(post, path = "/api/v1/templates/{reference}/preview", params(("reference" = String, Path)),
    request_body = Option<Tried>,
    responses(
        (status = 200, body = Preview),
        (status = 404, description = "no such template or user", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "names template, line, field and user", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn preview(
    State(ops): State<Arc<Ops>>,
    Path(reference): Path<String>,
    body: Option<Json<Tried>>,
) -> Result<Json<Preview>, Problem> {
    let tried = body.map(|Json(body)| body).unwrap_or_default();
    let user = tried.user;
    Ok(Json(
        ops.preview(None, &tried.words(reference), user).await?,
    ))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestSend {
    /// The address.
    to: String,
    /// Whose fields are filled in; the first user's when missing.
    #[serde(default)]
    user: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Queued {
    mail: i64,
}

/// Sends one mail of the campaign to an address; the campaign doesn't count it
#[utoipa::path(post, path = "/api/v1/campaigns/{id}/test-send", params(("id" = i64, Path)),
    request_body = TestSend,
    responses(
        (status = 202, body = Queued),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the address is none", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn test_send(
    State(ops): State<Arc<Ops>>,
    Path(id): Path<i64>,
    Json(body): Json<TestSend>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let mail = ops.test_send(id, &body.to, body.user).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { mail })))
}
