//! Finds files: by walking the directories, which is the truth, and by what the watcher noticed,
//! which is only quicker.

use super::adopt::Sight;
use super::file::Tail;
use super::source::{Inode, bytes, placed, shown};
use super::{Collector, FileKey, LaneId, Moment, Phase, Ship, SourceId, Unsaved, drain};
use crate::files::{Files, Found, Kind, Shown, read_full};
use crate::log::Level;
use crate::{alarms, debug, info};
use pipeline::discover::Place;
use pipeline::identity::{FileFacts, HEAD_BYTES, Mark};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A renamed file that does not grow is closed after this time; when it grows, it is opened again.
const RENAMED_STAYS: Duration = Duration::from_secs(60);

/// A deleted file that does not grow is closed after this time: what is written to it then is lost.
const DELETED_STAYS: Duration = Duration::from_secs(600);

/// The same where descriptors are short, or many such files hold memory and disk space.
const MANY_DELETED_STAY: Duration = Duration::from_secs(10);

/// More files without a path are many.
const MANY_GONE: usize = 256;

impl<F: Files, S: Ship> Collector<F, S> {
    /// Looks at everything.
    pub(super) fn scan(&mut self, now: Moment) {
        self.scans += 1;
        self.unreadable = 0;
        let ids: Vec<SourceId> = self.sources.keys().copied().collect();
        for id in ids {
            if self.sources.get(&id).is_some_and(|source| source.must_recover) {
                self.recover_all(id, now);
            }
            let is_first = self.sources.get(&id).is_some_and(|source| !source.is_scanned);
            self.scan_source(id, now);
            // What was not found of the last run so far is gone on with in its order first.
            let is_recovered = self.sources.get(&id).is_some_and(|source| source.is_recovered);
            if is_recovered && self.unreadable == 0 {
                self.look_at_the_over(id, now);
            }
            if let Some(source) = self.sources.get_mut(&id) {
                // Names may move while a directory is looked through: what was not found is looked
                // for once more.
                source.must_recover = self.unreadable > 0 || is_first;
            }
        }
        self.settle_denied();
        self.look_after_the_gone(now);
        self.look_at_delays(now);
        self.close_unused(now);
        self.end_turns();
        let lag: u64 = self.tails.values().map(Tail::lag_bytes).sum();
        self.setup.metrics.lag_bytes.set(lag);
        let pause = if self.drain.is_some() { drain::SCAN_EVERY } else { self.setup.scan_every };
        self.next_scan = now.clock + pause;
    }

    fn scan_source(&mut self, id: SourceId, now: Moment) {
        let before = self.unreadable;
        let Some(source) = self.sources.get(&id) else { return };
        let prefix = &self.setup.path_prefix;
        let starts = source.plan.discover.starts();
        let mut waiting: Vec<(PathBuf, Place)> =
            starts.map(|(root, place)| (placed(root, prefix), place)).collect();
        let mut dirs = Vec::new();
        let mut absent = Vec::new();
        let mut visited: HashSet<(Inode, usize)> = HashSet::new();
        let mut found: Vec<(PathBuf, Found)> = Vec::new();
        while let Some((dir, place)) = waiting.pop() {
            // Links may lead in circles.
            match self.files.look(&dir) {
                Ok(Found { kind: Kind::Dir, facts, .. }) => {
                    if !visited.insert(((facts.device, facts.inode), place.path())) {
                        continue;
                    }
                }
                Ok(_) => continue,
                Err(error) => {
                    if error.kind() == io::ErrorKind::NotFound && place.depth() == 0 {
                        absent.push(dir.clone());
                    }
                    let config = self.sources.get(&id).map_or("", |source| &source.plan.name);
                    self.unreadable += self.denied.directory_problem(&dir, config, &error);
                    continue;
                }
            }
            self.list(id, &dir, place, &mut waiting, &mut found);
            dirs.push((dir, place));
        }
        // Older rotated files come first: `a.log.2` before `a.log.1` before `a.log`.
        found.sort_by(|(left, _), (right, _)| {
            right.as_os_str().len().cmp(&left.as_os_str().len()).then_with(|| right.cmp(left))
        });
        let there: HashSet<Inode> =
            found.iter().map(|(_, it)| (it.facts.device, it.facts.inode)).collect();
        // An inode that is not there any more may be another file's.
        if let Some(source) = self.sources.get_mut(&id).filter(|_| self.unreadable == before) {
            source.copies.retain(|inode, _| there.contains(inode));
            source.dormant.retain(|inode, _| there.contains(inode));
        }
        // Several paths may lead to one file.
        found.dedup_by(|(left, _), (right, _)| left == right);
        for (path, what) in found {
            self.seen(id, &path, &what, now);
        }
        let scan = self.scans;
        let Some(source) = self.sources.get(&id) else { return };
        let is_replanned = source.is_replanned;
        let is_unseen = |key: &&FileKey| {
            self.tails
                .get(key)
                .is_some_and(|tail| tail.phase == Phase::Following && tail.seen_in != scan)
        };
        let unseen: Vec<FileKey> = source.by_inode.values().filter(is_unseen).copied().collect();
        for key in unseen {
            match is_replanned && self.is_deselected(key) {
                true => self.deselect(key),
                false => self.lost_path(key, now),
            }
        }
        if let Some(source) = self.sources.get_mut(&id) {
            source.dirs = dirs;
            source.absent = absent;
            source.is_scanned = true;
            source.is_replanned = false;
        }
        self.find_quiet_dirs(id, now);
    }

    fn list(
        &mut self,
        id: SourceId,
        dir: &Path,
        place: Place,
        waiting: &mut Vec<(PathBuf, Place)>,
        found: &mut Vec<(PathBuf, Found)>,
    ) {
        let Some(source) = self.sources.get(&id) else { return };
        let (rule, exclude) = (&source.plan.discover, &source.plan.exclude);
        let prefix = &self.setup.path_prefix;
        let mut candidates: Vec<(PathBuf, Kind)> = Vec::new();
        let mut others: Vec<PathBuf> = Vec::new();
        let listed = self.files.list(dir, &mut |name, kind| {
            let may_be_file = kind != Kind::Dir && kind != Kind::Other;
            let wanted_file = may_be_file && rule.takes_file(place, name);
            let may_be_dir = matches!(kind, Kind::Dir | Kind::Link);
            if wanted_file || (may_be_dir && rule.enter(place, name).is_some()) {
                candidates.push((dir.join(OsStr::from_bytes(name)), kind));
            } else if kind == Kind::Other && rule.takes_file(place, name) {
                others.push(dir.join(OsStr::from_bytes(name)));
            }
        });
        for path in others {
            alarms::raise(
                Level::Warn,
                "UNEXPECTED_FILE_TYPE_MODE_ALARM",
                &source.plan.name,
                &Shown::of(&path).to_string(),
                format_args!("matches the configuration and is no regular file; it is not read"),
            );
        }
        if let Err(error) = listed {
            let config = &source.plan.name;
            self.unreadable += self.denied.directory_problem(dir, config, &error);
        }
        for (path, kind) in candidates {
            let name = path.file_name().unwrap_or_default().as_bytes();
            let configured = shown(&path, prefix);
            let what = match kind {
                Kind::Dir => None,
                _ => match self.files.look(&path) {
                    Ok(what) => Some(what),
                    Err(error) => {
                        match error.kind() {
                            // Mostly it is gone since it was listed.
                            io::ErrorKind::NotFound => {}
                            io::ErrorKind::PermissionDenied => self.denied.note(&path),
                            _ => self.unreadable += 1,
                        }
                        continue;
                    }
                },
            };
            match what {
                Some(what) if what.kind == Kind::File => {
                    if rule.takes_file(place, name)
                        && !exclude.excludes_file(bytes(&configured), name)
                    {
                        found.push((path, what));
                    }
                }
                Some(what) if what.kind != Kind::Dir => {}
                _ => {
                    if let Some(next) = rule.enter(place, name)
                        && !exclude.excludes_dir(bytes(&configured))
                    {
                        waiting.push((path, next));
                    }
                }
            }
        }
    }

    /// A file of a configuration stands at `path`, or did when it was looked at.
    pub(super) fn seen(&mut self, id: SourceId, path: &Path, what: &Found, now: Moment) {
        let Some(source) = self.sources.get(&id) else { return };
        let inode = (what.facts.device, what.facts.inode);
        let Some(key) = source.by_inode.get(&inode).copied() else {
            self.adopt(id, path, what, Sight::InPlace, now);
            return;
        };
        let scan = self.scans;
        if self.is_reborn(key, &what.facts) {
            // The inode of a deleted file is in use again, or what was seen was deleted before the
            // file with its inode was opened.
            self.adopt(id, path, what, Sight::InPlace, now);
            return;
        }
        let Some(tail) = self.tails.get_mut(&key) else { return };
        tail.seen_in = scan;
        tail.seen_seconds = now.wall_seconds();
        if tail.phase != Phase::Rewritten {
            tail.phase = Phase::Following;
        }
        if tail.at != path {
            debug!("{} is now {}", Shown::of(&tail.at), Shown::of(&path));
            tail.at = path.to_owned();
            self.unsaved = self.unsaved.max(Unsaved::Positions);
        }
        let has_news = what.facts.size_bytes != tail.stream.position()
            || what.facts.modified_nanos != tail.facts.modified_nanos;
        if has_news || !tail.is_caught_up || tail.rest.is_some() {
            tail.facts = what.facts;
            self.make_ready(key);
        }
        self.grow_head(key, now);
    }

    /// Whether a file has the inode of a known one, and is another.
    fn is_reborn(&self, key: FileKey, facts: &FileFacts) -> bool {
        let known = self.tails.get(&key).and_then(|tail| tail.facts.born_nanos);
        known.is_some() && known != facts.born_nanos
    }

    /// Lets go of a file whose inode one that is open has now; gives whether it is so.
    pub(super) fn let_go_of_reborn(
        &mut self,
        id: SourceId,
        key: FileKey,
        facts: &FileFacts,
        now: Moment,
    ) -> bool {
        let is_reborn = self.is_reborn(key, facts);
        if is_reborn {
            self.lost_path(key, now);
            if self.tails.get(&key).is_some_and(|tail| tail.phase == Phase::Deselected) {
                self.remove(key);
            }
            if let Some(source) = self.sources.get_mut(&id) {
                source.by_inode.remove(&(facts.device, facts.inode));
            }
        }
        is_reborn
    }

    /// Marks more of the head of a file that was short when it was seen first.
    fn grow_head(&mut self, key: FileKey, now: Moment) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let known = usize::from(tail.head.len);
        if known >= HEAD_BYTES || tail.facts.size_bytes <= known as u64 {
            return;
        }
        let Some(handle) = &tail.handle else { return };
        let mut head = [0; HEAD_BYTES];
        let Ok(read) = read_full(&mut self.files, handle, &mut head, 0) else { return };
        if tail.head.matches_head(&head[..read]) {
            tail.head = Mark::of_head(&head[..read]);
            self.unsaved = self.unsaved.max(Unsaved::Files);
        } else {
            self.restart(key, now);
        }
    }

    /// A path does not lead to its file any more: the file was renamed or deleted.
    pub(super) fn lost_path(&mut self, key: FileKey, now: Moment) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        if tail.phase == Phase::Following {
            tail.phase = Phase::Gone { since: now.clock };
            tail.is_caught_up = false;
            self.make_ready(key);
        }
    }

    /// Reads on in files without a path, and closes those that are over.
    fn look_after_the_gone(&mut self, now: Moment) {
        let gone: Vec<FileKey> = self
            .tails
            .iter()
            .filter(|(_, tail)| matches!(tail.phase, Phase::Gone { .. }))
            .map(|(key, _)| *key)
            .collect();
        let deleted_stay = match std::mem::take(&mut self.is_short) || gone.len() > MANY_GONE {
            true => MANY_DELETED_STAY,
            false => DELETED_STAYS,
        };
        for key in gone {
            let Some(tail) = self.tails.get_mut(&key) else { continue };
            let Phase::Gone { since } = tail.phase else { continue };
            let Some(handle) = &tail.handle else {
                self.make_ready(key);
                continue;
            };
            let Ok(found) = self.files.look_at(handle) else { continue };
            let stays = if found.links == 0 { deleted_stay } else { RENAMED_STAYS };
            let quiet = now.clock.saturating_duration_since(tail.grown_at.max(since));
            let is_over = quiet >= stays && tail.is_settled() && tail.rest.is_none();
            let has_news = found.facts.size_bytes != tail.stream.position();
            if is_over && !has_news {
                info!("{} is over at byte {}", Shown::of(&tail.at), tail.stream.position());
                // What was deleted may come back compressed.
                let takes_gzip = |tail: &Tail<F::Handle>| {
                    let source = self.sources.get(&tail.source);
                    source.is_some_and(|source| source.plan.discover.takes_gzip())
                };
                let entry = self.tails.get(&key).filter(|tail| found.links > 0 || takes_gzip(tail));
                let id = entry.map(|tail| tail.source);
                if let Some(entry) = entry.and_then(|tail| self.entry(tail)) {
                    self.restored.put_over(entry);
                }
                if let Some(source) = id.and_then(|id| self.sources.get_mut(&id)) {
                    // What waited for its end is looked at again.
                    source.copies.retain(|_, copy| !copy.waits());
                    source.over.look_again();
                }
                self.remove(key);
            } else if has_news || tail.rest.is_some() || !tail.is_caught_up {
                // Whoever it waits for is asked for its end only when something is in it.
                tail.facts = found.facts;
                self.make_ready(key);
            }
        }
    }

    /// The watcher says that a file got content.
    pub(super) fn touched(&mut self, path: &Path, now: Moment) {
        let lanes: Vec<LaneId> =
            self.sources.values().filter_map(|source| source.lanes.get(path).copied()).collect();
        if lanes.is_empty() {
            return self.appeared(path, now);
        }
        for lane in lanes {
            let waiting = self.lanes.get(&lane);
            let keys = waiting.map(|lane| lane.waiting.iter().copied().collect::<Vec<_>>());
            for key in keys.unwrap_or_default() {
                self.make_ready(key);
            }
        }
    }

    /// The watcher says that something has appeared at `path`.
    pub(super) fn appeared(&mut self, path: &Path, now: Moment) {
        let ids: Vec<SourceId> = self
            .sources
            .iter()
            .filter(|(_, source)| source.takes(path, &self.setup.path_prefix))
            .map(|(id, _)| *id)
            .collect();
        match self.files.look(path) {
            Ok(what) if what.kind == Kind::File => {
                for id in ids {
                    self.seen(id, path, &what, now);
                }
            }
            // A new directory is understood by a scan.
            Ok(what) if what.kind == Kind::Dir => self.next_scan = now.clock,
            _ => {}
        }
    }

    /// The watcher says that a file has another name.
    pub(super) fn renamed(&mut self, from: &Path, to: &Path, now: Moment) {
        let Ok(what) = self.files.look(to) else { return };
        if what.kind != Kind::File {
            self.next_scan = now.clock;
            return;
        }
        let inode = (what.facts.device, what.facts.inode);
        let ids: Vec<SourceId> = self.sources.keys().copied().collect();
        for id in ids {
            let Some(source) = self.sources.get(&id) else { continue };
            let prefix = &self.setup.path_prefix;
            let (took_old, takes_new) = (source.takes(from, prefix), source.takes(to, prefix));
            match source.by_inode.get(&inode).copied() {
                Some(key) if !takes_new => {
                    let tail = self.tails.get_mut(&key);
                    if let Some(tail) = tail.filter(|it| it.phase != Phase::Deselected) {
                        tail.at = to.to_owned();
                        self.unsaved = self.unsaved.max(Unsaved::Positions);
                    }
                    self.lost_path(key, now);
                }
                // Created and renamed before we had a look at it.
                None if took_old && !takes_new => {
                    let sight = Sight::RenamedFrom(from, None);
                    if let Some(key) = self.adopt(id, to, &what, sight, now) {
                        self.lost_path(key, now);
                    }
                }
                _ if takes_new => self.seen(id, to, &what, now),
                _ => {}
            }
        }
    }
}
