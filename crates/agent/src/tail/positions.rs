//! What is remembered over a restart: the positions of all contents, in the order in which those of
//! a path follow each other.

use super::file::Tail;
use super::{Collector, FileKey, Moment, Phase, Ship, UNNAMED};
use crate::checkpoint::{Entry, Ranked};
use crate::files::Files;
use pipeline::batch::Unfinished;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::path::Path;

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is on disk.
    Yes,
    /// It could not be written.
    No,
}

/// What the checkpoint on disk does not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsaved {
    /// Nothing.
    Nothing,
    /// Progress in known files: after a crash it is sent again.
    Positions,
    /// That a file exists. It should be written soon: if the agent dies and the file is renamed
    /// out of its pattern meanwhile, only the checkpoint leads back to it.
    Files,
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// What changed since [`positions`](Self::positions) was last called.
    pub fn unsaved(&self) -> Unsaved {
        self.unsaved
    }

    /// The positions given out last are on disk, or could not be written.
    pub fn saved(&mut self, outcome: Saved) {
        self.records_fail = outcome == Saved::No;
        let keys = match outcome {
            Saved::Yes => std::mem::take(&mut self.recording),
            Saved::No => self.tails.keys().copied().collect(),
        };
        for key in keys {
            if let Some(tail) = self.tails.get_mut(&key)
                && !tail.is_recorded
            {
                tail.is_recorded = outcome == Saved::Yes;
                self.make_ready(key);
            }
        }
    }

    /// All positions that are safe to remember. When they are on disk, or could not be written,
    /// [`saved`](Self::saved) has to be told.
    pub fn positions(&mut self, now: Moment) -> Vec<Entry> {
        self.unsaved = Unsaved::Nothing;
        self.recording.clear();
        self.recording
            .extend(self.tails.iter().filter(|(_, tail)| !tail.is_recorded).map(|(key, _)| *key));
        // A file that is over is forgotten after a while. What waits for its configuration, or to be
        // selected again, is kept.
        let mut restored = std::mem::take(&mut self.restored);
        let is_waiting = |entry: &Entry| {
            let mut sources = self.sources.values();
            let source = sources.find(|source| source.plan.name == entry.config);
            source.is_none_or(|source| self.is_entry_deselected(source, entry))
        };
        restored.drop_old(now.wall_seconds(), self.begun_seconds, is_waiting);
        self.restored = restored;
        // What waits to be found again stands in front of what came after it.
        let mut waiting: HashMap<&Path, VecDeque<&Ranked>> = HashMap::new();
        for ranked in self.restored.ranked() {
            waiting.entry(&ranked.entry.path).or_default().push_back(ranked);
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut written: HashSet<i64> = HashSet::new();
        for key in self.in_turn(|tail| tail.phase != Phase::Rewritten) {
            let Some(tail) = self.tails.get(&key) else { continue };
            if let Some(waiting) = waiting.get_mut(tail.shown.as_path()) {
                let is_after = |it: &&Ranked| tail.rank.is_none_or(|rank| it.rank < rank);
                while let Some(before) = waiting.front().copied().filter(is_after) {
                    waiting.pop_front();
                    written.insert(before.rank);
                    entries.push(before.entry.clone());
                }
            }
            entries.extend(self.entry(tail));
        }
        let left = self.restored.ranked().iter().filter(|it| !written.contains(&it.rank));
        entries.extend(left.map(|it| it.entry.clone()));
        entries
    }

    /// Followed contents in the order in which those of a path follow each other, which births of
    /// files do not tell: files are made in one tick of the clock, and copies after what they hold.
    pub(super) fn in_turn(&self, wanted: impl Fn(&Tail<F::Handle>) -> bool) -> Vec<FileKey> {
        let mut keys: Vec<FileKey> =
            self.tails.iter().filter(|(_, tail)| wanted(tail)).map(|(key, _)| *key).collect();
        // Those whose turn is over in the order in which it was, then those that wait for theirs.
        keys.sort_by_cached_key(|key| {
            let tail = self.tails.get(key);
            let lane = tail.map_or(0, |tail| tail.lane);
            let waiting = self.lanes.get(&lane).map(|lane| &lane.waiting);
            let place = waiting.and_then(|it| it.iter().position(|other| other == key));
            let passed = tail.and_then(|tail| tail.passed).filter(|_| place.is_none());
            (lane, place.map_or(0, |place| place + 1), passed, *key)
        });
        keys
    }

    /// What is remembered of one content.
    pub(super) fn entry(&self, tail: &Tail<F::Handle>) -> Option<Entry> {
        let source = self.sources.get(&tail.source)?;
        let (offset, point) = tail.acks.safe();
        Some(Entry {
            config: source.plan.name.clone(),
            project: source.plan.project.clone(),
            logstore: source.plan.logstore.clone(),
            path: tail.shown.clone(),
            at: tail.at.clone(),
            device: tail.facts.device,
            inode: tail.facts.inode,
            born: tail.facts.born_nanos,
            head: (tail.head.len, tail.head.hash),
            offset,
            anchor: (point.anchor.len, point.anchor.hash),
            generation: tail.generation,
            file: if tail.is_named { tail.id } else { UNNAMED },
            unfinished: point.unfinished == Unfinished::Yes,
            seen: tail.seen_seconds,
            size: tail.seen_bytes,
            dead_letter: before(&tail.given_up.buried(), offset),
            destroyed: before(tail.given_up.destroyed(), offset),
        })
    }
}

/// Ranges as far as they lie in front of a byte.
fn before(ranges: &[Range<u64>], end: u64) -> Vec<(u64, u64)> {
    let cut = ranges.iter().map(|range| (range.start, range.end.min(end)));
    cut.filter(|(start, end)| start < end).collect()
}
