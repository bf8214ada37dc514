//! JSON mode (`agent` 3.4): each member of the root object is a field.
//!
//! A record is read once, from left to right, and nothing is built from it: strings without
//! escapes, numbers and nested values become fields as they stand in the record, and only a string
//! with escapes is copied. What RFC 8259 does not allow is refused, nested values included, with
//! two exceptions that other collectors make too: text need not be UTF-8, and numbers have no
//! range. Of two members with one name the last value counts, at the place of the first.

mod names;
mod scan;

use super::Fault;
use super::fields::{FieldList, KnownNames, Piece};
use names::NameCache;
use scan::{Levels, literal, nested, number, skip_space, string};

/// Reads records as JSON objects.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonParser {
    names: NameCache,
    levels: Levels,
}

impl JsonParser {
    /// The names that the fields of the last record refer to.
    pub(super) fn known(&self) -> &KnownNames {
        self.names.known()
    }

    /// Reads one record into `list`, which is empty.
    #[inline]
    pub(super) fn cut(&mut self, record: &[u8], list: &mut FieldList) -> Result<(), Fault> {
        let mut at = skip_space(record, 0);
        match record.get(at) {
            Some(b'{') => {}
            None => return Err(Fault::Blank),
            Some(_) => return Err(Fault::NotObject),
        }
        self.names.begin();
        at = skip_space(record, at + 1);
        if record.get(at) == Some(&b'}') {
            return end(record, at + 1);
        }
        loop {
            if record.get(at) != Some(&b'"') {
                return Err(Fault::NotJson);
            }
            let name;
            (name, at) = self.names.read(record, at + 1, list)?;
            at = skip_space(record, at);
            if record.get(at) != Some(&b':') {
                return Err(Fault::NotJson);
            }
            at = skip_space(record, at + 1);
            let value;
            (value, at) = self.value(record, at, list)?;
            self.names.put(name, value, list);
            at = skip_space(record, at);
            match record.get(at) {
                Some(b',') => at = skip_space(record, at + 1),
                Some(b'}') => break,
                _ => return Err(Fault::NotJson),
            }
        }
        self.names.finish(record, list);
        end(record, at + 1)
    }

    #[inline]
    fn value(
        &mut self,
        record: &[u8],
        at: usize,
        list: &mut FieldList,
    ) -> Result<(Piece, usize), Fault> {
        let end = match record.get(at) {
            Some(b'"') => return string(record, at + 1, list),
            Some(b'-' | b'0'..=b'9') => number(record, at)?,
            Some(b'{' | b'[') => nested(record, at, &mut self.levels)?,
            Some(b't') => literal(record, at, b"true")?,
            Some(b'f') => literal(record, at, b"false")?,
            Some(b'n') => return Ok((Piece::EMPTY, literal(record, at, b"null")?)),
            _ => return Err(Fault::NotJson),
        };
        Ok((Piece::record(at..end), end))
    }
}

/// Nothing may follow the object.
#[inline]
fn end(record: &[u8], at: usize) -> Result<(), Fault> {
    if skip_space(record, at) == record.len() { Ok(()) } else { Err(Fault::NotJson) }
}

#[cfg(test)]
mod tests;
