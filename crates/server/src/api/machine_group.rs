//! Machine groups, their machines, and what is applied to them.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sls::api::machine_group::{AppliedConfigs, MachineGroup, MachineGroupList, MachineList};
use sls::error::ErrorCode;

use super::{Shared, empty, page_of, read};
use crate::http::error::ApiError;
use crate::http::inbound::Inbound;

/// One page of names.
pub async fn list(State(service): Shared, inbound: Inbound) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let project = model.project(inbound.project()?)?;
    let part = inbound.params.get("groupName");
    let (machinegroups, total) = page_of(project.groups.keys(), part, inbound.params.page()?);
    let count = machinegroups.len();
    Ok(Json(MachineGroupList { count, total, machinegroups }).into_response())
}

/// Adds a group.
pub async fn create(
    State(service): Shared,
    inbound: Inbound,
    body: Bytes,
) -> Result<Response, ApiError> {
    let group: MachineGroup = read(&body, ErrorCode::InvalidParameter)?;
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.create_group(&project, group)).await?;
    Ok(empty())
}

/// Shows a group.
pub async fn get(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let group = model.project(inbound.project()?)?.group(&name)?;
    Ok(Json(&**group).into_response())
}

/// Replaces a group.
pub async fn update(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let group: MachineGroup = read(&body, ErrorCode::InvalidParameter)?;
    if group.group_name != name {
        let message = format!("the body names group {:?}, the path {name:?}", group.group_name);
        return Err(ApiError::new(ErrorCode::InvalidParameter, message));
    }
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.update_group(&project, group)).await?;
    Ok(empty())
}

/// Deletes a group.
pub async fn delete(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.delete_group(&project, &name)).await?;
    Ok(empty())
}

/// The machines of a group that have called.
pub async fn machines(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let project = inbound.project()?;
    let group = model.project(project)?.group(&name)?;
    let page = inbound.params.page()?;
    let machines = service.control.machines(project, group);
    let total = machines.len();
    let machines: Vec<_> = machines.into_iter().skip(page.offset).take(page.size).collect();
    Ok(Json(MachineList { count: machines.len(), total, machines }).into_response())
}

/// What is applied to a group.
pub async fn applied(
    State(service): Shared,
    inbound: Inbound,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let model = service.catalog.model();
    let project = model.project(inbound.project()?)?;
    project.group(&name)?;
    let configs: Vec<String> = project.applied_to(&name).map(str::to_owned).collect();
    Ok(Json(AppliedConfigs { count: configs.len(), configs }).into_response())
}

/// Applies a configuration.
pub async fn apply(
    State(service): Shared,
    inbound: Inbound,
    Path((group, config)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.apply(&project, &group, &config)).await?;
    Ok(empty())
}

/// Takes a configuration away.
pub async fn remove(
    State(service): Shared,
    inbound: Inbound,
    Path((group, config)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let project = inbound.project()?.to_owned();
    service.change(move |change| change.remove(&project, &group, &config)).await?;
    Ok(empty())
}
