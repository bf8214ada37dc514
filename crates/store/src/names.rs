//! Every file name of a data directory.
//!
//! ```text
//! LOCK                                         held while an engine is open
//! catalog.redb                                 records, segments, positions
//! wal/0000000000000001.wal                     log files, numbered in hexadecimal
//! wal/0000000000000001.wal.quarantined         a log file that was found damaged
//! segments/<store>-<segment>.parquet           immutable rows
//! segments/<store>-<segment>.parquet.tmp       a segment being written
//! ```

use crate::catalog::SegmentId;
use crate::ids::StoreId;

pub(crate) const LOCK: &str = "LOCK";
pub(crate) const CATALOG: &str = "catalog.redb";
pub(crate) const WAL_DIR: &str = "wal";
pub(crate) const SEGMENT_DIR: &str = "segments";

/// Ends the name of a file that is not finished; such files mean nothing after a crash.
pub(crate) const UNFINISHED: &str = ".tmp";

const WAL_SUFFIX: &str = ".wal";
const QUARANTINED_SUFFIX: &str = ".wal.quarantined";
const SEGMENT_SUFFIX: &str = ".parquet";

/// What a name in the log directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalName {
    Live(u64),
    Quarantined(u64),
}

pub(crate) fn wal_file(number: u64) -> String {
    format!("{number:016x}{WAL_SUFFIX}")
}

pub(crate) fn quarantined_wal_file(number: u64) -> String {
    format!("{number:016x}{QUARANTINED_SUFFIX}")
}

pub(crate) fn parse_wal(name: &str) -> Option<WalName> {
    if let Some(number) = name.strip_suffix(QUARANTINED_SUFFIX) {
        return Some(WalName::Quarantined(hex(number)?));
    }
    Some(WalName::Live(hex(name.strip_suffix(WAL_SUFFIX)?)?))
}

pub(crate) fn segment_blob(store: StoreId, id: SegmentId) -> String {
    format!("{:016x}-{:016x}{SEGMENT_SUFFIX}", store.0, id.0)
}

/// Only names we would write ourselves: others are left alone.
pub(crate) fn is_segment_blob(name: &str) -> bool {
    let parts = name.strip_suffix(SEGMENT_SUFFIX).and_then(|stem| stem.split_once('-'));
    parts.is_some_and(|(store, id)| hex(store).is_some() && hex(id).is_some())
}

fn hex(digits: &str) -> Option<u64> {
    let ours = digits.len() == 16
        && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if ours { u64::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_strangers_are_not() {
        assert_eq!(parse_wal(&wal_file(26)), Some(WalName::Live(26)));
        assert_eq!(parse_wal(&quarantined_wal_file(26)), Some(WalName::Quarantined(26)));
        for stranger in [
            "1.wal",
            "000000000000001A.wal",
            "0000000000000001.wal~",
            ".wal",
            "+000000000000001.wal",
        ] {
            assert_eq!(parse_wal(stranger), None, "{stranger}");
        }
        assert!(is_segment_blob(&segment_blob(StoreId(1), SegmentId(u64::MAX))));
        assert!(!is_segment_blob("notes.parquet"));
    }
}
