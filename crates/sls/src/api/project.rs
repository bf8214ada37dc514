//! Projects (`sls-api.md` section 3.2).

use http::Method;
use serde::{Deserialize, Serialize};

use super::{Page, Parts, call};

/// Creates a project. Goes to the bare endpoint: the name is in the body, because clients
/// differ in the host they send it to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProject {
    /// 3 to 63 characters of `[a-z0-9-]`, first and last alphanumeric.
    pub project_name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Accepted and kept; nothing here depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_group_id: Option<String>,
    /// `LRS` or `ZRS`; kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_redundancy_type: Option<String>,
    /// Kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycle_bin_enabled: Option<bool>,
}

/// Reads one project, the one of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetProject;

/// Changes the project of the host; absent members stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProject {
    /// New free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// New setting, kept only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycle_bin_enabled: Option<bool>,
}

/// Deletes the project of the host with everything in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteProject;

/// Lists projects. Always has `offset` and `size`: that is how the service tells it from
/// [`GetProject`] (`sls-api.md` section 1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListProjects {
    /// Part of the listing.
    pub page: Page,
    /// Only names that contain this text.
    pub project_name: Option<String>,
}

/// One project. Every member is always sent, because decoders of official clients demand all
/// of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Project {
    /// The name.
    pub project_name: String,
    /// `Normal` for a project that can be used.
    pub status: String,
    /// Account that owns it.
    pub owner: String,
    /// Free text.
    pub description: String,
    /// Region name.
    pub region: String,
    /// `2026-01-01 00:00:00`, a string.
    pub create_time: String,
    /// As `create_time`.
    pub last_modify_time: String,
    /// `LRS` unless something else was asked for.
    pub data_redundancy_type: String,
    /// Empty unless given at creation.
    pub resource_group_id: String,
    /// False unless given.
    pub recycle_bin_enabled: bool,
    /// Always empty here.
    pub location: String,
}

/// A page of projects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectList {
    /// Entries in this page.
    pub count: usize,
    /// Entries in all pages.
    pub total: usize,
    /// The entries.
    pub projects: Vec<Project>,
}

call!(CreateProject, "CreateProject", Endpoint, (), |this| Parts::json(Method::POST, "/", this));
call!(GetProject, "GetProject", Project, Project, |_this| Parts::new(Method::GET, "/"));
call!(UpdateProject, "UpdateProject", Project, (), |this| Parts::json(Method::PUT, "/", this));
call!(DeleteProject, "DeleteProject", Project, (), |_this| Parts::new(Method::DELETE, "/"));
call!(ListProjects, "ListProjects", Endpoint, ProjectList, |this| {
    Parts::new(Method::GET, "/")
        .with("offset", this.page.offset)
        .with("size", this.page.size)
        .with_some("projectName", this.project_name.as_ref())
});

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::super::{Call, Scope};
    use super::*;

    #[test]
    fn the_body_of_the_python_client_is_read() {
        let body = r#"{"projectName": "prj", "description": "d", "resourceGroupId": "", "x": 1}"#;
        let request: CreateProject = serde_json::from_str(body).expect("valid");
        assert_eq!(request.project_name, "prj");
        assert_eq!(request.resource_group_id.as_deref(), Some(""));
    }

    #[test]
    fn a_listing_always_carries_offset_and_size() {
        let parts = ListProjects::default().parts();
        assert_eq!(parts.target(), "/?offset=0&size=100");
        assert_eq!(ListProjects::SCOPE, Scope::Endpoint);
    }

    #[test]
    fn only_status_200_is_success() {
        let created = CreateProject::response(StatusCode::CREATED, &HeaderMap::new(), b"");
        assert!(created.is_err());
        let ok = CreateProject::response(StatusCode::OK, &HeaderMap::new(), b"");
        assert!(ok.is_ok());
    }
}
