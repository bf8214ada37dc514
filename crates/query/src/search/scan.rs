//! Looks at rows block by block, within the limits of the query.

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use store::columns::{OFFSET, REST, SEQ, SHARD, TIME, TOPIC};
use store::{Piece, RecordBatches, TimeRange};

use super::eval::{Block, text_column, wrong};
use super::plan::Plan;
use super::rows::RowSet;
use crate::error::QueryError;
use crate::limits::Limits;
use crate::request::Request;

/// A run of rows that can be read: a piece of a snapshot, or rows made up by a test.
pub(crate) trait Source {
    /// The earliest `__time__`.
    fn min_time_nanos(&self) -> i64;
    /// The latest `__time__`.
    fn max_time_nanos(&self) -> i64;
    /// The rows, with these columns or with all.
    fn read(&self, columns: Option<&[&str]>) -> RecordBatches;
}

impl Source for Piece {
    fn min_time_nanos(&self) -> i64 {
        Piece::min_time_nanos(self)
    }

    fn max_time_nanos(&self) -> i64 {
        Piece::max_time_nanos(self)
    }

    fn read(&self, columns: Option<&[&str]>) -> RecordBatches {
        match columns {
            Some(names) => self.read_columns(names),
            None => Piece::read(self),
        }
    }
}

/// One pass over the rows of a request.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    plan: &'a Plan,
    topic: Option<&'a str>,
    limits: &'a Limits<'a>,
    /// Rows looked at.
    pub(crate) rows: u64,
    /// Bytes of text in them, of the columns that were read.
    pub(crate) bytes: u64,
    /// Whether a limit has ended the pass.
    pub(crate) stopped: bool,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(plan: &'a Plan, request: &'a Request, limits: &'a Limits<'a>) -> Self {
        let topic = request.topic.as_deref();
        Self { plan, topic, limits, rows: 0, bytes: 0, stopped: false }
    }

    /// The columns to read; `None` is all.
    pub(crate) fn columns(&self) -> Option<Vec<&'a str>> {
        let mut columns = vec![TIME, SHARD, SEQ, OFFSET, REST];
        columns.extend(self.topic.map(|_| TOPIC));
        columns.extend(self.plan.fields()?);
        Some(columns)
    }

    /// Whether a limit allows another block. Once it does not, the pass is over.
    pub(crate) fn may_go_on(&mut self) -> bool {
        let Limits { stop, max_rows, max_bytes, .. } = self.limits;
        self.stopped = self.stopped || self.rows >= *max_rows || self.bytes >= *max_bytes || stop();
        !self.stopped
    }

    /// The rows of a block that are within `range`, of the topic, and selected by the plan.
    pub(crate) fn select(
        &mut self,
        batch: &RecordBatch,
        range: TimeRange,
    ) -> Result<RowSet, QueryError> {
        let times = times(batch)?;
        let inside = |time: i64| range.from_nanos <= time && time < range.to_nanos;
        let mut among = RowSet::from_fn(times.len(), |row| inside(times[row]));
        let rows = among.count() as u64;
        if rows == 0 {
            return Ok(among);
        }
        self.rows += rows;
        self.bytes += text_bytes(batch) * rows / times.len() as u64;
        if let Some(topic) = self.topic {
            let column = text_column(batch, TOPIC)?;
            among.keep(&RowSet::from_fn(times.len(), |row| column.value(row) == topic));
        }
        Block::new(batch, &among)?.select(self.plan, &among)
    }
}

/// `__time__` of every row of the block.
pub(crate) fn times(batch: &RecordBatch) -> Result<&[i64], QueryError> {
    numbers::<Int64Type>(batch, TIME)
}

/// The values of a fixed column of numbers.
pub(crate) fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a [T::Native], QueryError> {
    let column = batch.column_by_name(name).ok_or_else(|| wrong(name))?;
    let column: &PrimitiveArray<T> = column.as_primitive_opt().ok_or_else(|| wrong(name))?;
    Ok(column.values())
}

fn text_bytes(batch: &RecordBatch) -> u64 {
    let texts = batch.columns().iter().filter(|column| column.data_type() == &DataType::Utf8);
    let bytes = texts.filter_map(|column| {
        let offsets = column.as_string_opt::<i32>()?.value_offsets();
        Some((offsets[offsets.len() - 1] - offsets[0]) as u64)
    });
    bytes.sum()
}
