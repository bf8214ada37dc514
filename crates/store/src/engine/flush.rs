//! From memory to segments, and out of the log; and the ways a segment goes again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::state::{Shared, State, StoreState};
use super::{MaintainError, MaintainReport, add};
use crate::catalog::{CatalogError, Edit, Flushed, SegmentId, SegmentMeta};
use crate::columns::Layout;
use crate::ids::{Seq, StoreId};
use crate::memtable::{Frozen, Memtable};
use crate::names;
use crate::segment::{self, Segment};

impl Shared {
    /// One round of maintenance; without a time everything is due.
    pub(super) fn maintain(&self, now_nanos: Option<i64>) -> Result<MaintainReport, MaintainError> {
        let _one_at_a_time = self.one_at_a_time()?;
        let mut report = MaintainReport::default();
        let mut first_error = None;
        for store in self.due(now_nanos) {
            if let Err(error) = self.flush_store(store, &mut report) {
                first_error.get_or_insert(error);
            }
        }
        let released =
            self.release_log(&mut report).and_then(|()| self.delete_retired(&mut report));
        match (first_error, released) {
            (Some(error), _) | (None, Err(error)) => Err(error),
            (None, Ok(())) => Ok(report),
        }
    }

    pub(super) fn drop_store(&self, store: StoreId) -> Result<(), MaintainError> {
        let _one_at_a_time = self.one_at_a_time()?;
        // Refuse first: an append acknowledged in between would be lost with the rest anyway,
        // but none must bring the store back.
        self.state().dropped.insert(store);
        self.commit(&[Edit::DropStore(store)])?;
        let mut state = self.state();
        state.flushed.retain(|(of, _), _| *of != store);
        if let Some(gone) = state.stores.remove(&store) {
            self.give_back(gone.memory_bytes());
            state.active_bytes -= gone.active.stats().bytes;
            state.retired.extend(gone.segments);
        }
        Ok(())
    }

    pub(super) fn retain(
        &self,
        store: StoreId,
        oldest_received_nanos: i64,
    ) -> Result<usize, MaintainError> {
        let _one_at_a_time = self.one_at_a_time()?;
        let expired =
            |segment: &Arc<Segment>| segment.meta.max_received_nanos < oldest_received_nanos;
        let edits: Vec<Edit> = match self.state().stores.get(&store) {
            None => Vec::new(),
            Some(state) => {
                let expired = state.segments.iter().filter(|segment| expired(segment));
                expired.map(|segment| Edit::RemoveSegment { store, id: segment.meta.id }).collect()
            }
        };
        if edits.is_empty() {
            return Ok(0);
        }
        self.commit(&edits)?;
        let mut state = self.state();
        let State { stores, retired, .. } = &mut *state;
        if let Some(store) = stores.get_mut(&store) {
            retired.extend(store.segments.extract_if(.., |segment| expired(segment)));
        }
        Ok(edits.len())
    }

    /// The stores to flush now, largest first.
    fn due(&self, now_nanos: Option<i64>) -> Vec<StoreId> {
        let settings = &self.settings;
        let age_nanos = i64::try_from(settings.flush_age.as_nanos()).unwrap_or(i64::MAX);
        let mut state = self.state();
        state.wants_flush = false;
        let waiting = state.stores.iter().filter(|(_, store)| has_rows(store));
        let mut waiting: Vec<(StoreId, usize, bool)> = waiting
            .map(|(&id, store)| {
                let stats = store.active.stats();
                let old = now_nanos
                    .is_none_or(|now| stats.min_received_nanos <= now.saturating_sub(age_nanos));
                let due = old
                    || stats.bytes >= settings.flush_store_bytes
                    // A flush that failed is tried again.
                    || !store.frozen.is_empty();
                (id, store.memory_bytes(), due)
            })
            .collect();
        waiting.sort_by_key(|(id, bytes, _)| (std::cmp::Reverse(*bytes), *id));
        // When all together are too much, the largest go, down to half: flushing exactly to
        // the limit would leave nothing but small segments from then on.
        let mut sum: usize = waiting.iter().map(|(_, bytes, _)| bytes).sum();
        let target =
            if sum >= settings.flush_node_bytes { settings.flush_node_bytes / 2 } else { sum };
        let mut due = Vec::new();
        for (store, bytes, is_due) in waiting {
            if is_due || sum > target {
                sum -= bytes;
                due.push(store);
            }
        }
        due
    }

    fn flush_store(&self, id: StoreId, report: &mut MaintainReport) -> Result<(), MaintainError> {
        {
            let mut state = self.state();
            let State { stores, active_bytes, .. } = &mut *state;
            let Some(store) = stores.get_mut(&id) else { return Ok(()) };
            if !store.active.is_empty() {
                let full = std::mem::replace(&mut store.active, Memtable::new());
                *active_bytes -= full.stats().bytes;
                store.frozen.push(Arc::new(full.freeze()));
            }
        }
        loop {
            let state = self.state();
            let next = state.stores.get(&id).and_then(|store| store.frozen.first().cloned());
            drop(state);
            let Some(frozen) = next else { return Ok(()) };
            self.flush_frozen(id, &frozen, report)?;
        }
    }

    /// Writes one frozen memtable: file first, then one transaction that makes it live and moves
    /// the positions, then the switch in memory. A crash in between leaves the rows in the log
    /// and at worst a file nobody points at.
    fn flush_frozen(
        &self,
        store: StoreId,
        frozen: &Arc<Frozen>,
        report: &mut MaintainReport,
    ) -> Result<(), MaintainError> {
        let positions: Vec<Flushed> = frozen
            .shards
            .iter()
            .map(|span| Flushed { store, shard: span.shard, seq: Seq(span.last) })
            .collect();
        let mut edits: Vec<Edit> = positions.iter().copied().map(Edit::SetFlushed).collect();
        let written = if frozen.stats.rows == 0 { None } else { Some(self.write(store, frozen)?) };
        edits.extend(written.clone().map(Edit::AddSegment));
        self.commit(&edits)?;

        let mut state = self.state();
        let State { stores, flushed, .. } = &mut *state;
        flushed.extend(positions.iter().map(|at| ((at.store, at.shard), at.seq)));
        // Nobody else takes from `frozen`: maintenance runs one at a time.
        let Some(store) = stores.get_mut(&store) else { return Ok(()) };
        store.frozen.remove(0);
        self.give_back(frozen.stats.bytes);
        if let Some(meta) = written {
            report.segments += 1;
            report.rows += meta.rows;
            add(&self.totals.segments_written, 1);
            store.segments.push(Arc::new(Segment::new(meta, self.blobs.clone())));
        }
        Ok(())
    }

    fn write(&self, store: StoreId, frozen: &Frozen) -> Result<SegmentMeta, MaintainError> {
        let groups = frozen.groups();
        let layout = Layout::choose(groups.iter().copied());
        let file = segment::encode(&layout, &groups)
            .map_err(|error| MaintainError::Segment { store, reason: error.to_string() })?;
        // Also a number that was given up in an earlier attempt is not used again.
        let id = SegmentId(self.last_segment.fetch_add(1, Ordering::Relaxed) + 1);
        let blob = names::segment_blob(store, id);
        self.blobs.put_new(&blob, &file)?;
        Ok(SegmentMeta {
            store,
            id,
            format: segment::FORMAT,
            blob,
            bytes: file.len() as u64,
            crc32c: crc32c::crc32c(&file),
            rows: frozen.stats.rows,
            min_time_nanos: frozen.stats.min_time_nanos,
            max_time_nanos: frozen.stats.max_time_nanos,
            min_received_nanos: frozen.stats.min_received_nanos,
            max_received_nanos: frozen.stats.max_received_nanos,
            shards: frozen.shards.clone(),
        })
    }

    /// Lets go of log files of which every group is in a segment. The catalog learns it first: a
    /// file that is missing although the catalog wants it is a loss, and opening says so.
    fn release_log(&self, report: &mut MaintainReport) -> Result<(), MaintainError> {
        let needed = {
            let state = self.state();
            self.log.needed_from(&|store, shard, seq| {
                state.dropped.contains(&store)
                    || state.flushed.get(&(store, shard)).is_some_and(|flushed| seq <= *flushed)
            })
        };
        if needed > self.log_start.load(Ordering::Relaxed) {
            self.commit(&[Edit::SetLogStart(needed)])?;
            self.log_start.store(needed, Ordering::Relaxed);
        }
        report.log_files += self.log.release(needed)?;
        Ok(())
    }

    /// Deletes the files of segments that only wait for their last reader.
    fn delete_retired(&self, report: &mut MaintainReport) -> Result<(), MaintainError> {
        // Nobody can get hold of a retired segment any more, so a count of one stays one.
        let unread: Vec<Arc<Segment>> = {
            let mut state = self.state();
            state.retired.extract_if(.., |segment| Arc::strong_count(segment) == 1).collect()
        };
        for (at, segment) in unread.iter().enumerate() {
            if let Err(error) = self.blobs.delete(&segment.meta.blob) {
                self.state().retired.extend_from_slice(&unread[at..]);
                return Err(error.into());
            }
            report.blobs_deleted += 1;
        }
        Ok(())
    }

    /// One transaction. When it fails nobody knows whether it happened, and the next one could
    /// build on the wrong answer; so that stops the engine.
    fn commit(&self, edits: &[Edit]) -> Result<(), MaintainError> {
        match self.catalog.commit(edits) {
            Ok(_) => Ok(()),
            Err(error) => {
                if !matches!(error, CatalogError::Conflict { .. }) {
                    self.failure.fail(|| error.to_string());
                }
                Err(error.into())
            }
        }
    }

    fn one_at_a_time(&self) -> Result<MutexGuard<'_, ()>, MaintainError> {
        let guard = self.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        match self.failure.reason() {
            Some(reason) => Err(MaintainError::Failed { reason }),
            None => Ok(guard),
        }
    }
}

fn has_rows(store: &StoreState) -> bool {
    !store.active.is_empty() || !store.frozen.is_empty()
}
