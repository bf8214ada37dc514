//! Shards.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::http::error::ApiError;
use crate::http::inbound::Inbound;

/// All shards of a logstore.
pub async fn list(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let logstore = model.project(inbound.project()?)?.logstore(&logstore)?;
    Ok(Json(&logstore.record.shards).into_response())
}
