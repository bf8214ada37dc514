//! What a query sees: one store at one moment.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::ids::TimeRange;
use crate::memtable::{Chunk, Columns};
use crate::segment::Segment;

/// Record batches of at most [`crate::limits::GRANULE_ROWS`] rows, all with the same schema.
pub type RecordBatches = Box<dyn Iterator<Item = Result<RecordBatch, ReadError>> + Send>;

/// One store at one moment: the rows in memory and the segments, each row exactly once. It keeps
/// both alive: a segment dropped meanwhile stays readable until the snapshot goes.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pieces: Vec<Piece>,
}

impl Snapshot {
    pub(crate) fn new(
        segments: impl Iterator<Item = Arc<Segment>>,
        chunks: impl Iterator<Item = Arc<Chunk>>,
    ) -> Snapshot {
        let segments = segments.map(|segment| Piece(Source::Segment(segment)));
        let chunks = chunks.map(|chunk| Piece(Source::Memory(chunk)));
        Snapshot { pieces: segments.chain(chunks).filter(|piece| piece.rows() > 0).collect() }
    }

    /// The pieces that can hold rows in `range`, latest [`Piece::max_time_nanos`] first. A piece
    /// may also hold rows outside the range.
    pub fn pieces(&self, range: TimeRange) -> Vec<Piece> {
        let inside = |piece: &&Piece| range.touches(piece.min_time_nanos(), piece.max_time_nanos());
        let mut pieces: Vec<Piece> = self.pieces.iter().filter(inside).cloned().collect();
        pieces.sort_by_key(|piece| Reverse(piece.max_time_nanos()));
        pieces
    }

    /// Rows in all pieces.
    pub fn rows(&self) -> u64 {
        self.pieces.iter().map(Piece::rows).sum()
    }
}

/// A run of rows with known statistics: a segment, or some rows that are still in memory.
#[derive(Debug, Clone)]
pub struct Piece(Source);

#[derive(Debug, Clone)]
enum Source {
    Segment(Arc<Segment>),
    Memory(Arc<Chunk>),
}

impl Piece {
    /// The earliest `__time__`.
    pub fn min_time_nanos(&self) -> i64 {
        match &self.0 {
            Source::Segment(segment) => segment.meta.min_time_nanos,
            Source::Memory(chunk) => chunk.stats.min_time_nanos,
        }
    }

    /// The latest `__time__`.
    pub fn max_time_nanos(&self) -> i64 {
        match &self.0 {
            Source::Segment(segment) => segment.meta.max_time_nanos,
            Source::Memory(chunk) => chunk.stats.max_time_nanos,
        }
    }

    /// Rows inside.
    pub fn rows(&self) -> u64 {
        match &self.0 {
            Source::Segment(segment) => segment.meta.rows,
            Source::Memory(chunk) => chunk.stats.rows,
        }
    }

    /// The columns, see [`crate::columns`]: the fixed ones, then one for each key in name order.
    pub fn schema(&self) -> Result<SchemaRef, ReadError> {
        match &self.0 {
            Source::Segment(segment) => segment.schema(),
            Source::Memory(chunk) => Ok(in_columns(chunk)?.schema.clone()),
        }
    }

    /// All columns.
    pub fn read(&self) -> RecordBatches {
        self.batches(None)
    }

    /// Only the named columns, in the order of the schema; names the piece does not have are
    /// left out.
    pub fn read_columns(&self, names: &[&str]) -> RecordBatches {
        self.batches(Some(names))
    }

    fn batches(&self, names: Option<&[&str]>) -> RecordBatches {
        let chunk = match &self.0 {
            Source::Segment(segment) => return segment.read(names),
            Source::Memory(chunk) => chunk,
        };
        let columns = match in_columns(chunk) {
            Ok(columns) => columns,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let fields = columns.schema.fields().iter().enumerate();
        let chosen: Option<Vec<usize>> = names.map(|names| {
            let chosen = fields.filter(|(_, field)| names.contains(&field.name().as_str()));
            chosen.map(|(at, _)| at).collect()
        });
        let batches = columns.batches.clone().into_iter();
        Box::new(batches.map(move |batch| {
            match &chosen {
                None => Ok(batch),
                Some(chosen) => batch
                    .project(chosen)
                    .map_err(|error| ReadError::Memory { reason: error.to_string() }),
            }
        }))
    }
}

fn in_columns(chunk: &Chunk) -> Result<&Columns, ReadError> {
    chunk.columns().map_err(|reason| ReadError::Memory { reason })
}

/// Why a piece could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be reached or is not what it should be.
    #[error("segment {blob} is unreadable: {reason}")]
    Segment {
        /// The file.
        blob: String,
        /// What is wrong.
        reason: String,
    },
    /// Rows in memory could not be put into columns.
    #[error("rows in memory cannot be put into columns: {reason}")]
    Memory {
        /// What is wrong.
        reason: String,
    },
}
