//! The collecting thread: a [`Collector`], a watcher, and the waiting between them.

use super::keeping;
use crate::checkpoint::Entry;
use crate::files::{RealFiles, Unpacking};
use crate::mailbox::Mailbox;
use crate::send::Task;
use crate::snapshot::LedgerLine;
use crate::tail::{
    Change, Collector, Delivery, Moment, Parcel, Route, Saved, Setup, Ship, Turn, Unsaved,
};
use crate::warn;
use crate::watch::Inotify;
use pipeline::tags::AgentLabels;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::UnboundedSender;

/// Shortest time between two looks at the watcher: many small writes become one read.
const COALESCE: Duration = Duration::from_millis(20);

/// The same while many files are written at once: each look then costs as much as there are files.
const COALESCE_MANY: Duration = Duration::from_millis(50);

/// So many notices at one look are many.
const MANY_NOTICES: usize = 16;

/// Shortest time between two checkpoints that only tell of progress.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Shortest time between two checkpoints when one tells of a file for the first time.
const CHECKPOINT_FILES_EVERY: Duration = Duration::from_millis(20);

/// What other threads say to the collecting one.
#[derive(Debug)]
pub(super) enum Message {
    /// News of a parcel.
    Delivery(Delivery),
    /// Other configurations.
    Change(Change),
    /// Every provider has said what it has.
    Configured,
    /// The end begins, or is nearer.
    Drain {
        /// When it is over, whatever is left.
        deadline: Instant,
    },
    /// The last checkpoint is on disk, or could not be written.
    Saved(Saved),
    /// The ledger is wanted.
    Account,
    /// Batches have other labels from now on.
    Labels(AgentLabels),
}

/// The application is not kept waiting longer than this, be there no configuration or nobody to
/// hand it out: what it writes meanwhile is as young as the pod and read whole. Logtail's own
/// script waits as long (`agent` 1.5).
const OPENING_WAITS: Duration = Duration::from_secs(15);

/// How the start of collecting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// Every configured path is watched.
    Watching,
    /// No configuration runs.
    Idle,
    /// A provider of configurations has not answered.
    Unanswered,
}

/// From the start until every configured path is watched, or the application was kept waiting
/// long enough.
#[derive(Debug)]
struct Opening {
    started: Instant,
    /// Every provider has answered.
    is_configured: bool,
    /// The number of scans when the configurations changed last.
    scans_before: u64,
    has_configs: bool,
    is_over: bool,
}

impl Opening {
    fn new(started: Instant) -> Self {
        Self { started, is_configured: false, scans_before: 0, has_configs: false, is_over: false }
    }

    /// How it ended, once. After the scan the watcher has the directories.
    fn ended(&mut self, scans: u64, now: Instant) -> Option<Opened> {
        if self.is_over || (self.has_configs && scans <= self.scans_before) {
            return None;
        }
        let opened = match (self.is_configured, self.has_configs) {
            (true, true) => Opened::Watching,
            _ if now.duration_since(self.started) < OPENING_WAITS => return None,
            (true, false) => Opened::Idle,
            (false, _) => Opened::Unanswered,
        };
        self.is_over = true;
        Some(opened)
    }
}

/// What the thread needs of the others.
pub(super) struct Collecting {
    pub(super) messages: Mailbox<Message>,
    pub(super) keeper: Mailbox<keeping::Message>,
}

struct ToSender(UnboundedSender<Task>);

// The sender lives as long as the process; after it nothing is collected.
impl Ship for ToSender {
    fn ship(&mut self, parcel: Parcel) {
        let _ = self.0.send(Task::Send(parcel));
    }

    fn route(&mut self, routes: Vec<Route>) {
        let _ = self.0.send(Task::Route(routes));
    }
}

/// Notes which directories are not there; gives those that were before, or that nobody had noted.
fn newly_absent<'a>(
    known: &mut HashSet<PathBuf>,
    absent: impl Iterator<Item = &'a PathBuf>,
) -> Vec<PathBuf> {
    let before = std::mem::replace(known, absent.cloned().collect());
    known.difference(&before).cloned().collect()
}

/// The ledger as it is shown.
fn account(collector: &Collector<Unpacking<RealFiles>, ToSender>) -> Vec<LedgerLine> {
    collector.ledger().into_iter().map(LedgerLine::from).collect()
}

/// The clocks now.
pub(super) fn moment() -> Moment {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment { wall_nanos: wall.as_nanos() as u64, clock: Instant::now() }
}

impl Collecting {
    /// Collects until everything is drained.
    pub(super) fn run(self, setup: Setup, tasks: UnboundedSender<Task>) {
        let files = Unpacking::new(RealFiles);
        let mut collector = Collector::new(files, ToSender(tasks), setup, moment());
        let mut inotify = Inotify::new();
        let mut messages = Vec::new();
        let mut scans = 0;
        let mut looked = moment().clock - COALESCE;
        let mut coalesce = COALESCE;
        let mut saved = moment().clock;
        let mut is_saving = false;
        let mut opening = Opening::new(moment().clock);
        let mut absent = HashSet::new();
        loop {
            let now = moment();
            self.messages.take(&mut messages);
            for message in messages.drain(..) {
                match message {
                    Message::Delivery(delivery) => collector.delivered(delivery),
                    Message::Change(change) => {
                        opening.has_configs = !change.running.is_empty();
                        opening.scans_before = collector.scans();
                        collector.change(change, now);
                    }
                    Message::Configured => {
                        opening.is_configured = true;
                        collector.configured();
                    }
                    Message::Drain { deadline } => collector.drain(deadline, now),
                    Message::Saved(outcome) => {
                        is_saving = false;
                        collector.saved(outcome);
                    }
                    Message::Account => {
                        let ledger = account(&collector);
                        self.keeper.send(keeping::Message::Account { ledger });
                    }
                    Message::Labels(labels) => collector.relabel(labels),
                }
            }
            if let Some(inotify) = &mut inotify
                && (now.clock.duration_since(looked) >= coalesce || collector.is_scan_due(now))
            {
                looked = now.clock;
                let notices = inotify.take();
                let is_many = notices.len() >= MANY_NOTICES;
                coalesce = if is_many { COALESCE_MANY } else { COALESCE };
                for notice in notices {
                    collector.notice(notice, now);
                }
            }
            let turn = collector.turn(now);
            if collector.scans() != scans {
                scans = collector.scans();
                if let Some(inotify) = &mut inotify {
                    inotify.watch(collector.directories());
                }
                for path in newly_absent(&mut absent, collector.absent()) {
                    warn!("{} does not exist; it is collected from once it does", path.display());
                }
            }
            if let Some(opened) = opening.ended(collector.scans(), now.clock) {
                self.keeper.send(keeping::Message::Opened(opened));
            }
            if let Some(report) = collector.drained(now) {
                let entries = collector.positions(now);
                let ledger = account(&collector);
                let is_configured = opening.is_configured;
                let drained = keeping::Message::Drained { report, entries, ledger, is_configured };
                self.keeper.send(drained);
                return;
            }
            let save_at = match collector.unsaved() {
                _ if is_saving => None,
                Unsaved::Nothing => None,
                Unsaved::Positions => Some(saved + CHECKPOINT_EVERY),
                Unsaved::Files => Some(saved + CHECKPOINT_FILES_EVERY),
            };
            if save_at.is_some_and(|at| at <= now.clock) {
                saved = now.clock;
                is_saving = true;
                self.save(collector.positions(now));
            }
            let until = match turn {
                Turn::More => continue,
                Turn::NoRoom { until } | Turn::Idle { until } => until,
            };
            let until = save_at.filter(|_| !is_saving).map_or(until, |at| until.min(at));
            self.wait(inotify.as_ref(), looked + coalesce, until);
        }
    }

    fn save(&self, entries: Vec<Entry>) {
        self.keeper.send(keeping::Message::Save { entries });
    }

    /// Waits for a message, for the watcher once it may be looked at again, or until `until`.
    fn wait(&self, inotify: Option<&Inotify>, look_at: Instant, until: Instant) {
        let now = Instant::now();
        let inotify = inotify.filter(|inotify| inotify.is_useful());
        let rests = look_at.saturating_duration_since(now);
        if inotify.is_some() && !rests.is_zero() {
            // First only messages, so that a busy writer does not keep us awake.
            let until_look = rests.min(until.saturating_duration_since(now));
            if self.poll(None, until_look) || until_look < rests {
                return;
            }
        }
        self.poll(inotify, until.saturating_duration_since(Instant::now()));
    }

    /// Waits for a message or the watcher; gives whether there was any.
    fn poll(&self, inotify: Option<&Inotify>, longest: Duration) -> bool {
        let timeout = Timespec {
            tv_sec: longest.as_secs() as i64,
            tv_nsec: i64::from(longest.subsec_nanos()),
        };
        let messages = PollFd::from_borrowed_fd(self.messages.event(), PollFlags::IN);
        let ready = match inotify {
            None => poll(&mut [messages], Some(&timeout)),
            Some(inotify) => {
                let events = PollFd::from_borrowed_fd(inotify.event(), PollFlags::IN);
                poll(&mut [messages, events], Some(&timeout))
            }
        };
        // Interrupted counts as woken: the loop looks at everything anyway.
        ready.map_or(true, |ready| ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_ends_once_when_what_is_configured_was_scanned() {
        let now = Instant::now();
        let mut opening = Opening::new(now);
        assert_eq!(opening.ended(5, now), None, "nobody has answered");
        opening.is_configured = true;
        assert_eq!(opening.ended(6, now), None, "there is nothing to watch");
        opening.has_configs = true;
        opening.scans_before = 6;
        assert_eq!(opening.ended(6, now), None, "nothing was scanned since they are known");
        assert_eq!(opening.ended(7, now), Some(Opened::Watching));
        assert_eq!(opening.ended(8, now), None, "it is told once");
    }

    #[test]
    fn the_application_is_not_kept_waiting_for_configurations() {
        let now = Instant::now();
        let ended = |is_configured, has_configs| {
            let mut opening = Opening { is_configured, has_configs, ..Opening::new(now) };
            assert_eq!(opening.ended(0, now + OPENING_WAITS / 2), None);
            opening.ended(9, now + OPENING_WAITS)
        };
        assert_eq!(ended(true, false), Some(Opened::Idle));
        assert_eq!(ended(false, false), Some(Opened::Unanswered));
        assert_eq!(ended(false, true), Some(Opened::Unanswered), "another may be missing");
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_once_each_time() {
        let dir = [PathBuf::from("/a")];
        let mut known = HashSet::new();
        assert_eq!(newly_absent(&mut known, dir.iter()), dir);
        assert_eq!(newly_absent(&mut known, dir.iter()), [] as [PathBuf; 0], "it is known");
        assert_eq!(newly_absent(&mut known, [].iter()), [] as [PathBuf; 0], "it is there");
        assert_eq!(newly_absent(&mut known, dir.iter()), dir, "and is gone again");
    }
}
