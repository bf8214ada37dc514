//! Everything around the agent: the disk, the programs that write to it, the clocks, and the book
//! in which it is noted.
//!
//! Of the agent it knows only what can be seen from outside: which files it has open, how far it has
//! read, and what its checkpoint says.

mod excuses;
mod names;
mod neighbours;
mod programs;
mod reach;

use super::book::Book;
use super::disk::{Disk, NodeId};
use super::random::Random;
use programs::Stream;
use reach::{Memory, Pattern};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The epoch of a simulation, in nanoseconds.
const EPOCH: u64 = 1_700_000_000_000_000_000;

pub(crate) const MILLI: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1000 * MILLI;

/// Where the configuration looks.
pub(crate) const ROOT: &str = "/logs";

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) book: Book,
    /// For what happens while the agent works.
    pub(crate) random: Random,
    script: Random,
    /// For the files beside the logs, which act in so many of a thousand cases.
    neighbours: Random,
    neighbourly: u64,
    /// Nanoseconds since the start.
    pub(crate) now: u64,
    wall_step: i64,
    pattern: Pattern,
    streams: Vec<Stream>,
    /// The files that were made at a path, the last one last.
    made: BTreeMap<PathBuf, Vec<NodeId>>,
    /// Files made before the clock was set.
    before_step: NodeId,
    /// Files of which nothing tells what place they have among those of their path.
    tied: BTreeSet<NodeId>,
    /// Files to be deleted, and when.
    doomed: Vec<(u64, PathBuf)>,
    /// Writers act between two calls of the agent, in so many of a thousand cases.
    interference: u64,
    /// So often at most.
    interferences_left: u64,
    is_interfering: bool,
    /// Since when files cannot be read, or not always.
    faulty_since: Option<u64>,
    /// Since when nothing kept the agent from its work.
    well_since: Option<u64>,
    /// What was written before this should have been read by now.
    fair_from: u64,
    /// The agent may take so long to read what is there.
    fair: u64,
    pub(crate) memory: Memory,
    trace: bool,
}

impl World {
    pub(crate) fn new(seed: u64, scan_every: u64, trace: bool) -> Self {
        let mut script = Random::new(seed);
        let mut neighbours = Random::new(seed ^ 0x7f4a_7c15);
        let neighbourly = *neighbours.pick(&[0, 0, 60, 200]);
        let tick = *script.pick(&[1, 4 * MILLI, 10 * MILLI]);
        let pattern = *script.pick(&[Pattern::Plain, Pattern::Rotated]);
        let mut world = Self {
            disk: Disk::new(tick),
            book: Book::default(),
            random: Random::new(seed ^ 0x5bd1_e995),
            now: 0,
            wall_step: 0,
            pattern,
            streams: Vec::new(),
            made: BTreeMap::new(),
            before_step: 0,
            tied: BTreeSet::new(),
            doomed: Vec::new(),
            interference: *script.pick(&[0, 0, 20, 100]),
            interferences_left: 300,
            is_interfering: false,
            faulty_since: None,
            well_since: None,
            fair_from: 0,
            fair: 2 * scan_every + 3 * SECOND,
            memory: Memory::default(),
            trace,
            script,
            neighbours,
            neighbourly,
        };
        world.disk.make_dir(Path::new("/archive"), world.wall());
        world.disk.make_dir(Path::new("/data"), world.wall());
        world.disk.make_dir(Path::new(ROOT), world.wall());
        let count = world.script.range(1, 5);
        for at in 0..count {
            world.streams.push(Stream::drawn(at, &mut world.script));
        }
        world
    }

    pub(crate) fn pattern(&self) -> Pattern {
        self.pattern
    }

    pub(crate) fn wall(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.wall_step)
    }

    /// Somebody sets the clock.
    pub(crate) fn step_clock(&mut self) {
        // Births tell copies from what was rotated; with a clock that goes back they cannot.
        if self.streams.iter().any(Stream::copies) {
            return;
        }
        let step = self.script.range(0, 7200) as i64 - 3600;
        self.wall_step += step * SECOND as i64;
        self.excuse_order_of_births();
        self.say(|| format!("the clock is set by {step} s"));
    }

    pub(crate) fn say(&self, text: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>12.3} ms  {}", self.now as f64 / MILLI as f64, text());
        }
    }

    /// A writer does something.
    pub(crate) fn act(&mut self) {
        self.bury();
        let at = self.script.range(0, self.streams.len() as u64) as usize;
        match self.script.range(0, 100) {
            0..70 => self.write(at),
            70..90 => self.turn_over(at),
            90..95 => self.write_late(at),
            95..97 => self.remove_dir(at),
            _ => self.leave(at),
        }
        self.act_beside();
    }

    /// Between two calls of the agent.
    pub(crate) fn interfere(&mut self) {
        if !self.is_interfering && self.random.chance(self.interference) {
            self.is_interfering = true;
            self.interferences_left -= 1;
            if self.interferences_left == 0 {
                self.interference = 0;
            }
            self.say(|| "(while the agent works)".to_owned());
            self.act();
            self.is_interfering = false;
        }
    }

    /// The agent is asked to end, or is gone.
    pub(crate) fn note_drain(&mut self, is_draining: bool) {
        self.book.note_drain(is_draining, self.now);
    }

    pub(crate) fn no_more_interference(&mut self) {
        self.interference = 0;
    }

    /// Deletes what is to be deleted by now.
    pub(crate) fn bury(&mut self) {
        let due: Vec<PathBuf> = {
            let now = self.now;
            let (due, later) = self.doomed.drain(..).partition(|(time, _)| *time <= now);
            self.doomed = later;
            let due: Vec<(u64, PathBuf)> = due;
            due.into_iter().map(|(_, path)| path).collect()
        };
        for path in due {
            self.unlink(&path);
        }
    }
}
