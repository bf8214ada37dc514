//! A file that was truncated or has other content: the end of one content and the beginning of
//! another, in the same file or, when a copy of it was made, beside it.

use super::file::{Anchor, First, SafePoint, Tail};
use super::read::scope;
use super::source::{file_labels, placed};
use super::{Collector, FileKey, Moment, Phase, Ship, Unsaved};
use crate::debug;
use crate::files::{Files, Shown, escaped};
use crate::log::alarm;
use pipeline::ack::AckTracker;
use pipeline::batch::{FileStream, Unfinished};
use pipeline::identity::{FileId, Mark};
use std::io;

impl<F: Files, S: Ship> Collector<F, S> {
    /// The file was truncated or has other content: what is there now is read from the start, as
    /// a content of its own.
    pub(super) fn restart(&mut self, key: FileKey, now: Moment) {
        let before = self.unreadable;
        let sought = self.tails.get(&key).and_then(|tail| self.sought(tail));
        let source = self.tails.get(&key).map(|tail| tail.source);
        let copy = source.zip(sought).and_then(|(id, sought)| self.find_copy(id, &sought));
        if copy.is_none() && self.unreadable > before {
            // There may be a copy where nothing can be seen now.
            let error = io::Error::other("truncated, and a copy may be in what cannot be read");
            if !self.has_failed_long(key, &error, now) {
                return;
            }
        }
        self.prove_copies(key);
        self.seal(key);
        let new_key = self.new_id();
        let Some(old) = self.tails.get_mut(&key) else { return };
        debug!(
            "{} has another content than the one read up to byte {}",
            Shown::of(&old.at),
            old.stream.position()
        );
        self.setup.metrics.truncations.add(1);
        if copy.is_none() {
            self.note_loss(key);
            if self.unreadable > before {
                // Should its copy be seen later, it is read on there.
                let entry = self.tails.get(&key).and_then(|tail| self.entry(tail));
                entry.into_iter().for_each(|entry| self.restored.put_over(entry));
                let source = source.and_then(|id| self.sources.get_mut(&id));
                source.into_iter().for_each(|source| source.must_recover = true);
            }
        }
        let Some(old) = self.tails.get_mut(&key) else { return };
        let Some(source) = self.sources.get_mut(&old.source) else { return };
        if copy.is_none() && placed(&old.shown, &self.setup.path_prefix) != old.at {
            // A rotated file in which something else was written, most likely another copy. If it
            // is collected there, the next scan begins with it.
            let entry = self.tails.get(&key).and_then(|tail| self.entry(tail));
            if let Some(entry) = entry {
                self.restored.put_over(entry);
            }
            self.end_rewritten(key);
            return;
        }
        let generation = old.generation + 1;
        let scope = scope(&self.setup.labels, &source.plan.name);
        let id = FileId::derive(&scope, &old.facts, generation, b"");
        let labels = file_labels(&self.setup.labels, &source.plan, &old.shown, &old.facts, id);
        let new = Tail {
            source: old.source,
            lane: old.lane,
            handle: old.handle.take(),
            at: old.at.clone(),
            found_at: old.at.clone(),
            shown: old.shown.clone(),
            facts: old.facts,
            begun_nanos: old.facts.born_nanos,
            head: Mark::default(),
            id,
            is_named: false,
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
            rank: None,
            first: First::Read,
            passed: None,
            succeeded_since: None,
            is_recorded: false,
            failing: None,
            rest: None,
            grown_at: now.clock,
            charged: 0,
            seen_bytes: old.facts.size_bytes,
            skipped: 0,
            left_out: Vec::new(),
            given_up: Default::default(),
            late: None,
            lost: None,
            seen_in: old.seen_in,
            seen_seconds: old.seen_seconds,
        };
        let old_is_over = copy.is_none() && old.is_settled();
        if copy.is_none() {
            old.phase = Phase::Rewritten;
        }
        source.by_inode.insert((new.facts.device, new.facts.inode), new_key);
        if let Some(lane) = self.lanes.get_mut(&new.lane) {
            lane.files += 1;
            let at = lane.waiting.iter().position(|other| *other == key);
            match (at, &copy) {
                (Some(at), None) => lane.waiting[at] = new_key,
                (Some(at), Some(_)) => lane.waiting.insert(at + 1, new_key),
                (None, None) => lane.waiting.push_front(new_key),
                (None, Some(_)) => {
                    lane.waiting.push_front(new_key);
                    lane.waiting.push_front(key);
                }
            }
        }
        self.tails.insert(new_key, new);
        self.unsaved = self.unsaved.max(Unsaved::Files);
        self.last_growth = now.clock;
        if let Some(copy) = copy {
            self.go_on_in_copy(key, copy, now);
            self.make_ready(key);
        } else if old_is_over {
            self.remove(key);
        }
        self.make_ready(new_key);
    }

    /// Says what may be lost of a content that was taken away and has no copy.
    pub(super) fn note_loss(&mut self, key: FileKey) {
        let Some(old) = self.tails.get_mut(&key) else { return };
        let read = old.stream.position();
        // What was seen and not read is gone; what was written behind it, unseen, cannot be known.
        let lost = read..old.seen_bytes.max(read);
        self.setup.metrics.lost_possible_bytes.add(lost.end - lost.start);
        alarm(
            "LOG_TRUNCATE_ALARM",
            &escaped(&old.at),
            format_args!(
                "generation {} was truncated or rewritten after byte {read}: bytes {}-{}, and what \
                 was written behind them since, may be lost; reading from the start",
                old.generation, lost.start, lost.end,
            ),
        );
        old.lost = Some(lost);
    }

    /// Reads no more of a content that was taken away, and lets nothing take its place.
    pub(super) fn end_rewritten(&mut self, key: FileKey) {
        self.seal(key);
        let Some(old) = self.tails.get_mut(&key) else { return };
        old.handle = None;
        old.phase = Phase::Rewritten;
        let is_over = old.is_settled();
        if let Some(source) = self.sources.get_mut(&old.source) {
            source.by_inode.remove(&(old.facts.device, old.facts.inode));
        }
        self.pass_turn(key);
        if is_over {
            self.remove(key);
        }
    }
}
