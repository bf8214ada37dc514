//! The status of an object (`kubernetes` 1.4 and 3.4): the pair that old readers know, and
//! conditions.

use serde::{Deserialize, Serialize};

/// What the operator says about one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// `OK` or `Error`: what old readers look at.
    pub status: String,
    /// 200, or the HTTP status of the failure: 400 for a wrong spec, 409 for a conflict.
    pub status_code: u16,
    /// The last failure in words; empty when there is none.
    pub message: String,
    /// Its reason or the service's error code.
    pub reason: String,
    /// The service's id of the request that failed.
    pub request_id: String,
    /// Which generation of the spec this is about.
    pub observed_generation: i64,
    /// When this was last written with a change (RFC 3339).
    pub last_update_time: String,
    /// `sha256:` and the hash of the spec that the service holds.
    pub last_applied_hash: String,
    /// What is in the service on behalf of the object. Tells what to delete with it.
    pub applied: Option<Applied>,
    /// One for each step, in the order of the steps.
    pub conditions: Vec<Condition>,
}

/// What is in the service on behalf of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Applied {
    /// Project of the configuration.
    pub project: String,
    /// Logstore that it writes to.
    pub logstore: String,
    /// Its name.
    pub config_name: String,
    /// The groups it is applied to.
    pub machine_groups: Vec<String>,
}

/// One condition in the form of Kubernetes' `meta/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Such as `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word in CamelCase.
    pub reason: String,
    /// Words for people.
    pub message: String,
    /// When `status` last changed (RFC 3339).
    pub last_transition_time: String,
    /// Which generation of the spec this is about.
    pub observed_generation: i64,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It has not come to that.
    Unknown,
}

impl Status {
    /// The condition of this kind.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether everything is as the object asks.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|ready| ready.status == ConditionStatus::True)
    }
}
