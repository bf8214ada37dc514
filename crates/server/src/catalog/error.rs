//! Why the catalog refuses.

use std::fmt;

/// The kinds of objects it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A project.
    Project,
    /// A logstore.
    Logstore,
    /// The index of a logstore.
    Index,
    /// A machine group.
    MachineGroup,
    /// A collection configuration.
    Config,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Project => "project",
            Kind::Logstore => "logstore",
            Kind::Index => "index of logstore",
            Kind::MachineGroup => "machine group",
            Kind::Config => "config",
        })
    }
}

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is one of this name.
    #[error("{kind} {name} already exists")]
    Exists {
        /// What.
        kind: Kind,
        /// Which.
        name: String,
    },
    /// There is none of this name.
    #[error("{kind} {name} does not exist")]
    Missing {
        /// What.
        kind: Kind,
        /// Which.
        name: String,
    },
    /// The name breaks the rules.
    #[error("{name:?} cannot name a {kind}: use {rule}")]
    Name {
        /// What.
        kind: Kind,
        /// Which.
        name: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// A property breaks the rules.
    #[error("{kind} is invalid: {reason}")]
    Invalid {
        /// What.
        kind: Kind,
        /// Which rule.
        reason: String,
    },
    /// The project holds as many as it may.
    #[error("the project has {limit} objects of the kind {kind}, which is the limit: delete one")]
    Full {
        /// What.
        kind: Kind,
        /// How many are allowed.
        limit: usize,
    },
    /// A record does not have the form this program writes.
    #[error("the record {family}/{key} cannot be read: {reason}")]
    Record {
        /// Kind of record.
        family: &'static str,
        /// Which.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The store below failed.
    #[error(transparent)]
    Store(#[from] store::catalog::CatalogError),
}

impl CatalogError {
    /// There is none of this name.
    pub fn missing(kind: Kind, name: &str) -> Self {
        Self::Missing { kind, name: name.to_owned() }
    }

    /// There is one of this name.
    pub fn exists(kind: Kind, name: &str) -> Self {
        Self::Exists { kind, name: name.to_owned() }
    }
}
