//! The names of members, remembered: records of one file mostly have the same ones in the same
//! order. A name that comes where it came last time is known after one comparison, and nothing has
//! to be encoded or compared with the other names of its record.

use super::scan::string;
use crate::parse::Fault;
use crate::parse::fields::{FieldList, KnownNames, Name, Piece};
use crate::parse::simd;

/// Names remembered at most. Those beyond cost more time, and no memory.
const MOST_NAMES: usize = 256;
/// Longest name remembered, in bytes with its closing quote.
const LONGEST_NAME: usize = 256;
/// After so many names that were not there any more, all are forgotten and learnt anew.
const PATIENCE: u32 = 10_000;
/// No name.
const NONE: u32 = u32::MAX;

/// Remembered names.
#[derive(Clone, Debug)]
pub(super) struct NameCache {
    known: KnownNames,
    entries: Vec<Entry>,
    /// Number of the present record; an entry with this number was seen in it.
    record: u64,
    /// The entry of the name before, or [`NONE`].
    last: u32,
    /// The entry that records begin with.
    first: u32,
    /// Names of this record that are not remembered.
    found: usize,
    misses: u32,
    order: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The name as it is written, and its closing quote.
    text: Box<[u8]>,
    /// The same, for one comparison, when it is short enough.
    wide: [u8; simd::WIDTH],
    /// The bytes of `wide` that count; none when it is not.
    counts: u32,
    /// The entry that came after this one last time.
    next: u32,
    /// The last record with this name, and the place of its field there.
    record: u64,
    place: usize,
}

impl Default for NameCache {
    fn default() -> Self {
        Self {
            known: KnownNames::default(),
            entries: Vec::new(),
            record: 0,
            last: NONE,
            first: NONE,
            found: 0,
            misses: 0,
            order: Vec::new(),
        }
    }
}

impl NameCache {
    pub(super) fn known(&self) -> &KnownNames {
        &self.known
    }

    /// A new record begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.record += 1;
        self.last = NONE;
        self.found = 0;
        if self.misses > PATIENCE {
            self.forget();
        }
    }

    #[cold]
    fn forget(&mut self) {
        self.known.clear();
        self.entries.clear();
        self.first = NONE;
        self.misses = 0;
    }

    /// Reads a name from behind its first quote.
    #[inline]
    pub(super) fn read(
        &mut self,
        text: &[u8],
        at: usize,
        list: &mut FieldList,
    ) -> Result<(Name, usize), Fault> {
        let expected = match self.entries.get(self.last as usize) {
            Some(last) => last.next,
            None => self.first,
        };
        if let Some(entry) = self.entries.get(expected as usize)
            && entry.is_at(text, at)
        {
            self.last = expected;
            return Ok((Name::Known(expected), at + entry.text.len()));
        }
        self.look_up(text, at, list)
    }

    #[cold]
    fn look_up(
        &mut self,
        text: &[u8],
        at: usize,
        list: &mut FieldList,
    ) -> Result<(Name, usize), Fault> {
        let (piece, end) = string(text, at, list)?;
        let Name::Found(piece) = list.acceptable(piece, text) else {
            unreachable!("a name that is found is not known before")
        };
        let name = list.bytes(piece, text);
        let index = match self.known.find(name) {
            Some(index) => index,
            None if self.known.len() < MOST_NAMES && end - at <= LONGEST_NAME => {
                self.entries.push(Entry::new(&text[at..end]));
                self.known.add(name)
            }
            None => {
                self.misses += 1;
                self.found += 1;
                return Ok((Name::Found(piece), end));
            }
        };
        match self.entries.get_mut(self.last as usize) {
            Some(last) => last.next = index,
            None => self.first = index,
        }
        self.last = index;
        Ok((Name::Known(index), end))
    }

    /// Adds the field of a name that [`read`](Self::read) gave.
    #[inline]
    pub(super) fn put(&mut self, name: Name, value: Piece, list: &mut FieldList) {
        if let Name::Known(index) = name {
            let entry = &mut self.entries[index as usize];
            if entry.record == self.record {
                list.fields[entry.place].value = value;
                return;
            }
            entry.record = self.record;
            entry.place = list.fields.len();
        }
        list.push(name, value);
    }

    /// The record ends.
    #[inline]
    pub(super) fn finish(&mut self, text: &[u8], list: &mut FieldList) {
        // Remembered names were told apart as they came.
        if self.found > 1 {
            list.merge(text, &self.known, &mut self.order);
        }
    }
}

impl Entry {
    fn new(text: &[u8]) -> Self {
        let mut wide = [0; simd::WIDTH];
        let mut counts = 0;
        if let Some(start) = wide.get_mut(..text.len()) {
            start.copy_from_slice(text);
            counts = u32::MAX >> (simd::WIDTH - text.len());
        }
        Self { text: text.into(), wide, counts, next: NONE, record: 0, place: 0 }
    }

    #[inline]
    fn is_at(&self, text: &[u8], at: usize) -> bool {
        match text[at..].first_chunk() {
            Some(bytes) if self.counts != 0 => {
                simd::differing(bytes, &self.wide) & self.counts == 0
            }
            _ => text[at..].starts_with(&self.text),
        }
    }
}
