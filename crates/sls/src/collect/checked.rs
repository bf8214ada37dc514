//! The checked configuration: consistent in itself, every default resolved.

use super::{Problem, Severity};
use std::time::Duration;

/// A collection configuration that is consistent in itself, every default resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectConfig {
    /// Unique in the project; 2-128 characters of `a-z 0-9 - _`.
    pub name: String,
    /// Project that receives the logs.
    pub project: String,
    /// Logstore that receives the logs.
    pub logstore: String,
    /// Which files.
    pub input: FileInput,
    /// What a record is.
    pub framing: Framing,
    /// How a record becomes fields.
    pub parser: Parser,
    /// Where the log's time comes from; `None` means the time of collection.
    pub time: Option<TimeRule>,
    /// Logs carry the nanoseconds of their time (`enable_timestamp_nanosecond`).
    pub nanoseconds: bool,
    /// Field that additionally carries the time as a number, if any.
    pub precise_time: Option<PreciseTime>,
    /// What `__topic__` is.
    pub topic: Topic,
    /// A log is kept only if every one of these matches.
    pub filters: Vec<FieldFilter>,
    /// What becomes of a record that the parser refuses.
    pub unmatched: Unmatched,
    /// Field that additionally carries the whole record, if any.
    pub raw_field: Option<String>,
    /// The user's example of a record.
    pub sample: Option<String>,
}

/// Which files a configuration reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// Directory, absolute; components may hold `*` and `?`. No trailing slash.
    pub dir: String,
    /// Glob over the file name.
    pub pattern: String,
    /// How many levels below `dir`; 0 is `dir` alone.
    pub max_depth: u32,
    /// Encoding of the content.
    pub encoding: Encoding,
    /// Bytes that are no UTF-8 are replaced by spaces (`discard_none_utf8`).
    pub blank_non_utf8: bool,
    /// How much of a file that is older than the agent is read, from its end; `None` is the
    /// agent's default.
    pub tail_bytes: Option<u64>,
    /// Also read files that have not changed since the agent started.
    pub tail_existing: bool,
    /// What to leave out.
    pub exclude: Exclusions,
    /// How long an unfinished last line waits before it is taken as it is.
    pub flush_timeout: Duration,
}

/// Files and directories that a configuration leaves out (`agent` 2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclusions {
    /// Directory patterns, absolute.
    pub dirs: Vec<String>,
    /// File name patterns.
    pub file_names: Vec<String>,
    /// File path patterns, absolute.
    pub file_paths: Vec<String>,
}

/// Encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, and everything that passes for it.
    Utf8,
    /// GBK, converted line by line.
    Gbk,
}

/// What a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One line.
    Line,
    /// Lines joined by patterns (`agent` 3.3); at least one is given.
    Multiline {
        /// Matches the first line of a record.
        begin: Option<String>,
        /// Matches the lines that continue one.
        proceed: Option<String>,
        /// Matches the last line of a record.
        end: Option<String>,
        /// What becomes of lines that belong to no record.
        unmatched: UnmatchedLines,
        /// Such lines are no reason for an alarm (`IgnoringUnmatchWarning`).
        quiet: bool,
    },
    /// A JSON object, however many lines it takes; other text is cut at its newlines.
    Json,
    /// All of a file.
    WholeFile,
}

/// What becomes of lines that belong to no record (`UnmatchedContentTreatment`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnmatchedLines {
    /// Each is a record of its own.
    #[default]
    SingleLine,
    /// Dropped and counted.
    Discard,
}

/// How a record becomes fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parser {
    /// Simple mode: the record is the field `content`.
    Whole,
    /// One field for each capture group.
    Regex {
        /// Perl syntax, matched against the whole record.
        pattern: String,
        /// Names, in the order of the groups.
        keys: Vec<String>,
    },
    /// The members of a JSON object.
    Json,
    /// Columns between separators.
    Delimiter {
        /// One character or a text.
        separator: String,
        /// Quoting character, for one-character separators.
        quote: char,
        /// Column names.
        keys: Vec<String>,
        /// Columns beyond the names become fields of their own.
        extend: bool,
        /// Fewer columns than names are accepted.
        accept_short: bool,
    },
    /// Apsara logs.
    Apsara,
}

/// Where the time of a log comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// Field that holds the time.
    pub key: String,
    /// `strptime` format (`agent` 3.7).
    pub format: String,
    /// Offset of the log's zone from UTC in seconds; `None` is the agent's own zone.
    pub zone_offset_seconds: Option<i32>,
    /// Year of times whose format has none; `None` is the one that brings them closest to now.
    pub year: Option<i16>,
}

/// Unit of the field that carries a log's time as a number (`precise_timestamp_unit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreciseUnit {
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// The deprecated field with the log's time as a number (`enable_precise_timestamp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreciseTime {
    /// Name of the field.
    pub key: String,
    /// Its unit.
    pub unit: PreciseUnit,
}

/// What `__topic__` is (`agent` 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Empty.
    None,
    /// The file's path.
    Path,
    /// The machine group's attribute.
    Group,
    /// This text.
    Fixed(String),
    /// The groups of this pattern over the path.
    FromPath(String),
}

/// Keeps a log only when a field matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFilter {
    /// Field name.
    pub key: String,
    /// Matched against the whole value.
    pub pattern: String,
}

/// What becomes of a record that the parser refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// Dropped and counted.
    Drop,
    /// Kept whole as the field `__raw_log__`.
    KeepRaw,
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The configuration, when no problem is an error.
    pub config: Option<CollectConfig>,
    /// Everything worth saying, in the order of the fields.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// The problems for which the configuration is refused.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }
}
