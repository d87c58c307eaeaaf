//! Extractors whose refusals are problems: a wrong body names its field, line and column.

use axum::{
    body::Bytes,
    extract::{self, FromRequest, FromRequestParts, OptionalFromRequest, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use super::Problem;

/// A JSON body, of a request or of an answer. `Option<Json<T>>` accepts an empty one as `None`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let described = says_json(request.headers());
        let body = read(request, state).await?;
        parse(described, &body)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let described = says_json(request.headers());
        let body = read(request, state).await?;
        if body.is_empty() {
            return Ok(None);
        }
        parse(described, &body).map(Some)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|refused| {
            if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = format!("the body is larger than {} bytes", super::BODY_LIMIT);
                return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
            }
            Problem::bad_request("the body could not be read")
        })
}

fn says_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let essence = kind.to_str().unwrap_or("").split(';').next().unwrap_or("");
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(described: bool, body: &[u8]) -> Result<Json<T>, Problem> {
    if !described {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send the body as JSON, with the header Content-Type: application/json",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let at = e.path().to_string();
        let why = e.into_inner();
        match (why.classify(), at.as_str()) {
            // The message of serde_json ends with "at line 1 column 2".
            (serde_json::error::Category::Data, ".") => Problem::unprocessable(why.to_string()),
            (serde_json::error::Category::Data, _) => {
                Problem::unprocessable(format!("{at}: {why}"))
            }
            _ => Problem::bad_request(format!("the body is not JSON: {why}")),
        }
    })?;
    json.end()
        .map_err(|e| Problem::bad_request(format!("the body is not JSON: {e}")))?;
    Ok(Json(value))
}

/// The header of that name: the same key and body are the same request.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let key = parts.headers.get("idempotency-key");
        let key = key.map(|key| key.to_str().map(str::to_owned)).transpose();
        let key = key.map_err(|_| Problem::bad_request("Idempotency-Key must be ASCII"))?;
        Ok(Self(key))
    }
}

/// The variable parts of a path.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(value)) => Ok(Self(value)),
            // Nothing can be there: what is not an id names nothing.
            Err(refused) => Err(Problem::not_found(format!(
                "{}: {}",
                parts.uri.path(),
                refused.body_text()
            ))),
        }
    }
}

/// What follows the question mark.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match extract::Query::from_request_parts(parts, state).await {
            Ok(extract::Query(value)) => Ok(Self(value)),
            Err(refused) => Err(Problem::bad_request(refused.body_text())),
        }
    }
}
