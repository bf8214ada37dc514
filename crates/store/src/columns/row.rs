//! Reads a row of a record batch back as it was received.

use std::collections::{HashMap, VecDeque};

use arrow::array::{Array, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, Int32Type, Int64Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::layout::tag_column;
use super::shape::{Rest, Shape};
use super::{OFFSET, RECEIVED, REST, SEQ, SHAPE, SHARD, SOURCE, TIME, TOPIC};
use crate::ids::Seq;

/// One row with its fields in their original order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `__time__`, nanoseconds.
    pub time_nanos: i64,
    /// `__recv__`, nanoseconds.
    pub received_nanos: i64,
    /// The shard.
    pub shard: u16,
    /// The number of the group.
    pub seq: Seq,
    /// The row within the group.
    pub offset: u32,
    /// The topic of the group.
    pub topic: String,
    /// The source of the group.
    pub source: String,
    /// The tags of the group, without prefix.
    pub tags: Vec<(String, String)>,
    /// The fields.
    pub fields: Vec<(String, String)>,
}

/// Reads rows of one record batch that has all its columns.
#[derive(Debug)]
pub struct RowReader<'a> {
    batch: &'a RecordBatch,
    time: &'a PrimitiveArray<Int64Type>,
    received: &'a PrimitiveArray<Int64Type>,
    shard: &'a PrimitiveArray<UInt16Type>,
    seq: &'a PrimitiveArray<UInt64Type>,
    offset: &'a PrimitiveArray<UInt32Type>,
    topic: &'a StringArray,
    source: &'a StringArray,
    shape: &'a PrimitiveArray<Int32Type>,
    rest: &'a StringArray,
    shapes: Vec<Shape>,
}

impl<'a> RowReader<'a> {
    /// Looks up the columns.
    ///
    /// # Errors
    /// When a fixed column is missing, has another type, or cannot be read.
    pub fn new(batch: &'a RecordBatch) -> Result<RowReader<'a>, ArrowError> {
        let shape =
            column(batch, SHAPE)?.as_dictionary_opt::<Int32Type>().ok_or_else(|| wrong(SHAPE))?;
        let texts = shape.values().as_string_opt::<i32>().ok_or_else(|| wrong(SHAPE))?;
        let shapes = texts.iter().map(|text| Shape::decode(text.unwrap_or_default()));
        Ok(RowReader {
            batch,
            time: numbers(batch, TIME)?,
            received: numbers(batch, RECEIVED)?,
            shard: numbers(batch, SHARD)?,
            seq: numbers(batch, SEQ)?,
            offset: numbers(batch, OFFSET)?,
            topic: texts_of(batch, TOPIC)?,
            source: texts_of(batch, SOURCE)?,
            shape: shape.keys(),
            rest: texts_of(batch, REST)?,
            shapes: shapes
                .collect::<Result<_, _>>()
                .map_err(|error| ArrowError::ExternalError(Box::new(error)))?,
        })
    }

    /// One row; `row` is below the batch's number of rows.
    ///
    /// # Errors
    /// When the row names a value that is nowhere.
    pub fn row(&self, row: usize) -> Result<Row, ArrowError> {
        let shape = usize::try_from(self.shape.value(row)).ok();
        let shape = shape.and_then(|shape| self.shapes.get(shape)).ok_or_else(|| wrong(SHAPE))?;
        let mut rest: HashMap<String, VecDeque<String>> = HashMap::new();
        if self.rest.is_valid(row) {
            let pairs = Rest::decode(self.rest.value(row))
                .map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            for (name, value) in pairs.0 {
                rest.entry(name).or_default().push_back(value);
            }
        }
        let mut take = |name: &str| -> Result<String, ArrowError> {
            if let Some(value) = rest.get_mut(name).and_then(VecDeque::pop_front) {
                return Ok(value);
            }
            let column = texts_of(self.batch, name)?;
            if column.is_null(row) {
                return Err(ArrowError::SchemaError(format!(
                    "row {row} has no value for {name:?}"
                )));
            }
            Ok(column.value(row).to_owned())
        };
        let mut tags = Vec::with_capacity(shape.tags.len());
        for key in &shape.tags {
            tags.push((key.clone(), take(&tag_column(key))?));
        }
        let mut fields = Vec::with_capacity(shape.keys.len());
        for key in &shape.keys {
            fields.push((key.clone(), take(key)?));
        }
        Ok(Row {
            time_nanos: self.time.value(row),
            received_nanos: self.received.value(row),
            shard: self.shard.value(row),
            seq: Seq(self.seq.value(row)),
            offset: self.offset.value(row),
            topic: self.topic.value(row).to_owned(),
            source: self.source.value(row).to_owned(),
            tags,
            fields,
        })
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, ArrowError> {
    let column = batch.column_by_name(name);
    column.map(|column| column.as_ref()).ok_or_else(|| {
        ArrowError::SchemaError(format!(
            "column {name:?} is missing: read the piece with all columns"
        ))
    })
}

fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, ArrowError> {
    column(batch, name)?.as_primitive_opt().ok_or_else(|| wrong(name))
}

fn texts_of<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, ArrowError> {
    column(batch, name)?.as_string_opt().ok_or_else(|| wrong(name))
}

fn wrong(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("column {name:?} is not of the type this program writes"))
}
