//! The end: read everything there is, have it acknowledged, and say what is left (`agent` 1.6).

use super::{Collector, Moment, Phase, Ship};
use crate::files::Files;
use std::time::{Duration, Instant};

/// Files that did not grow for this long are at their end.
pub(super) const QUIET: Duration = Duration::from_secs(1);

/// Time between two scans while draining.
pub(super) const SCAN_EVERY: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    deadline: Instant,
    /// Number of scans when it began: at least one more has to look at everything.
    scans_before: u64,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes of files that are not acknowledged.
    pub left_bytes: u64,
    /// Files they are in.
    pub left_files: u64,
    /// Bytes that were given up and are in no dead letter.
    pub destroyed_bytes: u64,
    /// Files and directories that may not be read.
    pub unreadable: u64,
    /// Bytes in them, as far as the system tells.
    pub unreadable_bytes: u64,
}

impl Report {
    /// Bytes that were not delivered and are in no dead letter, whatever the reason.
    pub fn undelivered(&self) -> u64 {
        self.left_bytes + self.destroyed_bytes + self.unreadable_bytes
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Begins to drain, or moves the deadline of a drain that has begun.
    pub fn drain(&mut self, deadline: Instant, now: Moment) {
        let scans_before = self.drain.map_or(self.scans, |drain| drain.scans_before);
        self.drain = Some(Drain { deadline, scans_before });
        self.next_scan = now.clock;
        self.seal_all();
    }

    /// At the end a successor has its turn also when nothing is in it yet: whoever is in front of it
    /// looks for its own end again.
    pub(super) fn end_turns(&mut self) {
        if self.drain.is_none() {
            return;
        }
        let lanes = self.lanes.values().filter(|lane| lane.waiting.len() > 1);
        let first: Vec<_> = lanes.filter_map(|lane| lane.waiting.front().copied()).collect();
        first.into_iter().for_each(|key| self.make_ready(key));
    }

    /// Whether the drain is over, and how.
    pub fn drained(&mut self, now: Moment) -> Option<Report> {
        let drain = self.drain?;
        let is_quiet = now.clock.saturating_duration_since(self.last_growth) >= QUIET;
        // An agent that is asked to end before it knows what to collect waits for that first:
        // the lines of a short job are no less wanted.
        let is_done = self.is_configured
            && is_quiet
            && self.scans > drain.scans_before
            && self.ready.is_empty()
            && self.parked.is_empty()
            // Batches of a configuration that was stopped have no file any more.
            && self.budget.used_bytes() == 0
            // What cannot be looked into may hold something; what is forbidden may stay so.
            && self.unreadable == 0
            && self.tails.values().all(|tail| {
                let is_read =
                    tail.is_caught_up && tail.rest.is_none() && tail.failing.is_none();
                tail.is_settled() && (is_read || tail.phase == Phase::Rewritten)
            });
        if is_done {
            return Some(Report { left_bytes: 0, left_files: 0, ..self.left() });
        }
        (now.clock >= drain.deadline).then(|| self.left())
    }

    /// What is not acknowledged now.
    pub fn left(&self) -> Report {
        let mut report = Report {
            destroyed_bytes: self.destroyed_bytes,
            unreadable: self.denied.count(),
            unreadable_bytes: self.denied.bytes(),
            ..Report::default()
        };
        for tail in self.tails.values() {
            let left = tail.lag_bytes();
            report.left_bytes += left;
            report.left_files += u64::from(left > 0);
        }
        if report.left_bytes == 0 {
            report.left_bytes = self.budget.used_bytes() as u64;
        }
        report
    }
}
