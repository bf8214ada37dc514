//! The seam of the durable log: embedded it is the write-ahead log of this machine
//! ([`crate::wal::Wal`]); spread over machines it is an object plus a transaction that hands out
//! the numbers.

use std::io;

use crate::ids::{Origin, Seq, StoreId};

/// One log group on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The store.
    pub store: StoreId,
    /// The shard.
    pub shard: u16,
    /// When the group was received, nanoseconds since 1970-01-01 UTC.
    pub received_nanos: i64,
    /// Where the group came from.
    pub origin: Option<Origin>,
    /// The group as it was received.
    pub payload: Vec<u8>,
}

/// Appends groups, gives each a number, and forgets them once they are in segments.
pub trait CommitLog: Send + Sync {
    /// Makes all entries durable together and answers one number for each, in order. Within a
    /// shard the numbers follow each other.
    ///
    /// # Errors
    /// When [`CommitError::is_sticky`], the entries may or may not be durable and the log takes
    /// no more; otherwise none of them was written and the call may be repeated.
    fn commit(&self, entries: &[LogEntry]) -> Result<Vec<Seq>, CommitError>;

    /// The first log file that still holds a group which `is_flushed` denies.
    fn needed_from(&self, is_flushed: &dyn Fn(StoreId, u16, Seq) -> bool) -> u64;

    /// Forgets the files before `file`. Answers how many there were.
    fn release(&self, file: u64) -> Result<usize, CommitError>;

    /// Marks the log as closed in order, so that the next opening can tell every later damage
    /// from a torn tail.
    fn seal(&self) -> Result<(), CommitError>;
}

/// Why the log could not take a group of entries.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A new log file could not be made; nothing was lost and the call may be repeated.
    #[error("log file {file} cannot be made: {source}")]
    NewFile {
        /// The file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// Writing or syncing failed: what is on disk is unknown.
    #[error("log file {file} cannot be made durable: {source}")]
    Lost {
        /// The file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// The log failed before.
    #[error("the log stopped after an earlier failure: {reason}")]
    Stopped {
        /// That failure.
        reason: String,
    },
    /// A released file could not be removed; it is tried again.
    #[error("log file {file} cannot be removed: {source}")]
    Release {
        /// The file.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
}

impl CommitError {
    /// Whether the log takes no more entries after this.
    pub fn is_sticky(&self) -> bool {
        matches!(self, CommitError::Lost { .. } | CommitError::Stopped { .. })
    }
}
