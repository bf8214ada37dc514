//! Rows that are in the log but not yet in a segment.
//!
//! Groups are kept as they came, in chunks of about a granule. A chunk is put into columns when
//! somebody reads it, once; closing a chunk does not copy anything, so the log thread never pays
//! for a query.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::catalog::SeqSpan;
use crate::columns::{Layout, Rows, record_batches};
use crate::limits::{CHUNK_BYTES, GRANULE_ROWS};

/// What is known about a run of rows without looking at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowStats {
    pub rows: u64,
    pub bytes: usize,
    pub min_time_nanos: i64,
    pub max_time_nanos: i64,
    pub min_received_nanos: i64,
    pub max_received_nanos: i64,
}

impl RowStats {
    const EMPTY: RowStats = RowStats {
        rows: 0,
        bytes: 0,
        min_time_nanos: i64::MAX,
        max_time_nanos: i64::MIN,
        min_received_nanos: i64::MAX,
        max_received_nanos: i64::MIN,
    };

    fn add(&mut self, group: &Rows) {
        self.bytes += group.batch.memory_bytes();
        self.min_received_nanos = self.min_received_nanos.min(group.received_nanos);
        self.max_received_nanos = self.max_received_nanos.max(group.received_nanos);
        if !group.batch.is_empty() {
            self.rows += group.batch.rows() as u64;
            self.min_time_nanos = self.min_time_nanos.min(group.batch.min_time_nanos());
            self.max_time_nanos = self.max_time_nanos.max(group.batch.max_time_nanos());
        }
    }
}

/// A closed run of groups.
#[derive(Debug)]
pub(crate) struct Chunk {
    groups: Vec<Arc<Rows>>,
    pub stats: RowStats,
    columns: OnceLock<Result<Columns, String>>,
}

/// A chunk in columns.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

impl Chunk {
    fn new(groups: Vec<Arc<Rows>>, stats: RowStats) -> Chunk {
        Chunk { groups, stats, columns: OnceLock::new() }
    }

    /// The rows in columns, made at the first call.
    pub(crate) fn columns(&self) -> Result<&Columns, String> {
        let columns = self.columns.get_or_init(|| {
            let groups = || self.groups.iter().map(Arc::as_ref);
            let layout = Layout::choose(groups());
            let batches = record_batches(&layout, groups()).collect::<Result<_, _>>();
            let batches = batches.map_err(|error| error.to_string())?;
            Ok(Columns { schema: layout.schema().clone(), batches })
        });
        columns.as_ref().map_err(Clone::clone)
    }
}

/// The rows of one store that arrived since the last flush.
#[derive(Debug)]
pub(crate) struct Memtable {
    closed: Vec<Arc<Chunk>>,
    open: Vec<Arc<Rows>>,
    open_stats: RowStats,
    /// The open groups as a chunk, when a reader asked since the last insert.
    open_chunk: Option<Arc<Chunk>>,
    stats: RowStats,
    shards: BTreeMap<u16, SeqSpan>,
}

impl Memtable {
    pub(crate) fn new() -> Memtable {
        Memtable {
            closed: Vec::new(),
            open: Vec::new(),
            open_stats: RowStats::EMPTY,
            open_chunk: None,
            stats: RowStats::EMPTY,
            shards: BTreeMap::new(),
        }
    }

    /// Adds a group; those of a shard come in the order of their numbers.
    pub(crate) fn insert(&mut self, group: Rows) {
        let seq = group.seq.0;
        let span = SeqSpan { shard: group.shard, first: seq, last: seq };
        self.shards.entry(group.shard).or_insert(span).last = seq;
        self.stats.add(&group);
        self.open_stats.add(&group);
        self.open.push(Arc::new(group));
        self.open_chunk = None;
        if self.open_stats.rows >= GRANULE_ROWS as u64 || self.open_stats.bytes >= CHUNK_BYTES {
            self.close_chunk();
        }
    }

    fn close_chunk(&mut self) {
        let groups = std::mem::take(&mut self.open);
        let stats = std::mem::replace(&mut self.open_stats, RowStats::EMPTY);
        self.closed.push(Arc::new(Chunk::new(groups, stats)));
        self.open_chunk = None;
    }

    /// Everything in it, for a reader. Later inserts do not show.
    pub(crate) fn chunks(&mut self) -> Vec<Arc<Chunk>> {
        let mut chunks = self.closed.clone();
        if !self.open.is_empty() {
            let (open, stats) = (&self.open, self.open_stats);
            let chunk =
                self.open_chunk.get_or_insert_with(|| Arc::new(Chunk::new(open.clone(), stats)));
            chunks.push(chunk.clone());
        }
        chunks
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    pub(crate) fn stats(&self) -> RowStats {
        self.stats
    }

    /// Closes it for good.
    pub(crate) fn freeze(mut self) -> Frozen {
        if !self.open.is_empty() {
            // Readers that asked for the open groups already put them into columns.
            match self.open_chunk.take() {
                Some(chunk) => self.closed.push(chunk),
                None => self.close_chunk(),
            }
        }
        Frozen {
            chunks: self.closed,
            stats: self.stats,
            shards: self.shards.into_values().collect(),
        }
    }
}

/// A memtable that takes no more rows and waits to become a segment.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub chunks: Vec<Arc<Chunk>>,
    pub stats: RowStats,
    pub shards: Vec<SeqSpan>,
}

impl Frozen {
    /// The groups by shard and number, the order rows have in a segment.
    pub(crate) fn groups(&self) -> Vec<&Rows> {
        let groups = self.chunks.iter().flat_map(|chunk| &chunk.groups).map(Arc::as_ref);
        let mut groups: Vec<&Rows> = groups.collect();
        groups.sort_by_key(|group| (group.shard, group.seq));
        groups
    }
}
