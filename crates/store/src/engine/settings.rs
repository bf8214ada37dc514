//! What an operator may change.

use std::time::Duration;

/// Limits and rhythms of an [`crate::Engine`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Size of one log file.
    pub log_file_bytes: u64,
    /// A group of appends that share one sync is closed at this many payload bytes.
    pub group_bytes: usize,
    /// How long a group waits for company when the one before it had some. A lone sender never
    /// waits.
    pub group_wait: Duration,
    /// Rows of one store in memory before they are flushed.
    pub flush_store_bytes: usize,
    /// Rows of all stores in memory before the largest are flushed.
    pub flush_node_bytes: usize,
    /// The oldest row in memory before its store is flushed.
    pub flush_age: Duration,
    /// Rows in memory, appends under way included, above which appends are refused as busy.
    pub memory_bytes: usize,
    /// What to do with a log file that is damaged where it was known to be good.
    pub damaged_log: DamagedLog,
}

impl Default for EngineSettings {
    fn default() -> EngineSettings {
        EngineSettings {
            log_file_bytes: 64 << 20,
            group_bytes: 1 << 20,
            group_wait: Duration::from_millis(2),
            flush_store_bytes: 16 << 20,
            flush_node_bytes: 64 << 20,
            flush_age: Duration::from_secs(30),
            memory_bytes: 192 << 20,
            damaged_log: DamagedLog::Refuse,
        }
    }
}

/// What opening does about damage that is no torn tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DamagedLog {
    /// Put the file aside and refuse to open: a person decides.
    #[default]
    Refuse,
    /// Take every group whose checksum holds, report what is missing, keep the file aside.
    Salvage,
}
