//! The log files that the agent is measured on: generated once for each kind and size, the same
//! bytes each time, and read once before a run so that they lie in the page cache.

use crate::run::{command, step};
use crate::workspace::{bin_dir, root, target_dir};
use std::path::PathBuf;

/// Kinds of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Access log of nginx in the form of the sidecar example.
    Access,
    /// JSON objects of eleven fields.
    Json,
    /// Ten columns between `|`.
    Delimited,
    /// Java log with stack traces.
    Java,
}

impl Kind {
    /// What the generator calls it.
    fn log_type(self) -> &'static str {
        match self {
            Self::Access => "nginx",
            Self::Json => "json",
            Self::Delimited => "delimited",
            Self::Java => "java",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Access => "access.log",
            Self::Json => "app.json",
            Self::Delimited => "columns.log",
            Self::Java => "java.log",
        }
    }

    /// Bytes of a record on average, to know how many make a file of a size.
    fn record_bytes(self) -> u64 {
        match self {
            Self::Access => 286,
            Self::Json => 309,
            Self::Delimited => 236,
            Self::Java => 500,
        }
    }

    /// Whether a line begins a record.
    pub(super) fn begins(self, line: &[u8]) -> bool {
        match self {
            Self::Java => line.first().is_some_and(u8::is_ascii_digit),
            _ => true,
        }
    }
}

/// A log file and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Corpus {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl Corpus {
    /// Makes the file if it is not there, and reads it.
    pub(super) fn prepare(kind: Kind, size_mib: u64) -> Result<Self, String> {
        let path = file(kind, size_mib)?;
        let content =
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let records = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let records = records.filter(|line| kind.begins(line)).count() as u64;
        Ok(Self { path, bytes: content.len() as u64, records })
    }
}

fn file(kind: Kind, size_mib: u64) -> Result<PathBuf, String> {
    // A folder for each, because an agent watches folders.
    let dir = target_dir().join("bench").join(format!("{size_mib}-mib")).join(kind.log_type());
    let path = dir.join(kind.file_name());
    let wanted = size_mib << 20;
    if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() >= wanted) {
        return Ok(path);
    }
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    // A little more than needed, because records vary in length.
    let records = wanted / kind.record_bytes() * 51 / 50;
    let _ = std::fs::remove_file(&path);
    step(
        &format!("generate {size_mib} MiB of {} log", kind.log_type()),
        command(root(), &[&bin_dir().join("sidetail").to_string_lossy(), "gen"])
            .arg(format!("--log-type={}", kind.log_type()))
            .args(["--stdout=false", "--logs-per-sec=0", "--seed=1"])
            .args(["--start-time=2026-01-01T00:00:00Z", &format!("--total-count={records}")])
            .arg(format!("--path={}", path.display())),
    )?;
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() >= wanted => Ok(path),
        Ok(metadata) => Err(format!("{} has only {} bytes", path.display(), metadata.len())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
