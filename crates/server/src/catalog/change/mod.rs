//! One change of the catalog: the copy of the model and the records, changed side by side.
//!
//! The changes of each family of objects are in a file of their own.

mod collect;
mod logstore;

use std::sync::Arc;

use sls::api;
use store::StoreId;
use store::catalog::{Edit, Expect};

pub use logstore::NewLogstore;

use super::model::{self, Model, Project};
use super::record::{self, ProjectRecord};
use super::{CatalogError, Kind, names};

/// A change that is being put together. Nothing happens until [`super::Catalog::change`] commits.
#[derive(Debug)]
pub struct Change {
    model: Model,
    edits: Vec<Edit>,
    now_secs: i64,
    /// Configurations whose version is the revision of this commit.
    versioned: Vec<(String, String)>,
}

impl Change {
    pub(super) fn new(model: Model, now_secs: i64) -> Self {
        Self { model, edits: Vec::new(), now_secs, versioned: Vec::new() }
    }

    /// The records to write and what makes the model of the revision; `None` when nothing
    /// changed.
    pub(super) fn into_edits(self) -> Option<(Vec<Edit>, impl FnOnce(u64) -> Model)> {
        let Self { mut model, edits, versioned, .. } = self;
        if edits.is_empty() {
            return None;
        }
        Some((edits, move |revision| {
            for (project, config) in versioned {
                let project = model.projects.get_mut(&project).map(Arc::make_mut);
                if let Some(config) = project.and_then(|project| project.configs.get_mut(&config)) {
                    Arc::make_mut(config).version = model::version(revision);
                }
            }
            model
        }))
    }

    /// The model as this change sees it.
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn put(&mut self, family: &str, key: String, absent: bool, value: Vec<u8>) {
        let expect_version = if absent { Expect::Absent } else { Expect::Any };
        self.edits.push(Edit::PutRecord { family: family.into(), key, expect_version, value });
    }

    fn delete(&mut self, family: &str, key: String) {
        let family = family.into();
        self.edits.push(Edit::DeleteRecord { family, key, expect_version: Expect::Any });
    }

    fn project(&mut self, name: &str) -> Result<&mut Project, CatalogError> {
        let project = self.model.projects.get_mut(name);
        project.map(Arc::make_mut).ok_or_else(|| CatalogError::missing(Kind::Project, name))
    }

    /// Adds a project.
    ///
    /// # Errors
    /// A bad name, or there is one of this name.
    pub fn create_project(
        &mut self,
        request: api::project::CreateProject,
    ) -> Result<(), CatalogError> {
        let name = request.project_name;
        names::check(Kind::Project, &name)?;
        if self.model.projects.contains_key(&name) {
            return Err(CatalogError::exists(Kind::Project, &name));
        }
        let record = ProjectRecord {
            description: request.description,
            resource_group_id: request.resource_group_id.unwrap_or_default(),
            data_redundancy_type: request.data_redundancy_type.unwrap_or_else(|| "LRS".into()),
            recycle_bin_enabled: request.recycle_bin_enabled.unwrap_or(false),
            create_time: self.now_secs,
            last_modify_time: self.now_secs,
        };
        self.put(record::PROJECT, name.clone(), true, record::encode(&record));
        let project = Project { record, ..Project::default() };
        self.model.projects.insert(name, Arc::new(project));
        Ok(())
    }

    /// Changes what is given of a project.
    ///
    /// # Errors
    /// There is no such project.
    pub fn update_project(
        &mut self,
        name: &str,
        request: api::project::UpdateProject,
    ) -> Result<(), CatalogError> {
        let now = self.now_secs;
        let record = &mut self.project(name)?.record;
        if let Some(description) = request.description {
            record.description = description;
        }
        if let Some(enabled) = request.recycle_bin_enabled {
            record.recycle_bin_enabled = enabled;
        }
        record.last_modify_time = now;
        let value = record::encode(record);
        self.put(record::PROJECT, name.to_owned(), false, value);
        Ok(())
    }

    /// Deletes a project with everything in it. Gives the stores that are gone.
    ///
    /// # Errors
    /// There is no such project.
    pub fn delete_project(&mut self, name: &str) -> Result<Vec<StoreId>, CatalogError> {
        let project = Project::clone(self.project(name)?);
        let stores = project.logstores.keys().map(|logstore| self.delete_logstore(name, logstore));
        let stores = stores.collect::<Result<Vec<_>, _>>()?;
        for config in project.configs.keys() {
            self.delete_config(name, config)?;
        }
        for group in project.groups.keys() {
            self.delete_group(name, group)?;
        }
        self.delete(record::PROJECT, name.to_owned());
        self.model.projects.remove(name);
        Ok(stores)
    }
}
