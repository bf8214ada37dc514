//! Everything the catalog holds at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sls::api;
use sls::api::shard::ShardStatus;
use store::StoreId;

use super::record::{self, IndexRecord, LogstoreRecord, ProjectRecord};
use super::{CatalogError, Kind, index_rules};

/// All projects. Cheap to clone: what did not change is shared.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By name.
    pub projects: BTreeMap<String, Arc<Project>>,
    /// The number the next logstore gets.
    pub(super) next_store: u64,
}

/// One project.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Its properties.
    pub record: ProjectRecord,
    /// By name.
    pub logstores: BTreeMap<String, Arc<Logstore>>,
    /// By name.
    pub groups: BTreeMap<String, Arc<api::machine_group::MachineGroup>>,
    /// By name.
    pub configs: BTreeMap<String, Arc<Config>>,
    /// Pairs of group and configuration.
    pub applied: BTreeSet<(String, String)>,
}

/// One logstore.
#[derive(Clone, Debug)]
pub struct Logstore {
    /// Its properties and shards.
    pub record: LogstoreRecord,
    /// Its index, when it has one.
    pub index: Option<Arc<Index>>,
}

/// The index of a logstore.
#[derive(Clone, Debug)]
pub struct Index {
    /// As the user wrote it, defaults filled.
    pub index: api::index::Index,
    /// The same as the query engine needs it.
    pub rules: query::IndexRules,
    /// UNIX seconds.
    pub last_modify_time: i64,
}

/// One configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// As the user wrote it.
    pub document: api::config::LogtailConfig,
    /// Grows with every write, also across deletion: what agents compare.
    pub version: i64,
}

impl Model {
    /// The project of this name.
    ///
    /// # Errors
    /// [`CatalogError::Missing`].
    pub fn project(&self, name: &str) -> Result<&Arc<Project>, CatalogError> {
        self.projects.get(name).ok_or_else(|| CatalogError::missing(Kind::Project, name))
    }

    pub(super) fn load(records: &dyn store::catalog::Catalog) -> Result<Self, CatalogError> {
        let mut model = Model { next_store: 1, ..Model::default() };
        let mut projects: BTreeMap<String, Project> = BTreeMap::new();
        for (key, record) in records.list(record::PROJECT, "")? {
            let record = record::decode(record::PROJECT, &key, &record.value)?;
            projects.insert(key, Project { record, ..Project::default() });
        }
        let mut indexes: BTreeMap<String, Arc<Index>> = BTreeMap::new();
        for (key, record) in records.list(record::INDEX, "")? {
            let record: IndexRecord = record::decode(record::INDEX, &key, &record.value)?;
            indexes.insert(key, Arc::new(Index::new(record)));
        }
        for (key, record) in records.list(record::LOGSTORE, "")? {
            let (project, name) = owner(&mut projects, record::LOGSTORE, &key)?;
            let record = record::decode(record::LOGSTORE, &key, &record.value)?;
            let logstore = Logstore { record, index: indexes.remove(&key) };
            project.logstores.insert(name, Arc::new(logstore));
        }
        for (key, record) in records.list(record::GROUP, "")? {
            let (project, name) = owner(&mut projects, record::GROUP, &key)?;
            let group = record::decode(record::GROUP, &key, &record.value)?;
            project.groups.insert(name, Arc::new(group));
        }
        for (key, record) in records.list(record::CONFIG, "")? {
            let (project, name) = owner(&mut projects, record::CONFIG, &key)?;
            let document = record::decode(record::CONFIG, &key, &record.value)?;
            let version = version(record.version);
            project.configs.insert(name, Arc::new(Config { document, version }));
        }
        for (key, _) in records.list(record::APPLIED, "")? {
            let (project, pair) = owner(&mut projects, record::APPLIED, &key)?;
            let (group, config) = pair.split_once('/').ok_or_else(|| CatalogError::Record {
                family: record::APPLIED,
                key: key.clone(),
                reason: "the key is not project/group/config".into(),
            })?;
            project.applied.insert((group.to_owned(), config.to_owned()));
        }
        if let Some(record) = records.get(record::COUNTER, record::NEXT_STORE)? {
            model.next_store = record::decode(record::COUNTER, record::NEXT_STORE, &record.value)?;
        }
        model.projects =
            projects.into_iter().map(|(name, project)| (name, Arc::new(project))).collect();
        Ok(model)
    }
}

/// Versions on the wire are signed, and -1 and 0 have a meaning of their own.
pub(super) fn version(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn owner<'a>(
    projects: &'a mut BTreeMap<String, Project>,
    family: &'static str,
    key: &str,
) -> Result<(&'a mut Project, String), CatalogError> {
    let broken = |reason: &str| CatalogError::Record {
        family,
        key: key.to_owned(),
        reason: reason.to_owned(),
    };
    let (project, name) = key.split_once('/').ok_or_else(|| broken("the key has no project"))?;
    let project = projects.get_mut(project).ok_or_else(|| broken("its project has no record"))?;
    Ok((project, name.to_owned()))
}

impl Project {
    /// The logstore of this name.
    ///
    /// # Errors
    /// [`CatalogError::Missing`].
    pub fn logstore(&self, name: &str) -> Result<&Arc<Logstore>, CatalogError> {
        self.logstores.get(name).ok_or_else(|| CatalogError::missing(Kind::Logstore, name))
    }

    /// The machine group of this name.
    ///
    /// # Errors
    /// [`CatalogError::Missing`].
    pub fn group(
        &self,
        name: &str,
    ) -> Result<&Arc<api::machine_group::MachineGroup>, CatalogError> {
        self.groups.get(name).ok_or_else(|| CatalogError::missing(Kind::MachineGroup, name))
    }

    /// The configuration of this name.
    ///
    /// # Errors
    /// [`CatalogError::Missing`].
    pub fn config(&self, name: &str) -> Result<&Arc<Config>, CatalogError> {
        self.configs.get(name).ok_or_else(|| CatalogError::missing(Kind::Config, name))
    }

    /// The configurations applied to a group, by name.
    pub fn applied_to<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        self.applied
            .range((group.to_owned(), String::new())..)
            .take_while(move |(applied, _)| applied == group)
            .map(|(_, config)| config.as_str())
    }
}

impl Logstore {
    /// Its number in the engine.
    pub fn store(&self) -> StoreId {
        StoreId(self.record.store)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.properties.logstore_name
    }

    /// Its index.
    ///
    /// # Errors
    /// [`CatalogError::Missing`] of kind [`Kind::Index`].
    pub fn index(&self) -> Result<&Arc<Index>, CatalogError> {
        self.index.as_ref().ok_or_else(|| CatalogError::missing(Kind::Index, self.name()))
    }

    /// The shard for the `turn`-th write that names none.
    pub fn shard_in_turn(&self, turn: usize) -> Option<u16> {
        let writable = || self.record.shards.iter().filter(|shard| is_writable(shard));
        let count = writable().count();
        if count == 0 {
            return None;
        }
        writable().nth(turn % count).and_then(|shard| u16::try_from(shard.shard_id).ok())
    }

    /// The writable shard whose range holds `key`, which is lower-case hexadecimal and at most
    /// 32 digits: ranges compare as text, so a short key stands for the one filled with zeros.
    pub fn shard_of_key(&self, key: &str) -> Option<u16> {
        let key = format!("{key:0<32}");
        let holds = |shard: &&api::shard::Shard| {
            // The end of the last range is itself part of it: there is no key after it.
            let last = shard.exclusive_end_key.bytes().all(|digit| digit == b'f');
            is_writable(shard)
                && shard.inclusive_begin_key <= key
                && (last || key < shard.exclusive_end_key)
        };
        let shard = self.record.shards.iter().find(holds)?;
        u16::try_from(shard.shard_id).ok()
    }
}

fn is_writable(shard: &api::shard::Shard) -> bool {
    shard.status == ShardStatus::Readwrite
}

impl Index {
    pub(super) fn new(record: IndexRecord) -> Self {
        let index = record.index.with_defaults();
        let rules = index_rules::rules(&index);
        Self { index, rules, last_modify_time: record.last_modify_time }
    }
}
