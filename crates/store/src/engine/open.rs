//! Opening: what segments hold comes from the catalog, what came after from the log.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock, mpsc};

use super::state::{Shared, State, StoreState};
use super::{Decode, Engine, EngineSettings, OpenError, RecoveryReport, appender};
use crate::blob::{BlobError, BlobStore, FileBlobs};
use crate::catalog::{Catalog, Edit, RedbCatalog, SegmentMeta};
use crate::columns::Rows;
use crate::disk::Disk;
use crate::ids::Seq;
use crate::limits::SALVAGE_SEQ_SKIP;
use crate::names;
use crate::segment::Segment;
use crate::wal::{self, Known, WalSettings};

/// The smallest log file that is not silly, and the largest whose offsets fit its frames.
const LOG_FILE_BYTES: std::ops::RangeInclusive<u64> = 4096..=1 << 30;
const GROUP_BYTES: std::ops::RangeInclusive<u64> = 1..=256 << 20;

pub(super) fn open(
    disk: Arc<dyn Disk>,
    dir: &Path,
    settings: EngineSettings,
    decode: Arc<dyn Decode>,
) -> Result<(Engine, RecoveryReport), OpenError> {
    check(&settings)?;
    let wal_dir = dir.join(names::WAL_DIR);
    let segment_dir = dir.join(names::SEGMENT_DIR);
    for dir in [dir, &wal_dir] {
        disk.create_dir_all(dir).map_err(|source| failed(dir, source))?;
    }
    let lock = lock(&*disk, dir)?;
    let catalog = RedbCatalog::open(&*disk, dir)?;
    let blobs = FileBlobs::open(disk.clone(), &segment_dir);
    let blobs: Arc<dyn BlobStore> = Arc::new(blobs.map_err(|source| failed(&segment_dir, source))?);

    let mut report = RecoveryReport::default();
    let counters = catalog.counters()?;
    let mut state = live_state(&catalog, &blobs)?;
    report.orphan_blobs = remove_orphans(&state, &*blobs)?;

    let known = Known {
        log_start: counters.log_start,
        last_seq: state.flushed.clone(),
        seq_floor: counters.seq_floor,
    };
    // Senders must not be able to guess it; it only has to differ, so the hasher's own keys do.
    let wal_settings = WalSettings {
        file_bytes: settings.log_file_bytes,
        salt_seed: RandomState::new().hash_one(dir),
    };
    let mut bring_back = |found: wal::Found<'_>| -> Result<(), String> {
        let header = found.frame.header;
        let flushed = state.flushed.get(&(header.store, header.shard));
        if state.dropped.contains(&header.store) || flushed.is_some_and(|at| header.seq <= *at) {
            return Ok(());
        }
        let batch = decode.decode(found.frame.payload)?;
        report.groups += 1;
        report.rows += batch.rows() as u64;
        let (shard, seq, received_nanos) = (header.shard, header.seq, header.received_nanos);
        state.insert(header.store, Rows { shard, seq, received_nanos, batch }, &settings);
        Ok(())
    };
    let (log, found) =
        wal::recover(&disk, &wal_dir, wal_settings, known, settings.damaged_log, &mut bring_back)?;
    report.log_files = found.files;
    report.torn_bytes = found.torn_bytes;
    report.damages = found.damages.iter().map(ToString::to_string).collect();

    let salvaged = !found.damages.is_empty();
    if salvaged {
        // A group that was given up may have been acknowledged: its number is not for another.
        let floor = Seq(log.largest_seq().0.saturating_add(SALVAGE_SEQ_SKIP));
        catalog.commit(&[Edit::SetSeqFloor(floor)])?;
        log.raise_seq_floor(floor);
    }
    let shared = Arc::new(Shared::new(
        settings,
        Arc::new(catalog),
        blobs,
        Arc::new(log),
        state,
        counters.last_segment,
        counters.log_start,
        lock,
    ));
    if salvaged {
        // So that the next opening finds nothing left to salvage.
        shared.maintain(None).map_err(|error| OpenError::Salvage(Box::new(error)))?;
    }
    Ok((start(shared)?, report))
}

fn start(shared: Arc<Shared>) -> Result<Engine, OpenError> {
    let (sender, receiver) = mpsc::channel();
    let for_thread = shared.clone();
    let thread = std::thread::Builder::new()
        .name("sidetail-log".to_owned())
        .spawn(move || appender::run(&for_thread, &receiver))
        .map_err(OpenError::Thread)?;
    Ok(Engine { shared, queue: RwLock::new(Some(sender)), thread: Mutex::new(Some(thread)) })
}

fn check(settings: &EngineSettings) -> Result<(), OpenError> {
    let log_file_bytes = settings.log_file_bytes;
    if !LOG_FILE_BYTES.contains(&log_file_bytes) {
        return Err(OpenError::Setting {
            name: "log_file_bytes",
            value: log_file_bytes,
            rule: "from 4 KiB to 1 GiB",
        });
    }
    let group_bytes = settings.group_bytes as u64;
    if !GROUP_BYTES.contains(&group_bytes) {
        return Err(OpenError::Setting {
            name: "group_bytes",
            value: group_bytes,
            rule: "from 1 byte to 256 MiB",
        });
    }
    Ok(())
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Send + Sync>, OpenError> {
    let path = dir.join(names::LOCK);
    disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { path: path.display().to_string() },
        _ => failed(&path, error),
    })
}

/// What is live according to the catalog, checked to be there.
fn live_state(catalog: &dyn Catalog, blobs: &Arc<dyn BlobStore>) -> Result<State, OpenError> {
    let mut state = State {
        dropped: catalog.dropped_stores()?.into_iter().collect(),
        flushed: catalog.flushed()?.iter().map(|at| ((at.store, at.shard), at.seq)).collect(),
        ..State::default()
    };
    for meta in catalog.segments()? {
        let found = match blobs.len(&meta.blob) {
            Err(BlobError::Missing { .. }) => 0,
            other => other?,
        };
        if found != meta.bytes {
            let SegmentMeta { blob, store, bytes: expected, .. } = meta;
            return Err(OpenError::Segment { blob, store, expected, found });
        }
        let store = state.stores.entry(meta.store).or_insert_with(StoreState::new);
        store.segments.push(Arc::new(Segment::new(meta, blobs.clone())));
    }
    Ok(state)
}

/// Deletes segment files nobody points at: a flush that did not reach its transaction, or a drop
/// that did not reach its files.
fn remove_orphans(state: &State, blobs: &dyn BlobStore) -> Result<usize, OpenError> {
    let segments = state.stores.values().flat_map(|store| &store.segments);
    let live: HashSet<&str> = segments.map(|segment| segment.meta.blob.as_str()).collect();
    let mut removed = 0;
    for name in blobs.list("")? {
        if names::is_segment_blob(&name) && !live.contains(name.as_str()) {
            blobs.delete(&name)?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    OpenError::Disk { path: path.display().to_string(), source }
}
