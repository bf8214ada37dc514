//! Where configurations come from: a service that hands them out ([`remote`]), or files
//! ([`dir`]). Both give the whole set they know whenever it changes.

pub mod dir;
mod document;
pub mod history;
pub mod remote;

use sls::collect::CollectConfig;

/// A configuration as a provider knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Where it is from: a file with its document, or the name on the wire.
    pub id: String,
    /// The provider's version of it; another number means another content.
    pub version: i64,
    /// The checked configuration, `None` where it says that it is not to run, or why there is
    /// none.
    pub config: Result<Option<CollectConfig>, String>,
    /// What else is to be said about it, such as its unknown keys.
    pub warnings: Vec<String>,
}

/// What became of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs, or does not because it says so; with what is to be said about it.
    Applied(String),
    /// It does not; an older version of it may still run.
    Failed(String),
}
