//! Fills a log group from the records of one file until bytes, count or age says stop, and notes
//! which bytes of the file it holds (`agent` 5.1).
//!
//! This is the agent's hot path: [`FileStream::feed`] goes from the bytes of a read to finished
//! log groups, and each byte of a log is copied once.

use crate::encoding::Conversion;
use crate::lines::{Ending, Lines};
use crate::multiline::{Joined, Kind, Objects, Record, Records, Resume, WholeFile};
use crate::parse::{Fault, LogTime, Outcome, Parser};
use crate::pieces::{CUT_EVERY_BYTES, Cut, Piece};
use crate::plan::Plan;
use crate::tags::FileLabels;
use sls::collect::UnmatchedLines;
use sls::log_group::LogGroupWriter;
use std::time::{Duration, Instant};

/// When a batch is full or old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Encoded size in bytes. One record more may go in, never a second.
    pub max_bytes: usize,
    /// Number of logs.
    pub max_logs: usize,
    /// Time since its first record.
    pub max_age: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { max_bytes: 512 * 1024, max_logs: 4096, max_age: Duration::from_millis(300) }
    }
}

/// Bytes shown of a record that does not parse.
const SHOWN_BYTES: usize = 256;

/// The two clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For logs. Its nanoseconds are left out where the plan does not ask for them.
    pub wall: LogTime,
    /// For ages.
    pub clock: Instant,
}

/// A finished log group and the bytes of its file that it stands for.
///
/// It may have no logs (all were filtered or dropped); its bytes are done with all the same.
#[derive(Debug)]
pub struct Batch {
    /// The group, with topic, source and tags.
    pub group: LogGroupWriter,
    /// Offset of the first byte in the file.
    pub start: u64,
    /// Offset after the last byte; greater than `start`.
    pub end: u64,
    /// Bytes of the group that are logs.
    logs_bytes: usize,
    /// Where it can be cut.
    cuts: Vec<Cut>,
}

impl Batch {
    /// What it holds and where it can be cut, for when it has to be sent in parts.
    pub fn take_piece(&mut self) -> Piece {
        Piece {
            start: self.start,
            end: self.end,
            logs: self.group.logs(),
            logs_bytes: self.logs_bytes,
            cuts: std::mem::take(&mut self.cuts),
        }
    }
}

/// What one [`FileStream::feed`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Records seen, of whatever outcome.
    pub records: u64,
    /// Logs written.
    pub logs: u64,
    /// Records left out by a filter.
    pub filtered: u64,
    /// Records that did not parse and were written whole.
    pub kept_raw: u64,
    /// Records that did not parse and were dropped.
    pub dropped: u64,
    /// Logs whose own time could not be read.
    pub untimed: u64,
    /// Records that were dropped because they are too old.
    pub outdated: u64,
    /// Pieces of records that were too long.
    pub pieces: u64,
    /// Lines that belong to no record, whatever became of them.
    pub unmatched: u64,
    /// Those of them that were dropped.
    pub discarded: u64,
    /// Lines that are not of the encoding that the configuration names.
    pub unconverted: u64,
    /// How the first line begins that belongs to no record.
    pub first_unmatched: Option<Box<[u8]>>,
    /// The first record that did not parse: why, and how it begins.
    pub first_fault: Option<(Fault, Box<[u8]>)>,
}

/// Where batches begin and end.
pub trait Outlet {
    /// Gives an empty writer for a new batch.
    fn fresh(&mut self) -> LogGroupWriter;
    /// Takes a batch that became full.
    fn full(&mut self, batch: Batch);
}

/// Where one file stands between reading and sending.
#[derive(Debug)]
pub struct FileStream {
    labels: FileLabels,
    /// First byte of the open batch.
    start: u64,
    /// First byte that is not part of a record yet.
    position: u64,
    open: Option<Open>,
    /// The last record was taken without its newline. If that comes next, it is no empty record.
    swallow_newline: bool,
    /// What is known of the bytes behind the position.
    resume: Resume,
}

#[derive(Debug)]
struct Open {
    group: LogGroupWriter,
    since: Instant,
    cuts: Vec<Cut>,
    /// Size of the group from which on the next cut is due.
    cut_from: usize,
}

impl Open {
    /// Notes cuts around the record that made the group pass `cut_from`.
    #[cold]
    fn cut(&mut self, before: Cut, after: Cut) {
        let last = self.cuts.last().map_or(0, |cut| cut.group_bytes);
        // A large record shall not be tied to the small ones in front of it.
        if after.group_bytes - before.group_bytes >= CUT_EVERY_BYTES && before.group_bytes > last {
            self.cuts.push(before);
        }
        self.cuts.push(after);
        self.cut_from = after.group_bytes + CUT_EVERY_BYTES;
    }
}

impl FileStream {
    /// Starts at `position`. `unfinished` says that the record in front of it was taken without
    /// its newline.
    pub fn new(labels: FileLabels, position: u64, unfinished: Unfinished) -> Self {
        let swallow_newline = unfinished == Unfinished::Yes;
        let resume = Resume::Nothing;
        Self { labels, start: position, position, open: None, swallow_newline, resume }
    }

    /// Gives the batches from now on other labels, and lets them be made by another plan. The open
    /// one must have been sealed.
    pub fn relabel(&mut self, labels: FileLabels) {
        self.labels = labels;
        self.resume = Resume::Nothing;
    }

    /// Leaves out everything in front of `position`, which is a line start. The open batch must
    /// have been sealed.
    pub fn skip_to(&mut self, position: u64) {
        debug_assert!(self.open.is_none() && position >= self.position, "sealed, and ahead");
        self.start = position;
        self.position = position;
        self.swallow_newline = false;
        self.resume = Resume::Nothing;
    }

    /// First byte that is not part of a record yet: where to read on.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the record in front of the position was taken without its newline.
    pub fn unfinished(&self) -> Unfinished {
        if self.swallow_newline { Unfinished::Yes } else { Unfinished::No }
    }

    /// Takes the records of `chunk`, whose first byte stands at [`position`](Self::position) in
    /// the file. What follows the last complete record is left, unless `rest` says otherwise.
    ///
    /// `outlet` gives a writer for each new batch and takes each batch that became full.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        rest: Rest,
        plan: &mut Plan,
        limits: &BatchLimits,
        now: Now,
        outlet: &mut impl Outlet,
    ) -> Fed {
        let mut chunk = chunk;
        if self.swallow_newline && !chunk.is_empty() {
            self.swallow_newline = false;
            if let [b'\n', others @ ..] = chunk {
                chunk = others;
                self.position += 1;
            }
        }
        let mut now = now;
        now.wall.nanos = plan.nanoseconds.then(|| now.wall.nanos.unwrap_or(0));
        let resume = std::mem::take(&mut self.resume);
        let max = plan.max_record;
        let mut filling = Filling { stream: self, limits, now, outlet };
        let work = (&mut plan.conversion, &mut plan.parser);
        let kept = UnmatchedLines::SingleLine;
        match &plan.framing.0 {
            Kind::Line => filling.take(Lines::new(chunk, max), chunk, rest, kept, work),
            Kind::Joined(rules) => {
                let records = Joined::new(chunk, max, rules, resume);
                filling.take(records, chunk, rest, rules.unmatched, work)
            }
            Kind::Json => filling.take(Objects::new(chunk, max, resume), chunk, rest, kept, work),
            Kind::WholeFile => filling.take(WholeFile::new(chunk, max), chunk, rest, kept, work),
        }
    }

    /// Whether a batch is open that is old enough to go.
    pub fn is_due(&self, limits: &BatchLimits, now: Instant) -> bool {
        self.due_at(limits).is_some_and(|due| due <= now)
    }

    /// When the open batch is old enough to go.
    pub fn due_at(&self, limits: &BatchLimits) -> Option<Instant> {
        if self.position == self.start {
            return None;
        }
        self.open.as_ref().map(|open| open.since + limits.max_age)
    }

    /// Whether bytes are taken that made no record, and none is open: a newline that came late, or
    /// lines that are left out. They have no age and have to be sealed at once.
    pub fn is_bare(&self) -> bool {
        self.position != self.start && self.open.is_none()
    }

    /// Encoded bytes in the open batch.
    pub fn open_bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.group.len_bytes())
    }

    /// Finishes the open batch, if there is anything in it.
    pub fn seal(&mut self) -> Option<Batch> {
        if self.position == self.start {
            return None;
        }
        let (mut group, mut cuts) =
            self.open.take().map(|open| (open.group, open.cuts)).unwrap_or_default();
        let logs_bytes = group.len_bytes();
        // Behind the last log there is nothing to cut off.
        cuts.pop_if(|cut| cut.group_bytes == logs_bytes);
        if group.logs() > 0 {
            self.labels.write(&mut group);
        }
        let start = std::mem::replace(&mut self.start, self.position);
        Some(Batch { group, start, end: self.position, logs_bytes, cuts })
    }
}

/// Whether a record was taken before its newline was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It was.
    Yes,
    /// It was not.
    No,
}

/// What to do with the bytes behind the last complete record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They wait for more.
    Waits,
    /// They are a record: the file has been quiet for long, or the agent ends.
    IsRecord,
}

struct Filling<'f, O> {
    stream: &'f mut FileStream,
    limits: &'f BatchLimits,
    now: Now,
    outlet: &'f mut O,
}

impl<O: Outlet> Filling<'_, O> {
    /// Takes what `records` cuts out of `chunk`.
    #[inline]
    fn take<'a>(
        &mut self,
        mut records: impl Records<'a>,
        chunk: &[u8],
        rest: Rest,
        unmatched: UnmatchedLines,
        (conversion, parser): (&mut Conversion, &mut Parser),
    ) -> Fed {
        let mut fed = Fed::default();
        let base = self.stream.position;
        // One writer stays in a local for the whole run.
        let mut open = self.stream.open.take();
        let mut is_closed = false;
        loop {
            let from = records.consumed();
            let Some(record) = records.next() else {
                if is_closed || rest == Rest::Waits {
                    break;
                }
                is_closed = true;
                if records.consumed() < chunk.len() {
                    self.stream.swallow_newline = chunk.last() != Some(&b'\n');
                }
                records.close();
                continue;
            };
            if record.is_unmatched && unmatched == UnmatchedLines::Discard {
                discarded(record.bytes, &mut fed);
                continue;
            }
            if parser.wants_offset() {
                // Records are parts of the chunk.
                let at = record.bytes.as_ptr().addr() - chunk.as_ptr().addr();
                parser.set_offset(base + at as u64);
            }
            let mut record = record;
            if !conversion.is_none() {
                let (text, unconverted) = conversion.text(record.bytes);
                record.bytes = text;
                fed.unconverted += unconverted;
            }
            let writer = open.get_or_insert_with(|| self.open());
            let (group_bytes, logs) = (writer.group.len_bytes(), writer.group.logs());
            self.one(record, parser, &mut writer.group, &mut fed);
            if writer.group.len_bytes() >= writer.cut_from {
                let after = Cut {
                    group_bytes: writer.group.len_bytes(),
                    logs: writer.group.logs(),
                    position: base + records.consumed() as u64,
                };
                writer.cut(Cut { group_bytes, logs, position: base + from as u64 }, after);
            }
            let full = writer.group.len_bytes() >= self.limits.max_bytes
                || writer.group.logs() >= self.limits.max_logs;
            if full {
                self.stream.position = base + records.consumed() as u64;
                self.stream.open = open.take();
                self.hand_out();
            }
        }
        self.stream.position = base + records.consumed() as u64;
        self.stream.resume = records.resume();
        self.stream.open = open;
        fed
    }

    fn open(&mut self) -> Open {
        Open {
            group: self.outlet.fresh(),
            since: self.now.clock,
            cuts: Vec::new(),
            cut_from: CUT_EVERY_BYTES,
        }
    }

    fn hand_out(&mut self) {
        if let Some(batch) = self.stream.seal() {
            self.outlet.full(batch);
        }
    }

    #[inline]
    fn one(
        &self,
        record: Record<'_>,
        parser: &mut Parser,
        group: &mut LogGroupWriter,
        fed: &mut Fed,
    ) {
        let outcome = parser.record(record.bytes, self.now.wall, group);
        fed.records += 1;
        fed.pieces += u64::from(record.ending == Ending::TooLong);
        if record.is_unmatched {
            unmatched(record.bytes, fed);
        }
        match outcome {
            Outcome::Parsed => fed.logs += 1,
            other => unusual(other, record.bytes, fed),
        }
    }
}

/// Counts a line that belongs to no record.
#[cold]
fn unmatched(line: &[u8], fed: &mut Fed) {
    fed.unmatched += 1;
    fed.first_unmatched.get_or_insert_with(|| shown(line));
}

/// Counts such a line that is dropped for that.
#[cold]
fn discarded(line: &[u8], fed: &mut Fed) {
    fed.records += 1;
    fed.discarded += 1;
    unmatched(line, fed);
}

/// The part of a record that is shown.
fn shown(record: &[u8]) -> Box<[u8]> {
    record[..record.len().min(SHOWN_BYTES)].into()
}

#[cold]
fn unusual(outcome: Outcome, record: &[u8], fed: &mut Fed) {
    let fault = match outcome {
        Outcome::Parsed => None,
        Outcome::ParsedUntimed => {
            fed.logs += 1;
            fed.untimed += 1;
            None
        }
        Outcome::Filtered => {
            fed.filtered += 1;
            None
        }
        Outcome::Outdated => {
            fed.outdated += 1;
            None
        }
        Outcome::KeptRaw(fault) => {
            fed.logs += 1;
            fed.kept_raw += 1;
            Some(fault)
        }
        Outcome::Dropped(fault) => {
            fed.dropped += 1;
            Some(fault)
        }
    };
    if let (Some(fault), None) = (fault, &fed.first_fault) {
        fed.first_fault = Some((fault, shown(record)));
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
