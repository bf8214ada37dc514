//! Which files beside a log are its own: those that the program that rotates it leaves there.
//!
//! A file that a configuration does not select is read as content of a log only when it is the very
//! file that had the log's path (device and inode), or when two things come together: its name is
//! one that rotation gives to that log, which is what this module says, and what it holds or when it
//! was begun proves it (`copy`, `proof`, `unseen`). A beginning in common is not enough of a name: beside
//! `app.log` stand `app.log.wf`, `app.log.lck` and `app.log.secret-note`, beside `job1` stands
//! `job10`.
//!
//! And never is a file the log's own that the configuration excludes, or that another configuration
//! selects which does not select the log: to that one it is a log by itself.

use super::source::{Source, bytes, shown};
use super::{Collector, Ship, SourceId};
use crate::files::Files;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What rotation appends beside numbers, dates and times.
const WORDS: [&[u8]; 3] = [b".old", b".bak", b".prev"];

/// The one compression that is read.
const PACKED: &[u8] = b".gz";

/// A date, a time with its zone and a number have no more parts.
const MOST_PARTS: usize = 8;

/// Whether a file of the name `other` beside the log `name` is one that rotation has made of it:
/// behind the whole name of the log come numbers, dates and times between `.`, `-` and `_`
/// (`.1`, `-20261127-1764208800`, `.2026-11-27_10-15-00`), or `.old`, `.bak` or `.prev`, and then
/// maybe `.gz`.
pub(super) fn is_rotation(name: &[u8], other: &[u8]) -> bool {
    let Some(ending) = other.strip_prefix(name).filter(|it| !it.is_empty() && !name.is_empty())
    else {
        return false;
    };
    match ending.strip_suffix(PACKED) {
        Some(plain) => plain.is_empty() || is_turn(plain),
        None => is_turn(ending),
    }
}

/// Whether both names are of one log: the log's own, or what rotation makes of it.
pub(super) fn are_of_one_log(one: &[u8], other: &[u8]) -> bool {
    one == other
        || (1..=one.len()).map(|len| &one[..len]).any(|log| {
            (log == one || is_rotation(log, one)) && (log == other || is_rotation(log, other))
        })
}

/// Whether this is what rotation puts behind a name, apart from compression.
fn is_turn(ending: &[u8]) -> bool {
    if WORDS.contains(&ending) {
        return true;
    }
    let (mut parts, mut is_digit) = (0, false);
    for (at, byte) in ending.iter().enumerate() {
        match byte {
            b'0'..=b'9' => is_digit = true,
            b'.' | b'-' | b'_' if at == 0 || is_digit => (parts, is_digit) = (parts + 1, false),
            // Between date and time.
            b'T' if is_digit => (parts, is_digit) = (parts + 1, false),
            _ => return false,
        }
        if at == 0 && is_digit {
            return false;
        }
    }
    is_digit && parts <= MOST_PARTS
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Whether the file at `other` may be taken for what rotation has made of the log at `log`, for
    /// a configuration that collects the log.
    pub(super) fn may_be_of(&self, id: SourceId, log: &Path, other: &Path) -> bool {
        let (Some(name), Some(rotated)) = (log.file_name(), other.file_name()) else {
            return false;
        };
        let (name, rotated) = (name.as_bytes(), rotated.as_bytes());
        if log.parent() != other.parent() || !is_rotation(name, rotated) {
            return false;
        }
        let Some(source) = self.sources.get(&id) else { return false };
        let prefix = &self.setup.path_prefix;
        if source.plan.exclude.excludes_file(bytes(&shown(other, prefix)), rotated) {
            return false;
        }
        let selects = |source: &Source, path: &Path| {
            source.takes(path, prefix) || source.takes_unscanned(path, prefix)
        };
        let mut others = self.sources.iter().filter(|(known, _)| **known != id);
        !others.any(|(_, source)| selects(source, other) && !selects(source, log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_appends_numbers_dates_and_times_only() {
        for name in ["app.log", "job1", "access", "a-2026-11-27.log"] {
            for ending in [
                // logrotate, and its dateext
                ".1",
                ".10",
                "-20261127",
                "-20261127-1764208800",
                ".2026112710",
                "_7",
                // log4j, logback
                ".2026-11-27",
                ".2026-11-27-1",
                ".2026-11-27_10",
                ".2026-11-27.12",
                ".2026-11-27-10-15",
                "-2026-11-27T10-15-00",
                // Python
                ".2026-11-27_10-15-00",
                ".2026-11-27_10-15-00.3",
                ".old",
                ".bak",
                ".prev",
                ".1.gz",
                "-20261127.gz",
                ".old.gz",
                ".gz",
            ] {
                let other = format!("{name}{ending}");
                assert!(is_rotation(name.as_bytes(), other.as_bytes()), "{other} of {name}");
            }
            for ending in [
                "",
                "0",
                "1",
                "10",
                ".",
                "-",
                ".1.",
                ".1x",
                ".x1",
                "..1",
                ".-1",
                ".1..2",
                "~",
                ".~1~",
                ".wf",
                ".wf.1",
                ".lck",
                ".pid",
                ".pos",
                ".swp",
                ".secret-note",
                ".tmp",
                ".log",
                ".1.tmp",
                ".1.wf",
                ".old~",
                ".older",
                ".gzip",
                ".zst",
                ".1.zst",
                ".gz.gz",
                "gz",
                "T10",
                ".T",
                ".2026-11-27T",
                " 1",
                ".1 ",
                ".1.2.3.4.5.6.7.8.9",
            ] {
                let other = format!("{name}{ending}");
                assert!(!is_rotation(name.as_bytes(), other.as_bytes()), "{other} of {name}");
            }
        }
        assert!(!is_rotation(b"", b".1"));
        assert!(!is_rotation(b"app.log.1", b"app.log"));
        assert!(!is_rotation(b"app.log", b"web.log.1"));
    }

    #[test]
    fn rotations_of_one_log_belong_together() {
        for (one, other, expected) in [
            ("app.log", "app.log.1", true),
            ("app.log.2", "app.log", true),
            ("app.log.1", "app.log.2.gz", true),
            ("app.log.2026-11-26", "app.log.2026-11-27.gz", true),
            ("a-1.log", "a-1.log.gz", true),
            ("a-1.log", "a-2.log.gz", false),
            ("job1", "job10", false),
            ("job1", "job10.gz", false),
            ("app.log", "app.log.wf", false),
            ("app.log.wf.1", "app.log.1", false),
        ] {
            assert_eq!(
                are_of_one_log(one.as_bytes(), other.as_bytes()),
                expected,
                "{one} and {other}"
            );
        }
    }
}
