//! The web page: one file, nothing from elsewhere.

use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};

const PAGE: &str = include_str!("page.html");

/// Stands in the page where the nonce of its one script goes.
const NONCE: &str = "{{nonce}}";

/// Only the script with this answer's nonce runs, and nothing is loaded from anywhere; a mail's HTML in its
/// sandboxed frame inherits all of that.
pub(super) async fn page() -> Response {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-src 'none'; frame-ancestors 'none'"
    );
    let page = PAGE.replace(NONCE, &nonce);
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}
