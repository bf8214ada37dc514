//! Reads one chunk of one file and makes records and batches of it.

use super::file::{Anchor, SafePoint, Tail};
use super::source::pack_prefix;
use super::{Collector, FileKey, Moment, Phase, READ_BYTES, Room, Ship, Unsaved, file_alarm};
use crate::files::Files;
use crate::log::alarm;
use pipeline::ack::AckTracker;
use pipeline::batch::{Batch, Fed, FileStream, Outlet, Rest, Unfinished};
use pipeline::identity::{FileId, Mark};
use pipeline::lines::MAX_LINE_BYTES;
use pipeline::tags::FileLabels;
use sls::log_group::LogGroupWriter;
use std::time::Duration;

/// An unfinished last record of a file that is gone waits this long for its end.
const GONE_REST_WAITS: Duration = Duration::from_secs(5);

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
        let waits = self
            .lanes
            .get(&tail.lane)
            .is_some_and(|lane| lane.front() != Some(&key) && lane.contains(&key));
        let Some(handle) = tail.handle.as_ref().filter(|_| !waits) else {
            tail.is_queued = false;
            return Room::Enough;
        };
        let facts = match self.files.look_at(handle) {
            Ok(found) => found.facts,
            Err(error) => {
                tail.is_queued = false;
                file_alarm("OPEN_LOGFILE_FAIL_ALARM", &tail.at, &error);
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
        let anchor_len = tail.anchor.bytes().len();
        let unread = usize::try_from(facts.size_bytes - position).unwrap_or(usize::MAX);
        // After an unfinished record as long as a read, the next one has to see more of it.
        let most = if tail.rest.is_some_and(|(bytes, _)| bytes >= READ_BYTES) {
            MAX_LINE_BYTES + 1
        } else {
            READ_BYTES
        };
        // A log group is larger than its lines by the names of the fields; twice the size is
        // what access logs never reach.
        if !self.budget.has_room(unread.min(most) * 2) {
            return Room::Missing;
        }
        tail.is_queued = false;
        let want = anchor_len + unread.min(most);
        let buf = &mut self.buffer[..want];
        let read = match self.files.read_at(handle, buf, position - anchor_len as u64) {
            Ok(read) => read,
            Err(error) => {
                file_alarm("OPEN_LOGFILE_FAIL_ALARM", &tail.at, &error);
                return Room::Enough;
            }
        };
        if read < anchor_len || buf[..anchor_len] != *tail.anchor.bytes() {
            self.restart(key, now);
            return Room::Enough;
        }
        let is_at_end = read < want || unread <= most;
        self.digest(key, anchor_len, read, is_at_end, now);
        Room::Enough
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
        let many = chunk.len() >= READ_BYTES / 4;
        let capacity = if many { self.setup.limits.max_bytes + SLACK_BYTES } else { 0 };
        let mut filling = Filling { spare: &mut self.spare, capacity, full: Vec::new() };
        let was_due = tail.stream.due_at(&self.setup.limits);
        let position = tail.stream.position();
        let fed = tail.stream.feed(
            chunk,
            rest,
            &mut source.plan,
            &self.setup.limits,
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
        if tail.rest.map(|(bytes, _)| bytes) != Some(left) {
            tail.rest = (left > 0).then_some((left, now.clock));
            if left > 0 {
                self.last_growth = now.clock;
            }
        }
        self.budget.release(tail.charged);
        tail.charged = tail.stream.open_bytes();
        self.budget.charge(tail.charged);
        if let Some(due) = tail.stream.due_at(&self.setup.limits)
            && (Some(due) != was_due || !full.is_empty())
        {
            self.due.push_back((due, key));
        }
        let is_caught_up = is_at_end || (consumed == 0 && left < READ_BYTES);
        tail.is_caught_up = is_caught_up;
        count(&self.setup.metrics, &fed, consumed, tail);
        for (batch, point) in full.into_iter().zip(points) {
            self.dispatch(key, batch, point);
        }
        self.setup.metrics.held_bytes.set(self.budget.used_bytes() as u64);
        if is_caught_up {
            self.caught_up(key);
        } else {
            self.make_ready(key);
        }
    }

    /// At the end of a file: when another has taken its path, that one's turn has come. The file
    /// itself is read on if it still grows.
    fn caught_up(&mut self, key: FileKey) {
        if self.drain.is_some() {
            self.seal(key);
        }
        let Some(tail) = self.tails.get(&key) else { return };
        let Some(lane) = self.lanes.get_mut(&tail.lane) else { return };
        if lane.front() == Some(&key) && lane.len() > 1 {
            lane.pop_front();
            if let Some(next) = lane.front().copied() {
                self.make_ready(next);
            }
        }
    }

    /// The file was truncated or has other content: what is there now is read from the start, as
    /// a content of its own.
    pub(super) fn restart(&mut self, key: FileKey, now: Moment) {
        self.seal(key);
        let new_key = self.new_id();
        let Some(old) = self.tails.get_mut(&key) else { return };
        let Some(source) = self.sources.get_mut(&old.source) else { return };
        alarm(
            "LOG_TRUNCATE_ALARM",
            &old.at.to_string_lossy(),
            format_args!(
                "truncated or rewritten after byte {}; reading from the start",
                old.stream.position()
            ),
        );
        self.setup.metrics.truncations.add(1);
        let generation = old.generation + 1;
        let id =
            FileId::derive(&scope(&self.setup.labels, &source.plan.name), &old.facts, generation);
        let labels =
            FileLabels::new(&self.setup.labels, &source.plan.topic, &old.shown, pack_prefix(id));
        let new = Tail {
            source: old.source,
            lane: old.lane,
            handle: old.handle.take(),
            at: old.at.clone(),
            shown: old.shown.clone(),
            facts: old.facts,
            head: Mark::default(),
            id,
            generation,
            stream: FileStream::new(labels, 0, Unfinished::No),
            anchor: Anchor::EMPTY,
            acks: AckTracker::new(
                0,
                SafePoint { anchor: Mark::default(), unfinished: Unfinished::No },
            ),
            phase: old.phase,
            is_queued: false,
            is_caught_up: false,
            rest: None,
            grown_at: now.clock,
            charged: 0,
            seen_in: old.seen_in,
            seen_seconds: old.seen_seconds,
        };
        old.phase = Phase::Rewritten;
        let old_is_settled = old.is_settled();
        source.by_inode.insert((new.facts.device, new.facts.inode), new_key);
        if let Some(lane) = self.lanes.get_mut(&new.lane) {
            match lane.iter().position(|other| *other == key) {
                Some(at) => lane[at] = new_key,
                None => lane.push_front(new_key),
            }
        }
        self.tails.insert(new_key, new);
        self.unsaved = self.unsaved.max(Unsaved::Files);
        self.last_growth = now.clock;
        if old_is_settled {
            self.remove(key);
        }
        self.make_ready(new_key);
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
        Phase::Gone { .. } => GONE_REST_WAITS.min(flush_timeout),
        _ => flush_timeout,
    };
    if now.clock.duration_since(since) >= waits { Rest::IsRecord } else { Rest::Waits }
}

fn count<H>(metrics: &crate::metrics::Metrics, fed: &Fed, consumed: usize, tail: &Tail<H>) {
    metrics.read_bytes.add(consumed as u64);
    metrics.records.add(fed.records);
    metrics.logs.add(fed.logs);
    if fed.logs == fed.records && fed.kept_raw + fed.untimed + fed.pieces == 0 {
        return;
    }
    metrics.filtered.add(fed.filtered);
    metrics.unparsed_kept.add(fed.kept_raw);
    metrics.unparsed_dropped.add(fed.dropped);
    metrics.untimed.add(fed.untimed);
    metrics.pieces.add(fed.pieces);
    let path = &tail.shown;
    if let Some((fault, record)) = &fed.first_fault {
        let failed = fed.dropped + fed.kept_raw;
        let became = if fed.dropped > 0 { "dropped" } else { "kept whole" };
        alarm(
            "REGEX_MATCH_ALARM",
            path,
            format_args!(
                "{failed} of {} records did not parse ({}) and were {became}, the first: {}",
                fed.records,
                fault.as_str(),
                String::from_utf8_lossy(record).escape_debug(),
            ),
        );
    }
    if fed.untimed > 0 {
        alarm(
            "PARSE_TIME_FAIL_ALARM",
            path,
            format_args!(
                "{} logs got the time of collection, their own cannot be read",
                fed.untimed
            ),
        );
    }
    if fed.pieces > 0 {
        alarm(
            "SPLIT_LOG_FAIL_ALARM",
            path,
            format_args!("a record over {MAX_LINE_BYTES} bytes was cut into pieces"),
        );
    }
}
