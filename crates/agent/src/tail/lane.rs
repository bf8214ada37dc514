//! Lanes: the contents that had one path, in the order in which they had it, and when the turn of the
//! next one has come.
//!
//! Which files belong to a lane says whoever begins to follow them.

use super::read::FAILING_BLOCKS;
use super::{Collector, FileKey, LaneId, Moment, Phase, Ship, SourceId};
use crate::files::Files;
use pipeline::identity::FileFacts;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// The contents that had one path, one after the other.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) source: SourceId,
    pub(super) path: PathBuf,
    /// Those that wait for their turn, the first one being read.
    pub(super) waiting: VecDeque<FileKey>,
    /// Number of all that are followed.
    pub(super) files: usize,
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Where a content of the last run belongs among those of its path: in front of the first one
    /// that came after it, when that was found earlier.
    pub(super) fn place_by_rank(&self, lane: LaneId, rank: i64) -> Option<usize> {
        self.lanes.get(&lane)?.waiting.iter().position(|key| {
            let other = self.tails.get(key);
            other.is_some_and(|other| other.rank.is_none_or(|other| other > rank))
        })
    }

    /// Where a file that was renamed before we saw it belongs among those of its path, in front of
    /// the `next` one, if that is known: behind the last one that is no younger. Not in front of
    /// the first younger one: when somebody has set the clock back, the oldest of them may have
    /// the youngest birth. The one that has the path now is younger, also by the same tick of the
    /// clock. What the last run knew is older, whatever the birth of the compressed file that it is
    /// read in.
    pub(super) fn place_by_birth(
        &self,
        lane: LaneId,
        facts: &FileFacts,
        next: Option<FileKey>,
    ) -> Option<usize> {
        let waiting = &self.lanes.get(&lane)?.waiting;
        let before = waiting.iter().position(|key| Some(*key) == next).unwrap_or(waiting.len());
        let older = waiting.iter().take(before).rposition(|key| {
            self.tails.get(key).is_none_or(|other| {
                let has_path = other.phase == Phase::Following;
                (other.rank.is_some() && !has_path)
                    || other.begun_nanos < facts.born_nanos
                    || (other.begun_nanos == facts.born_nanos && !has_path)
            })
        });
        Some(older.map_or(0, |older| older + 1))
    }

    pub(super) fn lane_of(&mut self, id: SourceId, path: &Path) -> LaneId {
        let known = self.sources.get(&id).and_then(|source| source.lanes.get(path).copied());
        if let Some(lane) = known {
            return lane;
        }
        let lane = self.new_id();
        if let Some(source) = self.sources.get_mut(&id) {
            source.lanes.insert(path.to_owned(), lane);
        }
        let (path, waiting) = (path.to_owned(), VecDeque::new());
        self.lanes.insert(lane, Lane { source: id, path, waiting, files: 0 });
        lane
    }

    /// At the end of a file: when another has taken its path and has something to read, that one's
    /// turn has come. The file itself is read on if it still grows.
    pub(super) fn caught_up(&mut self, key: FileKey, now: Moment) {
        let is_draining = self.drain.is_some();
        if is_draining {
            self.seal(key);
        }
        let Some(tail) = self.tails.get(&key) else { return };
        let waiting = self.lanes.get(&tail.lane).map(|lane| &lane.waiting);
        if !waiting.is_some_and(|it| it.front() == Some(&key) && it.len() > 1) {
            return;
        }
        let (since, has_rest) = (tail.succeeded_since, tail.rest.is_some());
        match since {
            // A record without its end may still get it: it belongs in front of the successor.
            Some(since) => {
                let waited = now.clock.saturating_duration_since(since);
                if !has_rest || waited >= FAILING_BLOCKS {
                    self.pass_turn(key);
                }
            }
            // Who writes to a file goes on with it until the successor is opened: what it wrote
            // before that is there at the next read.
            None if is_draining || self.has_begun_successor(key) => {
                if let Some(tail) = self.tails.get_mut(&key) {
                    tail.succeeded_since = Some(now.clock);
                }
                self.make_ready(key);
            }
            None => {}
        }
    }

    /// Whether something is in a file that waits for the end of this one.
    pub(super) fn has_begun_successor(&mut self, key: FileKey) -> bool {
        let lane = self.tails.get(&key).and_then(|tail| self.lanes.get(&tail.lane));
        let Some(lane) = lane else { return false };
        lane.waiting.iter().skip(1).filter_map(|other| self.tails.get(other)).any(|tail| {
            let handle = tail.handle.as_ref().filter(|_| tail.facts.size_bytes == 0);
            handle.is_none_or(|handle| {
                self.files.look_at(handle).map_or(true, |found| found.facts.size_bytes > 0)
            })
        })
    }

    /// Lets the next content of the path be read. What was read of this one is sent in front of it.
    pub(super) fn pass_turn(&mut self, key: FileKey) {
        let Some(lane) = self.tails.get(&key).map(|tail| tail.lane) else { return };
        let waiting = self.lanes.get(&lane).map(|lane| &lane.waiting);
        if !waiting.is_some_and(|it| it.front() == Some(&key) && it.len() > 1) {
            return;
        }
        self.seal(key);
        let passed = self.new_id();
        if let Some(tail) = self.tails.get_mut(&key) {
            tail.passed = Some(passed);
        }
        let Some(lane) = self.lanes.get_mut(&lane) else { return };
        lane.waiting.pop_front();
        if let Some(next) = lane.waiting.front().copied() {
            self.make_ready(next);
        }
    }
}
