//! Indexes.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sls::api::index::Index;
use sls::error::ErrorCode;

use super::{Shared, empty, read};
use crate::catalog::{CatalogError, Kind};
use crate::http::error::ApiError;
use crate::http::inbound::Inbound;

/// Shows the index with every member that official decoders demand.
pub async fn get(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let logstore = model.project(inbound.project()?)?.logstore(&logstore)?;
    let held = logstore.index()?;
    let index = Index {
        index_mode: Some("v2".into()),
        storage: Some("pg".into()),
        ttl: Some(logstore.record.properties.ttl),
        last_modify_time: Some(held.last_modify_time),
        ..held.index.clone()
    };
    Ok(Json(index).into_response())
}

/// Gives a logstore its index.
pub async fn create(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let index = read_index(&body)?;
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.create_index(&project, &logstore, index)).await?;
    Ok(empty())
}

/// Replaces the index.
pub async fn update(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let index = read_index(&body)?;
    let project = inbound.project()?.to_owned();
    let update = move |change: &mut crate::catalog::Change| {
        Ok(none_is_a_parameter(change.update_index(&project, &logstore, index)))
    };
    service.change(update).await??;
    Ok(empty())
}

/// Takes the index away.
pub async fn delete(
    State(service): Shared,
    inbound: Inbound,
    Path(logstore): Path<String>,
) -> Result<Response, ApiError> {
    let project = inbound.project()?.to_owned();
    let delete = move |change: &mut crate::catalog::Change| {
        Ok(none_is_a_parameter(change.delete_index(&project, &logstore)))
    };
    service.change(delete).await??;
    Ok(empty())
}

fn read_index(body: &[u8]) -> Result<Index, ApiError> {
    let index: Index = read(body, ErrorCode::IndexInfoInvalid)?;
    // What belongs to answers only is not kept.
    Ok(Index { index_mode: None, storage: None, ttl: None, last_modify_time: None, ..index })
}

/// To change or delete an index that is not there has another code than to read it
/// (`sls-api.md` 3.5).
fn none_is_a_parameter(result: Result<(), CatalogError>) -> Result<(), ApiError> {
    match result {
        Err(error @ CatalogError::Missing { kind: Kind::Index, .. }) => {
            Err(ApiError::new(ErrorCode::ParameterInvalid, error.to_string()))
        }
        other => Ok(other?),
    }
}
