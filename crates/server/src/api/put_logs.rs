//! Writes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, header};
use sls::error::ErrorCode;

use super::{Shared, empty};
use crate::http::error::ApiError;
use crate::http::inbound::Inbound;
use crate::ingest::{Envelope, Route, Write};
use crate::service::Service;

/// `POST /logstores/{logstore}`: the form of some clients, to any shard.
pub async fn put_any(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    put(&service, &inbound, &logstore, &headers, body).await
}

/// `POST /logstores/{logstore}/shards/{lb|route}`. With a number this path would be splitting
/// and merging.
pub async fn put_shard(
    State(service): Shared,
    inbound: Inbound,
    Path((logstore, shard)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    match shard.as_str() {
        "lb" => put(&service, &inbound, &logstore, &headers, body).await,
        "route" if inbound.params.get("key").is_none() => {
            let message = "shards/route needs the parameter key";
            Err(ApiError::new(ErrorCode::ParameterInvalid, message))
        }
        "route" => put(&service, &inbound, &logstore, &headers, body).await,
        _ => {
            let message = "shards of this service are not split or merged by hand";
            Err(ApiError::new(ErrorCode::ParameterInvalid, message))
        }
    }
}

async fn put(
    service: &Arc<Service>,
    inbound: &Inbound,
    logstore: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let logstore = Arc::clone(model.project(inbound.project()?)?.logstore(logstore)?);
    check_content_type(headers)?;
    let envelope = Envelope::read(headers)?;
    let key = headers.get("x-log-hashkey").and_then(|key| key.to_str().ok());
    let route = inbound.params.get("key").or(key).map_or(Route::Any, Route::Key);
    let shard = service.ingest.shard(&logstore, route)?;
    let write = Write {
        logstore,
        shard,
        envelope,
        body,
        client_ip: inbound.client_ip.to_canonical().to_string(),
        received_nanos: service.clock.nanos(),
        room: inbound.room.clone(),
    };
    service.ingest.take(write).await?;
    Ok(empty())
}

/// An absent type is taken for what the path implies.
fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-protobuf") {
        return Ok(());
    }
    let message = format!("content type {kind:?} is not application/x-protobuf");
    Err(ApiError::new(ErrorCode::InvalidContentType, message))
}
