//! A configuration that runs: its plan, its files, and how it starts, changes and stops.

use super::over::OverDirs;
use super::proof::KnownCopy;
use super::{Collector, Destination, FileKey, LaneId, Moment, Phase, SourceId, Unsaved};
use crate::checkpoint::{Claim, Entry};
use crate::files::{Files, Shown};
use crate::info;
use crate::tail::Ship;
use pipeline::batch::BatchLimits;
use pipeline::discover::Place;
use pipeline::identity::{FileFacts, FileId};
use pipeline::plan::Plan;
use pipeline::tags::{AgentLabels, FileLabels, LabelledFile};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Device and inode.
pub(super) type Inode = (u64, u64);

pub(super) struct Source {
    pub(super) plan: Plan,
    pub(super) destinations: Arc<[Arc<Destination>]>,
    /// When its batches are full.
    pub(super) limits: BatchLimits,
    pub(super) by_inode: BTreeMap<Inode, FileKey>,
    /// The lane of the files that had a path.
    pub(super) lanes: HashMap<PathBuf, LaneId>,
    /// Directories found by the last scan.
    pub(super) dirs: Vec<(PathBuf, Place)>,
    /// Those of them that need no watch, because nothing happens in them.
    pub(super) quiet_dirs: HashSet<PathBuf>,
    /// Directories that the plan names and that the last scan did not find.
    pub(super) absent: Vec<PathBuf>,
    /// Old files that are read only when they change, with size and modification time.
    pub(super) dormant: HashMap<Inode, (u64, u64)>,
    /// Files that hold only what another one holds, or may do so.
    pub(super) copies: HashMap<Inode, KnownCopy>,
    /// Where files are that are over.
    pub(super) over: OverDirs,
    /// Files of the last run may still be to be found: something could not be looked into, or
    /// only once so far.
    pub(super) must_recover: bool,
    /// Files of the last run were looked for, and nothing was in the way.
    pub(super) is_recovered: bool,
    /// The first scan is over: what appears from now on is new.
    pub(super) is_scanned: bool,
    /// The plan is another one since the last scan: files may be deselected.
    pub(super) is_replanned: bool,
}

impl Source {
    fn new(plan: Plan, usual: &BatchLimits) -> Self {
        Self {
            destinations: destinations(&plan),
            limits: limits(&plan, usual),
            plan,
            by_inode: BTreeMap::new(),
            lanes: HashMap::new(),
            dirs: Vec::new(),
            quiet_dirs: HashSet::new(),
            absent: Vec::new(),
            dormant: HashMap::new(),
            copies: HashMap::new(),
            over: OverDirs::default(),
            must_recover: true,
            is_recovered: false,
            is_scanned: false,
            is_replanned: false,
        }
    }

    /// What of the last run it may go on with.
    pub(super) fn claim<'a>(&'a self, running: &'a HashSet<String>) -> Claim<'a> {
        Claim {
            config: &self.plan.name,
            project: &self.plan.project,
            logstore: &self.plan.logstore,
            running,
        }
    }

    /// Whether a plan takes the same files to the same place: then it is this one renamed.
    pub(super) fn collects_the_same(&self, plan: &Plan) -> bool {
        self.plan.discover == plan.discover
            && self.plan.exclude == plan.exclude
            && places(&self.plan).eq(places(plan))
    }

    /// Whether files of this name in this directory belong to the configuration.
    /// `prefix` is what stands in front of configured paths on this machine.
    pub(super) fn takes(&self, path: &Path, prefix: &Path) -> bool {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let mut places = self.dirs.iter().filter(|(known, _)| known == dir);
        places.any(|(_, place)| self.plan.discover.takes_file(*place, name.as_bytes()))
            && !self.plan.exclude.excludes_file(bytes(&shown(path, prefix)), name.as_bytes())
    }

    /// The same where the directory is not known now, because it was not there at the last scan or
    /// the plan is new.
    pub(super) fn takes_unscanned(&self, path: &Path, prefix: &Path) -> bool {
        self.selects(&shown(path, prefix))
    }

    /// Whether the plan wants the file that is written at this path, as the configuration names it.
    pub(super) fn selects(&self, shown: &Path) -> bool {
        let (discover, exclude) = (&self.plan.discover, &self.plan.exclude);
        let name = shown.file_name().unwrap_or_default().as_bytes();
        // Where a walk begins is not asked about, only what it enters.
        let is_entered = |(root, _): (&str, Place)| {
            let entered = shown.ancestors().skip(1).take_while(|dir| *dir != Path::new(root));
            shown.starts_with(root)
                && !entered.into_iter().any(|dir| exclude.excludes_dir(bytes(dir)))
        };
        discover.takes_path(bytes(shown))
            && !exclude.excludes_file(bytes(shown), name)
            && discover.starts().any(is_entered)
    }

    /// Whether so much is unread of a file that it is to be read on at its end.
    pub(super) fn is_late(&self, unread: usize) -> bool {
        self.plan.delay.skip_bytes.is_some_and(|most| unread as u64 > most)
    }

    /// Most bytes of one record.
    pub(super) fn max_record(&self) -> usize {
        self.plan.max_record.bytes
    }
}

/// Where the logs of a plan go.
fn places(plan: &Plan) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
    plan.destinations.iter().map(|destination| {
        let endpoint = destination.endpoint.as_deref();
        (destination.project.as_str(), destination.logstore.as_str(), endpoint)
    })
}

fn destinations(plan: &Plan) -> Arc<[Arc<Destination>]> {
    let destinations = plan.destinations.iter().map(|destination| {
        Arc::new(Destination {
            project: destination.project.clone(),
            logstore: destination.logstore.clone(),
            endpoint: destination.endpoint.clone(),
            compression: destination.compression,
            shard_hash: destination.shard_hash.clone(),
            max_rate: destination.max_rate,
        })
    });
    destinations.collect()
}

/// When batches of a plan are full. They are the same for all destinations, so the smallest of
/// what these want counts.
fn limits(plan: &Plan, usual: &BatchLimits) -> BatchLimits {
    let rules = || plan.destinations.iter().map(|destination| destination.batch);
    let number = |number: u64, low: usize, high: usize| {
        usize::try_from(number).unwrap_or(usize::MAX).clamp(low, high)
    };
    let bytes = rules().filter_map(|rule| rule.max_bytes).min();
    let logs = rules().filter_map(|rule| rule.max_logs).min();
    let age = rules().filter_map(|rule| rule.max_age).min();
    BatchLimits {
        max_bytes: bytes.map_or(usual.max_bytes, |bytes| number(bytes, 1, MOST_BYTES)),
        max_logs: logs.map_or(usual.max_logs, |logs| number(logs, 1, MOST_LOGS)),
        max_age: age.unwrap_or(usual.max_age),
    }
}

/// Batches that a configuration asks for are not larger than this: services take 10 MiB, and a
/// record may come on top.
const MOST_BYTES: usize = 5 << 20;

/// And not more logs.
const MOST_LOGS: usize = 40_000;

/// The path as a configuration names it: without the prefix.
pub(super) fn shown(path: &Path, prefix: &Path) -> PathBuf {
    let rest = path.strip_prefix(prefix).unwrap_or(path);
    if rest.is_absolute() { rest.to_owned() } else { Path::new("/").join(rest) }
}

/// A path as rules and labels want it.
pub(super) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// A name in a directory.
pub(super) fn joined(dir: &Path, name: &[u8]) -> PathBuf {
    dir.join(OsStr::from_bytes(name))
}

/// A configured path on this machine: behind the prefix.
pub(super) fn placed(path: impl AsRef<OsStr>, prefix: &Path) -> PathBuf {
    let path = path.as_ref();
    if prefix.as_os_str().is_empty() {
        return PathBuf::from(path);
    }
    let mut whole = prefix.as_os_str().as_bytes().to_vec();
    while whole.last() == Some(&b'/') {
        whole.pop();
    }
    whole.extend_from_slice(path.as_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(whole))
}

impl<F: Files, S: Ship> Collector<F, S> {
    pub(super) fn start_source(&mut self, plan: Plan, now: Moment) {
        let id = self.new_id();
        self.ready.set_priority(id, plan.priority);
        self.sources.insert(id, Source::new(plan, &self.setup.limits));
        self.recover_all(id, now);
    }

    /// Puts a new plan in the place of the old one. What was read under the old one is sent as it
    /// is; reading goes on at the same byte under the new one.
    pub(super) fn replace_source(&mut self, id: SourceId, plan: Plan) {
        let keys: Vec<FileKey> =
            self.tails.iter().filter(|(_, tail)| tail.source == id).map(|(key, _)| *key).collect();
        for key in &keys {
            self.seal(*key);
        }
        let Some(source) = self.sources.get_mut(&id) else { return };
        source.destinations = destinations(&plan);
        source.limits = limits(&plan, &self.setup.limits);
        self.ready.set_priority(id, plan.priority);
        source.plan = plan;
        // The paths may be other ones: the next scan finds them, and deselects what it does not find
        // any more. Nothing is read before it.
        source.is_replanned = true;
        source.dirs.clear();
        source.quiet_dirs.clear();
        for key in keys {
            let Some(tail) = self.tails.get_mut(&key) else { continue };
            let labels =
                file_labels(&self.setup.labels, &source.plan, &tail.shown, &tail.facts, tail.id);
            tail.stream.relabel(labels);
        }
    }

    /// Reads no more of a file that its configuration does not select any more. What was read is
    /// delivered, and its position kept: it goes on there when it is selected again.
    pub(super) fn deselect(&mut self, key: FileKey) {
        self.seal(key);
        let Some(tail) = self.tails.get_mut(&key) else { return };
        info!(
            "{} is not selected any more; it was read to byte {}",
            Shown::of(&tail.at),
            tail.stream.position()
        );
        tail.phase = Phase::Deselected;
        tail.handle = None;
        tail.rest = None;
        tail.failing = None;
        tail.is_caught_up = true;
        self.unsaved = self.unsaved.max(Unsaved::Positions);
        let Some(lane) = self.lanes.get_mut(&tail.lane) else { return };
        lane.waiting.retain(|other| *other != key);
        if let Some(next) = lane.waiting.front().copied() {
            self.make_ready(next);
        }
    }

    /// Whether a file that the last scan did not find is where it was, and its plan does not want
    /// it: it was not renamed.
    pub(super) fn is_deselected(&mut self, key: FileKey) -> bool {
        let Some(tail) = self.tails.get(&key) else { return false };
        let is_wanted = self.sources.get(&tail.source).is_none_or(|it| it.selects(&tail.shown));
        // A rotated file is read to its end.
        if is_wanted || tail.at != placed(&tail.shown, &self.setup.path_prefix) {
            return false;
        }
        self.files.look(&tail.at).is_ok_and(|found| {
            (found.facts.device, found.facts.inode) == (tail.facts.device, tail.facts.inode)
        })
    }

    /// Whether an entry is of a file that its configuration does not select any more.
    pub(super) fn is_entry_deselected(&self, source: &Source, entry: &Entry) -> bool {
        entry.at == placed(&entry.path, &self.setup.path_prefix) && !source.selects(&entry.path)
    }

    /// Stops a configuration. Its batches under way are delivered; its acknowledged positions are
    /// kept for a while, in case it comes back.
    pub(super) fn stop_source(&mut self, id: SourceId) {
        for key in self.in_turn(|tail| tail.source == id) {
            self.seal(key);
            let entry = self.tails.get(&key).and_then(|tail| self.entry(tail));
            if let Some(entry) = entry {
                self.restored.put(entry);
            }
            self.remove(key);
        }
        self.sources.remove(&id);
        self.ready.forget(id);
    }
}

/// What the batches of one content carry.
pub(super) fn file_labels(
    agent: &AgentLabels,
    plan: &Plan,
    path: &Path,
    facts: &FileFacts,
    id: FileId,
) -> FileLabels {
    let file = LabelledFile { path: bytes(path), inode: facts.inode };
    FileLabels::new(agent, &plan.labels, file, pack_prefix(id))
}

/// Tells the packs of one content from those of every other.
fn pack_prefix(id: FileId) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&id.0[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_added_and_taken_away() {
        let prefix = Path::new("/pods/1/");
        assert_eq!(placed("/var/log", prefix), Path::new("/pods/1/var/log"));
        assert_eq!(shown(Path::new("/pods/1/var/log/a"), prefix), Path::new("/var/log/a"));
        assert_eq!(placed("/var/log", Path::new("")), Path::new("/var/log"));
        assert_eq!(shown(Path::new("/var/log/a"), Path::new("")), Path::new("/var/log/a"));
    }
}
