//! What can go wrong with an engine, one type for each family of calls.

use crate::blob::BlobError;
use crate::catalog::CatalogError;
use crate::commit_log::CommitError;
use crate::ids::StoreId;
use crate::wal::LogError;

/// Why an append was refused.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Memory is full because flushing cannot keep up; send again later.
    #[error("{memory_bytes} bytes wait in memory, the limit is {limit_bytes}: send again later")]
    Busy {
        /// Bytes in memory.
        memory_bytes: usize,
        /// What is allowed.
        limit_bytes: usize,
    },
    /// The group is larger than a log file may take; split it.
    #[error("a log group of {bytes} bytes is over the limit of {limit_bytes}: split it")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        limit_bytes: usize,
    },
    /// The store was dropped.
    #[error("store {store} was dropped")]
    Dropped {
        /// Its number.
        store: StoreId,
    },
    /// The log has no room for a new file; nothing was lost, send again later.
    #[error("the log takes no more for now: {reason}")]
    Log {
        /// What the disk said.
        reason: String,
    },
    /// The engine failed and takes no data until it is opened again. Whether this group
    /// survives is unknown.
    #[error("the store stopped taking data: {reason}; restart to recover from what is on disk")]
    Failed {
        /// What happened first.
        reason: String,
    },
    /// The engine is closed.
    #[error("the store is closed")]
    Closed,
}

impl AppendError {
    /// Whether the same append may succeed later without anybody acting.
    pub fn is_retryable(&self) -> bool {
        matches!(self, AppendError::Busy { .. } | AppendError::Log { .. })
    }
}

/// Why the engine could not be opened. Nothing was lost by trying.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting makes no sense.
    #[error("setting {name} is {value}: it must be {rule}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        rule: &'static str,
    },
    /// Another process has the directory.
    #[error("{path} is open in another process: stop that one, or use another directory")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// A file or directory could not be reached.
    #[error("{path} cannot be opened: {source}")]
    Disk {
        /// Which one.
        path: String,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The catalog could not be opened.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The log could not be brought back.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The blob store could not be listed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A live segment is not what was written.
    #[error(
        "segment file {blob} of store {store} has {found} bytes, {expected} were written: \
         put a good copy back under that name"
    )]
    Segment {
        /// The file.
        blob: String,
        /// Its store.
        store: StoreId,
        /// Bytes that were written.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The log thread could not be started.
    #[error("the log thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// What was salvaged could not be put into segments.
    #[error("what was salvaged cannot be put into segments: {0}")]
    Salvage(#[source] Box<MaintainError>),
}

/// Why maintenance did not finish. What it did before stays done; calling it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// A segment could not be written or deleted.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The log refused.
    #[error(transparent)]
    Log(#[from] CommitError),
    /// Rows could not be encoded.
    #[error("rows of store {store} cannot be written as a segment: {reason}")]
    Segment {
        /// The store.
        store: StoreId,
        /// What is wrong.
        reason: String,
    },
    /// The engine failed before.
    #[error("the store stopped: {reason}; restart to recover from what is on disk")]
    Failed {
        /// What happened first.
        reason: String,
    },
}
