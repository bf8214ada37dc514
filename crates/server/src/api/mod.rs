//! The calls, one file per family as in `sls::api`: read the request, call, shape the answer.
//! No decision about logs, objects or agents is made here.

pub mod config;
pub mod get_logs;
pub mod heartbeat;
pub mod histogram;
pub mod index;
pub mod logstore;
pub mod machine_group;
pub mod operation;
pub mod project;
pub mod put_logs;
pub mod shard;
pub mod stub;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::de::DeserializeOwned;
use sls::api::Page;
use sls::error::ErrorCode;

use crate::http::error::ApiError;
use crate::service::Service;

type Shared = State<Arc<Service>>;

/// Success without a body. Without a content type too: one official client parses any JSON body,
/// also an absent one (`sls-api.md`, rule 3).
fn empty() -> Response {
    StatusCode::OK.into_response()
}

/// Reads a JSON body.
fn read<T: DeserializeOwned>(body: &[u8], code: ErrorCode) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::new(code, format!("the body cannot be read: {error}")))
}

/// One page of names that contain `part`, and how many there are in all.
fn page_of<'a>(
    names: impl Iterator<Item = &'a String>,
    part: Option<&str>,
    page: Page,
) -> (Vec<String>, usize) {
    let matching: Vec<&String> =
        names.filter(|name| part.is_none_or(|part| name.contains(part))).collect();
    let total = matching.len();
    (matching.into_iter().skip(page.offset).take(page.size).cloned().collect(), total)
}
