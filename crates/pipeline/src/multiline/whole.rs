//! A file as one record. It is complete when nothing more comes; one that is too long goes out in
//! pieces before.

use super::{Record, Records, Resume};
use crate::lines::{Ending, MaxRecord};

pub(crate) struct WholeFile<'a> {
    buf: &'a [u8],
    consumed: usize,
    max: MaxRecord,
    closed: bool,
}

impl<'a> WholeFile<'a> {
    pub(crate) fn new(buf: &'a [u8], max: MaxRecord) -> Self {
        Self { buf, consumed: 0, max, closed: false }
    }
}

impl<'a> Records<'a> for WholeFile<'a> {
    fn next(&mut self) -> Option<Record<'a>> {
        let start = self.consumed;
        let rest = &self.buf[start..];
        if rest.len() > self.max.bytes {
            let (end, next) = self.max.piece_of_lines(self.buf, start);
            self.consumed = next;
            let bytes = &self.buf[start..end];
            return Some(Record { bytes, ending: Ending::TooLong, is_unmatched: false });
        }
        if !self.closed || rest.is_empty() {
            return None;
        }
        self.consumed = self.buf.len();
        let (bytes, ending) = match rest {
            [bytes @ .., b'\n'] => (bytes, Ending::Newline),
            bytes => (bytes, Ending::Forced),
        };
        Some(Record { bytes, ending, is_unmatched: false })
    }

    fn consumed(&self) -> usize {
        self.consumed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn resume(&self) -> Resume {
        Resume::Nothing
    }
}
