//! Calls that clients make in passing and that have nothing to show here yet
//! (`sls-api.md` 3.8): an empty listing keeps them going, an error would stop them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http::error::ApiError;
use crate::http::inbound::Inbound;

/// No tags.
pub async fn tags() -> Response {
    Json(json!({"nextToken": "", "tagResources": []})).into_response()
}

/// No dashboards.
pub async fn dashboards(inbound: Inbound) -> Result<Json<Value>, ApiError> {
    nothing(&inbound, "dashboards")
}

/// No saved searches.
pub async fn saved_searches(inbound: Inbound) -> Result<Json<Value>, ApiError> {
    nothing(&inbound, "savedsearches")
}

/// No jobs.
pub async fn jobs(inbound: Inbound) -> Result<Json<Value>, ApiError> {
    nothing(&inbound, "jobs")
}

fn nothing(inbound: &Inbound, name: &str) -> Result<Json<Value>, ApiError> {
    inbound.project()?;
    Ok(Json(json!({"count": 0, "total": 0, name: []})))
}
