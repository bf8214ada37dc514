//! Where the parts of a JSON text end. All functions take the text and a place in it and give the
//! place behind what they read.

use crate::parse::Fault;
use crate::parse::fields::{FieldList, Piece};
use crate::parse::simd;

#[inline]
pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

#[inline]
pub(super) fn literal(text: &[u8], at: usize, word: &[u8]) -> Result<usize, Fault> {
    if text[at..].starts_with(word) { Ok(at + word.len()) } else { Err(Fault::NotJson) }
}

/// A number, whose first byte is a digit or a minus.
#[inline]
pub(super) fn number(text: &[u8], at: usize) -> Result<usize, Fault> {
    let first = at + usize::from(text[at] == b'-');
    let mut at = digits(text, first)?;
    if text[first] == b'0' && at > first + 1 {
        return Err(Fault::NotJson);
    }
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let signed = matches!(text.get(at + 1), Some(b'+' | b'-'));
        at = digits(text, at + 1 + usize::from(signed))?;
    }
    Ok(at)
}

/// One digit or more.
#[inline]
fn digits(text: &[u8], from: usize) -> Result<usize, Fault> {
    let mut at = from;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at > from { Ok(at) } else { Err(Fault::NotJson) }
}

/// Where the run of plain bytes from `at` ends, and the byte there.
#[inline]
fn plain_run(text: &[u8], at: usize) -> (usize, Option<u8>) {
    let is_end = |byte| byte == b'"' || byte == b'\\' || byte < 0x20;
    let end = at + simd::first_hit(text, at, simd::string_ends, is_end);
    (end, text.get(end).copied())
}

/// A string, from behind its first quote. One without escapes stays where it is.
#[inline]
pub(super) fn string(
    text: &[u8],
    at: usize,
    list: &mut FieldList,
) -> Result<(Piece, usize), Fault> {
    match plain_run(text, at) {
        (end, Some(b'"')) => Ok((Piece::record(at..end), end + 1)),
        (end, Some(b'\\')) => unescape(text, at, end, list),
        _ => Err(Fault::NotJson),
    }
}

/// A string whose first backslash is at `backslash`.
#[cold]
fn unescape(
    text: &[u8],
    start: usize,
    mut backslash: usize,
    list: &mut FieldList,
) -> Result<(Piece, usize), Fault> {
    let begin = list.begin();
    let scratch = list.scratch();
    scratch.extend_from_slice(&text[start..backslash]);
    loop {
        let (char, from) = escape(text, backslash + 1)?;
        scratch.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        let (end, byte) = plain_run(text, from);
        scratch.extend_from_slice(&text[from..end]);
        match byte {
            Some(b'"') => return Ok((list.finish(begin), end + 1)),
            Some(b'\\') => backslash = end,
            _ => return Err(Fault::NotJson),
        }
    }
}

/// What stands behind a backslash.
fn escape(text: &[u8], at: usize) -> Result<(char, usize), Fault> {
    let char = match text.get(at).ok_or(Fault::NotJson)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = code_unit(text, at + 1)?;
            if let Some(char) = char::from_u32(unit) {
                return Ok((char, at + 5));
            }
            // A high surrogate needs a low one behind it, and nothing else may be one.
            if unit >= 0xdc00 || !text[at + 5..].starts_with(b"\\u") {
                return Err(Fault::BadEscape);
            }
            let low = code_unit(text, at + 7)?.wrapping_sub(0xdc00);
            if low >= 0x400 {
                return Err(Fault::BadEscape);
            }
            let char = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low);
            return char.map(|char| (char, at + 11)).ok_or(Fault::BadEscape);
        }
        _ => return Err(Fault::BadEscape),
    };
    Ok((char, at + 1))
}

/// Four hexadecimal digits.
fn code_unit(text: &[u8], at: usize) -> Result<u32, Fault> {
    let digits = text.get(at..at + 4).ok_or(Fault::BadEscape)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(Fault::BadEscape)?;
        Ok(unit << 4 | digit)
    })
}

/// A string that nobody asks for.
#[inline]
fn skip_string(text: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        match plain_run(text, at) {
            (end, Some(b'"')) => return Ok(end + 1),
            (end, Some(b'\\')) => at = escape(text, end + 1)?.1,
            _ => return Err(Fault::NotJson),
        }
    }
}

/// What the values around a place are, from outside to inside: one bit for each, so that depth
/// costs little memory and no stack.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    is_object: Vec<u64>,
    depth: usize,
}

/// Words kept for the next record.
const KEPT_WORDS: usize = 64;

impl Levels {
    fn clear(&mut self) {
        self.depth = 0;
        if self.is_object.len() > KEPT_WORDS {
            self.is_object.truncate(KEPT_WORDS);
            self.is_object.shrink_to_fit();
        }
    }

    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.is_object.len() {
            self.is_object.push(0);
        }
        self.is_object[word] = self.is_object[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
    }

    /// Whether the innermost is an object; `None` outside of all.
    fn innermost(&self) -> Option<bool> {
        let last = self.depth.checked_sub(1)?;
        Some(self.is_object[last / 64] >> (last % 64) & 1 == 1)
    }
}

/// An object or an array, of any depth.
pub(super) fn nested(text: &[u8], mut at: usize, levels: &mut Levels) -> Result<usize, Fault> {
    levels.clear();
    loop {
        // A value.
        at = match text.get(at) {
            Some(b'"') => skip_string(text, at + 1)?,
            Some(b'-' | b'0'..=b'9') => number(text, at)?,
            Some(b't') => literal(text, at, b"true")?,
            Some(b'f') => literal(text, at, b"false")?,
            Some(b'n') => literal(text, at, b"null")?,
            Some(b'{') => {
                levels.push(true);
                let inside = skip_space(text, at + 1);
                if text.get(inside) != Some(&b'}') {
                    at = member_name(text, inside)?;
                    continue;
                }
                levels.pop();
                inside + 1
            }
            Some(b'[') => {
                levels.push(false);
                let inside = skip_space(text, at + 1);
                if text.get(inside) != Some(&b']') {
                    at = inside;
                    continue;
                }
                levels.pop();
                inside + 1
            }
            _ => return Err(Fault::NotJson),
        };
        // What is behind it: the ends of values around it, up to the next one.
        loop {
            let Some(is_object) = levels.innermost() else { return Ok(at) };
            at = skip_space(text, at);
            match (text.get(at), is_object) {
                (Some(b'}'), true) | (Some(b']'), false) => {
                    levels.pop();
                    at += 1;
                }
                (Some(b','), true) => {
                    at = member_name(text, skip_space(text, at + 1))?;
                    break;
                }
                (Some(b','), false) => {
                    at = skip_space(text, at + 1);
                    break;
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }
}

/// A name, its colon and the space around it.
fn member_name(text: &[u8], at: usize) -> Result<usize, Fault> {
    if text.get(at) != Some(&b'"') {
        return Err(Fault::NotJson);
    }
    let at = skip_space(text, skip_string(text, at + 1)?);
    if text.get(at) != Some(&b':') {
        return Err(Fault::NotJson);
    }
    Ok(skip_space(text, at + 1))
}
