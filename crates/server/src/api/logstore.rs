//! Logstores.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sls::api::logstore::{LogstoreFields, LogstoreList};
use sls::error::ErrorCode;

use super::{Shared, empty, page_of, read};
use crate::http::error::ApiError;
use crate::http::inbound::{Inbound, Params};
use crate::service::Service;

/// One page of names.
pub async fn list(State(service): Shared, inbound: Inbound) -> Result<Response, ApiError> {
    Ok(Json(list_of(&service, inbound.project()?, &inbound.params)?).into_response())
}

/// One page of the names in `project`.
///
/// # Errors
/// There is no such project, or a parameter is not a number.
pub fn list_of(
    service: &Service,
    project: &str,
    params: &Params,
) -> Result<LogstoreList, ApiError> {
    let page = params.page()?;
    let model = service.catalog.model();
    let project = model.project(project)?;
    let kind = params.get("telemetryType").map(normal_kind);
    let mode = params.get("mode");
    let names = project.logstores.iter().filter(|(_, logstore)| {
        let properties = &logstore.record.properties;
        kind.is_none_or(|kind| normal_kind(&properties.telemetry_type) == kind)
            && mode.is_none_or(|mode| properties.mode == mode)
    });
    let names = names.map(|(name, _)| name);
    let (logstores, total) = page_of(names, params.get("logstoreName"), page);
    Ok(LogstoreList { count: logstores.len(), total, logstores })
}

/// Two spellings mean "logs".
fn normal_kind(kind: &str) -> &str {
    if kind == "None" { "" } else { kind }
}

/// Adds a logstore.
pub async fn create(
    State(service): Shared,
    inbound: Inbound,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields: LogstoreFields = read(&body, ErrorCode::LogStoreInfoInvalid)?;
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.create_logstore(&project, fields)).await?;
    Ok(empty())
}

/// Shows a logstore.
pub async fn get(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let logstore = model.project(inbound.project()?)?.logstore(&name)?;
    Ok(Json(&logstore.record.properties).into_response())
}

/// Changes a logstore.
pub async fn update(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields: LogstoreFields = read(&body, ErrorCode::LogStoreInfoInvalid)?;
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.update_logstore(&project, &name, fields)).await?;
    Ok(empty())
}

/// Deletes a logstore with its logs.
pub async fn delete(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let project = inbound.project()?.to_owned();
    let store = service.change(move |change| change.delete_logstore(&project, &name)).await?;
    service.drop_stores(vec![store]).await?;
    Ok(empty())
}
