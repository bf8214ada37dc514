//! Cuts a buffer into lines (`agent` 3.1): at newlines, and where a line is too long.
//!
//! The caller holds the bytes from the start of the first unfinished line on. What cannot be cut
//! yet stays in the file and is read again with more behind it, so no state is kept between two
//! calls, and any way of cutting a file into reads gives the same lines.

use memchr::Memchr;
use sls::collect::Encoding;

/// Default for the longest record in bytes. A longer one becomes several.
pub const MAX_LINE_BYTES: usize = 512 * 1024;

/// How long a record may be, and where a longer one may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxRecord {
    /// Most bytes of the file in one record, its last newline not counted; at least 8.
    pub bytes: usize,
    /// Encoding of the file, whose characters are not cut.
    pub encoding: Encoding,
}

impl Default for MaxRecord {
    fn default() -> Self {
        Self { bytes: MAX_LINE_BYTES, encoding: Encoding::Utf8 }
    }
}

impl MaxRecord {
    /// Where the piece ends that starts at `start` of `buf`, where a character starts. There are
    /// more bytes behind than one piece may have.
    pub(crate) fn piece_end(&self, buf: &[u8], start: usize) -> usize {
        let cut = start + self.bytes;
        match self.encoding {
            Encoding::Utf8 => character_boundary(buf, cut),
            Encoding::Gbk => gbk_boundary(buf, start, cut),
        }
    }

    /// The same for text of several lines, which is rather cut behind a newline. Gives the end of
    /// the piece and the start of what follows.
    pub(crate) fn piece_of_lines(&self, buf: &[u8], start: usize) -> (usize, usize) {
        match memchr::memrchr(b'\n', &buf[start..=start + self.bytes]) {
            Some(newline) => (start + newline, start + newline + 1),
            None => {
                let end = self.piece_end(buf, start);
                (end, end)
            }
        }
    }
}

/// Why a line ends where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At a newline, which is not part of the line.
    Newline,
    /// At the size limit; the rest of the same line follows as the next one.
    TooLong,
    /// At the end of what there is, because the caller asked for it.
    Forced,
}

/// One line and where it stands in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The bytes without the newline.
    pub bytes: &'a [u8],
    /// Why it ends.
    pub ending: Ending,
}

/// Iterates over the lines of a buffer that can be cut now.
#[derive(Debug)]
pub struct Lines<'a> {
    buf: &'a [u8],
    at: usize,
    newlines: Memchr<'a>,
    /// The newline after `at` that was found and not used up yet.
    next_newline: Option<usize>,
    max: MaxRecord,
    /// Nothing comes behind the buffer.
    closed: bool,
}

impl<'a> Lines<'a> {
    /// Cuts `buf`, which starts at the start of a line, into lines of at most `max`.
    pub fn new(buf: &'a [u8], max: MaxRecord) -> Self {
        assert!(max.bytes >= 8, "a line has room for a character");
        let mut newlines = memchr::memchr_iter(b'\n', buf);
        let next_newline = newlines.next();
        Self { buf, at: 0, newlines, next_newline, max, closed: false }
    }

    /// Bytes used up by the lines given out so far, newlines included.
    pub fn consumed(&self) -> usize {
        self.at
    }

    /// Says that nothing comes behind the buffer: what is left is a last line, which the iterator
    /// now gives.
    pub fn close(&mut self) {
        self.closed = true;
    }

    #[cold]
    fn piece(&mut self) -> Line<'a> {
        let start = self.at;
        self.at = self.max.piece_end(self.buf, start);
        Line { bytes: &self.buf[start..self.at], ending: Ending::TooLong }
    }

    #[cold]
    fn rest(&mut self) -> Option<Line<'a>> {
        let bytes = &self.buf[self.at..];
        if !self.closed || bytes.is_empty() {
            return None;
        }
        self.at = self.buf.len();
        Some(Line { bytes, ending: Ending::Forced })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    #[inline]
    fn next(&mut self) -> Option<Line<'a>> {
        let start = self.at;
        match self.next_newline {
            Some(end) if end - start <= self.max.bytes => {
                self.at = end + 1;
                self.next_newline = self.newlines.next();
                Some(Line { bytes: &self.buf[start..end], ending: Ending::Newline })
            }
            // A line of exactly the limit may still be followed by its newline, so one byte more
            // than the limit has to be seen before it is cut.
            None if self.buf.len() - start <= self.max.bytes => self.rest(),
            _ => Some(self.piece()),
        }
    }
}

/// Moves a cut back so that it does not split a UTF-8 character. Bytes that are not UTF-8 are cut
/// where they are.
fn character_boundary(buf: &[u8], cut: usize) -> usize {
    let is_continuation = |at: usize| buf[at] & 0xc0 == 0x80;
    if !is_continuation(cut) {
        return cut;
    }
    for back in 1..=3 {
        if !is_continuation(cut - back) {
            let starts_character = buf[cut - back] >= 0xc0;
            return if starts_character { cut - back } else { cut };
        }
    }
    cut
}

/// The same for GBK, whose characters are of one byte below 0x80 or of two; the second alone does
/// not tell what it is, so they are followed from the `start`.
fn gbk_boundary(buf: &[u8], start: usize, cut: usize) -> usize {
    let mut at = start;
    while at < cut {
        // A newline ends whatever was begun.
        let is_pair = buf[at] > 0x80 && buf[at + 1] != b'\n';
        if is_pair && at + 1 == cut {
            return at;
        }
        at += if is_pair { 2 } else { 1 };
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utf8(bytes: usize) -> MaxRecord {
        MaxRecord { bytes, encoding: Encoding::Utf8 }
    }

    fn cut(buf: &[u8], max: usize) -> (Vec<(Vec<u8>, Ending)>, usize) {
        let mut lines = Lines::new(buf, utf8(max));
        let found = lines.by_ref().map(|line| (line.bytes.to_vec(), line.ending)).collect();
        (found, lines.consumed())
    }

    fn check(buf: &[u8], expected: &[(&str, Ending)], consumed: usize) {
        let expected: Vec<_> =
            expected.iter().map(|(text, ending)| (text.as_bytes().to_vec(), *ending)).collect();
        assert_eq!(cut(buf, 8), (expected, consumed), "{:?}", String::from_utf8_lossy(buf));
    }

    #[test]
    fn lines_end_at_newlines_and_the_rest_waits() {
        use Ending::Newline;
        check(b"", &[], 0);
        check(b"a", &[], 0);
        check(b"a\n", &[("a", Newline)], 2);
        check(b"a\n\nb\r\nc", &[("a", Newline), ("", Newline), ("b\r", Newline)], 6);
    }

    #[test]
    fn a_line_over_the_limit_comes_in_pieces() {
        use Ending::{Newline, TooLong};
        check(b"12345678", &[], 0);
        check(b"12345678\n", &[("12345678", Newline)], 9);
        check(b"123456789", &[("12345678", TooLong)], 8);
        check(b"123456789\nx\n", &[("12345678", TooLong), ("9", Newline), ("x", Newline)], 12);
        // Exactly two limits: the newline belongs to the second piece.
        check(b"1234567812345678\n", &[("12345678", TooLong), ("12345678", Newline)], 17);
    }

    #[test]
    fn a_piece_does_not_split_a_character() {
        use Ending::TooLong;
        check("1234567é9".as_bytes(), &[("1234567", TooLong)], 7);
        check("12345日90".as_bytes(), &[("12345日", TooLong)], 8);
        check("123456日0".as_bytes(), &[("123456", TooLong)], 6);
        // Not UTF-8: cut at the limit.
        assert_eq!(cut(&[0x80; 9], 8).1, 8);
    }

    #[test]
    fn a_closed_buffer_gives_what_is_left_once() {
        let mut lines = Lines::new(b"a\nrest", utf8(8));
        assert_eq!(lines.next().map(|line| line.bytes), Some(&b"a"[..]));
        assert_eq!(lines.next(), None);
        lines.close();
        assert_eq!(lines.next(), Some(Line { bytes: b"rest", ending: Ending::Forced }));
        assert_eq!(lines.next(), None);
        assert_eq!(lines.consumed(), 6);
    }

    #[test]
    fn a_piece_does_not_split_a_character_of_gbk() {
        let piece = |buf: &[u8]| MaxRecord { bytes: 8, encoding: Encoding::Gbk }.piece_end(buf, 0);
        assert_eq!(piece(b"1234567\xd6\xd0\xce"), 7);
        assert_eq!(piece(b"123456\xd6\xd0\xce\xc4"), 8);
        // The second byte of a pair may look like a first one, or like ASCII.
        assert_eq!(piece(b"\xd6\xd0\xd6\xd0\xd6\xd0\xd6\xd0\xd6"), 8);
        assert_eq!(piece(b"1\xd6\xd0\xd6\xd0\xd6\xd0\xd6\xd0"), 7);
        assert_eq!(piece(b"123456\x81\x5cabc"), 8);
        assert_eq!(piece(b"1234567\x80\xd6"), 8);
        assert_eq!(piece(b"1234567\xd6\n"), 8);
    }

    proptest! {
        /// Reads a content in chunks of any size, keeping the unfinished rest, and compares with
        /// one read.
        #[test]
        fn any_chunking_gives_the_same_lines(
            content in prop::collection::vec(
                prop_oneof![3 => Just(b'\n'), 10 => any::<u8>(), 5 => Just(0x82u8), 5 => Just(0xe3u8)],
                0..200,
            ),
            chunks in prop::collection::vec(1usize..40, 1..60),
            max in 8usize..20,
        ) {
            let (expected, expected_end) = cut(&content, max);
            let mut found = Vec::new();
            let (mut position, mut visible) = (0, 0);
            let mut sizes = chunks.into_iter().cycle();
            while visible < content.len() {
                visible = (visible + sizes.next().unwrap()).min(content.len());
                let (lines, used) = cut(&content[position..visible], max);
                found.extend(lines);
                position += used;
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(position, expected_end);
        }

        #[test]
        fn no_byte_is_lost(content in prop::collection::vec(any::<u8>(), 0..200), max in 8usize..20) {
            let mut lines = Lines::new(&content, utf8(max));
            let mut joined = Vec::new();
            lines.close();
            for line in lines.by_ref() {
                prop_assert!(line.bytes.len() <= max);
                joined.extend_from_slice(line.bytes);
                if line.ending == Ending::Newline {
                    joined.push(b'\n');
                }
            }
            prop_assert_eq!(joined, content);
        }
    }
}
