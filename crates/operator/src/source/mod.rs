//! Where objects come from: a directory of manifests now, an API server later.

mod directory;

pub use directory::Directory;

/// One text with objects in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Where it comes from, as people know it: a file path.
    pub origin: String,
    /// The text, or why it cannot be read.
    pub text: Result<String, String>,
}

/// Something that knows which objects there are.
pub trait Source {
    /// Everything there is now, in an order that does not change by itself.
    ///
    /// # Errors
    /// When it is not known what there is. Then nothing may be taken for deleted.
    fn read(&mut self) -> Result<Vec<Manifest>, SourceError>;
}

/// It is not known which objects there are.
#[derive(Debug, thiserror::Error)]
#[error("cannot list the manifests in {place}: {source}")]
pub struct SourceError {
    /// Where was looked.
    pub place: String,
    /// Why it failed.
    pub source: std::io::Error,
}
