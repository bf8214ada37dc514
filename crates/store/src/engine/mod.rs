//! The engine: log, memory and segments of one directory behind one handle.

mod settings;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use settings::{DamagedLog, EngineSettings};

use crate::batch::Batch;
use crate::catalog::{Catalog, CatalogError};
use crate::disk::Disk;
use crate::health::Health;
use crate::ids::{Origin, Seq, StoreId};
use crate::snapshot::Snapshot;

/// Turns an opaque payload of the log back into rows, at recovery. The engine never looks inside
/// a payload; whoever appends knows what it is.
pub trait Decode: Send + Sync {
    /// The rows of one payload; must give the same rows that were appended with it.
    ///
    /// # Errors
    /// A sentence for the person who has to act. Opening fails with it.
    fn decode(&self, payload: &[u8]) -> Result<Batch, String>;
}

/// One log group to be made durable.
#[derive(Debug)]
pub struct Append {
    /// The store.
    pub store: StoreId,
    /// The shard.
    pub shard: u16,
    /// When it was received, nanoseconds since 1970-01-01 UTC.
    pub received_nanos: i64,
    /// Where it came from.
    pub origin: Option<Origin>,
    /// The group as received; this is what the log keeps.
    pub payload: Vec<u8>,
    /// The same as rows; this is what becomes searchable.
    pub batch: Batch,
}

/// What is called when an append is decided.
pub type Done = Box<dyn FnOnce(Result<Seq, AppendError>) + Send>;

/// The log engine over one directory.
pub struct Engine {
    catalog: Arc<dyn Catalog>,
}

impl Engine {
    /// Opens the engine in `dir`, which is made when missing, and brings back what the log holds.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: EngineSettings,
        decode: Arc<dyn Decode>,
    ) -> Result<(Engine, RecoveryReport), OpenError> {
        let _ = (disk, settings, decode);
        Err(OpenError::Disk {
            path: dir.display().to_string(),
            source: std::io::ErrorKind::Unsupported.into(),
        })
    }

    /// Takes a log group and returns at once. `done` is called when the group is durable and its
    /// rows are searchable, from the log thread; so it must be short and must not call back into
    /// [`Engine::append`]'s caller locks. A refusal is answered before `append` returns.
    pub fn append(&self, append: Append, done: Done) {
        drop(append);
        done(Err(AppendError::Closed));
    }

    /// One store at this moment. A store nobody appended to is empty.
    pub fn snapshot(&self, store: StoreId) -> Snapshot {
        let _ = store;
        Snapshot::default()
    }

    /// Flushes what is too large or too old, releases log files, deletes files nobody reads any
    /// more. Call it when [`Engine::wait_for_work`] says so and at least every few seconds.
    pub fn maintain(&self, now_nanos: i64) -> Result<MaintainReport, MaintainError> {
        let _ = now_nanos;
        Ok(MaintainReport::default())
    }

    /// Waits until a memtable has reached its size, at most for `at_most`. Answers whether one
    /// has.
    pub fn wait_for_work(&self, at_most: Duration) -> bool {
        let _ = at_most;
        false
    }

    /// Flushes every row in memory into segments.
    pub fn flush(&self) -> Result<MaintainReport, MaintainError> {
        Ok(MaintainReport::default())
    }

    /// Forgets a deleted logstore. Later appends to it are refused; snapshots already taken stay
    /// readable.
    pub fn drop_store(&self, store: StoreId) -> Result<(), MaintainError> {
        let _ = store;
        Ok(())
    }

    /// Drops the segments of which every row was received before `oldest_received_nanos`.
    /// Answers how many.
    pub fn retain(
        &self,
        store: StoreId,
        oldest_received_nanos: i64,
    ) -> Result<usize, MaintainError> {
        let _ = (store, oldest_received_nanos);
        Ok(0)
    }

    /// The catalog; the service keeps its own records there too.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    /// Whether the engine takes data.
    pub fn health(&self) -> Health {
        Health::Ready
    }

    /// Counts and sizes at this moment.
    pub fn stats(&self) -> EngineStats {
        EngineStats::default()
    }

    /// Refuses further appends, decides those under way, seals the log and joins the threads.
    /// Rows in memory stay in the log. Dropping the engine does the same.
    pub fn close(&self) {}
}

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Log groups brought back into memory.
    pub groups: u64,
    /// Their rows.
    pub rows: u64,
    /// Log files read.
    pub log_files: usize,
    /// Bytes cut off the end of the newest log file: written, never acknowledged.
    pub torn_bytes: u64,
    /// Blobs deleted because no segment points at them: flushes that a crash undid.
    pub orphan_blobs: usize,
    /// What [`DamagedLog::Salvage`] gave up.
    pub damages: Vec<String>,
}

/// What a maintenance run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaintainReport {
    /// Segments written.
    pub segments: usize,
    /// Rows in them.
    pub rows: u64,
    /// Log files released.
    pub log_files: usize,
    /// Files of dropped segments deleted.
    pub blobs_deleted: usize,
}

/// Counts and sizes. Those named `_total` only grow while the process lives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Log groups acknowledged.
    pub groups_total: u64,
    /// Their rows.
    pub rows_total: u64,
    /// Payload bytes of them.
    pub payload_bytes_total: u64,
    /// Syncs that acknowledged them.
    pub syncs_total: u64,
    /// Appends refused because memory was full.
    pub busy_total: u64,
    /// Segments written.
    pub segments_written_total: u64,
    /// Bytes of rows in memory and of appends under way.
    pub memory_bytes: u64,
    /// Rows in memory.
    pub memory_rows: u64,
    /// Live segments.
    pub segments: u64,
    /// Rows in them.
    pub segment_rows: u64,
    /// Bytes of them.
    pub segment_bytes: u64,
}

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

/// Why the engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory could not be reached.
    #[error("{path} cannot be opened: {source}")]
    Disk {
        /// Which one.
        path: String,
        /// What the disk said.
        source: std::io::Error,
    },
}

/// Why maintenance did not finish. What it did before stays done; calling it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// A segment could not be written or deleted.
    #[error(transparent)]
    Blob(#[from] crate::blob::BlobError),
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The log refused.
    #[error(transparent)]
    Log(#[from] crate::commit_log::CommitError),
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
