//! The catalog in one redb file.

use std::io;
use std::path::Path;

use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableError,
    WriteTransaction,
};

use super::backend::DiskBackend;
use super::{
    Catalog, CatalogError, Counters, Edit, Expect, Flushed, Record, SegmentId, SegmentMeta,
};
use crate::disk::Disk;
use crate::ids::{Seq, StoreId};
use crate::names;

/// (family, key) -> (version, value).
const RECORDS: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("records");
/// (store, segment) -> [`SegmentMeta`] as JSON.
const SEGMENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("segments");
/// (store, shard) -> last flushed sequence number.
const FLUSHED: TableDefinition<'_, (u64, u16), u64> = TableDefinition::new("flushed");
/// Stores that were dropped.
const DROPPED: TableDefinition<'_, u64, ()> = TableDefinition::new("dropped");
/// The numbers of [`Counters`], and the format.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");

const FORMAT: u64 = 1;
const FORMAT_KEY: &str = "format";
const REVISION_KEY: &str = "revision";
const LAST_SEGMENT_KEY: &str = "last_segment";
const LOG_START_KEY: &str = "log_start";
const SEQ_FLOOR_KEY: &str = "seq_floor";

/// The whole catalog is some megabytes; the database's own default is a gigabyte.
const CACHE_BYTES: usize = 16 << 20;

/// The embedded catalog.
pub struct RedbCatalog {
    database: Database,
}

impl RedbCatalog {
    /// Opens the catalog in `dir`, or makes it when there is none. A new one is prepared under
    /// another name, because a half-made database file cannot be told from a damaged one.
    pub fn open(disk: &dyn Disk, dir: &Path) -> Result<RedbCatalog, CatalogError> {
        let path = dir.join(names::CATALOG);
        let file = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let unfinished = dir.join(format!("{}{}", names::CATALOG, names::UNFINISHED));
                match disk.remove(&unfinished) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error.into());
                    }
                    _ => {}
                }
                drop(RedbCatalog::over(DiskBackend(disk.create(&unfinished)?))?);
                disk.rename(&unfinished, &path)?;
                disk.sync_dir(dir)?;
                disk.open(&path)?
            }
            other => other?,
        };
        RedbCatalog::over(DiskBackend(file))
    }

    fn over(backend: DiskBackend) -> Result<RedbCatalog, CatalogError> {
        let database =
            Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend)?;
        let catalog = RedbCatalog { database };
        catalog.check_format()?;
        Ok(catalog)
    }

    /// Makes the tables of a new file, and refuses the file of a later program.
    fn check_format(&self) -> Result<(), CatalogError> {
        match self.database.begin_read()?.open_table(COUNTERS) {
            Ok(counters) => {
                let found = counters.get(FORMAT_KEY)?.map_or(0, |value| value.value());
                let known = FORMAT;
                return if found == known {
                    Ok(())
                } else {
                    Err(CatalogError::Format { found, known })
                };
            }
            Err(TableError::TableDoesNotExist(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let transaction = self.database.begin_write()?;
        transaction.open_table(COUNTERS)?.insert(FORMAT_KEY, FORMAT)?;
        transaction.open_table(RECORDS)?;
        transaction.open_table(SEGMENTS)?;
        transaction.open_table(FLUSHED)?;
        transaction.open_table(DROPPED)?;
        Ok(transaction.commit()?)
    }
}

impl Catalog for RedbCatalog {
    fn get(&self, family: &str, key: &str) -> Result<Option<Record>, CatalogError> {
        let records = self.database.begin_read()?.open_table(RECORDS)?;
        Ok(records.get((family, key))?.map(|found| record(found.value())))
    }

    fn list(&self, family: &str, prefix: &str) -> Result<Vec<(String, Record)>, CatalogError> {
        let records = self.database.begin_read()?.open_table(RECORDS)?;
        let mut found = Vec::new();
        for entry in records.range((family, prefix)..)? {
            let (key, value) = entry?;
            let (of_family, name) = key.value();
            if of_family != family || !name.starts_with(prefix) {
                break;
            }
            found.push((name.to_owned(), record(value.value())));
        }
        Ok(found)
    }

    fn segments(&self) -> Result<Vec<SegmentMeta>, CatalogError> {
        let segments = self.database.begin_read()?.open_table(SEGMENTS)?;
        let mut found = Vec::with_capacity(segments.len()? as usize);
        for entry in segments.iter()? {
            let (key, value) = entry?;
            found.push(serde_json::from_slice(value.value()).map_err(|error| {
                let (store, id) = key.value();
                CatalogError::Unreadable {
                    what: format!("segment {id} of store {store}"),
                    reason: error.to_string(),
                }
            })?);
        }
        Ok(found)
    }

    fn flushed(&self) -> Result<Vec<Flushed>, CatalogError> {
        let flushed = self.database.begin_read()?.open_table(FLUSHED)?;
        let mut found = Vec::new();
        for entry in flushed.iter()? {
            let (key, seq) = entry?;
            let (store, shard) = key.value();
            found.push(Flushed { store: StoreId(store), shard, seq: Seq(seq.value()) });
        }
        Ok(found)
    }

    fn dropped_stores(&self) -> Result<Vec<StoreId>, CatalogError> {
        let dropped = self.database.begin_read()?.open_table(DROPPED)?;
        let mut found = Vec::new();
        for entry in dropped.iter()? {
            found.push(StoreId(entry?.0.value()));
        }
        Ok(found)
    }

    fn counters(&self) -> Result<Counters, CatalogError> {
        let counters = self.database.begin_read()?.open_table(COUNTERS)?;
        let get = |key| -> Result<u64, CatalogError> {
            Ok(counters.get(key)?.map_or(0, |value| value.value()))
        };
        Ok(Counters {
            revision: get(REVISION_KEY)?,
            last_segment: get(LAST_SEGMENT_KEY)?,
            log_start: get(LOG_START_KEY)?,
            seq_floor: Seq(get(SEQ_FLOOR_KEY)?),
        })
    }

    fn commit(&self, edits: &[Edit]) -> Result<u64, CatalogError> {
        let transaction = self.database.begin_write()?;
        let applied = apply_all(&transaction, edits);
        match applied {
            Ok(revision) => {
                transaction.commit()?;
                Ok(revision)
            }
            Err(error) => {
                transaction.abort()?;
                Err(error)
            }
        }
    }
}

fn record((version, value): (u64, &[u8])) -> Record {
    Record { version, value: value.to_vec() }
}

fn apply_all(transaction: &WriteTransaction, edits: &[Edit]) -> Result<u64, CatalogError> {
    let revision = {
        let mut counters = transaction.open_table(COUNTERS)?;
        let last = counters.get(REVISION_KEY)?.map_or(0, |value| value.value());
        counters.insert(REVISION_KEY, last + 1)?;
        last + 1
    };
    for edit in edits {
        apply(transaction, edit, revision)?;
    }
    Ok(revision)
}

fn apply(transaction: &WriteTransaction, edit: &Edit, revision: u64) -> Result<(), CatalogError> {
    match edit {
        Edit::PutRecord { family, key, expect_version, value } => {
            let mut records = transaction.open_table(RECORDS)?;
            check(&records, family, key, *expect_version)?;
            records.insert((family.as_str(), key.as_str()), (revision, value.as_slice()))?;
        }
        Edit::DeleteRecord { family, key, expect_version } => {
            let mut records = transaction.open_table(RECORDS)?;
            check(&records, family, key, *expect_version)?;
            records.remove((family.as_str(), key.as_str()))?;
        }
        Edit::AddSegment(meta) => {
            let json = serde_json::to_vec(meta).map_err(|error| CatalogError::Unreadable {
                what: format!("segment {} of store {}", meta.id.0, meta.store),
                reason: error.to_string(),
            })?;
            let mut segments = transaction.open_table(SEGMENTS)?;
            segments.insert((meta.store.0, meta.id.0), json.as_slice())?;
            raise(transaction, LAST_SEGMENT_KEY, meta.id.0)?;
        }
        Edit::RemoveSegment { store, id: SegmentId(id) } => {
            transaction.open_table(SEGMENTS)?.remove((store.0, *id))?;
        }
        Edit::SetFlushed(Flushed { store, shard, seq }) => {
            let mut flushed = transaction.open_table(FLUSHED)?;
            let before = flushed.get((store.0, *shard))?.map_or(0, |value| value.value());
            flushed.insert((store.0, *shard), before.max(seq.0))?;
        }
        Edit::DropStore(store) => {
            let mut segments = transaction.open_table(SEGMENTS)?;
            segments.retain_in((store.0, 0)..=(store.0, u64::MAX), |_, _| false)?;
            let mut flushed = transaction.open_table(FLUSHED)?;
            flushed.retain_in((store.0, 0)..=(store.0, u16::MAX), |_, _| false)?;
            transaction.open_table(DROPPED)?.insert(store.0, ())?;
        }
        Edit::SetLogStart(file) => raise(transaction, LOG_START_KEY, *file)?,
        Edit::SetSeqFloor(seq) => raise(transaction, SEQ_FLOOR_KEY, seq.0)?,
    }
    Ok(())
}

fn raise(transaction: &WriteTransaction, counter: &str, to: u64) -> Result<(), CatalogError> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let before = counters.get(counter)?.map_or(0, |value| value.value());
    counters.insert(counter, before.max(to))?;
    Ok(())
}

fn check(
    records: &impl ReadableTable<(&'static str, &'static str), (u64, &'static [u8])>,
    family: &str,
    key: &str,
    expected: Expect,
) -> Result<(), CatalogError> {
    let found = records.get((family, key))?.map(|found| found.value().0);
    let holds = match expected {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Version(version) => found == Some(version),
    };
    if holds {
        return Ok(());
    }
    Err(CatalogError::Conflict { family: family.to_owned(), key: key.to_owned(), expected, found })
}

/// The database has an error type for each kind of call; what happened is the same to us.
macro_rules! database_errors {
    ($($error:ty),+) => {$(
        impl From<$error> for CatalogError {
            fn from(error: $error) -> CatalogError {
                CatalogError::Database(Box::new(error.into()))
            }
        }
    )+};
}

database_errors!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Crash, SimDisk};

    fn open(disk: &SimDisk) -> RedbCatalog {
        RedbCatalog::open(disk, Path::new("/data")).unwrap()
    }

    fn put(key: &str, expect_version: Expect, value: &str) -> Edit {
        Edit::PutRecord {
            family: "logstore".to_owned(),
            key: key.to_owned(),
            expect_version,
            value: value.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_writer_that_read_an_old_version_is_refused_and_nothing_of_it_is_applied() {
        let catalog = open(&SimDisk::new());
        let first = catalog.commit(&[put("a", Expect::Absent, "1")]).unwrap();
        let second = catalog.commit(&[put("a", Expect::Version(first), "2")]).unwrap();
        let refused = catalog
            .commit(&[put("b", Expect::Any, "x"), put("a", Expect::Version(first), "3")])
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "logstore \"a\" changed meanwhile: expected version {first}, found version {second}"
            )
        );
        assert_eq!(catalog.get("logstore", "a").unwrap().unwrap().value, b"2");
        assert_eq!(catalog.get("logstore", "b").unwrap(), None);
    }

    #[test]
    fn a_version_from_before_a_deletion_does_not_match_the_new_record() {
        let catalog = open(&SimDisk::new());
        let old = catalog.commit(&[put("a", Expect::Absent, "1")]).unwrap();
        let delete = Edit::DeleteRecord {
            family: "logstore".to_owned(),
            key: "a".to_owned(),
            expect_version: Expect::Version(old),
        };
        catalog.commit(&[delete]).unwrap();
        catalog.commit(&[put("a", Expect::Absent, "2")]).unwrap();
        assert!(matches!(
            catalog.commit(&[put("a", Expect::Version(old), "3")]),
            Err(CatalogError::Conflict { .. })
        ));
    }

    #[test]
    fn a_listing_stops_at_its_prefix_and_its_family() {
        let catalog = open(&SimDisk::new());
        let other = Edit::PutRecord {
            family: "logstore2".to_owned(),
            key: "p/x".to_owned(),
            expect_version: Expect::Any,
            value: Vec::new(),
        };
        let keys = ["p/a", "p/b", "p0", "o"].map(|key| put(key, Expect::Any, key));
        catalog.commit(&[&keys[..], &[other]].concat()).unwrap();
        let listed = catalog.list("logstore", "p/").unwrap();
        assert_eq!(listed.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["p/a", "p/b"]);
    }

    #[test]
    fn positions_never_move_back_and_a_dropped_store_leaves_only_its_number() {
        let catalog = open(&SimDisk::new());
        let store = StoreId(7);
        let at = |seq| Edit::SetFlushed(Flushed { store, shard: 1, seq: Seq(seq) });
        catalog.commit(&[at(5), Edit::SetLogStart(3), Edit::SetSeqFloor(Seq(9))]).unwrap();
        catalog.commit(&[at(4), Edit::SetLogStart(2), Edit::SetSeqFloor(Seq(8))]).unwrap();
        assert_eq!(catalog.flushed().unwrap(), [Flushed { store, shard: 1, seq: Seq(5) }]);
        let counters = catalog.counters().unwrap();
        assert_eq!((counters.log_start, counters.seq_floor), (3, Seq(9)));
        catalog.commit(&[Edit::DropStore(store)]).unwrap();
        assert_eq!(catalog.flushed().unwrap(), []);
        assert_eq!(catalog.dropped_stores().unwrap(), [store]);
    }

    #[test]
    fn a_power_cut_at_any_call_leaves_a_prefix_of_the_commits() {
        // How many calls the whole story takes, to cut at each of them.
        let story = |disk: &SimDisk| -> u64 {
            let mut done = 0;
            let Ok(catalog) = RedbCatalog::open(disk, Path::new("/data")) else { return done };
            for value in 1..=4_u64 {
                if catalog.commit(&[put("a", Expect::Any, &value.to_string())]).is_err() {
                    break;
                }
                done = value;
            }
            done
        };
        let whole = SimDisk::new();
        assert_eq!(story(&whole), 4);
        for cut in 1..=whole.calls() {
            let disk = SimDisk::new();
            disk.cut_power_at(cut);
            let done = story(&disk);
            for crash in [Crash::DropUnsynced, Crash::KeepAll, Crash::Random(cut)] {
                let catalog = open(&disk.crash(crash));
                let found = catalog.get("logstore", "a").unwrap();
                let found = found
                    .map_or(0, |found| String::from_utf8(found.value).unwrap().parse().unwrap());
                // The commit under way may have made it.
                assert!(
                    found == done || found == done + 1,
                    "cut {cut} {crash:?}: {found} of {done}"
                );
            }
        }
    }
}
