//! Every fixed limit of the engine, in one place. What an operator may want to change is in
//! [`crate::EngineSettings`] instead.

/// Rows in one record batch and in one data page: the granule that indexes will point at.
pub const GRANULE_ROWS: usize = 8192;

/// Rows in one Parquet row group, sixteen granules.
pub const ROW_GROUP_ROWS: usize = 131_072;

/// Key columns (tags included) of one segment; what is over goes to `__rest__`. A footer pays
/// about 100 bytes for each column of each row group, and readers pay for parsing it.
pub const KEY_COLUMNS: usize = 256;

/// The longest key that gets a column of its own; longer ones go to `__rest__`.
pub const KEY_COLUMN_NAME_BYTES: usize = 256;

/// A memtable chunk is closed at [`GRANULE_ROWS`] or at this many bytes of values, so that one
/// text column of one record batch stays far below the 2 GiB its offsets can address.
pub const CHUNK_BYTES: usize = 4 << 20;

/// The largest payload of one append. The API above stops at 10 MiB of log group.
pub const PAYLOAD_BYTES: usize = 16 << 20;

/// The largest batch of one append, counted as values and their bookkeeping.
pub const BATCH_BYTES: usize = 64 << 20;

/// How far the sequence numbers of every shard jump after frames were given up: more than one
/// log file can hold, so that no number that may have been acknowledged is used again.
pub const SALVAGE_SEQ_SKIP: u64 = 1 << 20;
