//! The HTTP face of who got what: deliveries by filters, as pages and as files, and a campaign in figures.
//! campaign-service has it.

use std::{str::FromStr, sync::Arc};

use axum::{extract::State, response::Response};
use futures::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Json, Path, Problem, Query, stream::file};
use crate::{
    ops::{CampaignReport, DeliveryFilter, DeliveryPages, DeliveryStatus, Format, Ops},
    store::Addressed,
};

/// The routes below `/api/v1`, and their description.
pub(super) fn routes(ops: Arc<Ops>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(export))
        .routes(routes!(report))
        .with_state(ops)
}

/// What stands behind the question mark. Lists are separated by commas; one of their values must fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    #[serde(default)]
    status: Option<DeliveryStatus>,
    /// SMTP codes of the last reply: `452,550`.
    #[serde(default)]
    code: String,
    /// Domains of the addresses.
    #[serde(default)]
    domain: String,
    /// Addresses.
    #[serde(default)]
    address: String,
    /// Ids of users, of single mails with campaign 0.
    #[serde(default)]
    user: String,
    /// Of a page: how many, 1 to 1,000.
    #[serde(default)]
    limit: Option<u32>,
    /// Of a page: `next` of the page before.
    #[serde(default)]
    after: Option<i64>,
    /// Of an export.
    #[serde(default)]
    format: Option<Format>,
}

impl Asked {
    fn filter(&self) -> Result<DeliveryFilter, Problem> {
        Ok(DeliveryFilter {
            status: self.status,
            codes: listed("code", &self.code)?,
            domains: listed("domain", &self.domain)?,
            addresses: listed("address", &self.address)?,
            users: listed("user", &self.user)?,
        })
    }
}

fn listed<T: FromStr>(name: &str, text: &str) -> Result<Vec<T>, Problem> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let value = |word: &str| {
        word.trim().parse().map_err(|_| {
            Problem::bad_request(format!("{name}: {word:?} is none; separate them by commas"))
        })
    };
    text.split(',').map(value).collect()
}

fn refused_beside(name: &str, is_there: bool, hint: &str) -> Result<(), Problem> {
    match is_there {
        true => Err(Problem::bad_request(format!("{name}: {hint}"))),
        false => Ok(()),
    }
}

#[derive(Serialize, ToSchema)]
struct Page {
    deliveries: Vec<Addressed>,
    /// `after` of the next page; null after the last one.
    next: Option<i64>,
}

/// A page of a campaign's deliveries in the order of the users; campaign 0 has the single mails
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/deliveries", params(("id" = i64, Path), Asked), responses(
    (status = 200, body = Page),
    (status = 400, description = "a filter can't be read", body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn list(
    State(ops): State<Arc<Ops>>,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Problem> {
    refused_beside("format", asked.format.is_some(), "only an export has one")?;
    let limit = asked.limit.unwrap_or(50);
    let hint = "expected 1 to 1000; what is more is in the next page, or in the export";
    refused_beside("limit", !(1..=1_000).contains(&limit), hint)?;
    // One more tells whether there is a next page.
    let mut deliveries = ops
        .deliveries(id, &asked.filter()?, asked.after.unwrap_or(0), limit + 1)
        .await?;
    let is_more = deliveries.len() > limit as usize;
    deliveries.truncate(limit as usize);
    let last = deliveries.last().map(|last| last.delivery.user_id);
    Ok(Json(Page {
        deliveries,
        next: last.filter(|_| is_more),
    }))
}

/// All of them as a file, CSV or JSON lines, row by row
///
/// An answer that breaks off is cut off without its last chunk, so that a client sees it.
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/deliveries/export", params(("id" = i64, Path), Asked), responses(
    (status = 200, description = "the rows", body = String, content_type = "text/csv"),
    (status = 400, description = "a filter can't be read", body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn export(
    State(ops): State<Arc<Ops>>,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let hint = "an export has all rows";
    refused_beside("limit", asked.limit.is_some(), hint)?;
    refused_beside("after", asked.after.is_some(), hint)?;
    let format = asked.format.unwrap_or_default();
    let from = (ops, DeliveryPages::new(id, asked.filter()?, format));
    let pages = stream::try_unfold(from, async |(ops, mut pages)| {
        let page = pages.next(&ops).await?;
        Ok(page.map(|page| (page, (ops, pages))))
    });
    file(format.content_type(), pages).await
}

/// The campaign in figures: totals, times, answers by code, slowest domains
#[utoipa::path(get, path = "/api/v1/campaigns/{id}/report", params(("id" = i64, Path)), responses(
    (status = 200, body = CampaignReport),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn report(
    State(ops): State<Arc<Ops>>,
    Path(id): Path<i64>,
) -> Result<Json<CampaignReport>, Problem> {
    Ok(Json(ops.campaign_report(id).await?))
}
