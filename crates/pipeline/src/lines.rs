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
/// where they are. Looks at nothing behind the cut, which may not be there yet.
fn character_boundary(buf: &[u8], cut: usize) -> usize {
    let is_continuation = |at: usize| buf[at] & 0xc0 == 0x80;
    if !is_continuation(cut) {
        return cut;
    }
    match (1..=3).find(|back| !is_continuation(cut - back)) {
        Some(back) if character_width(buf[cut - back]) > back => cut - back,
        _ => cut,
    }
}

/// Bytes of the character that begins with this one.
fn character_width(first: u8) -> usize {
    match first {
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
        _ => 1,
    }
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
    fn a_line_of_1025_kib_is_two_pieces_of_the_limit_and_the_rest() {
        let text = format!("{}\n", "x".repeat(1025 * 1024));
        let lines = Lines::new(text.as_bytes(), MaxRecord::default());
        let sizes: Vec<usize> = lines.map(|line| line.bytes.len()).collect();
        assert_eq!(sizes, [512 * 1024, 512 * 1024, 1024]);
    }

    #[test]
    fn a_piece_does_not_split_a_character() {
        use Ending::TooLong;
        check("1234567é9".as_bytes(), &[("1234567", TooLong)], 7);
        check("12345日90".as_bytes(), &[("12345日", TooLong)], 8);
        check("123456日0".as_bytes(), &[("123456", TooLong)], 6);
        // Not UTF-8: cut at the limit.
        assert_eq!(cut(&[0x80; 9], 8).1, 8);
        assert_eq!(cut(b"12345\xc3\xa9\x80\x80", 8).1, 8);
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

    /// The rules once more, from the whole content: cut at newlines, and each line into pieces of
    /// whole characters.
    fn reference(content: &[u8], max: MaxRecord) -> Vec<(Vec<u8>, Ending)> {
        let mut found = Vec::new();
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let (mut text, ending) = match line {
                [text @ .., b'\n'] => (text, Ending::Newline),
                text => (text, Ending::Forced),
            };
            while text.len() > max.bytes {
                let mut end = 0;
                while end < max.bytes {
                    let width = width(&text[end..], max);
                    if end + width > max.bytes {
                        break;
                    }
                    end += width;
                }
                found.push((text[..end].to_vec(), Ending::TooLong));
                text = &text[end..];
            }
            found.push((text.to_vec(), ending));
        }
        found
    }

    /// Bytes of the first character, as far as they are there; what begins none is one byte.
    fn width(text: &[u8], max: MaxRecord) -> usize {
        match max.encoding {
            Encoding::Gbk => 1 + usize::from(text[0] > 0x80 && text.len() > 1),
            Encoding::Utf8 => {
                let more = match text[0] {
                    0xc0..=0xdf => 1,
                    0xe0..=0xef => 2,
                    0xf0..=0xff => 3,
                    _ => 0,
                };
                let is_more = |byte: &&u8| (0x80..0xc0).contains(*byte);
                1 + text[1..].iter().take(more).take_while(is_more).count()
            }
        }
    }

    /// Reads a content as an agent does, in chunks of any size, keeping the unfinished rest.
    fn in_chunks(content: &[u8], max: MaxRecord, chunks: &[usize]) -> Vec<(Vec<u8>, Ending)> {
        let mut found = Vec::new();
        let (mut position, mut visible) = (0, 0);
        let mut sizes = chunks.iter().cycle();
        loop {
            let mut lines = Lines::new(&content[position..visible], max);
            found.extend(lines.by_ref().map(|line| (line.bytes.to_vec(), line.ending)));
            if visible == content.len() {
                lines.close();
                found.extend(lines.by_ref().map(|line| (line.bytes.to_vec(), line.ending)));
                assert_eq!(position + lines.consumed(), content.len());
                return found;
            }
            position += lines.consumed();
            visible = (visible + sizes.next().unwrap()).min(content.len());
        }
    }

    /// Text and what is none: characters of every width, in one encoding or the other, with bytes
    /// that belong to no character.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            6 => "[a-z]{1,6}".prop_map(String::into_bytes),
            4 => Just(b"\n".to_vec()),
            2 => prop::sample::select(vec!["\r\n", "\0", "\n\n"]).prop_map(|it| it.as_bytes().to_vec()),
            6 => "[é日😀]{1,4}".prop_map(String::into_bytes),
            3 => prop::collection::vec(any::<u8>(), 1..3),
            3 => prop::collection::vec(prop_oneof![0x81u8..=0xfe, 0x40u8..0x7f, Just(b'\n')], 1..8),
        ];
        prop::collection::vec(part, 0..25).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn any_chunking_gives_the_lines_of_the_reference(
            content in content(),
            chunks in prop::collection::vec(1usize..40, 1..60),
            bytes in 8usize..20,
        ) {
            for encoding in [Encoding::Utf8, Encoding::Gbk] {
                let max = MaxRecord { bytes, encoding };
                let expected = reference(&content, max);
                prop_assert_eq!(in_chunks(&content, max, &chunks), expected.clone(), "{:?}", max);
                prop_assert_eq!(in_chunks(&content, max, &[10_000]), expected, "{:?}", max);
            }
        }
    }
}
