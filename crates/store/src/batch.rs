//! The rows of one log group, as they wait for their columns.
//!
//! One arena of text and one list of cells: building it is the only copy made before the
//! acknowledgement, it keeps the order of keys and their duplicates as they came, and many
//! small groups stay small. Columns are made from a whole granule of rows at once
//! ([`crate::columns`]).

use std::collections::HashMap;

/// Rows of one log group. Made by [`BatchBuilder`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    topic: String,
    source: String,
    tags: Vec<(String, String)>,
    keys: Vec<String>,
    rows: Vec<RowHead>,
    cells: Vec<Cell>,
    text: String,
    min_time_nanos: i64,
    max_time_nanos: i64,
    oversized: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowHead {
    time_nanos: i64,
    /// Index after the last cell of this row.
    cells_end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    key: u32,
    /// Byte after the value in the arena; it starts where the cell before ends.
    text_end: u32,
}

impl Batch {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The earliest `__time__`; 0 without rows.
    pub fn min_time_nanos(&self) -> i64 {
        self.min_time_nanos
    }

    /// The latest `__time__`; 0 without rows.
    pub fn max_time_nanos(&self) -> i64 {
        self.max_time_nanos
    }

    /// The topic of the group.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The source of the group.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The tags of the group in their order, without the `__tag__:` prefix.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    /// The distinct field keys in order of first appearance; [`Batch::row`] points into it.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// `__time__` of one row.
    pub fn time_nanos(&self, row: usize) -> i64 {
        self.rows[row].time_nanos
    }

    /// The fields of one row in their order, duplicates included: index into [`Batch::keys`]
    /// and value.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, &str)> {
        let first = if row == 0 { 0 } else { self.rows[row - 1].cells_end as usize };
        let last = self.rows[row].cells_end as usize;
        (first..last).map(|at| {
            let start = if at == 0 { 0 } else { self.cells[at - 1].text_end as usize };
            let cell = self.cells[at];
            (cell.key as usize, &self.text[start..cell.text_end as usize])
        })
    }

    /// Bytes this batch keeps in memory, near enough to be budgeted by.
    pub fn memory_bytes(&self) -> usize {
        let names: usize = self.keys.iter().map(|key| key.len() + size_of::<String>()).sum();
        let tags: usize = self.tags.iter().map(|(k, v)| k.len() + v.len() + 48).sum();
        size_of::<Batch>()
            + self.topic.len()
            + self.source.len()
            + names
            + tags
            + self.rows.len() * size_of::<RowHead>()
            + self.cells.len() * size_of::<Cell>()
            + self.text.len()
    }

    /// Whether rows were left out because the arena could not address them. Such a batch is
    /// refused by [`crate::Engine::append`].
    pub(crate) fn is_oversized(&self) -> bool {
        self.oversized
    }
}

/// Builds a [`Batch`] row by row.
///
/// ```
/// let mut rows = store::BatchBuilder::new();
/// rows.topic("nginx_access_log").source("10.0.0.7").tag("_pod_name_", "web-1");
/// rows.begin_row(1_700_000_000_000_000_000);
/// rows.field("status", "200");
/// rows.field_bytes("path", b"/pay");
/// assert_eq!(rows.finish().rows(), 1);
/// ```
#[derive(Debug, Default)]
pub struct BatchBuilder {
    batch: Batch,
    index: HashMap<String, u32>,
    /// Where the keys of the previous row were found: rows of one group mostly repeat the
    /// same keys in the same order, which saves the hash lookup.
    guess: usize,
}

impl BatchBuilder {
    /// An empty group.
    pub fn new() -> BatchBuilder {
        BatchBuilder::default()
    }

    /// Sets the topic of the group.
    pub fn topic(&mut self, topic: &str) -> &mut BatchBuilder {
        self.batch.topic = topic.to_owned();
        self
    }

    /// Sets the source of the group.
    pub fn source(&mut self, source: &str) -> &mut BatchBuilder {
        self.batch.source = source.to_owned();
        self
    }

    /// Adds a tag of the group; `key` comes without the `__tag__:` prefix.
    pub fn tag(&mut self, key: &str, value: &str) -> &mut BatchBuilder {
        self.batch.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Starts the next row; the fields that follow are its.
    pub fn begin_row(&mut self, time_nanos: i64) -> &mut BatchBuilder {
        let batch = &mut self.batch;
        let cells_end = u32::try_from(batch.cells.len()).unwrap_or_else(|_| {
            batch.oversized = true;
            u32::MAX
        });
        if batch.rows.is_empty() {
            batch.min_time_nanos = time_nanos;
            batch.max_time_nanos = time_nanos;
        } else {
            batch.min_time_nanos = batch.min_time_nanos.min(time_nanos);
            batch.max_time_nanos = batch.max_time_nanos.max(time_nanos);
        }
        if !batch.oversized {
            batch.rows.push(RowHead { time_nanos, cells_end });
        }
        self.guess = 0;
        self
    }

    /// Adds a field to the row begun last; without a row it is ignored.
    pub fn field(&mut self, key: &str, value: &str) -> &mut BatchBuilder {
        if self.batch.rows.is_empty() {
            return self;
        }
        let key = self.key(key);
        let batch = &mut self.batch;
        let row = batch.rows.last_mut().expect("there is a row, looked at above");
        let text_end = u32::try_from(batch.text.len() + value.len());
        let (Ok(text_end), false) = (text_end, batch.oversized || row.cells_end == u32::MAX) else {
            batch.oversized = true;
            return self;
        };
        batch.text.push_str(value);
        batch.cells.push(Cell { key, text_end });
        row.cells_end += 1;
        self
    }

    /// The same for bytes that need not be UTF-8: what is not, is replaced by U+FFFD.
    pub fn field_bytes(&mut self, key: &str, value: &[u8]) -> &mut BatchBuilder {
        self.field(key, &String::from_utf8_lossy(value))
    }

    /// Hands over the group.
    pub fn finish(self) -> Batch {
        self.batch
    }

    fn key(&mut self, key: &str) -> u32 {
        let guess = self.guess;
        self.guess += 1;
        if self.batch.keys.get(guess).is_some_and(|known| known == key) {
            return guess as u32;
        }
        if let Some(&known) = self.index.get(key) {
            self.guess = known as usize + 1;
            return known;
        }
        // Distinct keys cannot outnumber the cells, and those are counted in `u32`.
        let new = self.batch.keys.len() as u32;
        self.batch.keys.push(key.to_owned());
        self.index.insert(key.to_owned(), new);
        self.guess = new as usize + 1;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(batch: &Batch, row: usize) -> Vec<(&str, &str)> {
        batch.row(row).map(|(key, value)| (batch.keys()[key].as_str(), value)).collect()
    }

    #[test]
    fn rows_keep_order_and_duplicates_of_their_keys() {
        let mut rows = BatchBuilder::new();
        rows.begin_row(5).field("a", "1").field("b", "2").field("a", "3");
        rows.begin_row(3).field("b", "").field("a", "x");
        rows.begin_row(4);
        let batch = rows.finish();
        assert_eq!(fields(&batch, 0), [("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(fields(&batch, 1), [("b", ""), ("a", "x")]);
        assert_eq!(fields(&batch, 2), []);
        assert_eq!((batch.min_time_nanos(), batch.max_time_nanos()), (3, 5));
        assert_eq!(batch.keys(), ["a", "b"]);
    }

    #[test]
    fn a_field_before_any_row_is_ignored() {
        let mut rows = BatchBuilder::new();
        rows.field("a", "1");
        let batch = rows.finish();
        assert!(batch.is_empty() && batch.keys().is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut rows = BatchBuilder::new();
        rows.begin_row(0).field_bytes("a", b"x\xffy");
        assert_eq!(fields(&rows.finish(), 0), [("a", "x\u{fffd}y")]);
    }
}
