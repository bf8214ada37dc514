//! The small values everything else is addressed by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One logstore. The server hands the numbers out and never uses one twice: the log and the
/// catalog remember a dropped store by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreId(pub u64);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of one appended log group within its (store, shard). Starts at 1, grows by one
/// with each group, and is never used again for another group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first group: "nothing is flushed yet".
    pub const NONE: Seq = Seq(0);

    /// The number after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `[from_nanos, to_nanos)` on `__time__`, in nanoseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first nanosecond inside.
    pub from_nanos: i64,
    /// The first nanosecond after.
    pub to_nanos: i64,
}

impl TimeRange {
    /// Every time a row can have, except the very last nanosecond of the type.
    pub const ALL: TimeRange = TimeRange { from_nanos: i64::MIN, to_nanos: i64::MAX };

    /// Whether anything between `min_nanos` and `max_nanos`, both included, can be inside.
    pub fn touches(&self, min_nanos: i64, max_nanos: i64) -> bool {
        min_nanos < self.to_nanos && max_nanos >= self.from_nanos
    }
}

/// Which bytes of which source file a group came from. Kept durable and handed back; the
/// engine draws no conclusion from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The sender's name for the file.
    pub file: [u8; 16],
    /// The first byte of the range.
    pub start: u64,
    /// The first byte after the range.
    pub end: u64,
}
