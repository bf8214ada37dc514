//! What a record is (`agent` 3.3): a line, lines joined by patterns, a JSON object, or a file.
//!
//! As with lines, a record that is not complete stays in the file, and the caller comes again with
//! its first byte. What was found out about such a record is a [`Resume`], which spares looking at
//! its bytes again; without it, the same bytes give the same records.

mod first;
mod joined;
mod json;
mod pattern;
mod whole;

pub(crate) use joined::Joined;
pub(crate) use json::Objects;
pub(crate) use whole::WholeFile;

use crate::lines::{Ending, Lines};
use crate::parse::PatternError;
use joined::{Form, Rules};
use pattern::LinePattern;
use sls::collect::UnmatchedLines;

/// What a record is.
#[derive(Clone, Debug)]
pub struct Framing(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Line,
    Joined(Box<Rules>),
    Json,
    WholeFile,
}

/// Patterns that join lines; those that make no difference are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patterns<'a> {
    /// Matches the first line of a record.
    pub begin: Option<&'a str>,
    /// Matches the lines that continue one.
    pub proceed: Option<&'a str>,
    /// Matches the last line of a record.
    pub end: Option<&'a str>,
}

/// Which of the [`Patterns`] a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first line.
    Begin,
    /// A continued line.
    Proceed,
    /// The last line.
    End,
}

impl Framing {
    /// One line.
    pub fn line() -> Self {
        Self(Kind::Line)
    }

    /// A JSON object, however many lines it takes; text that does not start with `{` is cut at
    /// its newlines, and blank lines are left out.
    pub fn json() -> Self {
        Self(Kind::Json)
    }

    /// All of a file, taken when nothing more comes.
    pub fn whole_file() -> Self {
        Self(Kind::WholeFile)
    }

    /// Lines joined by patterns, each matched at the start of a line. `quiet` says that lines
    /// outside of any record are no reason for an alarm. Every wrong pattern is an error.
    pub fn joined(
        patterns: Patterns<'_>,
        unmatched: UnmatchedLines,
        quiet: bool,
    ) -> Result<Self, Vec<(Role, PatternError)>> {
        let mut errors = Vec::new();
        let mut compile = |role, pattern: Option<&str>| {
            let compiled = LinePattern::new(pattern?);
            compiled.map_err(|error| errors.push((role, error))).ok()
        };
        let begin = compile(Role::Begin, patterns.begin);
        let proceed = compile(Role::Proceed, patterns.proceed);
        let end = compile(Role::End, patterns.end);
        if !errors.is_empty() {
            return Err(errors);
        }
        let form = match (begin, proceed, end) {
            (Some(begin), Some(proceed), _) => Form::BeginProceed { begin, proceed },
            (Some(begin), None, None) => Form::Begin { begin },
            // A separator line that both starts and ends records does not end the one it starts.
            (Some(begin), None, Some(end)) => {
                Form::BeginEnd { begin, end, ends_at_once: patterns.begin != patterns.end }
            }
            (None, Some(proceed), Some(end)) => Form::ProceedEnd { proceed, end },
            (None, None, Some(end)) => Form::End { end },
            (None, _, None) => return Ok(Self::line()),
        };
        Ok(Self(Kind::Joined(Box::new(Rules { form, unmatched, quiet }))))
    }

    /// Whether lines outside of any record are no reason for an alarm.
    pub fn is_quiet(&self) -> bool {
        matches!(&self.0, Kind::Joined(rules) if rules.quiet)
    }
}

/// A record and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its bytes, without the last newline.
    pub(crate) bytes: &'a [u8],
    /// Why it ends.
    pub(crate) ending: Ending,
    /// It is a line that belongs to no record.
    pub(crate) is_unmatched: bool,
}

/// What is known of the record at the position that is not complete yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Resume {
    #[default]
    Nothing,
    Joined(joined::Standing),
    Json(json::Standing),
}

/// Something that cuts a buffer into records.
pub(crate) trait Records<'a> {
    /// The next record that is complete.
    fn next(&mut self) -> Option<Record<'a>>;
    /// Bytes used up by the records given out so far.
    fn consumed(&self) -> usize;
    /// Says that nothing comes behind the buffer: what is left is given out too.
    fn close(&mut self);
    /// What to go on with when more follows.
    fn resume(&self) -> Resume;
}

impl<'a> Records<'a> for Lines<'a> {
    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let line = Iterator::next(self)?;
        Some(Record { bytes: line.bytes, ending: line.ending, is_unmatched: false })
    }

    #[inline]
    fn consumed(&self) -> usize {
        Lines::consumed(self)
    }

    fn close(&mut self) {
        Lines::close(self);
    }

    fn resume(&self) -> Resume {
        Resume::Nothing
    }
}

#[cfg(test)]
mod tests;
