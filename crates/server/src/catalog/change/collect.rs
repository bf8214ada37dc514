//! Machine groups, configurations, and which is applied to which.

use std::collections::BTreeSet;
use std::sync::Arc;

use sls::api;

use super::Change;
use crate::catalog::model::Config;
use crate::catalog::record;
use crate::catalog::{CatalogError, Kind, names};

impl Change {
    /// Adds a machine group.
    ///
    /// # Errors
    /// A bad name, there is one of this name, or the project is full or missing.
    pub fn create_group(
        &mut self,
        project: &str,
        group: api::machine_group::MachineGroup,
    ) -> Result<(), CatalogError> {
        names::check(Kind::MachineGroup, &group.group_name)?;
        let held = self.project(project)?;
        if held.groups.contains_key(&group.group_name) {
            return Err(CatalogError::exists(Kind::MachineGroup, &group.group_name));
        }
        names::check_room(Kind::MachineGroup, held.groups.len())?;
        self.put_group(project, group, None)
    }

    /// Replaces a machine group; the name in `group` says which.
    ///
    /// # Errors
    /// There is no such group.
    pub fn update_group(
        &mut self,
        project: &str,
        group: api::machine_group::MachineGroup,
    ) -> Result<(), CatalogError> {
        let created = self.project(project)?.group(&group.group_name)?.create_time;
        self.put_group(project, group, created)
    }

    fn put_group(
        &mut self,
        project: &str,
        mut group: api::machine_group::MachineGroup,
        created: Option<i64>,
    ) -> Result<(), CatalogError> {
        group.create_time = created.or(Some(self.now_secs));
        group.last_modify_time = Some(self.now_secs);
        let name = group.group_name.clone();
        let key = format!("{project}/{name}");
        self.put(record::GROUP, key, created.is_none(), record::encode(&group));
        self.project(project)?.groups.insert(name, Arc::new(group));
        Ok(())
    }

    /// Deletes a machine group and what is applied to it.
    ///
    /// # Errors
    /// There is no such group.
    pub fn delete_group(&mut self, project: &str, name: &str) -> Result<(), CatalogError> {
        let held = self.project(project)?;
        held.groups.remove(name).ok_or_else(|| CatalogError::missing(Kind::MachineGroup, name))?;
        self.delete(record::GROUP, format!("{project}/{name}"));
        self.remove_applied(project, |(group, _)| group == name)
    }

    /// Adds a configuration.
    ///
    /// # Errors
    /// A bad name, there is one of this name, or the project is full or missing.
    pub fn create_config(
        &mut self,
        project: &str,
        config: api::config::LogtailConfig,
    ) -> Result<(), CatalogError> {
        names::check(Kind::Config, &config.config_name)?;
        let held = self.project(project)?;
        if held.configs.contains_key(&config.config_name) {
            return Err(CatalogError::exists(Kind::Config, &config.config_name));
        }
        names::check_room(Kind::Config, held.configs.len())?;
        self.put_config(project, config, None)
    }

    /// Replaces a configuration; the name in `config` says which.
    ///
    /// # Errors
    /// There is no such configuration.
    pub fn update_config(
        &mut self,
        project: &str,
        config: api::config::LogtailConfig,
    ) -> Result<(), CatalogError> {
        let held = self.project(project)?.config(&config.config_name)?;
        let created = held.document.create_time;
        self.put_config(project, config, created)
    }

    fn put_config(
        &mut self,
        project: &str,
        mut config: api::config::LogtailConfig,
        created: Option<i64>,
    ) -> Result<(), CatalogError> {
        config.create_time = created.or(Some(self.now_secs));
        config.last_modify_time = Some(self.now_secs);
        let name = config.config_name.clone();
        let key = format!("{project}/{name}");
        self.put(record::CONFIG, key, created.is_none(), record::encode(&config));
        self.versioned.push((project.to_owned(), name.clone()));
        let config = Arc::new(Config { document: config, version: 0 });
        self.project(project)?.configs.insert(name, config);
        Ok(())
    }

    /// Deletes a configuration, also from every group.
    ///
    /// # Errors
    /// There is no such configuration.
    pub fn delete_config(&mut self, project: &str, name: &str) -> Result<(), CatalogError> {
        let held = self.project(project)?;
        held.configs.remove(name).ok_or_else(|| CatalogError::missing(Kind::Config, name))?;
        self.delete(record::CONFIG, format!("{project}/{name}"));
        self.remove_applied(project, |(_, config)| config == name)
    }

    /// Applies a configuration to a group. Doing it again changes nothing.
    ///
    /// # Errors
    /// One of the two is missing.
    pub fn apply(&mut self, project: &str, group: &str, config: &str) -> Result<(), CatalogError> {
        let held = self.project(project)?;
        held.group(group)?;
        held.config(config)?;
        if held.applied.insert((group.to_owned(), config.to_owned())) {
            let key = format!("{project}/{group}/{config}");
            self.put(record::APPLIED, key, false, b"{}".to_vec());
        }
        Ok(())
    }

    /// Takes a configuration away from a group. Doing it again changes nothing.
    ///
    /// # Errors
    /// One of the two is missing.
    pub fn remove(&mut self, project: &str, group: &str, config: &str) -> Result<(), CatalogError> {
        let held = self.project(project)?;
        held.group(group)?;
        held.config(config)?;
        self.remove_applied(project, |pair| pair.0 == group && pair.1 == config)
    }

    fn remove_applied(
        &mut self,
        project: &str,
        which: impl Fn(&(String, String)) -> bool,
    ) -> Result<(), CatalogError> {
        let held = self.project(project)?;
        let (gone, kept): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut held.applied).into_iter().partition(which);
        held.applied = kept;
        for (group, config) in gone {
            self.delete(record::APPLIED, format!("{project}/{group}/{config}"));
        }
        Ok(())
    }
}
