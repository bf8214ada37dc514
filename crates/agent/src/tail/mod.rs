//! Follows files: finds them, holds them open, reads them fairly, and turns what is read into
//! batches — the state of the collecting thread.
//!
//! A [`Collector`] does a bounded amount of work whenever [`turn`](Collector::turn) is called and
//! never waits. Files, the way out and the time come from outside, so that the same code runs in
//! the agent, in tests and in a simulation.
//!
//! What is promised for each file: its bytes are read in order and once; a position is only
//! remembered when everything in front of it is acknowledged; a renamed file is read to its end
//! before its successor, also one that was begun and renamed while nobody looked; a truncated or
//! rewritten one is read from the start.

mod adopt;
mod copy;
mod counts;
mod delay;
mod denied;
mod drain;
mod file;
mod given_up;
mod labels;
mod lane;
mod ledger;
mod over;
mod packed;
mod park;
mod positions;
mod proof;
mod queue;
mod quiet;
mod read;
mod restart;
mod resume;
mod room;
mod rotation;
mod scan;
mod ship;
mod source;
mod turns;
mod unseen;

pub use drain::Report;
pub use ledger::{FileLedger, LedgerPhase};
pub use positions::{Saved, Unsaved};
pub use ship::{Delivery, Destination, Fate, GivenUp, Parcel, Route, Ship};

use crate::budget::{AccountId, Budget};
use crate::checkpoint::{Entry, Restored};
use crate::files::{Files, escaped};
use crate::log::alarm;
use crate::metrics::Metrics;
use denied::Denied;
use drain::Drain;
use file::Tail;
use lane::Lane;
use pipeline::batch::{BatchLimits, Now};
use pipeline::identity::{ANCHOR_BYTES, FileId};
use pipeline::lines::MAX_LINE_BYTES;
use pipeline::pace::Pace;
use pipeline::parse::LogTime;
use pipeline::plan::Plan;
use pipeline::tags::AgentLabels;
use room::Room;
use sls::log_group::LogGroupWriter;
use source::Source;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use turns::Turns;

/// Names one content of one file in this process: a file that is read from the start again gets
/// a new one.
pub type FileKey = u64;

/// Batches of one lane are sent one after the other. All files that had the same path, one after
/// the other, share a lane.
pub type LaneId = u64;

type SourceId = u64;

/// Bytes asked for in one read of a file that has many. It fits into the second-level cache
/// together with the batch that is made of it.
pub const READ_BYTES: usize = 256 * 1024;

/// Files open at once, unless the system allows fewer.
pub const MAX_OPEN_FILES: usize = 4096;

/// Chunks read in one turn before the caller looks at its messages again.
const CHUNKS_PER_TURN: usize = 4;

/// The id of a content of which nothing has been read.
const UNNAMED: FileId = FileId([0; 16]);

/// The clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Nanoseconds since the UNIX epoch.
    pub wall_nanos: u64,
    /// For durations.
    pub clock: Instant,
}

impl Moment {
    fn wall_seconds(&self) -> u64 {
        self.wall_nanos / 1_000_000_000
    }

    fn now(&self) -> Now {
        let seconds = u32::try_from(self.wall_seconds()).unwrap_or(u32::MAX);
        let nanos = (self.wall_nanos % 1_000_000_000) as u32;
        Now { wall: LogTime { seconds, nanos: Some(nanos) }, clock: self.clock }
    }
}

/// A change of what is collected.
#[derive(Debug, Default)]
pub struct Change {
    /// The names of all configurations that are to run from now on. Those not named stop.
    pub running: HashSet<String>,
    /// New configurations, and new contents of running ones. Positions are kept, also under
    /// another name when path and destination are the same.
    pub plans: Vec<Plan>,
}

/// What the watcher noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A file got content, or something else about it changed.
    Touched(PathBuf),
    /// A name appeared, by creation or by renaming.
    Appeared(PathBuf),
    /// A file was renamed, both names in watched directories.
    Renamed {
        /// The old name.
        from: PathBuf,
        /// The new one.
        to: PathBuf,
    },
    /// Notices were lost, or something changed that only a scan understands.
    Unclear,
}

/// What to do after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is more to do now.
    More,
    /// There is something to read but no room for it, or it is too early: wait for a delivery.
    NoRoom {
        /// Look again then, whatever happens.
        until: Instant,
    },
    /// Everything is read.
    Idle {
        /// Look again then, whatever happens.
        until: Instant,
    },
}

/// What a [`Collector`] is made with.
#[derive(Debug)]
pub struct Setup {
    /// When batches are full.
    pub limits: BatchLimits,
    /// Bytes in memory between read and acknowledgement.
    pub budget_bytes: usize,
    /// Bytes asked for in one read of a file that has many; [`READ_BYTES`] unless there is a reason.
    pub read_bytes: usize,
    /// Files open at once. More are followed: those that are quiet are closed meanwhile.
    pub max_open_files: usize,
    /// How many bytes are read in a second at most; none is no limit.
    pub max_bytes_per_second: Option<u64>,
    /// Time between two scans.
    pub scan_every: Duration,
    /// Put in front of every path of a configuration.
    pub path_prefix: PathBuf,
    /// What is the same for every batch.
    pub labels: AgentLabels,
    /// Files born or changed after this are read from the start, nanoseconds since the epoch.
    pub read_whole_after_nanos: u64,
    /// Positions of the last run.
    pub restored: Vec<Entry>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The state of the collecting thread.
pub struct Collector<F: Files, S: Ship> {
    files: F,
    way_out: S,
    setup: Setup,
    budget: Budget,
    /// Shared by all files. Only its used part is ever touched and so resident.
    buffer: Vec<u8>,
    spare: Vec<LogGroupWriter>,
    sources: BTreeMap<SourceId, Source>,
    tails: BTreeMap<FileKey, Tail<F::Handle>>,
    lanes: BTreeMap<LaneId, Lane>,
    /// Files that may have something to read, each at most once.
    ready: Turns,
    /// How fast files are read at most.
    pace: Option<Pace>,
    /// Files that may have something to read, with the bytes for which their account has no room.
    parked: Vec<(AccountId, usize, FileKey)>,
    /// Open batches in the order in which they get old.
    due: BTreeSet<(Instant, FileKey)>,
    restored: Restored,
    /// When it began, UNIX seconds.
    begun_seconds: u64,
    running: HashSet<String>,
    next_id: u64,
    next_scan: Instant,
    scans: u64,
    drain: Option<Drain>,
    last_growth: Instant,
    is_configured: bool,
    unsaved: Unsaved,
    /// Contents that the checkpoint being written is the first to know of.
    recording: Vec<FileKey>,
    /// The last checkpoint could not be written: nothing waits for the next one.
    records_fail: bool,
    /// Descriptors ran short since files without a path were last looked at.
    is_short: bool,
    /// Files and directories that could not be looked into since the last scan began.
    unreadable: usize,
    /// Contents that are over, of which bytes may be missing.
    losses: VecDeque<FileLedger>,
    /// Bytes that were given up and are in no dead letter.
    destroyed_bytes: u64,
    denied: Denied,
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// A collector without configurations.
    pub fn new(files: F, way_out: S, mut setup: Setup, now: Moment) -> Self {
        let restored = Restored::new(std::mem::take(&mut setup.restored));
        setup.metrics.held_limit_bytes.set(setup.budget_bytes as u64);
        Self {
            files,
            way_out,
            budget: Budget::new(setup.budget_bytes),
            pace: setup.max_bytes_per_second.map(Pace::new),
            setup,
            buffer: vec![0; ANCHOR_BYTES + MAX_LINE_BYTES + 1],
            spare: Vec::new(),
            sources: BTreeMap::new(),
            tails: BTreeMap::new(),
            lanes: BTreeMap::new(),
            ready: Turns::default(),
            parked: Vec::new(),
            due: BTreeSet::new(),
            restored,
            begun_seconds: now.wall_seconds(),
            running: HashSet::new(),
            next_id: 1,
            next_scan: now.clock,
            scans: 0,
            drain: None,
            last_growth: now.clock,
            is_configured: false,
            unsaved: Unsaved::Nothing,
            recording: Vec::new(),
            records_fail: false,
            is_short: false,
            unreadable: 0,
            losses: VecDeque::new(),
            destroyed_bytes: 0,
            denied: Denied::default(),
        }
    }

    /// Applies a change of what is collected, between two batches.
    pub fn change(&mut self, change: Change, now: Moment) {
        self.running = change.running;
        for plan in change.plans {
            let same_name = |source: &Source| source.plan.name == plan.name;
            let renamed = |source: &Source| {
                !self.running.contains(&source.plan.name) && source.collects_the_same(&plan)
            };
            let known = self.sources.iter().find(|(_, source)| same_name(source));
            let known = known.or_else(|| self.sources.iter().find(|(_, it)| renamed(it)));
            match known.map(|(id, _)| *id) {
                Some(id) => self.replace_source(id, plan),
                None => self.start_source(plan, now),
            }
        }
        let stopped: Vec<SourceId> = self
            .sources
            .iter()
            .filter(|(_, source)| !self.running.contains(&source.plan.name))
            .map(|(id, _)| *id)
            .collect();
        for id in stopped {
            self.stop_source(id);
        }
        let routes = self.sources.iter().map(|(id, source)| Route {
            account: *id,
            destinations: Arc::clone(&source.destinations),
        });
        self.way_out.route(routes.collect());
        self.setup.metrics.configs.set(self.sources.len() as u64);
        self.budget.share(self.sources.len());
        self.unpark();
        self.next_scan = now.clock;
        self.unsaved = self.unsaved.max(Unsaved::Positions);
    }

    /// Takes what the watcher noticed.
    pub fn notice(&mut self, notice: Notice, now: Moment) {
        match notice {
            Notice::Touched(path) => self.touched(&path, now),
            Notice::Appeared(path) => self.appeared(&path, now),
            Notice::Renamed { from, to } => self.renamed(&from, &to, now),
            Notice::Unclear => self.next_scan = now.clock,
        }
    }

    /// Does a bounded amount of work.
    pub fn turn(&mut self, now: Moment) -> Turn {
        if now.clock >= self.next_scan {
            self.scan(now);
        }
        self.seal_due(now);
        for _ in 0..CHUNKS_PER_TURN {
            // At the end there is no time to lose.
            let pace = self.pace.filter(|_| self.drain.is_none() && !self.ready.is_empty());
            if let Some(until) = pace.and_then(|pace| pace.waits(now.clock)) {
                return Turn::NoRoom { until: until.min(self.wake_at(now)) };
            }
            let Some(key) = self.ready.next() else { break };
            if let Room::Missing { bytes } = self.read(key, now) {
                self.park(key, bytes);
            }
        }
        match (self.ready.is_empty(), self.parked.is_empty()) {
            (false, _) => Turn::More,
            (true, true) => Turn::Idle { until: self.wake_at(now) },
            (true, false) => Turn::NoRoom { until: self.wake_at(now) },
        }
    }

    /// Every provider has said what it has: a drain need not wait for more.
    pub fn configured(&mut self) {
        self.is_configured = true;
    }

    /// Whether the next turn begins with a scan. What the watcher noticed should be told before:
    /// it knows of renames, a scan only of names.
    pub fn is_scan_due(&self, now: Moment) -> bool {
        now.clock >= self.next_scan
    }

    /// Number of scans so far; the directories may have changed when it has.
    pub fn scans(&self) -> u64 {
        self.scans
    }

    fn wake_at(&self, now: Moment) -> Instant {
        let mut at = self.next_scan;
        if let Some((due, _)) = self.due.first() {
            at = at.min(*due);
        }
        at.max(now.clock)
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Puts a file into the queue of those to be read.
    fn make_ready(&mut self, key: FileKey) {
        if let Some(tail) = self.tails.get_mut(&key)
            && !tail.is_queued
            && !matches!(tail.phase, Phase::Rewritten | Phase::Deselected)
        {
            tail.is_queued = true;
            self.ready.push(tail.source, key);
        }
    }

    fn remove(&mut self, key: FileKey) {
        let Some(tail) = self.tails.remove(&key) else { return };
        self.remember_loss(&tail);
        self.release(tail.source, tail.charged);
        self.unsaved = self.unsaved.max(Unsaved::Positions);
        if let Some(lane) = self.lanes.get_mut(&tail.lane) {
            let was_first = lane.waiting.front() == Some(&key);
            lane.waiting.retain(|other| *other != key);
            lane.files -= 1;
            let next = lane.waiting.front().copied().filter(|_| was_first);
            if lane.files == 0
                && let Some(lane) = self.lanes.remove(&tail.lane)
                && let Some(source) = self.sources.get_mut(&lane.source)
            {
                source.lanes.remove(&lane.path);
            }
            if let Some(next) = next {
                self.make_ready(next);
            }
        }
        if let Some(source) = self.sources.get_mut(&tail.source) {
            let inode = (tail.facts.device, tail.facts.inode);
            if source.by_inode.get(&inode) == Some(&key) {
                source.by_inode.remove(&inode);
            }
        }
        self.setup.metrics.files.set(self.tails.len() as u64);
    }
}

/// Where a followed content is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its path leads to it.
    Following,
    /// It was renamed away or deleted; it is read on while it grows.
    Gone {
        /// When that was noticed.
        since: Instant,
    },
    /// Other content has taken its place in the same file; nothing of it is left to be read.
    Rewritten,
    /// Its configuration has been changed and does not select it any more: it is read on when it
    /// does again.
    Deselected,
}

fn file_alarm(name: &'static str, path: &std::path::Path, error: &std::io::Error) {
    alarm(name, &escaped(&path), format_args!("{error}"));
}

#[cfg(test)]
mod tests;
