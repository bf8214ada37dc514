//! A record becomes the fields of a log (`agent` 3): one file for each way of parsing.
//!
//! Fields are slices of the record and are written straight into the log group. A record that
//! does not parse is kept whole or dropped, as the configuration says, and counted either way.
//!
//! Two ways lead there. Simple and regex mode, whose fields are fixed by the configuration, have a
//! short one as long as nothing but the time looks at a field. Everything else goes through a
//! [`FieldList`]: the parser fills it, then time, filters and masks see it, in this order.

mod added;
mod apsara;
mod cutter;
mod delimiter;
mod fault;
mod fields;
mod filter;
mod json;
mod mask;
pub mod nginx;
mod regex;
mod simd;

pub(crate) use delimiter::Columns;
pub use fault::Fault;
pub(crate) use filter::Filter;
pub(crate) use mask::Mask;
pub(crate) use regex::engine::{Engine, Match};
pub(crate) use regex::{ByteSet, Item, leading_set, read_sequence};
pub use regex::{PatternError, RegexParser};

use crate::time::TimeFormat;
use added::{AddedFields, OffsetField, PreciseField, own_name};
use apsara::ApsaraParser;
use cutter::Cutter;
use delimiter::DelimiterParser;
use fields::{FieldList, LONGEST_RECORD, Lookup, Piece};
use jiff::tz::TimeZone;
use regex::several::Several;
use sls::collect::PreciseTime;
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

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A log was written.
    Parsed,
    /// A log was written with the time of collection, because its own could not be read.
    ParsedUntimed,
    /// A filter of the configuration left it out.
    Filtered,
    /// It is older than logs may be, and was dropped.
    Outdated,
    /// It did not parse and was written whole.
    KeptRaw(Fault),
    /// It did not parse and the configuration says to drop it.
    Dropped(Fault),
}

/// Parses the records of one configuration.
#[derive(Clone, Debug)]
pub struct Parser {
    cutter: Cutter,
    /// Where the time comes from.
    time: Option<TimeField>,
    /// How old a log may be.
    max_age_seconds: Option<u32>,
    added: AddedFields,
    filter: Option<Filter>,
    masks: Vec<Mask>,
    unparsed: Unparsed,
    /// Field of a record that does not parse.
    unparsed_name: Box<[u8]>,
    /// Nothing but the time looks at the fields, and they are fixed.
    is_short: bool,
    list: FieldList,
}

/// The field that holds the time of a log.
#[derive(Clone, Debug)]
struct TimeField {
    field: Lookup,
    /// Its index where the fields are fixed.
    index: usize,
    format: TimeFormat,
}

/// What becomes of a record that does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unparsed {
    Dropped,
    Kept,
    /// Kept even where a filter does not let it pass.
    Shown,
}

impl Parser {
    /// Simple mode.
    pub fn whole() -> Self {
        Self::new(Cutter::whole())
    }

    /// Regex mode.
    pub fn regex(parser: RegexParser) -> Self {
        Self::new(Cutter::Regex(Box::new(parser)))
    }

    /// Regex mode with several patterns, of which there is one at least.
    pub(crate) fn several(parsers: Vec<RegexParser>) -> Self {
        Self::new(Cutter::Several(Box::new(Several::new(parsers))))
    }

    /// Apsara mode; see [`ApsaraParser::new`].
    pub(crate) fn apsara(zone: TimeZone, micro_zone: TimeZone) -> Option<Self> {
        let parser = ApsaraParser::new(zone, micro_zone)?;
        Some(Self::new(Cutter::Apsara(Box::new(parser))))
    }

    /// JSON mode.
    pub fn json() -> Self {
        Self::new(Cutter::Json(Box::default()))
    }

    /// Delimiter mode.
    pub(crate) fn delimiter(columns: &Columns<'_>) -> Self {
        Self::new(Cutter::Delimiter(Box::new(DelimiterParser::new(columns))))
    }

    fn new(cutter: Cutter) -> Self {
        let mut parser = Self {
            cutter,
            time: None,
            max_age_seconds: None,
            added: AddedFields::default(),
            filter: None,
            masks: Vec::new(),
            unparsed: Unparsed::Dropped,
            unparsed_name: RAW_LOG.as_bytes().into(),
            is_short: false,
            list: FieldList::default(),
        };
        parser.choose_way();
        parser
    }

    fn choose_way(&mut self) {
        let is_fixed = match &self.cutter {
            Cutter::Whole(_) => self.time.is_none(),
            // A log without fields is no log, which the long way knows.
            Cutter::Regex(_) => self.cutter.known().len() > 0,
            _ => false,
        };
        self.is_short =
            is_fixed && self.filter.is_none() && self.masks.is_empty() && self.added.is_empty();
    }

    /// Keeps records that do not parse.
    #[must_use]
    pub fn keeping_unparsed(mut self) -> Self {
        self.unparsed = Unparsed::Kept;
        self
    }

    /// Keeps records that do not parse, as the field `name`.
    #[must_use]
    pub(crate) fn keeping_unparsed_as(mut self, name: &str) -> Self {
        self.unparsed_name = own_name(name);
        self.keeping_unparsed()
    }

    /// Keeps records that do not parse, whatever the filters say: for whoever tries a
    /// configuration.
    #[must_use]
    pub fn showing_unparsed(mut self) -> Self {
        self.unparsed = Unparsed::Shown;
        self.unparsed_name = RAW_LOG.as_bytes().into();
        self
    }

    /// Adds the whole record to each log as the field `name`.
    #[must_use]
    pub fn with_raw(mut self, name: &str) -> Self {
        self.added.raw = Some(own_name(name));
        self.choose_way();
        self
    }

    /// Takes the time of a log from its field `key`. Returns whether there can be such a field.
    pub fn set_time(&mut self, key: &str, format: TimeFormat) -> bool {
        let may_have = self.may_have(key);
        if may_have {
            let index =
                self.cutter.known().find(key.as_bytes()).map_or(usize::MAX, |at| at as usize);
            self.time = Some(TimeField { field: Lookup::new(key), index, format });
            self.choose_way();
        }
        may_have
    }

    /// Keeps only the logs that `filter` does.
    pub(crate) fn set_filter(&mut self, filter: Filter) {
        self.filter = Some(filter);
        self.choose_way();
    }

    /// Makes part of a field unreadable, behind all that others do.
    pub(crate) fn add_mask(&mut self, mask: Mask) {
        self.masks.push(mask);
        self.choose_way();
    }

    /// Whether a log can have a field named `key`.
    pub(crate) fn may_have(&self, key: &str) -> bool {
        self.added.may_have(key.as_bytes()) || self.cutter.may_have(key.as_bytes())
    }

    /// Adds the time to each log that parses, as a number of the field `rule` names. Times whose
    /// nanoseconds are not asked for otherwise are written without.
    #[must_use]
    pub(crate) fn with_precise_time(mut self, rule: &PreciseTime, keeps_nanos: bool) -> Self {
        self.added.precise = Some(PreciseField::new(rule, keeps_nanos));
        self.choose_way();
        self
    }

    /// Adds to each log where in its file it stood, as the field `name`.
    #[must_use]
    pub(crate) fn with_offset(mut self, name: &str) -> Self {
        self.added.offset = Some(OffsetField { name: own_name(name), bytes: 0 });
        self.choose_way();
        self
    }

    /// Whether logs say where in their file they stood.
    #[inline]
    pub(crate) fn wants_offset(&self) -> bool {
        self.added.offset.is_some()
    }

    /// Where the record stands that comes next.
    pub(crate) fn set_offset(&mut self, bytes: u64) {
        if let Some(offset) = &mut self.added.offset {
            offset.bytes = bytes;
        }
    }

    /// Drops logs whose own time is more than so many seconds ago; `None` drops none.
    pub fn set_max_age(&mut self, seconds: Option<u32>) {
        self.max_age_seconds = seconds;
    }

    /// Parses one record and appends the log to `group`. `now` is the time of collection.
    #[inline]
    pub fn record(&mut self, record: &[u8], now: LogTime, group: &mut LogGroupWriter) -> Outcome {
        let record = without_nul(record);
        if self.is_short {
            match &mut self.cutter {
                Cutter::Whole(whole) => {
                    group.log(now.seconds, now.nanos, std::iter::once((&whole.key, record)));
                    return Outcome::Parsed;
                }
                Cutter::Regex(parser) => {
                    if let Err(fault) = parser.cut(record) {
                        return self.unparsed(record, fault, now, group);
                    }
                    let (time, outcome) = match &mut self.time {
                        None => (now, Outcome::Parsed),
                        Some(time) => {
                            read_time(parser.value(record, time.index), &mut time.format, now)
                        }
                    };
                    if is_outdated(time, now, self.max_age_seconds) {
                        return Outcome::Outdated;
                    }
                    group.log_pieces(time.seconds, time.nanos, record, parser.pieces());
                    return outcome;
                }
                _ => {}
            }
        }
        self.long_way(record, now, group)
    }

    fn long_way(&mut self, record: &[u8], now: LogTime, group: &mut LogGroupWriter) -> Outcome {
        let outcome = self.listed(record, now, group);
        self.list.settle();
        outcome
    }

    #[inline]
    fn listed(&mut self, record: &[u8], now: LogTime, group: &mut LogGroupWriter) -> Outcome {
        self.list.clear();
        if record.len() > LONGEST_RECORD {
            return self.unparsed(record, Fault::TooLong, now, group);
        }
        let own_time = match self.cutter.cut(record, now, &mut self.list) {
            Ok(time) => time,
            Err(fault) => return self.unparsed(record, fault, now, group),
        };
        let known = self.cutter.known();
        self.added.list_raw(&mut self.list, record, known);
        let (time, outcome) = match &mut self.time {
            None => (own_time, Outcome::Parsed),
            Some(time) => {
                read_time(time.field.value(&self.list, record, known), &mut time.format, now)
            }
        };
        if is_outdated(time, now, self.max_age_seconds) {
            return Outcome::Outdated;
        }
        let time = self.added.list_time(&mut self.list, time, record, known);
        self.added.list_offset(&mut self.list, record, known);
        if !self.finish(record, time, group) {
            return Outcome::Filtered;
        }
        outcome
    }

    /// What is the same for all logs behind their parser: writes the listed fields, unless the
    /// filter refuses them. Returns whether it did.
    #[inline]
    fn finish(&mut self, record: &[u8], time: LogTime, group: &mut LogGroupWriter) -> bool {
        let known = self.cutter.known();
        let list = &mut self.list;
        if let Some(filter) = &mut self.filter
            && !filter.keeps(list, record, known)
        {
            return false;
        }
        if list.fields.is_empty() {
            return false;
        }
        for mask in &mut self.masks {
            mask.apply(list, record, known);
        }
        group.log_values(time.seconds, time.nanos, list.entries(record, known));
        true
    }

    #[cold]
    fn unparsed(
        &mut self,
        record: &[u8],
        fault: Fault,
        now: LogTime,
        group: &mut LogGroupWriter,
    ) -> Outcome {
        // A blank line between columns is no mistake in the data that a user could correct.
        let is_blank = fault == Fault::Blank && matches!(self.cutter, Cutter::Delimiter(_));
        if self.unparsed == Unparsed::Dropped && !is_blank {
            return Outcome::Dropped(fault);
        }
        if record.len() > LONGEST_RECORD {
            // Neither filter nor mask can look at it.
            if !self.masks.is_empty() || self.filter.is_some() {
                return Outcome::Dropped(fault);
            }
            let name = PreparedKey::new(&self.unparsed_name);
            group.log(now.seconds, now.nanos, std::iter::once((&name, record)));
            return Outcome::KeptRaw(fault);
        }
        self.list.clear();
        let name = if is_blank { CONTENT.as_bytes() } else { &self.unparsed_name };
        let name = self.list.found(name);
        self.list.push(name, Piece::record(0..record.len()));
        let known = self.cutter.known();
        self.added.list_offset(&mut self.list, record, known);
        if self.unparsed == Unparsed::Shown {
            group.log_values(now.seconds, now.nanos, self.list.entries(record, known));
        } else if !self.finish(record, now, group) {
            return Outcome::Dropped(fault);
        }
        Outcome::KeptRaw(fault)
    }
}

#[inline]
fn is_outdated(time: LogTime, now: LogTime, max_age_seconds: Option<u32>) -> bool {
    max_age_seconds.is_some_and(|max| now.seconds.saturating_sub(time.seconds) > max)
}

/// A log without the field has the time of collection, and nobody is told; one whose field cannot
/// be read has it too, and is counted.
#[inline]
fn read_time(value: Option<&[u8]>, format: &mut TimeFormat, now: LogTime) -> (LogTime, Outcome) {
    let Some(value) = value else { return (now, Outcome::Parsed) };
    match format.read(value, now) {
        Some(time) => (time, Outcome::Parsed),
        None => (now, Outcome::ParsedUntimed),
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
