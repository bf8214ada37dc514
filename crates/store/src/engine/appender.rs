//! The log thread: gathers what waits, makes it durable with one sync, makes it searchable, and
//! only then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::state::Shared;
use super::{Append, AppendError, Done, add};
use crate::columns::Rows;
use crate::commit_log::LogEntry;
use crate::ids::{Seq, StoreId};

/// An append on its way to the log.
pub(super) struct Pending {
    pub append: Append,
    /// What it holds of the memory budget.
    pub memory_bytes: usize,
    /// Taken when it is answered.
    pub done: Option<Done>,
}

impl Pending {
    pub(super) fn answer(&mut self, result: Result<Seq, AppendError>) {
        if let Some(done) = self.done.take() {
            // A caller that panics must not stop the log for the others.
            let _ = catch_unwind(AssertUnwindSafe(|| done(result)));
        }
    }
}

/// Runs until the queue is taken away and empty.
pub(super) fn run(shared: &Arc<Shared>, queue: &Receiver<Pending>) {
    let mut company = 0;
    while let Ok(first) = queue.recv() {
        let mut group = gather(shared, queue, first, company);
        company = group.len();
        let written = catch_unwind(AssertUnwindSafe(|| write(shared, &mut group)));
        if written.is_err() {
            shared.failure.fail(|| "the log thread panicked while writing".to_owned());
            let reason = shared.failure.reason().unwrap_or_default();
            for pending in &mut group {
                pending.answer(Err(AppendError::Failed { reason: reason.clone() }));
            }
        }
    }
    if shared.failure.reason().is_none()
        && let Err(error) = shared.log.seal()
    {
        shared.failure.fail(|| error.to_string());
    }
}

/// What came in while the group before was being synced. When that group had company, its senders
/// are about to come back: waiting a moment for as many saves a sync for each straggler. A lone
/// sender never waits.
fn gather(
    shared: &Shared,
    queue: &Receiver<Pending>,
    first: Pending,
    company: usize,
) -> Vec<Pending> {
    let mut bytes = first.append.payload.len();
    let mut group = vec![first];
    let deadline = Instant::now() + shared.settings.group_wait;
    while bytes < shared.settings.group_bytes {
        let next = match queue.try_recv() {
            Ok(next) => next,
            Err(_) if group.len() >= company => break,
            Err(_) => {
                let left = deadline.saturating_duration_since(Instant::now());
                match queue.recv_timeout(left) {
                    Ok(next) => next,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
        };
        bytes += next.append.payload.len();
        group.push(next);
    }
    group
}

fn write(shared: &Shared, group: &mut [Pending]) {
    if let Some(reason) = shared.failure.reason() {
        return refuse(shared, group, &|| AppendError::Failed { reason: reason.clone() });
    }
    let entries: Vec<LogEntry> =
        group.iter_mut().map(|pending| entry(&mut pending.append)).collect();
    let payload_bytes: usize = entries.iter().map(|entry| entry.payload.len()).sum();
    let seqs = match shared.log.commit(&entries) {
        Ok(seqs) => seqs,
        Err(error) if error.is_sticky() => {
            let reason = error.to_string();
            shared.failure.fail(|| reason.clone());
            return refuse(shared, group, &|| AppendError::Failed { reason: reason.clone() });
        }
        Err(error) => {
            let reason = error.to_string();
            return refuse(shared, group, &|| AppendError::Log { reason: reason.clone() });
        }
    };
    drop(entries);
    shared.give_back(payload_bytes);

    let mut answers: Vec<Result<Seq, StoreId>> = Vec::with_capacity(group.len());
    {
        let mut state = shared.state();
        for (pending, seq) in group.iter_mut().zip(seqs) {
            let Append { store, shard, received_nanos, .. } = pending.append;
            let batch = std::mem::take(&mut pending.append.batch);
            let (rows, bytes) = (batch.rows() as u64, batch.memory_bytes());
            let rows_of = Rows { shard, seq, received_nanos, batch };
            let kept = state.insert(store, rows_of, &shared.settings);
            if kept {
                add(&shared.totals.rows, rows);
                answers.push(Ok(seq));
            } else {
                shared.give_back(bytes);
                answers.push(Err(store));
            }
        }
        if state.wants_flush {
            shared.work.notify_all();
        }
    }
    add(&shared.totals.groups, group.len() as u64);
    add(&shared.totals.payload_bytes, payload_bytes as u64);
    add(&shared.totals.syncs, 1);
    for (pending, answer) in group.iter_mut().zip(answers) {
        pending.answer(answer.map_err(|store| AppendError::Dropped { store }));
    }
}

fn entry(append: &mut Append) -> LogEntry {
    LogEntry {
        store: append.store,
        shard: append.shard,
        received_nanos: append.received_nanos,
        origin: append.origin,
        payload: std::mem::take(&mut append.payload),
    }
}

fn refuse(shared: &Shared, group: &mut [Pending], why: &dyn Fn() -> AppendError) {
    for pending in group {
        shared.give_back(pending.memory_bytes);
        pending.answer(Err(why()));
    }
}
