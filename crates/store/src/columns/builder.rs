//! Puts rows into columns, a granule at a time.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Builder, StringArray, StringBuilder, UInt16Builder,
    UInt32Builder, UInt64Builder,
};
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::layout::{Layout, tag_column};
use super::shape::{Rest, Shape};
use crate::batch::Batch;
use crate::ids::Seq;
use crate::limits::GRANULE_ROWS;

/// One log group with its place in the store.
#[derive(Debug)]
pub(crate) struct Rows {
    pub shard: u16,
    pub seq: Seq,
    pub received_nanos: i64,
    pub batch: Batch,
}

impl Rows {
    /// Calls `add` with each column name and how many values it has here.
    pub(super) fn count_names(&self, add: &mut dyn FnMut(&str, usize)) {
        for (key, _) in self.batch.tags() {
            add(&tag_column(key), self.batch.rows());
        }
        let mut counts = vec![0; self.batch.keys().len()];
        for row in 0..self.batch.rows() {
            self.batch.row(row).for_each(|(key, _)| counts[key] += 1);
        }
        for (key, count) in self.batch.keys().iter().zip(counts) {
            add(key, count);
        }
    }
}

/// The rows as record batches of at most [`GRANULE_ROWS`] rows, in order.
pub(crate) fn record_batches<'a>(
    layout: &Layout,
    groups: impl Iterator<Item = &'a Rows>,
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
    let mut groups = groups.peekable();
    let mut next_row = 0;
    std::iter::from_fn(move || {
        let mut builder: Option<Builder<'_>> = None;
        while let Some(&group) = groups.peek() {
            let room = GRANULE_ROWS - builder.as_ref().map_or(0, |builder| builder.rows);
            if room == 0 {
                break;
            }
            let end = group.batch.rows().min(next_row + room);
            if next_row < end {
                builder.get_or_insert_with(|| Builder::new(layout)).push(group, next_row..end);
            }
            next_row = end;
            if next_row == group.batch.rows() {
                groups.next();
                next_row = 0;
            }
        }
        builder.map(Builder::finish)
    })
}

struct Builder<'a> {
    layout: &'a Layout,
    rows: usize,
    time: Int64Builder,
    received: Int64Builder,
    shard: UInt16Builder,
    seq: UInt64Builder,
    offset: UInt32Builder,
    topic: StringBuilder,
    source: StringBuilder,
    shape: Vec<i32>,
    shapes: HashMap<String, i32>,
    rest: StringBuilder,
    keys: Vec<StringBuilder>,
}

impl<'a> Builder<'a> {
    fn new(layout: &'a Layout) -> Builder<'a> {
        Builder {
            layout,
            rows: 0,
            time: Int64Builder::new(),
            received: Int64Builder::new(),
            shard: UInt16Builder::new(),
            seq: UInt64Builder::new(),
            offset: UInt32Builder::new(),
            topic: StringBuilder::new(),
            source: StringBuilder::new(),
            shape: Vec::new(),
            shapes: HashMap::new(),
            rest: StringBuilder::new(),
            keys: (0..layout.key_columns()).map(|_| StringBuilder::new()).collect(),
        }
    }

    fn push(&mut self, group: &Rows, rows: std::ops::Range<usize>) {
        let batch = &group.batch;
        let tags: Vec<(String, Option<usize>)> =
            batch.tags().iter().map(|(key, _)| (tag_column(key), self.layout.tag(key))).collect();
        let columns: Vec<Option<usize>> =
            batch.keys().iter().map(|key| self.layout.key(key)).collect();
        let mut values: Vec<Option<(&str, &str)>> = vec![None; self.keys.len()];
        let mut rest: Vec<(&str, &str)> = Vec::new();
        // Rows of a group mostly have the same keys: then the shape is made once.
        let mut previous: Option<(Vec<usize>, i32)> = None;
        let mut order: Vec<usize> = Vec::new();
        for row in rows {
            order.clear();
            rest.clear();
            let tag_values = batch.tags().iter().zip(&tags);
            let tag_values = tag_values
                .map(|((_, value), (name, column))| (name.as_str(), value.as_str(), *column));
            let order_of_keys = &mut order;
            let key_values = batch.row(row).map(|(key, value)| {
                order_of_keys.push(key);
                (batch.keys()[key].as_str(), value, columns[key])
            });
            for (name, value, column) in tag_values.chain(key_values) {
                match column {
                    // The last value stays in the column, the one before makes room.
                    Some(column) => rest.extend(values[column].replace((name, value))),
                    None => rest.push((name, value)),
                }
            }
            for (column, value) in self.keys.iter_mut().zip(&mut values) {
                column.append_option(value.take().map(|(_, value)| value));
            }
            let shape = match &previous {
                Some((same, shape)) if *same == order => *shape,
                _ => {
                    let keys = order.iter().map(|&key| batch.keys()[key].as_str());
                    let shape = self.shape_index(Shape::encode(batch.tags(), keys));
                    previous = Some((order.clone(), shape));
                    shape
                }
            };
            self.shape.push(shape);
            self.rest.append_option((!rest.is_empty()).then(|| Rest::encode(&rest)));
            self.time.append_value(batch.time_nanos(row));
            self.received.append_value(group.received_nanos);
            self.shard.append_value(group.shard);
            self.seq.append_value(group.seq.0);
            self.offset.append_value(row as u32);
            self.topic.append_value(batch.topic());
            self.source.append_value(batch.source());
            self.rows += 1;
        }
    }

    fn shape_index(&mut self, text: String) -> i32 {
        // At most one for each row of a granule.
        let next = self.shapes.len() as i32;
        *self.shapes.entry(text).or_insert(next)
    }

    fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let mut shapes: Vec<(String, i32)> = self.shapes.into_iter().collect();
        shapes.sort_unstable_by_key(|(_, index)| *index);
        let shapes = StringArray::from_iter_values(shapes.iter().map(|(text, _)| text));
        let shape =
            DictionaryArray::<Int32Type>::try_new(Int32Array::from(self.shape), Arc::new(shapes))?;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.received.finish()),
            Arc::new(self.shard.finish()),
            Arc::new(self.seq.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.topic.finish()),
            Arc::new(self.source.finish()),
            Arc::new(shape),
            Arc::new(self.rest.finish()),
        ];
        columns.extend(self.keys.iter_mut().map(|key| Arc::new(key.finish()) as ArrayRef));
        RecordBatch::try_new(self.layout.schema().clone(), columns)
    }
}
