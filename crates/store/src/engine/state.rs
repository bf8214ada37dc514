//! What the threads of an engine share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{AppendError, EngineSettings, EngineStats, Totals, add};
use crate::blob::BlobStore;
use crate::catalog::Catalog;
use crate::columns::Rows;
use crate::commit_log::CommitLog;
use crate::health::FailureLatch;
use crate::ids::{Seq, StoreId};
use crate::memtable::{Frozen, Memtable};
use crate::segment::Segment;
use crate::snapshot::Snapshot;

pub(super) struct Shared {
    pub settings: EngineSettings,
    pub catalog: Arc<dyn Catalog>,
    pub blobs: Arc<dyn BlobStore>,
    pub log: Arc<dyn CommitLog>,
    pub state: Mutex<State>,
    /// Rung when [`State::wants_flush`] becomes true.
    pub work: Condvar,
    pub failure: FailureLatch,
    /// Flushes, drops and retention one at a time: they all change what is live.
    pub maintenance: Mutex<()>,
    pub last_segment: AtomicU64,
    pub log_start: AtomicU64,
    pub totals: Totals,
    /// Bytes of rows in memory and of appends under way.
    memory: AtomicUsize,
    /// Keeps other processes out of the directory.
    _lock: Box<dyn Send + Sync>,
}

/// Everything that changes together.
#[derive(Default)]
pub(super) struct State {
    pub stores: HashMap<StoreId, StoreState>,
    pub dropped: HashSet<StoreId>,
    pub flushed: HashMap<(StoreId, u16), Seq>,
    /// Segments that are out of the catalog but may still be read.
    pub retired: Vec<Arc<Segment>>,
    /// Bytes in all memtables that still take rows.
    pub active_bytes: usize,
    /// A memtable has reached its size since the last maintenance.
    pub wants_flush: bool,
}

pub(super) struct StoreState {
    pub active: Memtable,
    /// Oldest first; more than one only after a flush failed.
    pub frozen: Vec<Arc<Frozen>>,
    pub segments: Vec<Arc<Segment>>,
}

impl StoreState {
    pub(super) fn new() -> StoreState {
        StoreState { active: Memtable::new(), frozen: Vec::new(), segments: Vec::new() }
    }

    /// Bytes in memory, being flushed or not.
    pub(super) fn memory_bytes(&self) -> usize {
        let frozen: usize = self.frozen.iter().map(|frozen| frozen.stats.bytes).sum();
        self.active.stats().bytes + frozen
    }
}

impl State {
    /// Makes a group searchable. `false` when its store is gone.
    pub(super) fn insert(
        &mut self,
        store: StoreId,
        group: Rows,
        settings: &EngineSettings,
    ) -> bool {
        if self.dropped.contains(&store) {
            return false;
        }
        let active = &mut self.stores.entry(store).or_insert_with(StoreState::new).active;
        let before = active.stats().bytes;
        active.insert(group);
        self.active_bytes += active.stats().bytes - before;
        self.wants_flush |= active.stats().bytes >= settings.flush_store_bytes
            || self.active_bytes >= settings.flush_node_bytes;
        true
    }
}

impl Shared {
    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of an engine, put together in one place"
    )]
    pub(super) fn new(
        settings: EngineSettings,
        catalog: Arc<dyn Catalog>,
        blobs: Arc<dyn BlobStore>,
        log: Arc<dyn CommitLog>,
        state: State,
        last_segment: u64,
        log_start: u64,
        lock: Box<dyn Send + Sync>,
    ) -> Shared {
        let memory = state.stores.values().map(StoreState::memory_bytes).sum();
        Shared {
            settings,
            catalog,
            blobs,
            log,
            state: Mutex::new(state),
            work: Condvar::new(),
            failure: FailureLatch::default(),
            maintenance: Mutex::new(()),
            last_segment: AtomicU64::new(last_segment),
            log_start: AtomicU64::new(log_start),
            totals: Totals::default(),
            memory: AtomicUsize::new(memory),
            _lock: lock,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for an append. A single one always fits when nothing else is there, so that
    /// no setting makes it wait for ever.
    pub(super) fn reserve(&self, bytes: usize) -> Result<usize, AppendError> {
        let before = self.memory.fetch_add(bytes, Ordering::Relaxed);
        let limit_bytes = self.settings.memory_bytes;
        if before > 0 && before + bytes > limit_bytes {
            self.give_back(bytes);
            add(&self.totals.busy, 1);
            return Err(AppendError::Busy { memory_bytes: before, limit_bytes });
        }
        Ok(bytes)
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self, store: StoreId) -> Snapshot {
        let mut state = self.state();
        let Some(store) = state.stores.get_mut(&store) else { return Snapshot::default() };
        let active = store.active.chunks();
        let frozen = store.frozen.iter().flat_map(|frozen| frozen.chunks.iter().cloned());
        Snapshot::new(store.segments.iter().cloned(), frozen.chain(active))
    }

    pub(super) fn stats(&self) -> EngineStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut stats = EngineStats {
            groups_total: read(&self.totals.groups),
            rows_total: read(&self.totals.rows),
            payload_bytes_total: read(&self.totals.payload_bytes),
            syncs_total: read(&self.totals.syncs),
            busy_total: read(&self.totals.busy),
            segments_written_total: read(&self.totals.segments_written),
            memory_bytes: self.memory.load(Ordering::Relaxed) as u64,
            ..EngineStats::default()
        };
        for store in self.state().stores.values() {
            let frozen: u64 = store.frozen.iter().map(|frozen| frozen.stats.rows).sum();
            stats.memory_rows += store.active.stats().rows + frozen;
            stats.segments += store.segments.len() as u64;
            stats.segment_rows +=
                store.segments.iter().map(|segment| segment.meta.rows).sum::<u64>();
            stats.segment_bytes +=
                store.segments.iter().map(|segment| segment.meta.bytes).sum::<u64>();
        }
        stats
    }
}
