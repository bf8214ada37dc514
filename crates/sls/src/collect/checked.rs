//! The checked configuration: consistent in itself, every default resolved.

use super::{Problem, Severity};
use crate::compress::Compression;
use std::collections::BTreeMap;
use std::time::Duration;

/// A collection configuration that is consistent in itself, every default resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectConfig {
    /// Unique in the project; 2-128 characters of `a-z 0-9 - _` where the document gives it.
    pub name: String,
    /// Where the logs go; never empty. Each receives every log.
    pub destinations: Vec<Destination>,
    /// Which files.
    pub input: FileInput,
    /// What a record is.
    pub framing: Framing,
    /// How a record becomes fields.
    pub parser: Parser,
    /// Where the log's time comes from; `None` means the time of collection.
    pub time: Option<TimeRule>,
    /// Times are sent with their nanoseconds.
    pub nanoseconds: bool,
    /// Field that repeats the time with its fraction, if any.
    pub precise_time: Option<PreciseTime>,
    /// What `__topic__` is.
    pub topic: Topic,
    /// Names of the tags, and fields that say where in the file a log stood.
    pub tags: TagRules,
    /// A log is kept only if this matches. Looked at after the time was read.
    pub filter: Option<Filter>,
    /// What is made unreadable, in this order, in the logs that the filter kept.
    pub masks: Vec<Mask>,
    /// What becomes of a record that the parser refuses.
    pub unmatched: Unmatched,
    /// Field that additionally carries the whole record, if any.
    pub raw_field: Option<String>,
    /// Which configurations are served first: 1, then 2, then 3, then 0, which is the usual.
    pub priority: u8,
    /// The user's example of a record.
    pub sample: Option<String>,
    /// Where the document that this was read from says what.
    pub places: Places,
}

impl CollectConfig {
    /// Project of the first destination.
    pub fn project(&self) -> &str {
        self.destinations.first().map_or("", |destination| &destination.project)
    }

    /// Logstore of the first destination.
    pub fn logstore(&self) -> &str {
        self.destinations.first().map_or("", |destination| &destination.logstore)
    }
}

/// A logstore that receives the logs, and how they are sent there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// Project.
    pub project: String,
    /// Logstore.
    pub logstore: String,
    /// Region of the project, where the document names one.
    pub region: Option<String>,
    /// Address of the service; `None` is the agent's own.
    pub endpoint: Option<String>,
    /// How bodies are compressed; `None` is the agent's own way.
    pub compression: Option<Compression>,
    /// What decides on the shard; empty means that the service does.
    pub shard_hash: Vec<ShardHashKey>,
    /// How much is sent at most.
    pub max_rate: Option<SendRate>,
    /// When a batch is full.
    pub batch: BatchRule,
    /// What the logs of one batch have in common.
    pub merge: MergeBy,
}

/// A property of a log that takes part in the choice of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShardHashKey {
    /// `__topic__`.
    Topic,
    /// `__hostname__`.
    Hostname,
    /// `__source__`.
    Source,
}

/// A limit of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendRate {
    /// Raw bytes in a second.
    pub bytes_per_second: u64,
    /// UNIX second at which the limit ends; `None` is never.
    pub until: Option<i64>,
}

/// When a batch is full; `None` is the agent's own rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchRule {
    /// Encoded bytes.
    pub max_bytes: Option<u64>,
    /// Number of logs.
    pub max_logs: Option<u64>,
    /// Time since its first log.
    pub max_age: Option<Duration>,
}

/// What the logs of one batch have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergeBy {
    /// Topic and file.
    #[default]
    Topic,
    /// The logstore alone.
    Logstore,
}

/// Which files a configuration reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInput {
    /// Where they are; one to ten.
    pub paths: Vec<PathRule>,
    /// Encoding of the content.
    pub encoding: Encoding,
    /// Bytes that are no UTF-8 are replaced by spaces.
    pub blank_non_utf8: bool,
    /// How much of a file that is older than the agent is read, from its end; `None` is the
    /// agent's default.
    pub tail_bytes: Option<u64>,
    /// Also read files that have not changed since the agent started.
    pub tail_existing: bool,
    /// Also read files that the rotation has compressed, each once.
    pub gzip_history: bool,
    /// What to leave out.
    pub exclude: Exclusions,
    /// How long an unfinished last line waits before it is taken as it is.
    pub flush_timeout: Duration,
    /// Unread bytes of a file from which on an alarm is raised.
    pub delay_alarm_bytes: u64,
    /// Unread bytes of a file from which on the agent goes on at its end. This loses what is
    /// between; `None` is never.
    pub delay_skip_bytes: Option<u64>,
    /// Rotated files of one name that wait to be read; `None` is the agent's default.
    pub rotation_queue: Option<u32>,
    /// How long a file without news is held open; `None` is the agent's default.
    pub close_unused: Option<Duration>,
    /// Directories deeper than this are forgotten while nothing happens in them.
    pub preserved_depth: Option<u32>,
    /// Files are read that other configurations read too.
    pub shared: bool,
}

/// Files of one name pattern below one directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    /// Directory, absolute; components may hold `*` and `?`. No trailing slash.
    pub dir: String,
    /// Glob over the file name.
    pub pattern: String,
    /// How many levels below `dir`; 0 is `dir` alone.
    pub max_depth: u32,
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
        /// Such lines raise no alarm.
        quiet: bool,
    },
    /// A JSON object over any number of lines; text outside of objects is taken line by line.
    Json,
    /// The whole file.
    WholeFile,
}

/// What becomes of lines that belong to no record of several lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmatchedLines {
    /// Each is a record of its own.
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
        /// What is tried, in this order, when the pattern does not match.
        alternatives: Vec<RegexRule>,
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
        /// What becomes of columns beyond the names.
        overflow: Overflow,
        /// Fewer columns than names are accepted.
        accept_short: bool,
        /// Columns named `_` are dropped.
        partial: bool,
    },
    /// Apsara logs.
    Apsara {
        /// Offset of the log's zone from UTC in seconds; `None` is the agent's own zone.
        zone_offset_seconds: Option<i32>,
        /// `microtime` is moved by the zone as well.
        adjust_microtime: bool,
    },
}

/// A pattern with the names of its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexRule {
    /// Perl syntax, matched against the whole record.
    pub pattern: String,
    /// Names, in the order of the groups.
    pub keys: Vec<String>,
}

/// What becomes of the columns beyond the names of a delimiter parser (`agent` 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Each becomes a field `__columnN__`.
    Extend,
    /// They become one field `__columnN__` together, each behind its separator.
    Keep,
    /// They are dropped.
    Discard,
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
    /// Year of times without one; `None` is the one that brings the time closest to now.
    pub year: Option<i16>,
}

/// A field that repeats the time with its fraction, as a count since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreciseTime {
    /// Field name.
    pub key: String,
    /// What is counted.
    pub unit: PreciseUnit,
}

/// A fraction of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreciseUnit {
    /// 10⁻³ s.
    Millis,
    /// 10⁻⁶ s.
    Micros,
    /// 10⁻⁹ s.
    Nanos,
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

/// Names of tags and of the fields about the place of a log; `None` leaves one out
/// (`agent` 5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRules {
    /// The agent's host; `__hostname__` by default.
    pub hostname: Option<String>,
    /// The machine groups of the agent; `__user_defined_id__` by default.
    pub user_defined_id: Option<String>,
    /// The file's path; `__path__` by default.
    pub path: Option<String>,
    /// The file's inode; none by default.
    pub inode: Option<String>,
    /// The offset of a log in its file. This is a field of the log; none by default.
    pub offset_field: Option<String>,
    /// The agent's tags from its environment.
    pub env: EnvTags,
}

impl Default for TagRules {
    fn default() -> Self {
        Self {
            hostname: Some("__hostname__".to_owned()),
            user_defined_id: Some("__user_defined_id__".to_owned()),
            path: Some("__path__".to_owned()),
            inode: None,
            offset_field: None,
            env: EnvTags::All,
        }
    }
}

/// Which of the agent's tags from its environment a configuration sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvTags {
    /// All, under their own names.
    All,
    /// These, by the name they have in the agent, under the name given here.
    Only(BTreeMap<String, String>),
}

/// Which logs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Those that every one of these keeps.
    All(Vec<Filter>),
    /// Those that at least one of these keeps.
    Any(Vec<Filter>),
    /// Those that this does not keep.
    Not(Box<Filter>),
    /// Those that have the field, with a value that matches.
    Field(FieldFilter),
}

impl Filter {
    /// The conditions of the filter, wherever they stand in it.
    pub fn fields(&self) -> Vec<&FieldFilter> {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().flat_map(Self::fields).collect()
            }
            Self::Not(filter) => filter.fields(),
            Self::Field(filter) => vec![filter],
        }
    }
}

/// Makes part of a field unreadable (`agent` 3.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Field name.
    pub key: String,
    /// What stands there afterwards.
    pub method: MaskMethod,
    /// Pattern of what stands before; it stays.
    pub before: String,
    /// Pattern of what is replaced.
    pub content: String,
    /// Every place that matches, not only the first.
    pub all: bool,
}

/// What a [`Mask`] puts in the place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskMethod {
    /// This text.
    Const(String),
    /// The MD5 of what stood there, in lower-case hexadecimal.
    Md5,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// Dropped and counted.
    Drop,
    /// Kept whole as the field `__raw_log__`.
    KeepRaw,
    /// Kept whole as the field of this name.
    KeepAs(String),
}

/// Where a document says what: the path of a setting as the classic format spells it, and the
/// path that the document has for it, where that is another one.
///
/// Whoever finds something wrong names the field as the classic format does,
/// `inputDetail.filterRegex[1]`; [`shown`](Self::shown) makes it what the user wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(pub(super) BTreeMap<String, String>);

impl Places {
    /// The path of `field` in the document.
    pub fn shown(&self, field: &str) -> String {
        // The longest known beginning decides.
        let known = self.0.iter().filter_map(|(classic, own)| {
            let rest = field.strip_prefix(classic.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then(|| {
                let path = format!("{own}{rest}");
                (classic.len(), path.trim_start_matches('.').to_owned())
            })
        });
        known.max_by_key(|(length, _)| *length).map_or_else(|| field.to_owned(), |(_, path)| path)
    }
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The configuration, when no problem is an error.
    pub config: Option<CollectConfig>,
    /// The document says that the configuration is not to run.
    pub is_off: bool,
    /// Everything worth saying, in the order of the fields.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// The problems for which the configuration is refused.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }
}
