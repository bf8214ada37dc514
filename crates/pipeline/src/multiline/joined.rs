//! Lines joined by patterns: the forms of the table in `agent` 3.3.
//!
//! A record that becomes longer than allowed goes out in pieces of whole lines, and a line that is
//! too long by itself in pieces of its own. Whether a piece has to be cut is decided before a line
//! is looked at, and from no more bytes than a record and its newline may have, so that any way of
//! reading a file gives the same pieces.

use super::pattern::LinePattern;
use super::{Record, Records, Resume};
use crate::encoding::Conversion;
use crate::lines::{Ending, MaxRecord};
use memchr::Memchr;
use sls::collect::{Encoding, UnmatchedLines};

/// How lines are joined.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(super) form: Form,
    pub(crate) unmatched: UnmatchedLines,
    pub(super) quiet: bool,
}

/// Which patterns there are.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Begin {
        begin: LinePattern,
    },
    BeginProceed {
        begin: LinePattern,
        proceed: LinePattern,
    },
    BeginEnd {
        begin: LinePattern,
        end: LinePattern,
        /// A first line that matches `end` too is a whole record.
        ends_at_once: bool,
    },
    ProceedEnd {
        proceed: LinePattern,
        end: LinePattern,
    },
    End {
        end: LinePattern,
    },
}

/// What a line does to the record under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ends the one before and starts another.
    Starts,
    /// It is one by itself, and ends the one before.
    Single,
    /// It goes into it.
    Goes,
    /// It is its last line.
    Ends,
    /// It ends the one before and belongs to none.
    Outside,
    /// Neither it nor the lines before it are a record.
    Spoils,
}

impl Form {
    #[inline]
    fn verdict(&self, line: &[u8], is_open: bool) -> Verdict {
        match self {
            Self::Begin { begin } => {
                if begin.is_match(line) {
                    Verdict::Starts
                } else if is_open {
                    Verdict::Goes
                } else {
                    Verdict::Outside
                }
            }
            Self::BeginProceed { begin, proceed } => {
                if is_open && proceed.is_match(line) {
                    Verdict::Goes
                } else if begin.is_match(line) {
                    Verdict::Starts
                } else {
                    Verdict::Outside
                }
            }
            Self::BeginEnd { begin, end, ends_at_once } => {
                if is_open {
                    if end.is_match(line) { Verdict::Ends } else { Verdict::Goes }
                } else if !begin.is_match(line) {
                    Verdict::Outside
                } else if *ends_at_once && end.is_match(line) {
                    Verdict::Single
                } else {
                    Verdict::Starts
                }
            }
            Self::ProceedEnd { proceed, end } => {
                if proceed.is_match(line) {
                    Verdict::Goes
                } else if end.is_match(line) {
                    Verdict::Ends
                } else {
                    Verdict::Spoils
                }
            }
            Self::End { end } => {
                if end.is_match(line) {
                    Verdict::Ends
                } else {
                    Verdict::Goes
                }
            }
        }
    }

    /// Whether a record is complete without a line that ends it.
    fn ends_by_itself(&self) -> bool {
        matches!(self, Self::Begin { .. } | Self::BeginProceed { .. })
    }
}

/// What is known of the bytes from the position on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// A record is open, and its content ends here so far.
    content: Option<usize>,
    /// Lines up to here were looked at.
    seen: usize,
    /// The position is inside of a line that was too long, of which this was found.
    inside: Option<Verdict>,
}

/// Cuts a buffer into records by [`Rules`].
pub(crate) struct Joined<'a, 'p> {
    buf: &'a [u8],
    rules: &'p Rules,
    max: MaxRecord,
    newlines: Memchr<'a>,
    /// Where in `buf` the search for newlines started.
    newlines_from: usize,
    next_newline: Option<usize>,
    /// Start of the line that is looked at next.
    at: usize,
    /// Start of the record under construction, and the end of its content so far. Where the start
    /// is `at`, nothing is in it: what was went out as a piece.
    open: Option<(usize, usize)>,
    /// Lines from `consumed` to here belong to no record.
    outside_until: usize,
    inside: Option<Verdict>,
    /// What makes of a line the text that patterns are about.
    conversion: Conversion,
    consumed: usize,
    closed: bool,
}

impl<'a, 'p> Joined<'a, 'p> {
    pub(crate) fn new(buf: &'a [u8], max: MaxRecord, rules: &'p Rules, resume: Resume) -> Self {
        let (open, at, inside) = match resume {
            Resume::Joined(known) if known.seen <= buf.len() => {
                (known.content.map(|content| (0, content)), known.seen, known.inside)
            }
            _ => (None, 0, None),
        };
        let mut newlines = memchr::memchr_iter(b'\n', &buf[at..]);
        let next_newline = newlines.next().map(|newline| newline + at);
        Self {
            buf,
            rules,
            max,
            newlines,
            newlines_from: at,
            next_newline,
            at,
            open,
            outside_until: 0,
            inside,
            conversion: match max.encoding {
                Encoding::Gbk => Conversion::gbk(),
                Encoding::Utf8 => Conversion::none(),
            },
            consumed: 0,
            closed: false,
        }
    }

    fn record(&self, from: usize, to: usize, ending: Ending) -> Record<'a> {
        Record { bytes: &self.buf[from..to], ending, is_unmatched: false }
    }

    /// What a line does. Patterns are of UTF-8, whatever the file is of.
    #[inline]
    fn verdict(&mut self, line: &[u8], is_open: bool) -> Verdict {
        if self.conversion.is_none() {
            return self.rules.form.verdict(line, is_open);
        }
        self.rules.form.verdict(self.conversion.text(line).0, is_open)
    }

    /// Ends the record under construction in front of `at`.
    #[inline]
    fn finish(&mut self, at: usize, ending: Ending) -> Option<Record<'a>> {
        let (start, end) = self.open.take()?;
        self.consumed = at;
        // After a piece nothing may have come that belongs to the same record.
        (start < at).then(|| self.record(start, end, ending))
    }

    /// The next of the lines that belong to no record.
    #[cold]
    fn outside(&mut self) -> Record<'a> {
        let start = self.consumed;
        let rest = &self.buf[start..self.outside_until];
        let (len, ending) = match memchr::memchr(b'\n', rest) {
            Some(newline) => (newline, Ending::Newline),
            None => (rest.len(), Ending::Forced),
        };
        self.consumed = (start + len + 1).min(self.outside_until);
        Record { is_unmatched: true, ..self.record(start, start + len, ending) }
    }

    /// The record and the next line are together longer than a record may be: what is complete
    /// goes out, or a piece of the line.
    #[cold]
    fn too_long(&mut self, line_end: Option<usize>) -> Record<'a> {
        let start = self.at;
        if let Some((record, content)) = self.open
            && record < start
        {
            // Without its end, a line is not known to be too long only together with the record.
            let next_is_other = self.rules.form.ends_by_itself()
                && line_end.is_some_and(|end| {
                    let line = &self.buf[start..end];
                    self.verdict(line, true) != Verdict::Goes
                });
            self.consumed = start;
            self.open = Some((start, start));
            let ending = if next_is_other { Ending::Newline } else { Ending::TooLong };
            return self.record(record, content, ending);
        }
        let cut = self.max.piece_end(self.buf, start);
        let found = match self.inside {
            Some(known) => known,
            None => self.verdict(&self.buf[start..cut], self.open.is_some()),
        };
        let is_unmatched = matches!(found, Verdict::Outside | Verdict::Spoils);
        self.open = (!is_unmatched).then_some((cut, cut));
        self.inside = Some(match found {
            Verdict::Starts => Verdict::Goes,
            Verdict::Single => Verdict::Ends,
            other => other,
        });
        self.at = cut;
        self.consumed = cut;
        Record { is_unmatched, ..self.record(start, cut, Ending::TooLong) }
    }

    /// At the end of what there is: the record under construction.
    #[cold]
    fn flush(&mut self) -> Option<Record<'a>> {
        let len = self.buf.len();
        let (start, end) = self.open.take()?;
        if start == len {
            return None;
        }
        if !self.rules.form.ends_by_itself() {
            self.outside_until = len;
            return Some(self.outside());
        }
        self.consumed = len;
        Some(self.record(start, end, if end == len { Ending::Forced } else { Ending::Newline }))
    }
}

impl<'a> Records<'a> for Joined<'a, '_> {
    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            if self.consumed < self.outside_until {
                return Some(self.outside());
            }
            let start = self.at;
            let record_start = self.open.map_or(start, |(record, _)| record);
            let (end, next) = match self.next_newline {
                Some(newline) if newline - record_start <= self.max.bytes => (newline, newline + 1),
                None if self.buf.len() - record_start <= self.max.bytes => {
                    if !self.closed {
                        return None;
                    }
                    if start == self.buf.len() {
                        return self.flush();
                    }
                    (self.buf.len(), self.buf.len())
                }
                line_end => return Some(self.too_long(line_end)),
            };
            self.at = next;
            self.next_newline = self.newlines.next().map(|newline| newline + self.newlines_from);
            let verdict = match self.inside.take() {
                Some(known) => known,
                None => self.verdict(&self.buf[start..end], self.open.is_some()),
            };
            match verdict {
                Verdict::Goes => self.open = Some((record_start, end)),
                Verdict::Starts => {
                    let finished = self.finish(start, Ending::Newline);
                    self.open = Some((start, end));
                    if finished.is_some() {
                        return finished;
                    }
                }
                Verdict::Ends | Verdict::Single => {
                    let ending = if end == next { Ending::Forced } else { Ending::Newline };
                    self.open = None;
                    self.consumed = next;
                    return Some(self.record(record_start, end, ending));
                }
                Verdict::Outside => {
                    let finished = self.finish(start, Ending::Newline);
                    self.outside_until = next;
                    if finished.is_some() {
                        return finished;
                    }
                }
                Verdict::Spoils => {
                    self.open = None;
                    self.outside_until = next;
                }
            }
        }
    }

    fn consumed(&self) -> usize {
        self.consumed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn resume(&self) -> Resume {
        let content = self.open.map(|(start, end)| end - start);
        let seen = self.at - self.consumed;
        match (content, seen, self.inside) {
            (None, 0, None) => Resume::Nothing,
            (content, seen, inside) => Resume::Joined(Standing { content, seen, inside }),
        }
    }
}
