//! Where immutable files live: on this machine ([`FileBlobs`]) or, later, in an object store. The
//! bytes are the same in both.

mod files;

use bytes::Bytes;

pub use files::FileBlobs;

/// Named immutable byte strings. Names are of the form `[0-9a-z.-]+`.
pub trait BlobStore: Send + Sync {
    /// Stores a new blob. When it returns, name and bytes survive a power cut; before that
    /// nobody sees any of it.
    ///
    /// # Errors
    /// [`BlobError::Exists`] when the name is taken: blobs are never replaced.
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError>;

    /// `length` bytes from `start`; fewer is an error.
    fn read_range(&self, name: &str, start: u64, length: usize) -> Result<Bytes, BlobError>;

    /// The length in bytes.
    fn len(&self, name: &str) -> Result<u64, BlobError>;

    /// All names that start with `prefix`, in no order.
    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError>;

    /// Removes a blob; a missing one is no error. It may come back after a power cut.
    fn delete(&self, name: &str) -> Result<(), BlobError>;
}

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The name is taken.
    #[error("blob {name} exists already")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name is not there.
    #[error("blob {name} is missing")]
    Missing {
        /// The name.
        name: String,
    },
    /// The disk below failed.
    #[error("blob {name} failed: {source}")]
    Disk {
        /// The name.
        name: String,
        /// What the disk said.
        source: std::io::Error,
    },
}
