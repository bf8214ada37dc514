//! One page of an ordered result, without holding the rest of it.

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::datatypes::{UInt16Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use store::TimeRange;
use store::columns::{OFFSET, RowReader, SEQ, SHARD};

use super::eval::wrong;
use super::plan::Plan;
use super::rows::RowSet;
use super::scan::{Scan, Source, numbers, times};
use crate::error::QueryError;
use crate::limits::Limits;
use crate::request::{Request, Row};

/// Up to this many rows the window keeps what it read, when that was all of a row; deeper pages
/// read the rows again.
const KEPT_ROWS: usize = 4096;

/// The rows of the page `request` asks for, found in `pieces`, in order, and how far the scan
/// came.
pub(crate) fn read_page<'a, S: Source>(
    pieces: &[S],
    plan: &'a Plan,
    request: &'a Request,
    limits: &'a Limits<'a>,
) -> Result<(Vec<Row>, Scan<'a>), QueryError> {
    let asked = request.offset.saturating_add(request.line);
    if asked > limits.max_window_rows {
        return Err(QueryError::PageTooDeep { asked, limit: limits.max_window_rows });
    }
    let mut scan = Scan::new(plan, request, limits);
    if request.line == 0 {
        return Ok((Vec::new(), scan));
    }
    let columns = scan.columns();
    let mut window = Window::new(asked as usize, request.reverse, columns.is_none());
    for (at, piece) in window.in_order(pieces) {
        if window.is_beyond(piece) {
            break;
        }
        let mut first_row = 0;
        let mut batches = piece.read(columns.as_deref());
        while let Some(batch) = batches.next().transpose()? {
            if !scan.may_go_on() {
                break;
            }
            let selected = scan.select(&batch, window.narrowed(request.range))?;
            window.add(&batch, &selected, at, first_row)?;
            first_row += batch.num_rows() as u32;
        }
        if scan.stopped {
            break;
        }
    }
    Ok((window.into_rows(pieces, request.offset as usize)?, scan))
}

/// Where a row comes in the result: by time, then by arrival. For a reversed result every part is
/// complemented, so that the first row always has the least key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time_nanos: i64,
    seq: u64,
    offset: u32,
    shard: u16,
}

/// Where a row can be had.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// At this row of this piece.
    Stored { piece: u32, row: u32 },
    /// At this row of one of the kept blocks.
    Kept { block: u32, row: u32 },
}

/// The first rows of the result as far as it is known.
#[derive(Debug)]
struct Window {
    rows: usize,
    reverse: bool,
    /// The first rows, and some that may no longer belong to them, in no order.
    entries: Vec<(Key, Place)>,
    /// The last of the first rows, once there are enough.
    last: Option<Key>,
    keeps_blocks: bool,
    blocks: Vec<Option<RecordBatch>>,
}

impl Window {
    fn new(rows: usize, reverse: bool, reads_all: bool) -> Self {
        Self {
            rows,
            reverse,
            entries: Vec::new(),
            last: None,
            keeps_blocks: reads_all && rows <= KEPT_ROWS,
            blocks: Vec::new(),
        }
    }

    fn ordered(&self, key: Key) -> Key {
        match self.reverse {
            false => key,
            true => Key {
                time_nanos: !key.time_nanos,
                seq: !key.seq,
                offset: !key.offset,
                shard: !key.shard,
            },
        }
    }

    /// The time of the row of the piece that comes first, complemented like a key.
    fn first_time(&self, piece: &impl Source) -> i64 {
        match self.reverse {
            false => piece.min_time_nanos(),
            true => !piece.max_time_nanos(),
        }
    }

    /// The pieces with the first rows first.
    fn in_order<'p, S: Source>(&self, pieces: &'p [S]) -> Vec<(u32, &'p S)> {
        let mut ordered: Vec<_> = (0..).zip(pieces).collect();
        ordered.sort_by_key(|&(_, piece)| self.first_time(piece));
        ordered
    }

    /// Whether all rows of the piece come after the window.
    fn is_beyond(&self, piece: &impl Source) -> bool {
        self.last.is_some_and(|last| self.first_time(piece) > last.time_nanos)
    }

    /// The part of `range` whose rows can still be in the window.
    fn narrowed(&self, range: TimeRange) -> TimeRange {
        match self.last {
            None => range,
            Some(last) if self.reverse => {
                TimeRange { from_nanos: range.from_nanos.max(!last.time_nanos), ..range }
            }
            Some(last) => TimeRange {
                to_nanos: range.to_nanos.min(last.time_nanos.saturating_add(1)),
                ..range
            },
        }
    }

    /// Adds the selected rows of a block that starts at `first_row` of `piece`.
    fn add(
        &mut self,
        batch: &RecordBatch,
        selected: &RowSet,
        piece: u32,
        first_row: u32,
    ) -> Result<(), QueryError> {
        if selected.is_empty() {
            return Ok(());
        }
        let times = times(batch)?;
        let seqs = numbers::<UInt64Type>(batch, SEQ)?;
        let offsets = numbers::<UInt32Type>(batch, OFFSET)?;
        let shards = numbers::<UInt16Type>(batch, SHARD)?;
        for row in selected.iter() {
            let key = self.ordered(Key {
                time_nanos: times[row],
                seq: seqs[row],
                offset: offsets[row],
                shard: shards[row],
            });
            if self.last.is_none_or(|last| key < last) {
                self.entries.push((key, Place::Stored { piece, row: first_row + row as u32 }));
                if self.entries.len() >= self.rows.saturating_mul(2) {
                    self.cut();
                }
            }
        }
        if self.entries.len() >= self.rows {
            self.cut();
        }
        if self.keeps_blocks {
            self.keep(batch, piece, first_row)?;
        }
        Ok(())
    }

    /// Drops the entries that are not among the first rows.
    fn cut(&mut self) {
        if self.entries.len() < self.rows {
            return;
        }
        let (_, &mut (last, _), _) =
            self.entries.select_nth_unstable_by_key(self.rows - 1, |&(key, _)| key);
        self.last = Some(last);
        self.entries.truncate(self.rows);
    }

    /// Takes the rows of this block that are in the window out of it, and forgets the blocks no
    /// row of the window is in any more.
    fn keep(&mut self, batch: &RecordBatch, piece: u32, first_row: u32) -> Result<(), QueryError> {
        let block = self.blocks.len() as u32;
        let rows = first_row..first_row + batch.num_rows() as u32;
        let mut taken = Vec::new();
        let mut used = vec![false; self.blocks.len()];
        for (_, place) in &mut self.entries {
            match *place {
                Place::Stored { piece: of, row } if of == piece && rows.contains(&row) => {
                    *place = Place::Kept { block, row: taken.len() as u32 };
                    taken.push(row - first_row);
                }
                Place::Kept { block, .. } => used[block as usize] = true,
                Place::Stored { .. } => {}
            }
        }
        for (block, used) in self.blocks.iter_mut().zip(used) {
            block.take_if(|_| !used);
        }
        if !taken.is_empty() {
            let taken = take_record_batch(batch, &UInt32Array::from(taken));
            self.blocks.push(Some(taken.map_err(|_| wrong("of a block"))?));
        }
        Ok(())
    }

    /// The rows from `offset` on, in order.
    fn into_rows<S: Source>(mut self, pieces: &[S], offset: usize) -> Result<Vec<Row>, QueryError> {
        self.entries.sort_unstable_by_key(|&(key, _)| key);
        self.entries.truncate(self.rows);
        let page: Vec<Place> =
            self.entries.get(offset..).unwrap_or(&[]).iter().map(|&(_, place)| place).collect();
        let mut rows = vec![Row::default(); page.len()];
        let mut stored = Vec::new();
        for (at, place) in page.into_iter().enumerate() {
            match place {
                Place::Stored { piece, row } => stored.push((piece, row, at)),
                Place::Kept { block, row } => {
                    let block = self.blocks[block as usize].as_ref();
                    let block = block.expect("a block stays while a row of the window is in it");
                    rows[at] = read_row(&reader(block)?, row as usize)?;
                }
            }
        }
        stored.sort_unstable();
        for same_piece in stored.chunk_by(|(a, ..), (b, ..)| a == b) {
            read_rows(&pieces[same_piece[0].0 as usize], same_piece, &mut rows)?;
        }
        Ok(rows)
    }
}

/// Reads rows of one piece, given by ascending row, into their places on the page.
fn read_rows(
    piece: &impl Source,
    wanted: &[(u32, u32, usize)],
    rows: &mut [Row],
) -> Result<(), QueryError> {
    let mut wanted = wanted.iter().peekable();
    let mut first_row = 0;
    let mut batches = piece.read(None);
    while wanted.peek().is_some() {
        let Some(batch) = batches.next().transpose()? else { break };
        let next_row = first_row + batch.num_rows() as u32;
        let mut reads = None;
        while let Some(&(_, row, at)) = wanted.next_if(|&&(_, row, _)| row < next_row) {
            let reads = match &reads {
                Some(reads) => reads,
                None => reads.insert(reader(&batch)?),
            };
            rows[at] = read_row(reads, (row - first_row) as usize)?;
        }
        first_row = next_row;
    }
    Ok(())
}

fn reader(batch: &RecordBatch) -> Result<RowReader<'_>, QueryError> {
    RowReader::new(batch).map_err(|error| QueryError::Row { reason: error.to_string() })
}

fn read_row(reader: &RowReader<'_>, row: usize) -> Result<Row, QueryError> {
    let row = reader.row(row).map_err(|error| QueryError::Row { reason: error.to_string() })?;
    Ok(Row {
        time_nanos: row.time_nanos,
        source: row.source,
        topic: row.topic,
        tags: row.tags,
        fields: row.fields,
    })
}
