//! Collection configurations.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sls::api::config::{AppliedGroups, ConfigList, LogtailConfig};
use sls::error::ErrorCode;

use super::{Shared, empty, page_of, read};
use crate::http::error::ApiError;
use crate::http::inbound::Inbound;

/// One page of names.
pub async fn list(State(service): Shared, inbound: Inbound) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let project = model.project(inbound.project()?)?;
    let logstore = inbound.params.get("logstoreName");
    let names = project.configs.iter().filter(|(_, config)| {
        logstore.is_none_or(|name| config.document.output_detail.logstore_name == name)
    });
    let part = inbound.params.get("configName");
    let page = inbound.params.page()?;
    let (configs, total) = page_of(names.map(|(name, _)| name), part, page);
    Ok(Json(ConfigList { count: configs.len(), total, configs }).into_response())
}

/// Adds a configuration.
pub async fn create(
    State(service): Shared,
    inbound: Inbound,
    body: Bytes,
) -> Result<Response, ApiError> {
    let config: LogtailConfig = read(&body, ErrorCode::InvalidParameter)?;
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.create_config(&project, config)).await?;
    Ok(empty())
}

/// Shows a configuration. Clients leave the project out and expect it in.
pub async fn get(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let project = inbound.project()?;
    let mut config = model.project(project)?.config(&name)?.document.clone();
    config.output_detail.project_name.get_or_insert_with(|| project.to_owned());
    Ok(Json(config).into_response())
}

/// Replaces a configuration.
pub async fn update(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let config: LogtailConfig = read(&body, ErrorCode::InvalidParameter)?;
    if config.config_name != name {
        let message = format!("the body names config {:?}, the path {name:?}", config.config_name);
        return Err(ApiError::new(ErrorCode::BadRequest, message));
    }
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.update_config(&project, config)).await?;
    Ok(empty())
}

/// Deletes a configuration.
pub async fn delete(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.delete_config(&project, &name)).await?;
    Ok(empty())
}

/// The groups a configuration is applied to.
pub async fn applied(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let project = model.project(inbound.project()?)?;
    project.config(&name)?;
    let pairs = project.applied.iter().filter(|(_, config)| *config == name);
    let machinegroups: Vec<String> = pairs.map(|(group, _)| group.clone()).collect();
    Ok(Json(AppliedGroups { count: machinegroups.len(), machinegroups }).into_response())
}
