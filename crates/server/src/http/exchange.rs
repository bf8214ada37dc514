//! What every exchange has, whatever it is about: an identity, a line in the log when it failed,
//! its place in the metrics, and an error that clients can read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
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
    let mut response = next.run(request).await;
    let elapsed = started.elapsed();

    let status = response.status().as_u16();
    if let Some(Refused { code, detail }) = response.extensions().get::<Refused>() {
        let code = code.as_str();
        service.metrics.refusals.get_or_create(&CodeLabels { code }).inc();
        let detail = detail.as_deref().unwrap_or_default();
        if code != ErrorCode::InternalServerError.as_str() {
            tracing::debug!(request = %id.0, %method, %route, code, detail, "refused");
        } else if let Some(left_out) = service.complaints.admit(started) {
            tracing::error!(request = %id.0, %method, %route, detail, left_out, "failed");
        }
    }
    let labels = RouteLabels { method: method.clone(), route: route.clone() };
    service.metrics.request_seconds.get_or_create(&labels).observe(elapsed.as_secs_f64());
    service.metrics.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    let value = HeaderValue::from_str(&id.0).expect("hexadecimal digits");
    response.headers_mut().insert(api::REQUEST_ID, value);
    let name = HeaderValue::from_static(api::SERVER_NAME);
    response.headers_mut().insert(header::SERVER, name);
    response
}

/// Refusals of the framework become refusals of the service: clients read JSON only.
pub async fn readable(response: Response) -> Response {
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

/// Lets through a few lines of the same kind and counts the others: a failing disk would otherwise
/// fill the disk of the log, too.
#[derive(Debug, Default)]
pub struct Complaints {
    state: Mutex<ComplaintsState>,
}

#[derive(Debug, Default)]
struct ComplaintsState {
    window: Option<Instant>,
    let_through: u32,
    left_out: u64,
}

impl Complaints {
    const WINDOW: Duration = Duration::from_secs(10);
    const IN_WINDOW: u32 = 10;

    /// Whether to write a line now, and then how many were left out before it.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = state.window.is_none_or(|start| now.duration_since(start) >= Self::WINDOW);
        if is_new {
            state.window = Some(now);
            state.let_through = 0;
        }
        if state.let_through == Self::IN_WINDOW {
            state.left_out += 1;
            return None;
        }
        state.let_through += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_counted_and_not_written() {
        let complaints = Complaints::default();
        let start = Instant::now();
        let written = (0..100).filter(|_| complaints.admit(start).is_some()).count();
        assert_eq!(written, 10);
        assert_eq!(complaints.admit(start + Complaints::WINDOW), Some(90));
        assert_eq!(complaints.admit(start + Complaints::WINDOW), Some(0));
    }

    #[tokio::test]
    async fn a_refusal_of_the_framework_becomes_one_clients_can_read() {
        let check = async |status: StatusCode, code: ErrorCode| {
            let response = readable(status.into_response()).await;
            assert_eq!(response.status(), code.status());
            assert_eq!(response.extensions().get::<Refused>().map(|r| r.code), Some(code));
        };
        check(StatusCode::NOT_FOUND, ErrorCode::NotFound).await;
        check(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidMethod).await;
        check(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::BadRequest).await;
        check(StatusCode::NOT_IMPLEMENTED, ErrorCode::InternalServerError).await;
        assert_eq!(readable(StatusCode::OK.into_response()).await.status(), 200);
    }
}
