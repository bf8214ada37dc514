//! The console: assets in the binary, sessions in memory, and a few same-origin calls. The browser
//! never holds the secret after signing in, and signs nothing.

mod api;
mod assets;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Method, header};

pub use session::Sessions;

use crate::http::body;
use crate::http::error::ApiError;
use crate::service::Service;

/// Body of a call of the console.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Scripts, styles and calls come from here and nowhere else, nothing is inline, and no other
/// site may frame the console.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Routes of the console.
pub fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/console/api/session", get(api::session))
        .route("/console/api/login", post(api::login))
        .route("/console/api/logout", post(api::logout))
        .route("/console/api/projects", get(api::projects))
        .route("/console/api/projects/{project}/logstores", get(api::logstores))
        .route("/console/api/projects/{project}/machinegroups", get(api::machine_groups))
        .route("/console/api/projects/{project}/logstores/{logstore}/logs", post(api::logs))
        .route(
            "/console/api/projects/{project}/logstores/{logstore}/histogram",
            get(api::histogram),
        )
        .route("/console/api/{*rest}", get(api::unknown).post(api::unknown))
        .route("/console", get(|| async { Redirect::permanent("/console/") }))
        .route("/console/", get(assets::index))
        .route("/console/{*path}", get(assets::asset))
        .layer(from_fn(whole_body))
        .layer(from_fn(security_headers))
}

/// No call waits for a body without end.
async fn whole_body(request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = body::read(body, 0, MAX_BODY_BYTES).await?;
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

async fn security_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A person who opens the address of the service in a browser wants the console. Clients of the
/// API send a signature, and never ask for HTML.
pub async fn greet_browsers(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = request.method() == Method::GET
        && request.uri().path() == "/"
        && !headers.contains_key(header::AUTHORIZATION)
        && accepts.is_some_and(|accepts| accepts.contains("text/html"));
    if is_browser {
        return Redirect::to("/console/").into_response();
    }
    next.run(request).await
}
