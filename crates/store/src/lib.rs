//! The durable log engine: a write-ahead log, rows in memory, immutable Parquet segments, and a
//! catalog, all below one directory.
//!
//! A log group is appended with [`Engine::append`]; when it is acknowledged it survives a power
//! cut and is found by the next [`Engine::snapshot`]. What it is not: it knows no wire format
//! (payloads are opaque, [`Decode`] brings them back), no query language, no async runtime, and
//! no schedule of its own ([`Engine::maintain`] is called by whoever has a clock).
//!
//! Four seams let the same files serve one machine or many: [`catalog::Catalog`],
//! [`blob::BlobStore`], [`commit_log::CommitLog`] here, and the execution of plans in `query`.
//! Below them all, [`disk::Disk`] is the only door to files.
//!
//! The bytes are described in `docs/format/wal.md` and `docs/format/segment.md`, the choice of
//! engine in `docs/decisions/0004-engine.md`.

pub mod batch;
pub mod blob;
pub mod catalog;
pub mod columns;
pub mod commit_log;
pub mod disk;
pub mod engine;
mod health;
mod ids;
pub mod limits;
mod memtable;
mod names;
mod segment;
mod snapshot;
pub mod wal;

pub use batch::{Batch, BatchBuilder};
pub use engine::{
    Append, AppendError, DamagedLog, Decode, Done, Engine, EngineSettings, EngineStats,
    MaintainError, MaintainReport, OpenError, RecoveryReport,
};
pub use health::Health;
pub use ids::{Origin, Seq, StoreId, TimeRange};
pub use snapshot::{Piece, ReadError, RecordBatches, Snapshot};
