//! One change of the catalog: the copy of the model and the records, changed side by side.

use std::collections::BTreeSet;
use std::sync::Arc;

use sls::api;
use sls::api::logstore::LogstoreFields;
use sls::api::shard::{Shard, ShardStatus};
use store::StoreId;
use store::catalog::{Edit, Expect};

use super::model::{self, Config, Index, Logstore, Model, Project};
use super::record::{self, IndexRecord, LogstoreRecord, ProjectRecord};
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

/// A logstore that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLogstore {
    /// Its number in the engine.
    pub store: StoreId,
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

    /// Adds a logstore.
    ///
    /// # Errors
    /// A bad name or property, there is one of this name, or the project is full or missing.
    pub fn create_logstore(
        &mut self,
        project: &str,
        fields: LogstoreFields,
    ) -> Result<NewLogstore, CatalogError> {
        let name = fields.logstore_name.clone().unwrap_or_default();
        names::check(Kind::Logstore, &name)?;
        let now = self.now_secs;
        let held = self.project(project)?;
        if held.logstores.contains_key(&name) {
            return Err(CatalogError::exists(Kind::Logstore, &name));
        }
        names::check_room(Kind::Logstore, held.logstores.len())?;
        let shards = fields.shard_count.unwrap_or(DEFAULT_SHARDS);
        if !(1..=names::MAX_SHARDS_AT_CREATION).contains(&shards) {
            let reason = format!("shardCount {shards} is not in 1 to 10");
            return Err(CatalogError::Invalid { kind: Kind::Logstore, reason });
        }
        let properties = merge(
            api::logstore::Logstore {
                logstore_name: name.clone(),
                ttl: DEFAULT_TTL_DAYS,
                shard_count: shards,
                auto_split: true,
                max_split_shard: 64,
                mode: "standard".into(),
                create_time: now,
                ..Default::default()
            },
            fields,
            now,
        )?;
        let store = self.model.next_store;
        self.model.next_store += 1;
        let next = record::encode(&self.model.next_store);
        self.put(record::COUNTER, record::NEXT_STORE.to_owned(), false, next);
        let record = LogstoreRecord { store, properties, shards: even_shards(shards, now) };
        let key = format!("{project}/{name}");
        self.put(record::LOGSTORE, key, true, record::encode(&record));
        let logstore = Logstore { record, index: None };
        self.project(project)?.logstores.insert(name, Arc::new(logstore));
        Ok(NewLogstore { store: StoreId(store) })
    }

    fn logstore(&mut self, project: &str, name: &str) -> Result<&mut Logstore, CatalogError> {
        let logstore = self.project(project)?.logstores.get_mut(name);
        logstore.map(Arc::make_mut).ok_or_else(|| CatalogError::missing(Kind::Logstore, name))
    }

    /// Changes what is given of a logstore. The number of shards changes only by splitting, so
    /// `shardCount`, which clients always repeat, is not looked at.
    ///
    /// # Errors
    /// A bad property, or there is no such logstore.
    pub fn update_logstore(
        &mut self,
        project: &str,
        name: &str,
        fields: LogstoreFields,
    ) -> Result<(), CatalogError> {
        let now = self.now_secs;
        let logstore = self.logstore(project, name)?;
        logstore.record.properties = merge(logstore.record.properties.clone(), fields, now)?;
        let value = record::encode(&logstore.record);
        self.put(record::LOGSTORE, format!("{project}/{name}"), false, value);
        Ok(())
    }

    /// Deletes a logstore and its index. Gives the store that is gone.
    ///
    /// # Errors
    /// There is no such logstore.
    pub fn delete_logstore(&mut self, project: &str, name: &str) -> Result<StoreId, CatalogError> {
        let store = self.logstore(project, name)?.store();
        self.project(project)?.logstores.remove(name);
        self.delete(record::LOGSTORE, format!("{project}/{name}"));
        self.delete(record::INDEX, format!("{project}/{name}"));
        // In the same transaction, so that a crash leaves no rows without an owner.
        self.edits.push(Edit::DropStore(store));
        Ok(store)
    }

    /// Gives a logstore an index.
    ///
    /// # Errors
    /// A bad index, it has one already, or there is no such logstore.
    pub fn create_index(
        &mut self,
        project: &str,
        logstore: &str,
        index: api::index::Index,
    ) -> Result<(), CatalogError> {
        if self.logstore(project, logstore)?.index.is_some() {
            return Err(CatalogError::exists(Kind::Index, logstore));
        }
        self.put_index(project, logstore, index)
    }

    /// Replaces the index of a logstore.
    ///
    /// # Errors
    /// A bad index, it has none, or there is no such logstore.
    pub fn update_index(
        &mut self,
        project: &str,
        logstore: &str,
        index: api::index::Index,
    ) -> Result<(), CatalogError> {
        self.logstore(project, logstore)?.index()?;
        self.put_index(project, logstore, index)
    }

    fn put_index(
        &mut self,
        project: &str,
        logstore: &str,
        index: api::index::Index,
    ) -> Result<(), CatalogError> {
        if let Some(reason) = index.problem() {
            return Err(CatalogError::Invalid { kind: Kind::Index, reason });
        }
        let record = IndexRecord { index, last_modify_time: self.now_secs };
        self.put(record::INDEX, format!("{project}/{logstore}"), false, record::encode(&record));
        self.logstore(project, logstore)?.index = Some(Arc::new(Index::new(record)));
        Ok(())
    }

    /// Takes the index of a logstore away.
    ///
    /// # Errors
    /// It has none, or there is no such logstore.
    pub fn delete_index(&mut self, project: &str, logstore: &str) -> Result<(), CatalogError> {
        let held = self.logstore(project, logstore)?;
        held.index()?;
        held.index = None;
        self.delete(record::INDEX, format!("{project}/{logstore}"));
        Ok(())
    }

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

/// Shards of a logstore whose creator named no number.
const DEFAULT_SHARDS: i64 = 2;
/// Days that logs are kept when the creator named no number.
const DEFAULT_TTL_DAYS: i64 = 30;

fn merge(
    held: api::logstore::Logstore,
    given: LogstoreFields,
    now_secs: i64,
) -> Result<api::logstore::Logstore, CatalogError> {
    let invalid = |reason| Err(CatalogError::Invalid { kind: Kind::Logstore, reason });
    let merged = api::logstore::Logstore {
        ttl: given.ttl.unwrap_or(held.ttl),
        enable_tracking: given.enable_tracking.unwrap_or(held.enable_tracking),
        auto_split: given.auto_split.unwrap_or(held.auto_split),
        max_split_shard: given.max_split_shard.unwrap_or(held.max_split_shard),
        append_meta: given.append_meta.unwrap_or(held.append_meta),
        telemetry_type: given.telemetry_type.unwrap_or(held.telemetry_type),
        mode: given.mode.unwrap_or(held.mode),
        hot_ttl: given.hot_ttl.or(held.hot_ttl),
        infrequent_access_ttl: given.infrequent_access_ttl.or(held.infrequent_access_ttl),
        encrypt_conf: given.encrypt_conf.or(held.encrypt_conf),
        processor_id: given.processor_id.or(held.processor_id),
        product_type: given.product_type.or(held.product_type),
        last_modify_time: now_secs,
        ..held
    };
    if !(1..=names::MAX_TTL_DAYS).contains(&merged.ttl) {
        return invalid(format!("ttl {} is not in 1 to {}", merged.ttl, names::MAX_TTL_DAYS));
    }
    // Clients send 0 beside `autoSplit: false`.
    if !(0..=names::MAX_SPLIT_SHARDS).contains(&merged.max_split_shard) {
        let limit = names::MAX_SPLIT_SHARDS;
        return invalid(format!("maxSplitShard {} is not in 1 to {limit}", merged.max_split_shard));
    }
    Ok(merged)
}

/// Cuts the range of hash keys evenly. The last range ends with all `f`.
fn even_shards(count: i64, now_secs: i64) -> Vec<Shard> {
    let parts = u128::try_from(count).expect("the count was checked to be positive");
    // `shard * 2^128 / parts`, taken apart because 2^128 itself has no room in the type.
    let (quotient, rest) = (u128::MAX / parts, u128::MAX % parts + 1);
    let edge = |shard: i64| match u128::try_from(shard) {
        Ok(shard) if shard < parts => shard * quotient + shard * rest / parts,
        _ => u128::MAX,
    };
    (0..count)
        .map(|shard| Shard {
            shard_id: shard,
            status: ShardStatus::Readwrite,
            inclusive_begin_key: format!("{:032x}", edge(shard)),
            exclusive_end_key: format!("{:032x}", edge(shard + 1)),
            create_time: now_secs,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_of_a_new_logstore_cover_all_keys_without_a_gap() {
        for count in 1..=10 {
            let shards = even_shards(count, 0);
            assert_eq!(shards.len(), usize::try_from(count).expect("small"));
            assert_eq!(shards[0].inclusive_begin_key, "0".repeat(32));
            assert_eq!(shards[shards.len() - 1].exclusive_end_key, "f".repeat(32));
            for pair in shards.windows(2) {
                assert_eq!(pair[0].exclusive_end_key, pair[1].inclusive_begin_key);
                assert!(pair[0].inclusive_begin_key < pair[0].exclusive_end_key);
            }
        }
        assert_eq!(even_shards(2, 0)[1].inclusive_begin_key, format!("8{}", "0".repeat(31)));
        assert_eq!(even_shards(4, 0)[1].inclusive_begin_key, format!("4{}", "0".repeat(31)));
    }
}
