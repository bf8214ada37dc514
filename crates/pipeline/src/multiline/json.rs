//! JSON objects over any number of lines: braces outside of quotes are counted (`agent` 3.4).
//!
//! An object that was cut short must not take the rest of the file with it. No newline stands
//! inside of a string, and an object inside of another stands behind `:`, `,` or `[`; where that is
//! not so, the record ends, and the parser says what is wrong with it.

use super::{Record, Records, Resume};
use crate::lines::{Ending, MaxRecord};
use sls::collect::Encoding;

/// How far the object at the position was looked at; places are counted from the position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Bytes looked at.
    seen: usize,
    /// Start of the line that is looked at.
    line: usize,
    /// Braces that are open.
    depth: usize,
    quoted: bool,
    /// It is no object: the record ends with the line.
    broken: bool,
    /// The last byte outside of strings that is no white space.
    last: u8,
}

pub(crate) struct Objects<'a> {
    buf: &'a [u8],
    max: MaxRecord,
    consumed: usize,
    object: Standing,
    closed: bool,
}

/// Where a record ends.
enum Found {
    /// In front of the newline at this place.
    End(usize),
    /// Nowhere in what there is.
    Nothing,
}

impl<'a> Objects<'a> {
    pub(crate) fn new(buf: &'a [u8], max: MaxRecord, resume: Resume) -> Self {
        let object = match resume {
            Resume::Json(known) if known.seen <= buf.len() => known,
            _ => Standing::default(),
        };
        Self { buf, max, consumed: 0, object, closed: false }
    }

    /// What a record may be made of, and the byte behind: enough to know that it is too long.
    fn window(&self) -> &'a [u8] {
        let rest = &self.buf[self.consumed..];
        &rest[..rest.len().min(self.max.bytes + 1)]
    }

    /// Moves over blank lines to the start of one that is not, and looks at how that starts.
    fn start(&mut self) -> Option<()> {
        loop {
            let window = self.window();
            let blank = window.iter().position(|byte| !is_blank(byte));
            match blank.map(|at| (at, window[at])) {
                Some((at, b'\n')) => self.consumed += at + 1,
                Some((at, byte)) => {
                    let broken = byte != b'{';
                    self.object = Standing { seen: at, broken, ..Standing::default() };
                    return Some(());
                }
                None if window.len() > self.max.bytes => self.consumed += self.max.bytes,
                None => {
                    if self.closed {
                        self.consumed = self.buf.len();
                    }
                    return None;
                }
            }
        }
    }

    /// Where the object ends that has just started, for the frequent case of one line: where the
    /// next line starts another. Whatever stands in the line, no object could go on like that,
    /// unless something in front of it asks for a value.
    #[inline]
    fn line(&self) -> Option<usize> {
        let window = self.window();
        let newline = memchr::memchr(b'\n', window)?;
        let next = self.buf[self.consumed + newline + 1..].iter().find(|byte| !is_blank(byte))?;
        let last = window[..newline].iter().rev().find(|byte| !is_blank(byte))?;
        (*next == b'{' && !asks_for_value(*last)).then_some(newline)
    }

    fn scan(&mut self) -> Found {
        let window = self.window();
        let mut object = self.object;
        let found =
            if object.broken { Found::Nothing } else { object.scan(window, self.max.encoding) };
        let found = match found {
            Found::Nothing if object.broken => {
                let newline = memchr::memchr(b'\n', &window[object.seen..]);
                let end = newline.map(|newline| object.seen + newline);
                object.seen = window.len();
                end.map_or(Found::Nothing, Found::End)
            }
            found => found,
        };
        self.object = object;
        found
    }

    fn take(&mut self, end: usize, next: usize, ending: Ending) -> Record<'a> {
        let bytes = &self.buf[self.consumed..end];
        self.consumed = next;
        self.object = Standing::default();
        Record { bytes, ending, is_unmatched: false }
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0)
}

/// Whether an object may stand behind this byte inside of another.
fn asks_for_value(byte: u8) -> bool {
    matches!(byte, b':' | b',' | b'[')
}

impl Standing {
    fn scan(&mut self, window: &[u8], encoding: Encoding) -> Found {
        while let Some(byte) = window.get(self.seen) {
            let at = self.seen;
            if encoding == Encoding::Gbk && *byte > 0x80 {
                // The second byte of a character may look like anything but a newline.
                match window.get(at + 1) {
                    None => return Found::Nothing,
                    Some(b'\n') => self.seen += 1,
                    Some(_) => self.seen += 2,
                }
                if !self.quoted {
                    self.last = *byte;
                }
                continue;
            }
            if self.quoted {
                match byte {
                    b'"' => {
                        self.quoted = false;
                        self.last = b'"';
                    }
                    b'\n' => return Found::End(at),
                    b'\\' => match window.get(at + 1) {
                        None => return Found::Nothing,
                        Some(b'\n') => return Found::End(at + 1),
                        Some(byte) => self.seen += usize::from(byte.is_ascii()),
                    },
                    _ if encoding == Encoding::Utf8 => {
                        let rest = &window[at..];
                        let stop = memchr::memchr3(b'"', b'\\', b'\n', rest);
                        self.seen = at + stop.unwrap_or(rest.len());
                        continue;
                    }
                    _ => {}
                }
                self.seen += 1;
                continue;
            }
            match byte {
                b'{' => {
                    if self.depth > 0 && !asks_for_value(self.last) {
                        let indent = &window[self.line..at];
                        if self.line > 0 && indent.iter().all(is_blank) {
                            return Found::End(self.line - 1);
                        }
                        self.broken = true;
                        return Found::Nothing;
                    }
                    self.depth += 1;
                    self.last = b'{';
                }
                b'}' => {
                    let Some(depth) = self.depth.checked_sub(1) else {
                        self.broken = true;
                        return Found::Nothing;
                    };
                    self.depth = depth;
                    self.last = b'}';
                }
                b'"' => self.quoted = true,
                b'\n' => {
                    if self.depth == 0 {
                        return Found::End(at);
                    }
                    self.line = at + 1;
                }
                b' ' | b'\t' | b'\r' | 0 => {}
                other => self.last = *other,
            }
            self.seen += 1;
        }
        Found::Nothing
    }
}

impl<'a> Records<'a> for Objects<'a> {
    fn next(&mut self) -> Option<Record<'a>> {
        if self.object == Standing::default() {
            self.start()?;
            if let Some(end) = self.line() {
                let end = self.consumed + end;
                return Some(self.take(end, end + 1, Ending::Newline));
            }
        }
        if let Found::End(end) = self.scan() {
            let end = self.consumed + end;
            return Some(self.take(end, end + 1, Ending::Newline));
        }
        let rest = &self.buf[self.consumed..];
        if rest.len() > self.max.bytes {
            let (end, next) = self.max.piece_of_lines(self.buf, self.consumed);
            return Some(self.take(end, next, Ending::TooLong));
        }
        if !self.closed {
            return None;
        }
        let len = self.buf.len();
        Some(match rest {
            [.., b'\n'] => self.take(len - 1, len, Ending::Newline),
            _ => self.take(len, len, Ending::Forced),
        })
    }

    fn consumed(&self) -> usize {
        self.consumed
    }

    fn close(&mut self) {
        self.closed = true;
    }

    fn resume(&self) -> Resume {
        if self.object == Standing::default() { Resume::Nothing } else { Resume::Json(self.object) }
    }
}
