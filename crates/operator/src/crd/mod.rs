//! The custom resource: what users write and what they read back.
//!
//! The spec is `sls::collect::manifest::Resource`, which the command line checks as well; here is
//! what only the operator knows: who an object is, and its status.

mod status;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use sls::collect::manifest::{Metadata, Resource, Spec};
pub use status::{Applied, Condition, ConditionStatus, Status};

/// Prefix of our annotations.
pub const ANNOTATIONS: &str = "sidetail.io/";

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The key of an object with this metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Self { namespace: metadata.namespace.clone(), name: metadata.name.clone() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What happens to the configuration in the service when its object is deleted. Logs and logstores
/// always stay (`kubernetes` 1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// It is deleted too.
    #[default]
    Delete,
    /// It stays.
    Retain,
}

impl DeletionPolicy {
    /// The policy that the annotation `sidetail.io/deletion-policy` asks for.
    pub fn of(metadata: &Metadata) -> Self {
        match metadata.annotations.get(&format!("{ANNOTATIONS}deletion-policy")) {
            Some(policy) if policy.eq_ignore_ascii_case("retain") => Self::Retain,
            _ => Self::Delete,
        }
    }
}
