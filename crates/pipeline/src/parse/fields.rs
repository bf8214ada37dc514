//! The fields of one record, for every way of parsing whose fields are not fixed by the
//! configuration, and for every stage behind the parser that looks at fields.
//!
//! One [`FieldList`] serves all records of a configuration: names and values are ranges of the
//! record or of a scratch buffer, so a record costs no allocation once the two have grown.

use sls::log_group::{FieldName, FieldValue, PreparedKey};
use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;

/// The longest record that is taken apart. Places are kept in 32 bits, which a record and what is
/// made of it must not outgrow.
pub(super) const LONGEST_RECORD: usize = 128 << 20;

/// Bytes of a field, wherever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    source: Source,
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Record,
    Scratch,
}

impl Piece {
    pub(super) const EMPTY: Self = Self { source: Source::Record, start: 0, end: 0 };

    /// Bytes of the record.
    #[inline]
    pub(super) fn record(range: Range<usize>) -> Self {
        Self::of(Source::Record, range)
    }

    #[inline]
    fn of(source: Source, range: Range<usize>) -> Self {
        Self { source, start: range.start as u32, end: range.end as u32 }
    }

    #[inline]
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Index among the prepared names of the parser.
    Known(u32),
    /// Found in the record.
    Found(Piece),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) value: Piece,
}

/// Names that are known before the record, each encoded once.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownNames(Vec<(Box<[u8]>, PreparedKey)>);

impl KnownNames {
    /// Adds a name; gives its index.
    pub(super) fn add(&mut self, name: &[u8]) -> u32 {
        self.0.push((name.into(), PreparedKey::new(name)));
        u32::try_from(self.0.len() - 1).expect("names are limited by the callers")
    }

    /// Index of a name.
    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        self.0.iter().position(|(known, _)| **known == *name).and_then(|at| at.try_into().ok())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[inline]
    pub(super) fn bytes(&self, index: u32) -> &[u8] {
        &self.0[index as usize].0
    }

    #[inline]
    fn prepared(&self, index: u32) -> &PreparedKey {
        &self.0[index as usize].1
    }
}

/// Most bytes in a name.
const MAX_NAME_BYTES: usize = 128;

/// What is made of a name that the service does not take: names are UTF-8, not empty and not too
/// long, and one that is otherwise has everything refused that is sent together with it.
pub(super) fn acceptable(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    if name.is_empty() {
        return Some(Cow::Borrowed(super::CONTENT.as_bytes()));
    }
    if name.len() <= MAX_NAME_BYTES && std::str::from_utf8(name).is_ok() {
        return None;
    }
    let text = String::from_utf8_lossy(name);
    let end = text.floor_char_boundary(MAX_NAME_BYTES);
    Some(Cow::Owned(text.as_bytes()[..end].to_vec()))
}

/// The fields of one record, reused for the next.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldList {
    pub(super) fields: Vec<Field>,
    scratch: Vec<u8>,
}

/// Scratch memory and fields kept from record to record; more is given back.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_FIELDS: usize = 1024;

impl FieldList {
    /// Forgets the fields.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.fields.clear();
        self.scratch.clear();
    }

    /// Gives back what an unusual record took. The fields are forgotten then.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.scratch.capacity() > KEPT_BYTES || self.fields.capacity() > KEPT_FIELDS {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        self.clear();
        self.scratch.shrink_to(KEPT_BYTES);
        self.fields.shrink_to(KEPT_FIELDS);
    }

    #[inline]
    pub(super) fn push(&mut self, name: Name, value: Piece) {
        self.fields.push(Field { name, value });
    }

    /// Adds a field that the configuration names, in the place of one of the record that has the
    /// same name.
    pub(super) fn put(&mut self, name: &[u8], value: Piece, record: &[u8], known: &KnownNames) {
        let is_it = |field: &Field| self.name(field.name, record, known) == name;
        match self.fields.iter().position(is_it) {
            Some(place) => self.fields[place].value = value,
            None => {
                let name = self.found(name);
                self.push(name, value);
            }
        }
    }

    /// A name that is copied for this record.
    pub(super) fn found(&mut self, name: &[u8]) -> Name {
        Name::Found(self.copied(name))
    }

    /// A name that stands in the record or was copied, as the service takes it.
    pub(super) fn acceptable(&mut self, name: Piece, record: &[u8]) -> Name {
        match acceptable(self.bytes(name, record)).map(Cow::into_owned) {
            Some(name) => self.found(&name),
            None => Name::Found(name),
        }
    }

    /// A value that is copied for this record.
    pub(super) fn copied(&mut self, value: &[u8]) -> Piece {
        let start = self.begin();
        self.scratch.extend_from_slice(value);
        self.finish(start)
    }

    /// A number as a value, in decimal.
    pub(super) fn number(&mut self, number: u64) -> Piece {
        let start = self.begin();
        // Writing to memory does not fail.
        let _ = write!(self.scratch, "{number}");
        self.finish(start)
    }

    /// Starts a piece of scratch memory.
    pub(super) fn begin(&self) -> usize {
        self.scratch.len()
    }

    /// Where to write the bytes of the piece begun last.
    pub(super) fn scratch(&mut self) -> &mut Vec<u8> {
        &mut self.scratch
    }

    /// The piece begun at `start`.
    pub(super) fn finish(&self, start: usize) -> Piece {
        Piece::of(Source::Scratch, start..self.scratch.len())
    }

    #[inline]
    pub(super) fn bytes<'a>(&'a self, piece: Piece, record: &'a [u8]) -> &'a [u8] {
        piece_bytes(&self.scratch, piece, record)
    }

    #[inline]
    pub(super) fn name<'a>(
        &'a self,
        name: Name,
        record: &'a [u8],
        known: &'a KnownNames,
    ) -> &'a [u8] {
        name_bytes(&self.scratch, name, record, known)
    }

    /// Removes the fields that have the name of an earlier one, which takes over the last value.
    pub(super) fn merge(&mut self, record: &[u8], known: &KnownNames, order: &mut Vec<u32>) {
        let Ok(count) = u32::try_from(self.fields.len()) else { return };
        order.clear();
        order.extend(0..count);
        let name =
            |at: u32| name_bytes(&self.scratch, self.fields[at as usize].name, record, known);
        order.sort_unstable_by(|one, other| name(*one).cmp(name(*other)).then(one.cmp(other)));
        // Each run of equal names: its first place, and the value of its last.
        let mut runs = order.chunk_by(|one, other| name(*one) == name(*other));
        if runs.all(|run| run.len() == 1) {
            return;
        }
        let mut moved: Vec<(u32, Option<Piece>)> = Vec::with_capacity(self.fields.len());
        for run in order.chunk_by(|one, other| name(*one) == name(*other)) {
            let last = run[run.len() - 1];
            moved.push((run[0], Some(self.fields[last as usize].value)));
            moved.extend(run[1..].iter().map(|at| (*at, None)));
        }
        moved.sort_unstable_by_key(|(at, _)| *at);
        let mut values = moved.into_iter().map(|(_, value)| value);
        self.fields.retain_mut(|field| match values.next().flatten() {
            Some(value) => {
                field.value = value;
                true
            }
            None => false,
        });
        order.shrink_to(KEPT_FIELDS);
    }

    /// The fields as the log group takes them.
    #[inline]
    pub(super) fn entries<'a>(
        &'a self,
        record: &'a [u8],
        known: &'a KnownNames,
    ) -> impl Iterator<Item = (FieldName<'a>, FieldValue<'a>)> + Clone {
        self.fields.iter().map(move |field| {
            let name = match field.name {
                Name::Known(index) => FieldName::Prepared(known.prepared(index)),
                Name::Found(piece) => FieldName::Plain(self.bytes(piece, record)),
            };
            let text = match field.value.source {
                Source::Record => record,
                Source::Scratch => &self.scratch,
            };
            (name, FieldValue::of(text, field.value.range()))
        })
    }
}

#[inline]
fn piece_bytes<'a>(scratch: &'a [u8], piece: Piece, record: &'a [u8]) -> &'a [u8] {
    match piece.source {
        Source::Record => &record[piece.range()],
        Source::Scratch => &scratch[piece.range()],
    }
}

#[inline]
fn name_bytes<'a>(
    scratch: &'a [u8],
    name: Name,
    record: &'a [u8],
    known: &'a KnownNames,
) -> &'a [u8] {
    match name {
        Name::Known(index) => known.bytes(index),
        Name::Found(piece) => piece_bytes(scratch, piece, record),
    }
}

/// Finds the field of a name. Records of one configuration mostly have it at the same place.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    name: Box<[u8]>,
    place: usize,
}

impl Lookup {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.as_bytes().into(), place: 0 }
    }

    /// The place of the field in the list.
    #[inline]
    pub(super) fn find(
        &mut self,
        list: &FieldList,
        record: &[u8],
        known: &KnownNames,
    ) -> Option<usize> {
        let is_it = |field: &Field| list.name(field.name, record, known) == &*self.name;
        if !list.fields.get(self.place).is_some_and(is_it) {
            self.place = list.fields.iter().position(is_it)?;
        }
        Some(self.place)
    }

    /// The value of the field.
    #[inline]
    pub(super) fn value<'a>(
        &mut self,
        list: &'a FieldList,
        record: &'a [u8],
        known: &KnownNames,
    ) -> Option<&'a [u8]> {
        let place = self.find(list, record, known)?;
        Some(list.bytes(list.fields[place].value, record))
    }
}
