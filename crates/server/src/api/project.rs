//! Projects.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sls::api::project::{CreateProject, Project, ProjectList, UpdateProject};
use sls::error::ErrorCode;

use super::{Shared, empty, read};
use crate::catalog;
use crate::http::error::ApiError;
use crate::http::inbound::{Inbound, Params};
use crate::service::Service;

/// `GET /` is two calls: a listing always has `offset` or `size`, reading one project never has
/// (`sls-api.md` 1.1).
pub async fn get_or_list(State(service): Shared, inbound: Inbound) -> Result<Response, ApiError> {
    if inbound.params.has("offset") || inbound.params.has("size") {
        return Ok(Json(list(&service, &inbound.params)?).into_response());
    }
    let model = service.catalog.model();
    let name = inbound.project()?;
    Ok(Json(show(name, model.project(name)?, &service.settings.region)).into_response())
}

/// One page of projects.
///
/// # Errors
/// A parameter is not a number.
pub fn list(service: &Service, params: &Params) -> Result<ProjectList, ApiError> {
    let page = params.page()?;
    let part = params.get("projectName").or(params.get("description"));
    let by_description = params.get("projectName").is_none();
    let model = service.catalog.model();
    let matching: Vec<_> = model
        .projects
        .iter()
        .filter(|(name, project)| {
            let text = if by_description { &project.record.description } else { *name };
            part.is_none_or(|part| text.contains(part))
        })
        .collect();
    let total = matching.len();
    let projects: Vec<Project> = matching
        .into_iter()
        .skip(page.offset)
        .take(page.size)
        .map(|(name, project)| show(name, project, &service.settings.region))
        .collect();
    Ok(ProjectList { count: projects.len(), total, projects })
}

/// Takes the name from the body: clients differ in the host they use.
pub async fn create(State(service): Shared, body: Bytes) -> Result<Response, ApiError> {
    let request: CreateProject = read(&body, ErrorCode::ParameterInvalid)?;
    service.change(move |change| change.create_project(request)).await?;
    Ok(empty())
}

/// Changes the project of the host.
pub async fn update(
    State(service): Shared,
    inbound: Inbound,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: UpdateProject = read(&body, ErrorCode::ParameterInvalid)?;
    let name = inbound.project()?.to_owned();
    service.change(move |change| change.update_project(&name, request)).await?;
    Ok(empty())
}

/// Deletes the project of the host. One client adds a body; it says nothing new.
pub async fn delete(State(service): Shared, inbound: Inbound) -> Result<Response, ApiError> {
    let name = inbound.project()?.to_owned();
    let stores = service.change(move |change| change.delete_project(&name)).await?;
    service.drop_stores(stores).await?;
    Ok(empty())
}

fn show(name: &str, project: &catalog::Project, region: &str) -> Project {
    let record = &project.record;
    Project {
        project_name: name.to_owned(),
        status: "Normal".into(),
        owner: String::new(),
        description: record.description.clone(),
        region: region.to_owned(),
        create_time: date(record.create_time),
        last_modify_time: date(record.last_modify_time),
        data_redundancy_type: record.data_redundancy_type.clone(),
        resource_group_id: record.resource_group_id.clone(),
        recycle_bin_enabled: record.recycle_bin_enabled,
        location: String::new(),
    }
}

/// Projects show their times as text.
fn date(secs: i64) -> String {
    jiff::Timestamp::from_second(secs).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn times_of_projects_are_text() {
        assert_eq!(date(1_767_225_600), "2026-01-01 00:00:00");
        assert_eq!(date(i64::MAX), "1970-01-01 00:00:00");
    }
}
