//! A record becomes the fields of a log (`agent` 3): one file for each way of parsing.
//!
//! Fields are slices of the record and are written straight into the log group. A record that
//! does not parse is kept whole or dropped, as the configuration says, and counted either way.

mod regex;

pub(crate) use regex::engine::{Engine, Match};
pub(crate) use regex::{ByteSet, Item, leading_set, read_sequence};
pub use regex::{PatternError, RegexParser};

use crate::time::TimeFormat;
use sls::log_group::{LogGroupWriter, PreparedKey};

/// Name of the field that holds a whole record.
pub const CONTENT: &str = "content";

/// Name of the field that holds a record which did not parse.
pub const RAW_LOG: &str = "__raw_log__";

/// The time of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTime {
    /// UNIX seconds.
    pub seconds: u32,
    /// Nanoseconds after the second, where the configuration asks for them.
    pub nanos: Option<u32>,
}

/// Why a record has no fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The pattern does not match the whole record.
    NoMatch,
    /// Matching took too many steps and was given up.
    Limit,
    /// The configuration has more field names than the pattern has groups.
    TooFewGroups,
}

impl Fault {
    /// The word used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoMatch => "no_match",
            Self::Limit => "match_limit",
            Self::TooFewGroups => "too_few_groups",
        }
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A log was written.
    Parsed,
    /// A log was written with the time of collection, because its own could not be read.
    ParsedUntimed,
    /// A filter of the configuration left it out.
    Filtered,
    /// It did not parse and was written whole.
    KeptRaw(Fault),
    /// It did not parse and the configuration says to drop it.
    Dropped(Fault),
}

/// How records become fields.
#[derive(Clone, Debug)]
enum Cutter {
    /// Simple mode: the record is one field.
    Whole(PreparedKey),
    /// One field for each group of a pattern.
    Regex(Box<RegexParser>),
}

/// Parses the records of one configuration.
#[derive(Clone, Debug)]
pub struct Parser {
    cutter: Cutter,
    /// Field that holds the time, and its format.
    time: Option<(usize, TimeFormat)>,
    filters: Vec<(usize, Engine)>,
    keep_unparsed: bool,
    raw_log: PreparedKey,
    /// Field that carries the whole record beside the parsed ones.
    raw: Option<PreparedKey>,
}

impl Parser {
    /// Simple mode.
    pub fn whole() -> Self {
        Self::new(Cutter::Whole(PreparedKey::new(CONTENT.as_bytes())))
    }

    /// Regex mode.
    pub fn regex(parser: RegexParser) -> Self {
        Self::new(Cutter::Regex(Box::new(parser)))
    }

    fn new(cutter: Cutter) -> Self {
        Self {
            cutter,
            time: None,
            filters: Vec::new(),
            keep_unparsed: false,
            raw_log: PreparedKey::new(RAW_LOG.as_bytes()),
            raw: None,
        }
    }

    /// Keeps records that do not parse.
    #[must_use]
    pub fn keeping_unparsed(mut self) -> Self {
        self.keep_unparsed = true;
        self
    }

    /// Adds the whole record to each log as the field `name`.
    #[must_use]
    pub fn with_raw(mut self, name: &str) -> Self {
        self.raw = Some(PreparedKey::new(name.as_bytes()));
        self
    }

    /// Takes the time of a log from its field `key`. Returns whether there is such a field.
    pub fn set_time(&mut self, key: &str, format: TimeFormat) -> bool {
        self.time = self.field(key).map(|field| (field, format));
        self.time.is_some()
    }

    /// Keeps only logs whose field `key` matches. Returns whether there is such a field; without
    /// it no log is kept.
    pub(crate) fn add_filter(&mut self, key: &str, pattern: Engine) -> bool {
        let field = self.field(key);
        self.filters.push((field.unwrap_or(usize::MAX), pattern));
        field.is_some()
    }

    fn field(&self, key: &str) -> Option<usize> {
        match &self.cutter {
            Cutter::Whole(_) => (key == CONTENT).then_some(0),
            Cutter::Regex(parser) => parser.field(key),
        }
    }

    /// Parses one record and appends the log to `group`. `now` is the time of collection.
    #[inline]
    pub fn record(&mut self, record: &[u8], now: LogTime, group: &mut LogGroupWriter) -> Outcome {
        let record = without_nul(record);
        match &mut self.cutter {
            // The bare simple mode, which has nothing to look at.
            Cutter::Whole(key)
                if self.time.is_none() && self.filters.is_empty() && self.raw.is_none() =>
            {
                group.log(now.seconds, now.nanos, std::iter::once((&*key, record)));
                return Outcome::Parsed;
            }
            Cutter::Whole(_) => {}
            Cutter::Regex(parser) => {
                if let Err(fault) = parser.cut(record) {
                    return self.unparsed(record, fault, now, group);
                }
            }
        }
        if !self.passes_filters(record) {
            return Outcome::Filtered;
        }
        let (time, outcome) = self.time_of(record, now);
        match &self.cutter {
            Cutter::Whole(key) => {
                write(time, record, [(key, record)].into_iter(), &self.raw, group)
            }
            Cutter::Regex(parser) if self.raw.is_none() => {
                group.log_pieces(time.seconds, time.nanos, record, parser.pieces());
            }
            Cutter::Regex(parser) => write(time, record, parser.fields(record), &self.raw, group),
        }
        outcome
    }

    fn value<'r>(&self, record: &'r [u8], field: usize) -> &'r [u8] {
        match &self.cutter {
            Cutter::Whole(_) => record,
            Cutter::Regex(parser) => parser.value(record, field),
        }
    }

    #[inline]
    fn passes_filters(&self, record: &[u8]) -> bool {
        self.filters.iter().all(|(field, pattern)| {
            *field != usize::MAX && pattern.is_match(self.value(record, *field)) == Match::Yes
        })
    }

    #[inline]
    fn time_of(&mut self, record: &[u8], now: LogTime) -> (LogTime, Outcome) {
        let Some((field, _)) = &self.time else { return (now, Outcome::Parsed) };
        let value = self.value(record, *field);
        let format = self.time.as_mut().map(|(_, format)| format);
        match format.and_then(|format| format.read(value, now)) {
            Some(time) => (time, Outcome::Parsed),
            None => (now, Outcome::ParsedUntimed),
        }
    }

    #[cold]
    fn unparsed(
        &self,
        record: &[u8],
        fault: Fault,
        now: LogTime,
        group: &mut LogGroupWriter,
    ) -> Outcome {
        if !self.keep_unparsed {
            return Outcome::Dropped(fault);
        }
        group.log(now.seconds, now.nanos, std::iter::once((&self.raw_log, record)));
        Outcome::KeptRaw(fault)
    }
}

#[inline]
fn write<'a>(
    time: LogTime,
    record: &'a [u8],
    fields: impl Iterator<Item = (&'a PreparedKey, &'a [u8])> + Clone,
    raw: &'a Option<PreparedKey>,
    group: &mut LogGroupWriter,
) {
    match raw {
        None => group.log(time.seconds, time.nanos, fields),
        Some(key) => group.log(time.seconds, time.nanos, fields.chain([(key, record)])),
    }
}

/// NUL bytes around a record are what a truncating writer leaves; inside they are data.
#[inline]
fn without_nul(mut record: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = record {
        record = rest;
    }
    while let [rest @ .., 0] = record {
        record = rest;
    }
    record
}

#[cfg(test)]
mod tests;
