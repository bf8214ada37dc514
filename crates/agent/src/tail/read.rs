//! Reads one chunk of one file and makes records and batches of it.

use super::counts::count;
use super::file::{Anchor, First, SafePoint, Tail};
use super::source::{Source, file_labels};
use super::{Collector, FileKey, Moment, Phase, Room, Ship, Unsaved, file_alarm};
use crate::files::{Files, escaped, read_full};
use crate::tally::{Place, ReadFacts};
use pipeline::batch::{Batch, Outlet, Rest, Unfinished};
use pipeline::identity::{FileId, HEAD_BYTES, Mark, first_line};
use pipeline::lines::MAX_LINE_BYTES;
use sls::log_group::LogGroupWriter;
use std::io;
use std::time::Duration;

/// An unfinished last record of a file that is gone waits this long for its end.
const GONE_REST_WAITS: Duration = Duration::from_secs(5);

/// A content that cannot be read keeps its successors waiting no longer.
pub(super) const FAILING_BLOCKS: Duration = Duration::from_secs(10);

/// A batch may get as much larger than its limit without its buffer being moved.
const SLACK_BYTES: usize = 64 * 1024;

/// Gives writers out of the spare ones and collects full batches.
struct Filling<'a> {
    spare: &'a mut Vec<LogGroupWriter>,
    capacity: usize,
    full: Vec<Batch>,
}

impl Outlet for Filling<'_> {
    fn fresh(&mut self) -> LogGroupWriter {
        match self.capacity {
            // A few lines do not deserve the room of a full batch.
            0 => LogGroupWriter::new(),
            capacity => self.spare.pop().unwrap_or_else(|| LogGroupWriter::with_capacity(capacity)),
        }
    }

    fn full(&mut self, batch: Batch) {
        self.full.push(batch);
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Reads the next chunk of a file, if it is its turn and there is room for it.
    pub(super) fn read(&mut self, key: FileKey, now: Moment) -> Room {
        let Some(tail) = self.tails.get_mut(&key) else { return Room::Enough };
        let waiting = self.lanes.get(&tail.lane).map(|lane| &lane.waiting);
        let waits_for = waiting
            .filter(|it| it.front() != Some(&key) && it.contains(&key))
            .and_then(|it| it.front().copied());
        let is_ready = tail.is_recorded || self.records_fail;
        if waits_for.is_some()
            || !is_ready
            || matches!(tail.phase, Phase::Rewritten | Phase::Deselected)
        {
            tail.is_queued = false;
            // Whoever is in front looks once more for its end.
            if let Some(first) = waits_for.filter(|_| tail.facts.size_bytes > 0) {
                self.make_ready(first);
            }
            return Room::Enough;
        }
        if tail.handle.is_none()
            && let Err(error) = self.reopen(key, now)
        {
            self.cannot_read(key, &error, now);
            return Room::Enough;
        }
        if self.tails.get(&key).is_some_and(|tail| tail.first != First::Read)
            && !self.has_looked_beside(key, now)
        {
            return Room::Enough;
        }
        let Some(tail) = self.tails.get_mut(&key) else { return Room::Enough };
        let Some(handle) = &tail.handle else {
            tail.is_queued = false;
            tail.is_caught_up = false;
            return Room::Enough;
        };
        let facts = match self.files.look_at(handle) {
            Ok(found) => found.facts,
            Err(error) => {
                self.cannot_read(key, &error, now);
                return Room::Enough;
            }
        };
        let position = tail.stream.position();
        tail.facts = facts;
        if facts.size_bytes < position {
            tail.is_queued = false;
            self.restart(key, now);
            return Room::Enough;
        }
        tail.seen_bytes = tail.seen_bytes.max(facts.size_bytes);
        let anchor_len = tail.anchor.bytes().len();
        let unread = usize::try_from(facts.size_bytes - position).unwrap_or(usize::MAX);
        // After an unfinished record as long as a read, the next one has to see more of it.
        let source = self.sources.get(&tail.source);
        let max_record = source.map_or(MAX_LINE_BYTES, Source::max_record);
        // A content gets its name from its first line.
        let is_late = tail.is_named && source.is_some_and(|source| source.is_late(unread));
        let most = if tail.rest.is_some_and(|(bytes, _)| bytes >= self.setup.read_bytes) {
            max_record + 1
        } else {
            self.setup.read_bytes
        };
        // A log group is larger than its lines by the names of the fields; twice the size is
        // what access logs never reach.
        let bytes = unread.min(most) * 2;
        if !self.budget.has_room(tail.source, bytes) {
            return Room::Missing { bytes };
        }
        tail.is_queued = false;
        let want = anchor_len + unread.min(most);
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        }
        let buf = &mut self.buffer[..want];
        let start = position - anchor_len as u64;
        let mut read = self.files.read_at(handle, buf, start);
        if read.as_ref().is_ok_and(|read| *read < anchor_len.saturating_add(1).min(want)) {
            // Too little to know the file by: cut short, by the file or by its system.
            read = read_full(&mut self.files, handle, buf, start);
        }
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.cannot_read(key, &error, now);
                return Room::Enough;
            }
        };
        tail.failing = None;
        if read < anchor_len || buf[..anchor_len] != *tail.anchor.bytes() {
            self.restart(key, now);
            return Room::Enough;
        }
        if position == 0 {
            let mut head = [0; HEAD_BYTES];
            let taken = read.min(HEAD_BYTES);
            let mut head_len = taken;
            if taken < HEAD_BYTES && (taken as u64) < facts.size_bytes {
                head_len = match read_full(&mut self.files, handle, &mut head, 0) {
                    Ok(read) => read,
                    Err(error) => {
                        self.cannot_read(key, &error, now);
                        return Room::Enough;
                    }
                };
            }
            if head_len <= taken {
                // What was read is what has to be known again, also when it was truncated since.
                head[..taken].copy_from_slice(&buf[..taken]);
                head_len = taken;
            }
            // No anchor tells yet whether this is the content that was found.
            if !tail.head.matches_head(&head[..head_len]) || buf[..taken] != head[..taken] {
                self.restart(key, now);
                return Room::Enough;
            }
            tail.head = Mark::of_head(&head[..head_len]);
            match self.is_copy_begun(key, &head[..head_len], now) {
                Ok(false) => {}
                Ok(true) => {
                    self.end_rewritten(key);
                    return Room::Enough;
                }
                Err(error) => {
                    self.cannot_read(key, &error, now);
                    return Room::Enough;
                }
            }
        }
        if is_late {
            match self.skip(key) {
                Ok(()) => self.make_ready(key),
                Err(error) => self.cannot_read(key, &error, now),
            }
            return Room::Enough;
        }
        let is_at_end = start + read as u64 >= facts.size_bytes;
        self.digest(key, anchor_len, read, is_at_end, now);
        Room::Enough
    }

    /// Whether it is still the turn of a file, after a look for those that come before it.
    fn has_looked_beside(&mut self, key: FileKey, now: Moment) -> bool {
        if let Err(error) = self.look_beside(key, now)
            && !self.has_failed_long(key, &error, now)
        {
            return false;
        }
        let Some(tail) = self.tails.get_mut(&key) else { return false };
        tail.first = First::Read;
        let first = self.lanes.get(&tail.lane).and_then(|lane| lane.waiting.front().copied());
        let is_first = first.is_none_or(|first| first == key);
        if !is_first {
            tail.is_queued = false;
        }
        is_first
    }

    /// A file that is followed and cannot be read now. It is tried again at every scan; its
    /// successors wait for it no longer than [`FAILING_BLOCKS`].
    fn cannot_read(&mut self, key: FileKey, error: &io::Error, now: Moment) {
        if self.has_failed_long(key, error, now) {
            self.pass_turn(key);
        }
    }

    /// Notes that a file cannot be read; gives whether that has been so for long.
    pub(super) fn has_failed_long(&mut self, key: FileKey, error: &io::Error, now: Moment) -> bool {
        let Some(tail) = self.tails.get_mut(&key) else { return true };
        file_alarm("OPEN_LOGFILE_FAIL_ALARM", &tail.at, error);
        tail.is_queued = false;
        tail.is_caught_up = false;
        let since = *tail.failing.get_or_insert(now.clock);
        now.clock.saturating_duration_since(since) >= FAILING_BLOCKS
    }

    /// Makes records of the bytes of the buffer behind its anchor.
    fn digest(
        &mut self,
        key: FileKey,
        anchor_len: usize,
        read: usize,
        is_at_end: bool,
        now: Moment,
    ) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let Some(source) = self.sources.get_mut(&tail.source) else { return };
        let chunk = &self.buffer[anchor_len..read];
        let rest = rest_of(
            tail,
            chunk.len(),
            is_at_end,
            self.drain.is_some(),
            source.plan.flush_timeout,
            now,
        );
        if !tail.is_named {
            // The first line is known, or its part that is taken for one.
            let taken = (rest == Rest::IsRecord).then_some(chunk);
            let line = first_line(chunk);
            if let Some(beginning) = line.or(taken) {
                let scope = scope(&self.setup.labels, &source.plan.name);
                tail.id = FileId::derive(&scope, &tail.facts, tail.generation, beginning);
                tail.is_named = true;
                tail.stream.relabel(file_labels(
                    &self.setup.labels,
                    &source.plan,
                    &tail.shown,
                    &tail.facts,
                    tail.id,
                ));
                self.unsaved = self.unsaved.max(Unsaved::Files);
                if line.is_none() {
                    // When the line goes on, nobody can derive this id again: nothing is sent
                    // under it before it is on record.
                    tail.is_recorded = false;
                    self.make_ready(key);
                    return;
                }
            }
        }
        let many = chunk.len() >= self.setup.read_bytes / 4;
        let capacity = if many { source.limits.max_bytes + SLACK_BYTES } else { 0 };
        let mut filling = Filling { spare: &mut self.spare, capacity, full: Vec::new() };
        let was_due = tail.stream.due_at(&source.limits);
        let position = tail.stream.position();
        let fed = tail.stream.feed(
            chunk,
            rest,
            &mut source.plan,
            &source.limits,
            now.now(),
            &mut filling,
        );
        let full = filling.full;
        let consumed = (tail.stream.position() - position) as usize;
        // Marks are of the bytes in front of each batch's end, which are still in the buffer.
        let points: Vec<SafePoint> = full
            .iter()
            .map(|batch| {
                let end = anchor_len + (batch.end - position) as usize;
                let unfinished = if batch.end == tail.stream.position() {
                    tail.stream.unfinished()
                } else {
                    Unfinished::No
                };
                SafePoint { anchor: Mark::of_anchor(&self.buffer[..end]), unfinished }
            })
            .collect();
        if consumed > 0 {
            tail.anchor = Anchor::of(&self.buffer[..anchor_len + consumed]);
            // A record taken because nothing came is no growth.
            if rest == Rest::Waits {
                tail.grown_at = now.clock;
                self.last_growth = now.clock;
            }
        }
        let left = read - anchor_len - consumed;
        // A read that came back short says nothing about the end of the file.
        let is_short = !is_at_end && consumed == 0 && left < self.setup.read_bytes;
        // Behind a record there is another rest, though it may be as long as the one before.
        let is_same = consumed == 0 && tail.rest.map(|(bytes, _)| bytes) == Some(left);
        if !is_short && !is_same {
            tail.rest = (left > 0).then_some((left, now.clock));
            if left > 0 {
                self.last_growth = now.clock;
            }
        }
        self.budget.release(tail.source, tail.charged);
        tail.charged = tail.stream.open_bytes();
        self.budget.charge(tail.source, tail.charged);
        if let Some(due) = tail.stream.due_at(&source.limits)
            && (Some(due) != was_due || !full.is_empty())
        {
            self.due.insert((due, key));
        }
        tail.is_caught_up = is_at_end;
        self.ready.pay(tail.source, consumed as u64);
        if let Some(pace) = &mut self.pace {
            pace.spend(consumed as u64, now.clock);
        }
        let is_bare = tail.stream.is_bare();
        count(&self.setup.metrics, &fed, consumed, tail, &source.plan);
        if consumed > 0 {
            let failed = fed.kept_raw + fed.dropped;
            let facts = ReadFacts {
                config: &source.plan.name,
                path: &escaped(&tail.shown),
                device: tail.facts.device,
                inode: tail.facts.inode,
                size_bytes: tail.facts.size_bytes,
                offset_bytes: tail.stream.position(),
                bytes: consumed as u64,
                parsed: fed.records.saturating_sub(failed),
                failed,
                seconds: now.wall_seconds(),
            };
            let places = source.destinations.iter();
            let places = places.map(|it| Place { project: &it.project, logstore: &it.logstore });
            self.setup.metrics.tally(|tallies| tallies.read(&facts, places));
        }
        for (batch, point) in full.into_iter().zip(points) {
            self.dispatch(key, batch, point);
        }
        self.setup.metrics.held_bytes.set(self.budget.used_bytes() as u64);
        if is_bare {
            self.seal(key);
        }
        if is_at_end {
            self.caught_up(key, now);
        } else {
            self.make_ready(key);
        }
    }
}

/// What the ids of an agent's files are derived from: who it is, and for which configuration.
pub(super) fn scope(labels: &pipeline::tags::AgentLabels, config: &str) -> String {
    format!("{}\0{}\0{config}", labels.hostname, labels.user_defined_ids.join(" "))
}

/// Whether the bytes behind the last complete record are one too.
fn rest_of<H>(
    tail: &Tail<H>,
    bytes: usize,
    is_at_end: bool,
    is_draining: bool,
    flush_timeout: Duration,
    now: Moment,
) -> Rest {
    let Some((known, since)) = tail.rest else { return Rest::Waits };
    // The rest must be all there is: nothing was added to it.
    if !is_at_end || known != bytes {
        return Rest::Waits;
    }
    let waits = match tail.phase {
        _ if is_draining => super::drain::QUIET,
        _ if tail.succeeded_since.is_some() => super::drain::QUIET.min(flush_timeout),
        Phase::Gone { .. } => GONE_REST_WAITS.min(flush_timeout),
        _ => flush_timeout,
    };
    if now.clock.duration_since(since) >= waits { Rest::IsRecord } else { Rest::Waits }
}
