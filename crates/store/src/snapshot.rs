//! What a query sees: one store at one moment.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::ids::TimeRange;

/// One store at one moment: the rows in memory and the segments, each row exactly once. It keeps
/// both alive: a segment dropped meanwhile stays readable until the snapshot goes.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {}

impl Snapshot {
    /// The pieces that can hold rows in `range`, latest [`Piece::max_time_nanos`] first. A piece
    /// may also hold rows outside the range.
    pub fn pieces(&self, range: TimeRange) -> Vec<Piece> {
        let _ = range;
        Vec::new()
    }

    /// Rows in all pieces.
    pub fn rows(&self) -> u64 {
        0
    }
}

/// A run of rows in arrival order with known statistics: a segment, or a granule of rows that is
/// still in memory.
#[derive(Debug, Clone)]
pub struct Piece {}

/// Record batches of at most [`crate::limits::GRANULE_ROWS`] rows, all with the schema of the piece.
pub type RecordBatches = Box<dyn Iterator<Item = Result<RecordBatch, ReadError>> + Send>;

impl Piece {
    /// The earliest `__time__`.
    pub fn min_time_nanos(&self) -> i64 {
        0
    }

    /// The latest `__time__`.
    pub fn max_time_nanos(&self) -> i64 {
        0
    }

    /// Rows inside.
    pub fn rows(&self) -> u64 {
        0
    }

    /// The columns, see [`crate::columns`]: the fixed ones, then one for each key in name order.
    pub fn schema(&self) -> Result<SchemaRef, ReadError> {
        Ok(SchemaRef::new(arrow::datatypes::Schema::empty()))
    }

    /// All columns.
    pub fn read(&self) -> RecordBatches {
        Box::new(std::iter::empty())
    }

    /// Only the named columns, in the order of the schema; names the piece does not have are
    /// left out.
    pub fn read_columns(&self, names: &[&str]) -> RecordBatches {
        let _ = names;
        Box::new(std::iter::empty())
    }
}

/// Why a piece could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be reached.
    #[error(transparent)]
    Blob(#[from] crate::blob::BlobError),
    /// The file is there but is not what it should be.
    #[error("segment {blob} is unreadable: {reason}")]
    Segment {
        /// The file.
        blob: String,
        /// What is wrong.
        reason: String,
    },
    /// Rows in memory could not be put in columns.
    #[error("rows in memory cannot be put in columns: {0}")]
    Columns(#[from] arrow::error::ArrowError),
}
