//! Files and directories that a configuration names and that the agent may not read.
//!
//! Nobody waits for them, for what is forbidden may stay so for ever; but they are in the ledger with
//! what is known of them, and the end says that they were not read.

use super::ledger::{FileLedger, LedgerPhase};
use super::source::shown;
use super::{Collector, Ship, UNNAMED, file_alarm};
use crate::files::{Files, Kind, Shown};
use pipeline::identity::FileFacts;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// More of them are counted, and not named.
const MAX_NAMED: usize = 1000;

/// What may not be read.
#[derive(Debug, Default)]
pub(super) struct Denied {
    /// What this scan came upon.
    found: BTreeMap<PathBuf, Option<String>>,
    /// What the last scan came upon, and who wants it.
    known: Vec<Barred>,
}

/// A file or directory that may not be read.
#[derive(Debug)]
struct Barred {
    at: PathBuf,
    config: String,
    /// Of a file that the system tells about.
    facts: Option<FileFacts>,
}

impl Denied {
    /// Notes that a file may not be read.
    pub(super) fn note(&mut self, path: &Path) {
        if self.found.len() < MAX_NAMED {
            self.found.insert(path.to_owned(), None);
        }
    }

    /// Says what is wrong with a directory of a configuration; gives 1 when something in it may wait
    /// to be read.
    pub(super) fn directory_problem(
        &mut self,
        dir: &Path,
        config: &str,
        error: &io::Error,
    ) -> usize {
        match error.kind() {
            // The application has not made it yet.
            io::ErrorKind::NotFound => 0,
            io::ErrorKind::PermissionDenied => {
                if self.found.len() < MAX_NAMED {
                    self.found.insert(dir.to_owned(), Some(config.to_owned()));
                }
                file_alarm("LOGDIR_PERMINSSION_ALARM", dir, error);
                0
            }
            _ => {
                file_alarm("LOGDIR_FAIL_ALARM", dir, error);
                1
            }
        }
    }

    /// Files and directories that may not be read.
    pub(super) fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// Bytes in them, as far as the system tells.
    pub(super) fn bytes(&self) -> u64 {
        self.known.iter().filter_map(|it| it.facts).map(|facts| facts.size_bytes).sum()
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// A scan is over: what it came upon is what may not be read now.
    pub(super) fn settle_denied(&mut self) {
        self.denied.known.clear();
        for (at, dir_of) in std::mem::take(&mut self.denied.found) {
            let prefix = &self.setup.path_prefix;
            let source = self.sources.values().find(|source| source.takes(&at, prefix));
            let (config, facts) = match (dir_of, source) {
                (Some(config), _) => (config, None),
                (None, Some(source)) => {
                    let found = self.files.look(&at).ok().filter(|it| it.kind == Kind::File);
                    let facts = found.map(|found| found.facts);
                    // Nothing of it would be read: it is empty, or old and does not change.
                    let is_owed = facts.is_none_or(|facts| {
                        let youngest = facts.modified_nanos.max(facts.born_nanos.unwrap_or(0));
                        let is_young = youngest >= self.setup.read_whole_after_nanos;
                        facts.size_bytes > 0 && (is_young || source.plan.tail_existing)
                    });
                    if !is_owed {
                        continue;
                    }
                    (source.plan.name.clone(), facts)
                }
                // It was come upon beside another file.
                (None, None) => continue,
            };
            self.denied.known.push(Barred { at, config, facts });
        }
    }

    /// The account of what may not be read.
    pub(super) fn denied_accounts(&self) -> impl Iterator<Item = FileLedger> {
        self.denied.known.iter().map(|it| FileLedger {
            path: Shown::of(&shown(&it.at, &self.setup.path_prefix)).to_string(),
            at: it.at.clone(),
            config: it.config.clone(),
            device: it.facts.map_or(0, |facts| facts.device),
            inode: it.facts.map_or(0, |facts| facts.inode),
            file: UNNAMED,
            generation: 0,
            seen_bytes: it.facts.map_or(0, |facts| facts.size_bytes),
            read_bytes: 0,
            acked: Vec::new(),
            dead_letter: Vec::new(),
            destroyed: Vec::new(),
            skipped: Vec::new(),
            too_late: Vec::new(),
            possibly_lost: Vec::new(),
            phase: LedgerPhase::Unreadable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Shipped, ToTest, compiled, setup};
    use super::*;
    use crate::files::{Found, RealFiles};
    use crate::tail::{Change, Moment, Report, Turn};
    use std::collections::HashSet;
    use std::fs::{self, File};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant, SystemTime};

    /// The file system, some of which may not be read.
    struct Barring(RealFiles, Arc<Mutex<HashSet<PathBuf>>>);

    impl Barring {
        fn pass(&self, path: &Path) -> io::Result<()> {
            let is_barred = self.1.lock().unwrap().contains(path);
            if is_barred { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        }
    }

    impl Files for Barring {
        type Handle = File;

        fn list(&mut self, dir: &Path, entry: &mut dyn FnMut(&[u8], Kind)) -> io::Result<()> {
            self.pass(dir)?;
            self.0.list(dir, entry)
        }

        fn look(&mut self, path: &Path) -> io::Result<Found> {
            self.0.look(path)
        }

        fn open(&mut self, path: &Path) -> io::Result<File> {
            self.pass(path)?;
            self.0.open(path)
        }

        fn look_at(&mut self, handle: &File) -> io::Result<Found> {
            self.0.look_at(handle)
        }

        fn read_at(&mut self, handle: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.read_at(handle, buf, offset)
        }
    }

    #[test]
    fn what_may_not_be_read_is_in_the_ledger_and_left_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [("a.log", "1\n"), ("b.log", ""), ("c.txt", "1\n")] {
            fs::write(at(name), text).unwrap();
        }
        fs::create_dir(at("sub")).unwrap();
        let barred = ["a.log", "b.log", "c.txt", "sub"].map(at);
        let barred = Arc::new(Mutex::new(HashSet::from(barred)));
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let mut now = Moment { wall_nanos: wall.as_nanos() as u64, clock: Instant::now() };
        let files = Barring(RealFiles, Arc::clone(&barred));
        let shipped = Shipped::default();
        let mut collector = Collector::new(
            files,
            ToTest(Arc::clone(&shipped)),
            setup(now, 1 << 20, Vec::new()),
            now,
        );
        collector.configured();
        let plans = vec![compiled(dir.path(), "c1", "*.log", "")];
        let running = HashSet::from([plans[0].name.clone()]);
        collector.change(Change { running, plans }, now);
        let mut work = |collector: &mut Collector<Barring, ToTest>| {
            now.clock += Duration::from_secs(2);
            while collector.turn(now) == Turn::More {}
            now
        };
        work(&mut collector);
        let ledger = collector.ledger();
        let lines: Vec<(PathBuf, u64, LedgerPhase)> =
            ledger.into_iter().map(|it| (it.at, it.seen_bytes, it.phase)).collect();
        let (file, dir) = (at("a.log"), at("sub"));
        let unreadable = LedgerPhase::Unreadable;
        assert_eq!(lines, [(file.clone(), 2, unreadable), (dir.clone(), 0, unreadable)]);
        // The end does not wait for it, and tells it.
        let moment = work(&mut collector);
        collector.drain(moment.clock + Duration::from_secs(600), moment);
        let moment = work(&mut collector);
        let expected = Report { unreadable: 2, unreadable_bytes: 2, ..Report::default() };
        assert_eq!(collector.drained(moment), Some(expected));
        // Once it may be read, it is.
        barred.lock().unwrap().clear();
        work(&mut collector);
        work(&mut collector);
        assert_eq!(shipped.lock().unwrap().len(), 1);
        assert!(collector.ledger().iter().all(|it| it.phase == LedgerPhase::Following));
    }
}
