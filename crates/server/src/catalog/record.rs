//! What the records hold and where they are. Values are JSON; a member that is not known is
//! ignored, so that an older program can open what a newer one wrote without using it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sls::api;

use super::CatalogError;

/// Projects, by name.
pub(super) const PROJECT: &str = "project";
/// Logstores, by `project/logstore`.
pub(super) const LOGSTORE: &str = "logstore";
/// Indexes, by `project/logstore`.
pub(super) const INDEX: &str = "index";
/// Machine groups, by `project/group`.
pub(super) const GROUP: &str = "machinegroup";
/// Configurations, by `project/config`.
pub(super) const CONFIG: &str = "config";
/// Which configuration is applied to which group, by `project/group/config`.
pub(super) const APPLIED: &str = "applied";
/// Counters of the service.
pub(super) const COUNTER: &str = "counter";
/// Key pairs, by access key id.
pub(super) const ACCESS_KEY: &str = "accesskey";

/// The next number a logstore gets.
pub(super) const NEXT_STORE: &str = "next-store";

/// One project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProjectRecord {
    /// Free text.
    pub description: String,
    /// As given at creation.
    pub resource_group_id: String,
    /// As given at creation.
    pub data_redundancy_type: String,
    /// As given.
    pub recycle_bin_enabled: bool,
    /// UNIX seconds.
    pub create_time: i64,
    /// UNIX seconds.
    pub last_modify_time: i64,
}

/// One logstore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogstoreRecord {
    /// Its number in the engine.
    pub store: u64,
    /// Its properties as the API shows them.
    pub properties: api::logstore::Logstore,
    /// Its shards, by id.
    pub shards: Vec<api::shard::Shard>,
}

/// The index of one logstore.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct IndexRecord {
    pub(super) index: api::index::Index,
    pub(super) last_modify_time: i64,
}

pub(super) fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records have string keys only")
}

pub(super) fn decode<T: DeserializeOwned>(
    family: &'static str,
    key: &str,
    value: &[u8],
) -> Result<T, CatalogError> {
    serde_json::from_slice(value).map_err(|error| CatalogError::Record {
        family,
        key: key.to_owned(),
        reason: error.to_string(),
    })
}
