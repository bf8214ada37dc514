//! Delimiter mode (`agent` 3.5): columns between separators, each with a name of its own.
//!
//! With a separator of one byte a column may be quoted: the quote opens at the start of a column
//! only, separators inside are data, two quotes are one, and behind the closing quote comes a
//! separator or the end. With any other separator, or with a quote that is the separator, the
//! text is split and nothing else.

use super::Fault;
use super::fields::{FieldList, KnownNames, Name, Piece};
use super::simd;
use memchr::memmem::Finder;
use sls::collect::Overflow;
use std::io::Write;

/// How records are cut, as the configuration says.
#[derive(Clone, Debug)]
pub(crate) struct Columns<'c> {
    pub(crate) separator: &'c str,
    pub(crate) quote: char,
    pub(crate) names: &'c [String],
    pub(crate) overflow: Overflow,
    pub(crate) accept_short: bool,
    /// Columns named `_` are left out.
    pub(crate) partial: bool,
}

/// Cuts records at separators.
#[derive(Clone, Debug)]
pub(super) struct DelimiterParser {
    cut: Cut,
    names: ColumnNames,
    accept_short: bool,
    /// Two columns may have one name.
    has_twins: bool,
    order: Vec<u32>,
    joined: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Cut {
    Quoting { separator: u8, quote: u8 },
    Plain(Box<Finder<'static>>),
}

/// Which name a column has.
#[derive(Clone, Debug)]
struct ColumnNames {
    /// The names in the configuration, and behind them those of columns beyond.
    known: KnownNames,
    /// For each column in the configuration its name; none for one that is left out.
    columns: Vec<Option<u32>>,
    /// Names of the columns beyond, as far as they are known.
    beyond: Vec<u32>,
    overflow: Overflow,
}

/// Columns beyond the configuration whose names are prepared; the names of others are written
/// for each record.
const BEYOND: usize = 64;

/// The name of a column that may be left out.
const LEFT_OUT: &str = "_";

impl DelimiterParser {
    pub(super) fn new(config: &Columns<'_>) -> Self {
        let quote = u8::try_from(config.quote).ok().filter(u8::is_ascii);
        let cut = match (config.separator.as_bytes(), quote) {
            (&[separator], Some(quote)) if quote != separator => Cut::Quoting { separator, quote },
            // A configuration without separator is refused before it comes here.
            (separator, _) => Cut::Plain(Box::new(Finder::new(separator).into_owned())),
        };
        let mut known = KnownNames::default();
        let mut has_twins = false;
        let columns = config.names.iter().map(|name| {
            if config.partial && name == LEFT_OUT {
                return None;
            }
            let name = if name.is_empty() { super::CONTENT } else { name };
            has_twins |= known.find(name.as_bytes()).is_some() || name.starts_with("__column");
            Some(known.add(name.as_bytes()))
        });
        let columns = columns.collect();
        Self {
            cut,
            names: ColumnNames { known, columns, beyond: Vec::new(), overflow: config.overflow },
            accept_short: config.accept_short,
            has_twins,
            order: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// The names that the fields of the last record refer to.
    pub(super) fn known(&self) -> &KnownNames {
        &self.names.known
    }

    /// Whether a record can have a field of this name.
    pub(super) fn may_have(&self, name: &[u8]) -> bool {
        let is_beyond = self.names.overflow != Overflow::Discard && name.starts_with(b"__column");
        is_beyond || self.names.known.find(name).is_some()
    }

    /// Cuts one record into `list`, which is empty.
    #[inline]
    pub(super) fn cut(&mut self, record: &[u8], list: &mut FieldList) -> Result<(), Fault> {
        let (start, text) = trimmed(record);
        if start == text.len() {
            return Err(Fault::Blank);
        }
        let columns = match &self.cut {
            &Cut::Quoting { separator, quote } => {
                self.quoting(text, start, separator, quote, list)?
            }
            Cut::Plain(finder) => plain(text, start, finder, &mut self.names, list),
        };
        if columns < self.names.columns.len() && !self.accept_short {
            return Err(Fault::TooFewColumns);
        }
        if self.has_twins {
            list.merge(record, &self.names.known, &mut self.order);
        }
        Ok(())
    }

    /// Gives the number of columns.
    #[inline]
    fn quoting(
        &mut self,
        text: &[u8],
        start: usize,
        separator: u8,
        quote: u8,
        list: &mut FieldList,
    ) -> Result<usize, Fault> {
        let mut marks = Marks::new(text, start, separator, quote);
        let mut at = start;
        let mut columns = 0;
        loop {
            if self.names.is_joined(columns) {
                return self.join(text, at - 1, separator, quote, list);
            }
            let mut mark = marks.next();
            let value = if mark == at && text.get(at) == Some(&quote) {
                let value;
                (value, mark) = quoted(text, at + 1, quote, list)?;
                marks = Marks::new(text, mark, separator, quote);
                if marks.next() != mark {
                    return Err(Fault::BadQuote);
                }
                value
            } else {
                Piece::record(at..mark)
            };
            self.names.put(columns, value, list);
            columns += 1;
            match text.get(mark) {
                None => return Ok(columns),
                Some(byte) if *byte == separator => at = mark + 1,
                // A quote inside a column, or something behind a closed one.
                Some(_) => return Err(Fault::BadQuote),
            }
        }
    }

    /// All columns from the separator at `at` on as one, with their separators.
    #[cold]
    fn join(
        &mut self,
        text: &[u8],
        mut at: usize,
        separator: u8,
        quote: u8,
        list: &mut FieldList,
    ) -> Result<usize, Fault> {
        self.joined.clear();
        while text.get(at) == Some(&separator) {
            self.joined.push(separator);
            at += 1;
            if text.get(at) == Some(&quote) {
                let value;
                (value, at) = quoted(text, at + 1, quote, list)?;
                self.joined.extend_from_slice(list.bytes(value, text));
            } else {
                let end = Marks::new(text, at, separator, quote).next();
                self.joined.extend_from_slice(&text[at..end]);
                at = end;
            }
        }
        if at < text.len() {
            return Err(Fault::BadQuote);
        }
        let value = list.copied(&self.joined);
        let columns = self.names.columns.len();
        self.names.put(columns, value, list);
        Ok(columns + 1)
    }
}

impl ColumnNames {
    /// Whether this column and all behind it are one field.
    #[inline]
    fn is_joined(&self, column: usize) -> bool {
        column > 0 && column == self.columns.len() && self.overflow == Overflow::Keep
    }

    #[inline]
    fn put(&mut self, column: usize, value: Piece, list: &mut FieldList) {
        match self.columns.get(column) {
            Some(Some(name)) => list.push(Name::Known(*name), value),
            Some(None) => {}
            None if self.overflow == Overflow::Discard => {}
            None => {
                let name = self.name_beyond(column, list);
                list.push(name, value);
            }
        }
    }

    /// The name of a column that the configuration does not name.
    fn name_beyond(&mut self, column: usize, list: &mut FieldList) -> Name {
        let index = column - self.columns.len();
        if index >= BEYOND {
            let start = list.begin();
            // Writing to memory does not fail.
            let _ = write!(list.scratch(), "__column{column}__");
            return Name::Found(list.finish(start));
        }
        while self.beyond.len() <= index {
            let name = format!("__column{}__", self.columns.len() + self.beyond.len());
            self.beyond.push(self.known.add(name.as_bytes()));
        }
        Name::Known(self.beyond[index])
    }
}

/// Splits at each separator; gives the number of columns.
fn plain(
    text: &[u8],
    start: usize,
    separator: &Finder<'_>,
    names: &mut ColumnNames,
    list: &mut FieldList,
) -> usize {
    let width = separator.needle().len();
    let (mut at, mut columns) = (start, 0);
    loop {
        if names.is_joined(columns) {
            names.put(columns, Piece::record(at - width..text.len()), list);
            return columns + 1;
        }
        let found = separator.find(&text[at..]);
        let end = found.map_or(text.len(), |found| at + found);
        names.put(columns, Piece::record(at..end), list);
        columns += 1;
        if found.is_none() {
            return columns;
        }
        at = end + width;
    }
}

/// A record without spaces around it, and without the return of a Windows line: where it starts,
/// and everything up to its end.
#[inline]
fn trimmed(record: &[u8]) -> (usize, &[u8]) {
    let mut text = record;
    while let [rest @ .., b' ' | b'\r'] = text {
        text = rest;
    }
    let start = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    (start, text)
}

/// A quoted column, from behind its first quote: its value, and the place behind the last one.
#[inline]
fn quoted(
    text: &[u8],
    start: usize,
    quote: u8,
    list: &mut FieldList,
) -> Result<(Piece, usize), Fault> {
    let end = closing(text, start, quote)?;
    if text.get(end + 1) != Some(&quote) {
        return Ok((Piece::record(start..end), end + 1));
    }
    doubled(text, start, end, quote, list)
}

/// The same for a column with two quotes in a row, the first of which is at `end`.
#[cold]
fn doubled(
    text: &[u8],
    mut start: usize,
    mut end: usize,
    quote: u8,
    list: &mut FieldList,
) -> Result<(Piece, usize), Fault> {
    let begin = list.begin();
    while text.get(end + 1) == Some(&quote) {
        // One of the two goes along.
        list.scratch().extend_from_slice(&text[start..=end]);
        start = end + 2;
        end = closing(text, start, quote)?;
    }
    list.scratch().extend_from_slice(&text[start..end]);
    Ok((list.finish(begin), end + 1))
}

#[inline]
fn closing(text: &[u8], start: usize, quote: u8) -> Result<usize, Fault> {
    let extent = simd::first_hit(
        text,
        start,
        |bytes| simd::either(bytes, quote, quote),
        |byte| byte == quote,
    );
    if start + extent < text.len() { Ok(start + extent) } else { Err(Fault::BadQuote) }
}

/// The separators and quotes of a text, one after the other: many of them are found in one look.
struct Marks<'t> {
    text: &'t [u8],
    separator: u8,
    quote: u8,
    /// Where the present look begins, and what of it is left.
    base: usize,
    hits: u32,
    /// Where the next look begins.
    next: usize,
}

impl<'t> Marks<'t> {
    #[inline]
    fn new(text: &'t [u8], from: usize, separator: u8, quote: u8) -> Self {
        Self { text, separator, quote, base: from, hits: 0, next: from }
    }

    /// The place of the next one, or the end of the text.
    #[inline]
    fn next(&mut self) -> usize {
        while self.hits == 0 {
            self.base = self.next;
            if let Some(bytes) = self.text[self.base..].first_chunk() {
                self.hits = simd::either(bytes, self.separator, self.quote);
            } else {
                let rest = &self.text[self.base..];
                if rest.is_empty() {
                    return self.text.len();
                }
                let mut bytes = [0; simd::WIDTH];
                bytes[..rest.len()].copy_from_slice(rest);
                self.hits = simd::either(&bytes, self.separator, self.quote)
                    & (u32::MAX >> (simd::WIDTH - rest.len()));
            }
            self.next = (self.base + simd::WIDTH).min(self.text.len());
        }
        let at = self.base + self.hits.trailing_zeros() as usize;
        self.hits &= self.hits - 1;
        at
    }
}

#[cfg(test)]
mod tests;
