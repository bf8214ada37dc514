//! The engine: log, memory and segments of one directory behind one handle.
//!
//! One thread of its own writes the log (`appender`); everything else runs on the thread that
//! calls. Locks are taken in the order maintenance, state, log files, and the state is never
//! locked while a file is read or written.

mod appender;
mod error;
mod flush;
mod open;
mod settings;
mod state;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use error::{AppendError, MaintainError, OpenError};
pub use settings::{DamagedLog, EngineSettings};

use crate::batch::Batch;
use crate::catalog::Catalog;
use crate::disk::Disk;
use crate::health::Health;
use crate::ids::{Origin, Seq, StoreId};
use crate::limits;
use crate::snapshot::Snapshot;
use appender::Pending;
use state::Shared;

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
    shared: Arc<Shared>,
    queue: RwLock<Option<mpsc::Sender<Pending>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the engine in `dir`, which is made when missing, and brings back what the log holds.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: EngineSettings,
        decode: Arc<dyn Decode>,
    ) -> Result<(Engine, RecoveryReport), OpenError> {
        open::open(disk, dir, settings, decode)
    }

    /// Takes a log group and returns at once. `done` is called exactly once: from the log thread
    /// when the group is durable and its rows are searchable, or when that failed; or, when the
    /// group is refused at the door, from here before returning. It must be short: other
    /// senders wait behind it.
    pub fn append(&self, append: Append, done: Done) {
        match self.admit(append) {
            Err(refusal) => done(Err(refusal)),
            Ok(pending) => {
                let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
                match &*queue {
                    None => {
                        drop(queue);
                        self.shared.give_back(pending.memory_bytes);
                        done(Err(AppendError::Closed));
                    }
                    Some(queue) => {
                        // The thread only ends after the queue was taken away.
                        let sent = queue.send(Pending { done: Some(done), ..pending });
                        if let Err(mpsc::SendError(mut pending)) = sent {
                            self.shared.give_back(pending.memory_bytes);
                            pending.answer(Err(AppendError::Closed));
                        }
                    }
                }
            }
        }
    }

    fn admit(&self, append: Append) -> Result<Pending, AppendError> {
        if let Some(reason) = self.shared.failure.reason() {
            return Err(AppendError::Failed { reason });
        }
        let too_large = |bytes, limit_bytes| Err(AppendError::TooLarge { bytes, limit_bytes });
        let batch_bytes = append.batch.memory_bytes();
        if append.payload.len() > limits::PAYLOAD_BYTES {
            return too_large(append.payload.len(), limits::PAYLOAD_BYTES);
        }
        if append.batch.is_oversized() || batch_bytes > limits::BATCH_BYTES {
            return too_large(batch_bytes, limits::BATCH_BYTES);
        }
        if self.shared.state().dropped.contains(&append.store) {
            return Err(AppendError::Dropped { store: append.store });
        }
        let memory_bytes = self.shared.reserve(append.payload.len() + batch_bytes)?;
        Ok(Pending { append, memory_bytes, done: None })
    }

    /// One store at this moment. A store nobody appended to is empty.
    pub fn snapshot(&self, store: StoreId) -> Snapshot {
        self.shared.snapshot(store)
    }

    /// Flushes what is too large or too old, releases log files, deletes files nobody reads any
    /// more. Call it when [`Engine::wait_for_work`] says so and at least every few seconds.
    ///
    /// Appends go on meanwhile. A store that cannot be flushed does not keep the others from it;
    /// the first error is answered and everything is tried again by the next call.
    pub fn maintain(&self, now_nanos: i64) -> Result<MaintainReport, MaintainError> {
        self.shared.maintain(Some(now_nanos))
    }

    /// Flushes every row in memory into segments, whatever its age.
    pub fn flush(&self) -> Result<MaintainReport, MaintainError> {
        self.shared.maintain(None)
    }

    /// Waits until a memtable has reached its size, at most for `at_most`. Answers whether one
    /// has.
    pub fn wait_for_work(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        let mut state = self.shared.state();
        while !state.wants_flush {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Forgets a deleted logstore. Later appends to it are refused; snapshots already taken stay
    /// readable. The number must not be used for another store. Waits for a flush under way.
    pub fn drop_store(&self, store: StoreId) -> Result<(), MaintainError> {
        self.shared.drop_store(store)
    }

    /// Drops the segments of which every row was received before `oldest_received_nanos`.
    /// Answers how many.
    pub fn retain(
        &self,
        store: StoreId,
        oldest_received_nanos: i64,
    ) -> Result<usize, MaintainError> {
        self.shared.retain(store, oldest_received_nanos)
    }

    /// The catalog; the service keeps its own records there too. Its families must not be
    /// written by two services at once.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.shared.catalog
    }

    /// Whether the engine takes data.
    pub fn health(&self) -> Health {
        self.shared.failure.health()
    }

    /// Counts and sizes at this moment.
    pub fn stats(&self) -> EngineStats {
        self.shared.stats()
    }

    /// Refuses further appends, decides those under way, seals the log and joins the log thread.
    /// Rows in memory stay in the log. Dropping the engine does the same.
    pub fn close(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        // The last handle may go inside a `done`: then the thread ends by itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            self.shared.failure.fail(|| "the log thread panicked".to_owned());
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stats", &self.stats()).finish_non_exhaustive()
    }
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

/// Counters that many threads raise.
#[derive(Debug, Default)]
struct Totals {
    groups: std::sync::atomic::AtomicU64,
    rows: std::sync::atomic::AtomicU64,
    payload_bytes: std::sync::atomic::AtomicU64,
    syncs: std::sync::atomic::AtomicU64,
    busy: std::sync::atomic::AtomicU64,
    segments_written: std::sync::atomic::AtomicU64,
}

fn add(counter: &std::sync::atomic::AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
