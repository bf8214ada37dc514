//! Joins lines to records (`agent` 3.3). For now by a pattern for the first line; the other forms
//! of the section have their place here.
//!
//! As with lines, nothing is remembered between two calls: a record that is not complete stays in
//! the file, and the caller comes again with its first byte.

use crate::lines::{Ending, Line, Lines};
use crate::parse::{Engine, Match, PatternError};

/// What a record is.
#[derive(Clone, Debug)]
pub struct Framing(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Line,
    Begin(Engine),
}

impl Framing {
    /// One line.
    pub fn line() -> Self {
        Self(Kind::Line)
    }

    /// From a line whose start matches `pattern` to the line in front of the next one.
    pub fn begin(pattern: &str) -> Result<Self, PatternError> {
        Ok(Self(Kind::Begin(Engine::prefix(pattern)?)))
    }
}

/// Something that cuts a buffer into records.
pub(crate) trait Records<'a>: Iterator<Item = Line<'a>> {
    /// Bytes used up by the records given out so far.
    fn consumed(&self) -> usize;
    /// What is left, as a last record.
    fn force(&mut self) -> Option<Line<'a>>;
}

impl<'a> Records<'a> for Lines<'a> {
    #[inline]
    fn consumed(&self) -> usize {
        Lines::consumed(self)
    }

    fn force(&mut self) -> Option<Line<'a>> {
        Lines::force(self)
    }
}

/// Lines joined by a pattern for the first one.
pub(crate) struct Joined<'a, 'p> {
    buf: &'a [u8],
    lines: Lines<'a>,
    begin: &'p Engine,
    max_bytes: usize,
    /// Start of the record under construction, and the end of its content so far.
    open: Option<(usize, usize)>,
    consumed: usize,
}

impl<'a, 'p> Joined<'a, 'p> {
    pub(crate) fn new(buf: &'a [u8], max_bytes: usize, begin: &'p Engine) -> Self {
        let lines = Lines::new(buf, max_bytes);
        Self { buf, lines, begin, max_bytes, open: None, consumed: 0 }
    }

    /// Ends the record under construction in front of `at`.
    fn end(&mut self, at: usize, ending: Ending) -> Option<Line<'a>> {
        let (start, end) = self.open.take()?;
        self.consumed = at;
        Some(Line { bytes: &self.buf[start..end], ending })
    }
}

impl<'a> Iterator for Joined<'a, '_> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let start = self.lines.consumed();
            let line = self.lines.next()?;
            let end = start + line.bytes.len();
            if self.begin.is_match(line.bytes) == Match::Yes {
                let finished = self.end(start, Ending::Newline);
                self.open = Some((start, end));
                if finished.is_some() {
                    return finished;
                }
            } else if let Some((record, _)) = self.open {
                if end - record > self.max_bytes {
                    // The rest of a record that is too long goes on line by line.
                    let finished = self.end(start, Ending::TooLong);
                    self.open = Some((start, end));
                    return finished;
                }
                self.open = Some((record, end));
            } else {
                // No first line was seen: the line stands for itself.
                self.consumed = self.lines.consumed();
                return Some(line);
            }
        }
    }
}

impl<'a> Records<'a> for Joined<'a, '_> {
    fn consumed(&self) -> usize {
        self.consumed
    }

    fn force(&mut self) -> Option<Line<'a>> {
        let start = self.open.take().map_or(self.consumed, |(start, _)| start);
        let rest = &self.buf[start..];
        self.consumed = self.buf.len();
        match rest {
            [] => None,
            [bytes @ .., b'\n'] => Some(Line { bytes, ending: Ending::Newline }),
            bytes => Some(Line { bytes, ending: Ending::Forced }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(text: &[u8], max: usize, force: bool) -> (Vec<String>, usize) {
        let engine = Engine::prefix(r"\d+ ").unwrap();
        let mut records = Joined::new(text, max, &engine);
        let mut found: Vec<String> =
            records.by_ref().map(|r| String::from_utf8_lossy(r.bytes).into_owned()).collect();
        if force && let Some(rest) = records.force() {
            found.push(String::from_utf8_lossy(rest.bytes).into_owned());
        }
        (found, records.consumed())
    }

    #[test]
    fn a_record_ends_in_front_of_the_next_first_line() {
        let text = b"1 a\n  at b\n\n2 c\n3 d\n  e\n";
        assert_eq!(join(text, 100, false), (vec!["1 a\n  at b\n".into(), "2 c".into()], 16));
        let (records, consumed) = join(text, 100, true);
        assert_eq!(records, ["1 a\n  at b\n", "2 c", "3 d\n  e"]);
        assert_eq!(consumed, text.len());
    }

    #[test]
    fn lines_before_the_first_record_stand_for_themselves() {
        assert_eq!(join(b"x\ny\n1 a\n", 100, true).0, ["x", "y", "1 a"]);
    }

    #[test]
    fn a_record_over_the_limit_goes_out_in_pieces_of_whole_lines() {
        assert_eq!(join(b"1 a\nbbbb\ncccc\n2 d\n", 8, true).0, ["1 a\nbbbb", "cccc", "2 d"]);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_records(
            lines in prop::collection::vec("([0-9] )?[a-z]{0,6}", 0..20),
            sizes in prop::collection::vec(1usize..40, 1..40),
        ) {
            let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();
            let (expected, end) = join(&text, 64, false);
            let (mut found, mut position, mut visible) = (Vec::new(), 0, 0);
            let mut sizes = sizes.into_iter().cycle();
            while visible < text.len() {
                visible = (visible + sizes.next().unwrap()).min(text.len());
                let (records, used) = join(&text[position..visible], 64, false);
                found.extend(records);
                position += used;
            }
            prop_assert_eq!((found, position), (expected, end));
        }
    }
}
