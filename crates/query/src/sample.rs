//! Rows made up by tests, in the columns the store promises.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, StringArray, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use store::columns::{
    OFFSET, RECEIVED, REST, SEQ, SHAPE, SHARD, SOURCE, TAG_PREFIX, TIME, TOPIC, is_fixed,
};
use store::{RecordBatches, TimeRange};

use crate::request::Row;
use crate::search::Source;

/// A row with its place in the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct SampleRow {
    pub(crate) row: Row,
    pub(crate) seq: u64,
    pub(crate) offset: u32,
    pub(crate) shard: u16,
}

/// A row at second `secs`, with these fields.
pub(crate) fn row(secs: i64, fields: &[(&str, &str)]) -> SampleRow {
    let pair = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    SampleRow {
        row: Row {
            time_nanos: secs * 1_000_000_000,
            fields: fields.iter().map(pair).collect(),
            ..Row::default()
        },
        ..SampleRow::default()
    }
}

impl SampleRow {
    pub(crate) fn seq(mut self, seq: u64) -> Self {
        self.seq = seq;
        self
    }

    pub(crate) fn topic(mut self, topic: &str) -> Self {
        self.row.topic = topic.to_owned();
        self
    }

    pub(crate) fn source(mut self, source: &str) -> Self {
        self.row.source = source.to_owned();
        self
    }

    pub(crate) fn tag(mut self, key: &str, value: &str) -> Self {
        self.row.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// All values by name, tags with their prefix, in the order of the row.
    pub(crate) fn values(&self) -> impl Iterator<Item = (String, &str)> {
        let tags = self.row.tags.iter();
        let tags = tags.map(|(key, value)| (format!("{TAG_PREFIX}{key}"), value.as_str()));
        tags.chain(self.row.fields.iter().map(|(key, value)| (key.clone(), value.as_str())))
    }
}

/// A piece of such rows.
#[derive(Clone, Debug)]
pub(crate) struct SamplePiece {
    batches: Vec<RecordBatch>,
    bounds: TimeRange,
}

impl SamplePiece {
    /// The rows in blocks of `block_rows`; names in `without_column` have no column.
    pub(crate) fn new(rows: &[SampleRow], block_rows: usize, without_column: &[&str]) -> Self {
        let names: BTreeSet<String> = rows
            .iter()
            .flat_map(SampleRow::values)
            .map(|(name, _)| name)
            .filter(|name| !is_fixed(name) && !without_column.contains(&name.as_str()))
            .collect();
        let times = || rows.iter().map(|row| row.row.time_nanos);
        Self {
            batches: rows.chunks(block_rows).map(|rows| batch(rows, &names)).collect(),
            bounds: TimeRange {
                from_nanos: times().min().unwrap_or(0),
                to_nanos: times().max().unwrap_or(0),
            },
        }
    }
}

impl Source for SamplePiece {
    fn min_time_nanos(&self) -> i64 {
        self.bounds.from_nanos
    }

    fn max_time_nanos(&self) -> i64 {
        self.bounds.to_nanos
    }

    fn read(&self, columns: Option<&[&str]>) -> RecordBatches {
        let chosen: Option<Vec<String>> =
            columns.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        Box::new(self.batches.clone().into_iter().map(move |batch| {
            let Some(names) = &chosen else { return Ok(batch) };
            let fields = batch.schema_ref().fields().iter().enumerate();
            let chosen = fields.filter(|(_, field)| names.contains(field.name()));
            let chosen: Vec<_> = chosen.map(|(at, _)| at).collect();
            Ok(batch.project(&chosen).expect("positions come from the schema"))
        }))
    }
}

fn batch(rows: &[SampleRow], names: &BTreeSet<String>) -> RecordBatch {
    let shapes = rows.iter().map(|row| {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        serde_json::to_string(&(names(&row.row.tags), names(&row.row.fields)))
            .expect("lists of strings are JSON")
    });
    let shape = DictionaryArray::<Int32Type>::new(
        Int32Array::from_iter_values(0..rows.len() as i32),
        Arc::new(StringArray::from_iter_values(shapes)),
    );
    let mut columns: Vec<Vec<Option<&str>>> = vec![vec![None; rows.len()]; names.len()];
    let mut rests = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let mut rest = Vec::new();
        for (name, value) in row.values() {
            match names.iter().position(|known| *known == name) {
                Some(column) => {
                    let earlier = columns[column][at].replace(value);
                    rest.extend(earlier.map(|value| (name, value)));
                }
                None => rest.push((name, value)),
            }
        }
        rests.push(
            (!rest.is_empty())
                .then(|| serde_json::to_string(&rest).expect("pairs of strings are JSON")),
        );
    }
    let texts = |text: fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| text(&row.row))))
    };
    let times = || Int64Array::from_iter_values(rows.iter().map(|row| row.row.time_nanos));
    let mut named: Vec<(String, ArrayRef)> = vec![
        (TIME.into(), Arc::new(times())),
        (RECEIVED.into(), Arc::new(times())),
        (SHARD.into(), Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.shard)))),
        (SEQ.into(), Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.seq)))),
        (OFFSET.into(), Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.offset)))),
        (TOPIC.into(), texts(|row| &row.topic)),
        (SOURCE.into(), texts(|row| &row.source)),
        (SHAPE.into(), Arc::new(shape)),
        (REST.into(), Arc::new(StringArray::from(rests))),
    ];
    for (name, values) in names.iter().zip(columns) {
        named.push((name.clone(), Arc::new(StringArray::from(values))));
    }
    RecordBatch::try_from_iter_with_nullable(named.into_iter().map(|(name, column)| {
        let nullable = name == REST || !is_fixed(&name);
        (name, column, nullable)
    }))
    .expect("all columns have one value for each row")
}
