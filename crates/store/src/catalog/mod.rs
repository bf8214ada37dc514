//! The catalog: small records of the service, the list of live segments, and how far each shard
//! is flushed. One seam with two sides: embedded it is a redb file ([`RedbCatalog`]); spread over
//! machines it is a database that can do the same atomic edit.

mod backend;
mod embedded;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use embedded::RedbCatalog;

use crate::ids::{Seq, StoreId};

/// What the engine and the service remember. Every method is one consistent view; every
/// [`Catalog::commit`] is one transaction, durable when it returns.
///
/// Records are for whoever sits above: `family` names the kind (`"project"`, `"logstore"`), `key`
/// the object, and the value is theirs to encode.
pub trait Catalog: Send + Sync {
    /// One record, or `None`.
    fn get(&self, family: &str, key: &str) -> Result<Option<Record>, CatalogError>;

    /// The records of a family whose key starts with `prefix`, in key order (bytes).
    fn list(&self, family: &str, prefix: &str) -> Result<Vec<(String, Record)>, CatalogError>;

    /// All live segments, by store and then by age.
    fn segments(&self) -> Result<Vec<SegmentMeta>, CatalogError>;

    /// Up to which sequence number each shard is in segments.
    fn flushed(&self) -> Result<Vec<Flushed>, CatalogError>;

    /// The stores that were dropped; their numbers are never used again.
    fn dropped_stores(&self) -> Result<Vec<StoreId>, CatalogError>;

    /// The engine's own counters.
    fn counters(&self) -> Result<Counters, CatalogError>;

    /// Applies all edits, or none. Answers the revision that records written here carry as their
    /// version.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] when an expectation does not hold; nothing changed then.
    /// After any other error the outcome is unknown and the catalog refuses further commits.
    fn commit(&self, edits: &[Edit]) -> Result<u64, CatalogError>;
}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The revision of the commit that wrote it: grows with every write, also across deletion,
    /// so an old version never matches a new record of the same name.
    pub version: u64,
    /// The bytes.
    pub value: Vec<u8>,
}

/// What a writer expects to find; how two writers notice each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// Nothing.
    Absent,
    /// Exactly this version.
    Version(u64),
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Any => f.write_str("anything"),
            Expect::Absent => f.write_str("nothing"),
            Expect::Version(version) => write!(f, "version {version}"),
        }
    }
}

/// One change of a [`Catalog::commit`].
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Writes a record.
    PutRecord {
        /// The kind of object.
        family: String,
        /// The object.
        key: String,
        /// What must be there before.
        expect_version: Expect,
        /// The new value.
        value: Vec<u8>,
    },
    /// Deletes a record. With [`Expect::Any`] a missing record is no conflict.
    DeleteRecord {
        /// The kind of object.
        family: String,
        /// The object.
        key: String,
        /// What must be there before.
        expect_version: Expect,
    },
    /// Makes a segment part of its store.
    AddSegment(SegmentMeta),
    /// Takes a segment out; a missing one is no error.
    RemoveSegment {
        /// Its store.
        store: StoreId,
        /// Its number.
        id: SegmentId,
    },
    /// Every group of the shard up to this number is in segments; never moves back.
    SetFlushed(Flushed),
    /// The store is gone: takes out its segments and positions and remembers the number.
    DropStore(StoreId),
    /// Log files before this number are no longer needed; never moves back.
    SetLogStart(u64),
    /// No shard hands out a sequence number at or below this one; never moves back.
    SetSeqFloor(Seq),
}

/// How far one shard is flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// The store.
    pub store: StoreId,
    /// The shard.
    pub shard: u16,
    /// The last group that is in a segment.
    pub seq: Seq,
}

/// The engine's own numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// The revision of the last commit.
    pub revision: u64,
    /// The largest number a segment ever had.
    pub last_segment: u64,
    /// The first log file that is still needed.
    pub log_start: u64,
    /// Sequence numbers start above this one.
    pub seq_floor: Seq,
}

/// The number of one segment; grows over all stores and is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentId(pub u64);

/// What the catalog knows about a segment: enough to leave it out of a query without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentMeta {
    /// The store it belongs to.
    pub store: StoreId,
    /// Its number.
    pub id: SegmentId,
    /// The version of the file format, `docs/format/segment.md`.
    pub format: u32,
    /// Where the bytes are in the blob store.
    pub blob: String,
    /// How many bytes there are.
    pub bytes: u64,
    /// The checksum of the whole file.
    pub crc32c: u32,
    /// Rows inside.
    pub rows: u64,
    /// The earliest `__time__`.
    pub min_time_nanos: i64,
    /// The latest `__time__`.
    pub max_time_nanos: i64,
    /// The earliest `__recv__`.
    pub min_received_nanos: i64,
    /// The latest `__recv__`.
    pub max_received_nanos: i64,
    /// The groups inside, for each shard.
    pub shards: Vec<SeqSpan>,
}

/// A run of groups of one shard, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeqSpan {
    /// The shard.
    pub shard: u16,
    /// The first group.
    pub first: u64,
    /// The last group.
    pub last: u64,
}

/// Why the catalog could not answer.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A record is not what the writer expected; read it again and decide anew.
    #[error("{family} {key:?} changed meanwhile: expected {expected}, found {}", match .found {
        Some(version) => format!("version {version}"),
        None => "nothing".to_owned(),
    })]
    Conflict {
        /// The kind of object.
        family: String,
        /// The object.
        key: String,
        /// What the writer expected.
        expected: Expect,
        /// The version that is there.
        found: Option<u64>,
    },
    /// The catalog is of a later program.
    #[error(
        "the catalog has format {found}, this program reads up to {known}: use the program that wrote it"
    )]
    Format {
        /// What the file says.
        found: u64,
        /// What we know.
        known: u64,
    },
    /// A value of ours cannot be read back.
    #[error("the catalog entry {what} is unreadable: {reason}")]
    Unreadable {
        /// Which one.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The database below failed.
    #[error("the catalog file failed: {0}")]
    Database(#[source] Box<redb::Error>),
    /// The disk below failed.
    #[error("the catalog file cannot be reached: {0}")]
    Disk(#[from] std::io::Error),
}
