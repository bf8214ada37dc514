//! For whoever runs the service: alive, ready, metrics. Without a signature, because probes and
//! scrapers have none; nothing here tells what is in the logs.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use store::Health;

use super::Shared;
use crate::http::error::ApiError;

const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process answers.
pub async fn live() -> Response {
    ([(header::CONTENT_TYPE, TEXT)], "ok\n").into_response()
}

/// It takes data and is not about to end.
pub async fn ready(State(service): Shared) -> Response {
    let (status, text) = match service.engine.health() {
        Health::Failed { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "the store takes no data, see the log\n")
        }
        Health::Ready if *service.stopping.borrow() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the service is about to end\n")
        }
        Health::Ready => (StatusCode::OK, "ok\n"),
    };
    (status, [(header::CONTENT_TYPE, TEXT)], text).into_response()
}

/// All metrics as text.
pub async fn metrics(State(service): Shared) -> Result<Response, ApiError> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &service.registry)
        .map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}
