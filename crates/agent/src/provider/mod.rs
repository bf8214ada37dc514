//! Where configurations come from: a service that hands them out ([`remote`]), or a directory of
//! files ([`dir`]). Both give the whole set they know whenever it changes.

pub mod dir;
pub mod remote;

use sls::collect::CollectConfig;

/// A configuration as a provider knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Where it is from: a file with its document, or the name on the wire.
    pub id: String,
    /// The provider's version of it; another number means another content.
    pub version: i64,
    /// The checked configuration, or why there is none.
    pub config: Result<CollectConfig, String>,
}

/// What became of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Applied,
    /// It does not; an older version of it may still run.
    Failed(String),
}
