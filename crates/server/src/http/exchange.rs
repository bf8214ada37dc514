//! What every exchange has, whatever it is about: an identity, a line in the log when it failed,
//! its place in the metrics, and an error that clients can read.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use sls::api;
use sls::error::ErrorCode;

use super::error::{ApiError, Refused};
use super::inbound::RequestId;
use crate::metrics::{CodeLabels, RequestLabels, RouteLabels};
use crate::service::Service;

/// Surrounds every request.
pub async fn exchange(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::random();
    request.extensions_mut().insert(id.clone());
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("other", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let mut response = readable(next.run(request).await);
    let elapsed = started.elapsed();

    let status = response.status().as_u16();
    if let Some(refused) = response.extensions().get::<Refused>() {
        service.metrics.refusals.get_or_create(&CodeLabels { code: refused.code.as_str() }).inc();
        match &refused.detail {
            Some(detail) => {
                tracing::error!(request = %id.0, %method, %route, code = %refused.code, detail);
            }
            None => tracing::debug!(request = %id.0, %method, %route, code = %refused.code),
        }
    }
    let labels = RouteLabels { method: method.clone(), route: route.clone() };
    service.metrics.request_seconds.get_or_create(&labels).observe(elapsed.as_secs_f64());
    service.metrics.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    let value = HeaderValue::from_str(&id.0).expect("hexadecimal digits");
    response.headers_mut().insert(api::REQUEST_ID, value);
    response
}

/// Refusals of the framework become refusals of the service: clients read JSON only.
fn readable(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.extensions().get::<Refused>().is_some() {
        return response;
    }
    let error = match status {
        StatusCode::NOT_FOUND => ApiError::new(ErrorCode::NotFound, "there is no such call"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(ErrorCode::InvalidMethod, "the path does not take this method")
        }
        status if status.is_client_error() => {
            ApiError::new(ErrorCode::BadRequest, "the request cannot be read")
        }
        status => ApiError::internal(format!("the framework answered {status}")),
    };
    error.into_response()
}
