//! Finds files: by walking the directories, which is the truth, and by what the watcher noticed,
//! which is only quicker.

use super::file::{Anchor, SafePoint, Tail};
use super::read::scope;
use super::source::{Inode, pack_prefix, placed, shown};
use super::{
    Collector, FileKey, Lane, LaneId, Moment, Phase, Ship, SourceId, UNNAMED, Unsaved, drain,
    file_alarm,
};
use crate::checkpoint::{Claim, Entry};
use crate::files::{Files, Found, Kind, read_full};
use crate::log::alarm;
use crate::{debug, info};
use pipeline::ack::AckTracker;
use pipeline::batch::{FileStream, Unfinished};
use pipeline::discover::Place;
use pipeline::identity::{
    ANCHOR_BYTES, Evidence, FileFacts, FileId, HEAD_BYTES, Mark, Verdict, first_line, judge,
};
use pipeline::tags::FileLabels;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A renamed file that does not grow is closed after this time.
const RENAMED_STAYS: Duration = Duration::from_secs(60);

/// A deleted file that does not grow is closed after this time. It holds disk space.
const DELETED_STAYS: Duration = Duration::from_secs(10);

/// What is read of an old file from its end, when the configuration does not say.
const TAIL_BYTES: u64 = 1024 * 1024;

/// How far behind the start of the tail a line start is looked for.
const LINE_START_WITHIN: usize = 128 * 1024;

/// No descriptor is left: `EMFILE` and `ENFILE`.
const TOO_MANY_OPEN: i32 = 24;
const TOO_MANY_IN_SYSTEM: i32 = 23;

/// Where to begin with a file.
struct Begin {
    position: u64,
    anchor: Anchor,
    generation: u32,
    id: Option<FileId>,
    unfinished: Unfinished,
    shown: Option<String>,
    /// Bytes in front that are left out by rule.
    skipped: u64,
}

impl Begin {
    fn at_start(generation: u32) -> Self {
        Self {
            position: 0,
            anchor: Anchor::EMPTY,
            generation,
            id: None,
            unfinished: Unfinished::No,
            shown: None,
            skipped: 0,
        }
    }
}

/// How a new file came to our notice.
#[derive(Clone, Copy)]
enum Sight<'a> {
    /// At its path.
    InPlace,
    /// Under another name, after it had been written at this path.
    RenamedFrom(&'a Path),
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Looks at everything.
    pub(super) fn scan(&mut self, now: Moment) {
        self.scans += 1;
        self.unreadable = 0;
        let ids: Vec<SourceId> = self.sources.keys().copied().collect();
        for id in ids {
            self.scan_source(id, now);
        }
        self.look_after_the_gone(now);
        let lag: u64 = self.tails.values().map(Tail::lag_bytes).sum();
        self.setup.metrics.lag_bytes.set(lag);
        let pause = if self.drain.is_some() { drain::SCAN_EVERY } else { self.setup.scan_every };
        self.next_scan = now.clock + pause;
    }

    fn scan_source(&mut self, id: SourceId, now: Moment) {
        let Some(source) = self.sources.get(&id) else { return };
        let root = placed(source.plan.discover.root(), &self.setup.path_prefix);
        let mut waiting = vec![(root, source.plan.discover.start())];
        let mut dirs = Vec::new();
        let mut visited: HashSet<Inode> = HashSet::new();
        let mut found: Vec<(PathBuf, Found)> = Vec::new();
        while let Some((dir, place)) = waiting.pop() {
            // Links may lead in circles.
            match self.files.look(&dir) {
                Ok(Found { kind: Kind::Dir, facts, .. }) => {
                    if !visited.insert((facts.device, facts.inode)) {
                        continue;
                    }
                }
                Ok(_) => continue,
                Err(error) => {
                    self.unreadable += dir_problem(&dir, &error);
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
        for (path, what) in found {
            self.seen(id, &path, &what, now);
        }
        let scan = self.scans;
        let Some(source) = self.sources.get(&id) else { return };
        let is_unseen = |key: &&FileKey| {
            self.tails
                .get(key)
                .is_some_and(|tail| tail.phase == Phase::Following && tail.seen_in != scan)
        };
        let unseen: Vec<FileKey> = source.by_inode.values().filter(is_unseen).copied().collect();
        for key in unseen {
            self.lost_path(key, now);
        }
        if let Some(source) = self.sources.get_mut(&id) {
            source.dirs = dirs;
            source.is_scanned = true;
        }
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
        let listed = self.files.list(dir, &mut |name, kind| {
            let may_be_file = kind != Kind::Dir && kind != Kind::Other;
            let wanted_file = may_be_file && rule.collects(place) && rule.takes_file(name);
            let may_be_dir = matches!(kind, Kind::Dir | Kind::Link);
            if wanted_file || (may_be_dir && rule.enter(place, name).is_some()) {
                candidates.push((dir.join(OsStr::from_bytes(name)), kind));
            }
        });
        if let Err(error) = listed {
            self.unreadable += dir_problem(dir, &error);
        }
        for (path, kind) in candidates {
            let name = path.file_name().unwrap_or_default().as_bytes();
            let configured = shown(&path, prefix);
            let what = match kind {
                Kind::Dir => None,
                _ => match self.files.look(&path) {
                    Ok(what) => Some(what),
                    Err(error) => {
                        // Mostly it is gone since it was listed.
                        self.unreadable += usize::from(
                            error.kind() != io::ErrorKind::NotFound
                                && error.kind() != io::ErrorKind::PermissionDenied,
                        );
                        continue;
                    }
                },
            };
            match what {
                Some(what) if what.kind == Kind::File => {
                    if rule.collects(place)
                        && rule.takes_file(name)
                        && !exclude.excludes_file(configured.as_bytes(), name)
                    {
                        found.push((path, what));
                    }
                }
                Some(what) if what.kind != Kind::Dir => {}
                _ => {
                    if let Some(next) = rule.enter(place, name)
                        && !exclude.excludes_dir(configured.as_bytes())
                    {
                        waiting.push((path, next));
                    }
                }
            }
        }
    }

    /// A file of a configuration stands at `path`.
    fn seen(&mut self, id: SourceId, path: &Path, what: &Found, now: Moment) {
        let Some(source) = self.sources.get(&id) else { return };
        let inode = (what.facts.device, what.facts.inode);
        let Some(key) = source.by_inode.get(&inode).copied() else {
            self.adopt(id, path, what, Sight::InPlace, now);
            return;
        };
        let scan = self.scans;
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let reborn =
            tail.facts.born_nanos.is_some() && tail.facts.born_nanos != what.facts.born_nanos;
        if reborn {
            // The inode of a deleted file is in use again.
            self.lost_path(key, now);
            if let Some(source) = self.sources.get_mut(&id) {
                source.by_inode.remove(&inode);
            }
            self.adopt(id, path, what, Sight::InPlace, now);
            return;
        }
        tail.seen_in = scan;
        tail.seen_seconds = now.wall_seconds();
        if tail.phase != Phase::Rewritten {
            tail.phase = Phase::Following;
        }
        if tail.at != path {
            debug!("{} is now {}", tail.at.display(), path.display());
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
        if tail.stream.position() == 0 {
            // Nothing of it was taken: whatever is there now is the content.
            tail.head = Mark::of_head(&head[..read]);
            self.unsaved = self.unsaved.max(Unsaved::Files);
        } else if tail.head.matches_head(&head[..read]) {
            tail.head = Mark::of_head(&head[..read]);
            self.unsaved = self.unsaved.max(Unsaved::Files);
        } else {
            self.restart(key, now);
        }
    }

    /// A path does not lead to its file any more: the file was renamed or deleted.
    fn lost_path(&mut self, key: FileKey, now: Moment) {
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
        for key in gone {
            let Some(tail) = self.tails.get_mut(&key) else { continue };
            let Phase::Gone { since } = tail.phase else { continue };
            let Some(found) = tail.handle.as_ref().and_then(|it| self.files.look_at(it).ok())
            else {
                continue;
            };
            let stays = if found.links == 0 { DELETED_STAYS } else { RENAMED_STAYS };
            let quiet = now.clock.saturating_duration_since(tail.grown_at.max(since));
            let is_over = quiet >= stays && tail.is_settled() && tail.rest.is_none();
            let has_news = found.facts.size_bytes != tail.stream.position();
            if is_over && !has_news {
                info!("{} is over at byte {}", tail.at.display(), tail.stream.position());
                let entry = (found.links > 0).then(|| self.tails.get(&key)).flatten();
                if let Some(entry) = entry.and_then(|tail| self.entry(tail)) {
                    self.restored.put(entry);
                }
                self.remove(key);
            } else if has_news || tail.rest.is_some() || !tail.is_caught_up {
                self.make_ready(key);
            }
        }
    }

    /// Begins to follow a file.
    fn adopt(
        &mut self,
        id: SourceId,
        path: &Path,
        what: &Found,
        sight: Sight<'_>,
        now: Moment,
    ) -> Option<FileKey> {
        let inode = (what.facts.device, what.facts.inode);
        let dormant = self.sources.get(&id)?.dormant.get(&inode);
        if dormant == Some(&(what.facts.size_bytes, what.facts.modified_nanos))
            && !self.sources.get(&id)?.plan.tail_existing
        {
            return None;
        }
        let handle = match self.files.open(path) {
            Ok(handle) => handle,
            Err(error) => return self.cannot_open(path, &error),
        };
        // The name may lead elsewhere by now; what was opened counts.
        let facts = match self.files.look_at(&handle) {
            Ok(found) => found.facts,
            Err(error) => return self.cannot_open(path, &error),
        };
        let inode = (facts.device, facts.inode);
        if self.sources.get(&id)?.by_inode.contains_key(&inode) {
            return None;
        }
        let mut head = [0; HEAD_BYTES];
        let head_len = match read_full(&mut self.files, &handle, &mut head, 0) {
            Ok(read) => read,
            Err(error) => return self.cannot_open(path, &error),
        };
        let head = &head[..head_len];
        let begin = match self.claim(id, &facts) {
            Some(entry) => match self.resume(&entry, &handle, &facts, head) {
                Ok(begin) => begin,
                Err(error) => {
                    self.restored.put(entry);
                    return self.cannot_open(path, &error);
                }
            },
            None if matches!(sight, Sight::RenamedFrom(..)) => Begin::at_start(0),
            None => self.first_sight(id, path, &handle, &facts)?,
        };
        let source = self.sources.get_mut(&id)?;
        let written_at = match sight {
            Sight::InPlace => path,
            Sight::RenamedFrom(from) => from,
        };
        let shown = begin.shown.unwrap_or_else(|| shown(written_at, &self.setup.path_prefix));
        let beginning = first_line(head);
        let is_named = begin.id.is_some() || beginning.is_some();
        let file = begin.id.unwrap_or_else(|| {
            let scope = scope(&self.setup.labels, &source.plan.name);
            FileId::derive(&scope, &facts, begin.generation, beginning.unwrap_or_default())
        });
        let labels =
            FileLabels::new(&self.setup.labels, &source.plan.topic, &shown, pack_prefix(file));
        let lane = self.lane_of(id, &placed(&shown, &self.setup.path_prefix));
        let key = self.new_id();
        debug!("following {} from byte {}", path.display(), begin.position);
        let point = SafePoint { anchor: begin.anchor.mark(), unfinished: begin.unfinished };
        let tail = Tail {
            source: id,
            lane,
            handle: Some(handle),
            at: path.to_owned(),
            shown,
            facts,
            head: Mark::of_head(head),
            id: file,
            is_named,
            generation: begin.generation,
            stream: FileStream::new(labels, begin.position, begin.unfinished),
            anchor: begin.anchor,
            acks: AckTracker::new(begin.position, point),
            phase: Phase::Following,
            is_queued: false,
            is_caught_up: false,
            failing: None,
            rest: None,
            grown_at: now.clock,
            charged: 0,
            seen_bytes: facts.size_bytes,
            skipped: begin.skipped,
            lost: None,
            seen_in: self.scans,
            seen_seconds: now.wall_seconds(),
        };
        self.tails.insert(key, tail);
        self.sources.get_mut(&id)?.by_inode.insert(inode, key);
        let place = match sight {
            Sight::InPlace => None,
            Sight::RenamedFrom(_) => self.place_by_birth(lane, &facts),
        };
        let lane = self.lanes.get_mut(&lane)?;
        lane.files += 1;
        lane.waiting.insert(place.unwrap_or(lane.waiting.len()), key);
        // Whoever is being read looks once more for its end, and then lets the next one go.
        let first = lane.waiting.front().copied();
        self.setup.metrics.files.set(self.tails.len() as u64);
        self.unsaved = self.unsaved.max(Unsaved::Files);
        self.last_growth = now.clock;
        self.make_ready(key);
        if let Some(first) = first {
            self.make_ready(first);
        }
        Some(key)
    }

    /// Where a file that was renamed before we saw it belongs among those of its path: in front of
    /// the first younger one. The one that has the path now is younger, also by the same tick of
    /// the clock.
    fn place_by_birth(&self, lane: LaneId, facts: &FileFacts) -> Option<usize> {
        self.lanes.get(&lane)?.waiting.iter().position(|key| {
            self.tails.get(key).is_some_and(|other| {
                let has_path = other.phase == Phase::Following;
                other.facts.born_nanos > facts.born_nanos
                    || (other.facts.born_nanos == facts.born_nanos && has_path)
            })
        })
    }

    fn lane_of(&mut self, id: SourceId, path: &Path) -> LaneId {
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

    fn claim(&mut self, id: SourceId, facts: &FileFacts) -> Option<Entry> {
        let source = self.sources.get(&id)?;
        let claim = Claim {
            config: &source.plan.name,
            project: &source.destination.project,
            logstore: &source.destination.logstore,
            running: &self.running,
        };
        self.restored.take(claim, facts)
    }

    /// A file that cannot be followed now; the next scan tries again.
    fn cannot_open(&mut self, path: &Path, error: &io::Error) -> Option<FileKey> {
        let name = match error.kind() {
            io::ErrorKind::NotFound => return None,
            io::ErrorKind::PermissionDenied => "LOGFILE_PERMINSSION_ALARM",
            _ => {
                self.unreadable += 1;
                match error.raw_os_error() {
                    Some(TOO_MANY_OPEN | TOO_MANY_IN_SYSTEM) => "OPEN_FILE_LIMIT_ALARM",
                    _ => "OPEN_LOGFILE_FAIL_ALARM",
                }
            }
        };
        file_alarm(name, path, error);
        None
    }

    /// Goes on with a file that is known from before.
    ///
    /// # Errors
    /// When the file cannot be read, so that nothing is known about it.
    fn resume(
        &mut self,
        entry: &Entry,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
    ) -> io::Result<Begin> {
        let known = entry.known();
        let anchor_len = entry.offset.min(ANCHOR_BYTES as u64) as usize;
        let mut before = [0; ANCHOR_BYTES];
        let before = &mut before[..anchor_len];
        let read = read_full(&mut self.files, handle, before, entry.offset - anchor_len as u64)?;
        let before = &before[..read];
        let evidence = Evidence { head: Some(head), before: Some(before) };
        let verdict = judge(&known, facts, evidence);
        debug!("{} was at byte {}: {verdict:?}", entry.at.display(), entry.offset);
        Ok(match verdict {
            Verdict::Same => Begin {
                position: entry.offset,
                anchor: Anchor::of(before),
                generation: entry.generation,
                id: (entry.file != UNNAMED).then_some(entry.file),
                unfinished: if entry.unfinished { Unfinished::Yes } else { Unfinished::No },
                shown: Some(entry.path.clone()),
                skipped: 0,
            },
            Verdict::Truncated | Verdict::Rewritten => {
                self.setup.metrics.truncations.add(1);
                alarm(
                    "LOG_TRUNCATE_ALARM",
                    &entry.at.to_string_lossy(),
                    format_args!(
                        "truncated or rewritten while the agent was away; reading from the start"
                    ),
                );
                Begin::at_start(entry.generation + 1)
            }
            Verdict::Replaced => Begin::at_start(0),
        })
    }

    /// Where to begin with a file nobody knows (`agent` 4.3): at its start when it is as young as
    /// the pod, else near its end, and only once it changes.
    fn first_sight(
        &mut self,
        id: SourceId,
        path: &Path,
        handle: &F::Handle,
        facts: &FileFacts,
    ) -> Option<Begin> {
        let source = self.sources.get_mut(&id)?;
        let youngest = facts.modified_nanos.max(facts.born_nanos.unwrap_or(0));
        let is_young = youngest >= self.setup.read_whole_after_nanos;
        let inode = (facts.device, facts.inode);
        let dormant = source.dormant.remove(&inode);
        let was_dormant = dormant.is_some();
        let is_new = source.is_scanned || is_young && source.plan.tail_bytes.is_none();
        if is_new && !was_dormant {
            return Some(Begin::at_start(0));
        }
        if !is_young && !was_dormant && !source.plan.tail_existing {
            source.dormant.insert(inode, (facts.size_bytes, facts.modified_nanos));
            return None;
        }
        let tail = source.plan.tail_bytes.unwrap_or(TAIL_BYTES);
        // What came since it was found is new, however much it is.
        let known_bytes = dormant.map_or(u64::MAX, |(size, _)| size);
        let begin = match facts.size_bytes.saturating_sub(tail).min(known_bytes) {
            0 => return Some(Begin::at_start(0)),
            begin => begin,
        };
        // One byte earlier, so that a line which starts exactly there is found.
        let window = &mut self.buffer[..LINE_START_WITHIN];
        let read = read_full(&mut self.files, handle, window, begin - 1).ok()?;
        let newline = window[..read].iter().position(|byte| *byte == b'\n');
        let skip = newline.map_or(1, |at| at + 1);
        let position = begin - 1 + skip as u64;
        self.setup.metrics.skipped_bytes.add(position);
        alarm(
            "SKIP_READ_LOG_ALARM",
            &path.to_string_lossy(),
            format_args!("the first {position} bytes of an old file are not read"),
        );
        let anchor = Anchor::of(&self.buffer[..skip]);
        Some(Begin { position, anchor, skipped: position, ..Begin::at_start(0) })
    }

    /// Finds files that were followed before and have been renamed since, so that what was not
    /// read of them comes before what their successors have.
    pub(super) fn recover(&mut self, id: SourceId, now: Moment) {
        let Some(source) = self.sources.get(&id) else { return };
        let claim = Claim {
            config: &source.plan.name,
            project: &source.destination.project,
            logstore: &source.destination.logstore,
            running: &self.running,
        };
        // Also those of a configuration that has this name now.
        let entries = self.restored.of_claim(claim, |path| source.plan.discover.takes_path(path));
        for entry in &entries {
            match self.files.look(&entry.at) {
                Ok(found) if entry.may_be(&found.facts) => {
                    // What was read to its end is found by the scan, or over.
                    if found.facts.size_bytes != entry.offset {
                        self.adopt(id, &entry.at, &found, Sight::InPlace, now);
                    }
                }
                _ => {
                    if let Some((path, found)) = self.find_inode(entry) {
                        info!("{} was renamed to {}", entry.at.display(), path.display());
                        self.adopt(id, &path, &found, Sight::InPlace, now);
                    }
                }
            }
        }
        let paths: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        for path in paths {
            self.recover_unseen(id, path, &entries, now);
        }
    }

    /// Finds files that were begun and renamed while nobody looked: beside a path whose file is
    /// another one now, under a name that begins with its name, and younger than the last file
    /// known there.
    fn recover_unseen(&mut self, id: SourceId, path: &str, entries: &[Entry], now: Moment) {
        let path = placed(path, &self.setup.path_prefix);
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return };
        let known_inodes: HashSet<u64> = entries.iter().map(|entry| entry.inode).collect();
        let current = self.files.look(&path).ok().map(|found| found.facts);
        if current.is_some_and(|facts| known_inodes.contains(&facts.inode)) {
            return;
        }
        let of_path = |entry: &&Entry| placed(&entry.path, &self.setup.path_prefix) == path;
        let Some(last_born) = entries.iter().filter(of_path).filter_map(|entry| entry.born).max()
        else {
            return;
        };
        let mut unseen: Vec<(PathBuf, Found)> = Vec::new();
        for (found_at, found) in self.files_in(dir) {
            let is_rotated = found_at.file_name().is_some_and(|other| {
                other != name && other.as_bytes().starts_with(name.as_bytes())
            });
            let born = found.facts.born_nanos.filter(|born| *born > last_born);
            if is_rotated && born.is_some() && !known_inodes.contains(&found.facts.inode) {
                unseen.push((found_at, found));
            }
        }
        // Clocks of file systems tick slowly; files of one tick were most likely numbered in turn.
        unseen.sort_by_key(|(_, found)| {
            (found.facts.born_nanos, found.facts.modified_nanos, found.facts.inode)
        });
        for (found_at, found) in unseen {
            info!("{} was begun and renamed unseen", found_at.display());
            if let Some(key) = self.adopt(id, &found_at, &found, Sight::RenamedFrom(&path), now) {
                self.lost_path(key, now);
            }
        }
    }

    fn find_inode(&mut self, entry: &Entry) -> Option<(PathBuf, Found)> {
        let dir = entry.at.parent()?;
        self.files_in(dir).into_iter().find(|(_, found)| entry.may_be(&found.facts))
    }

    /// The files of a directory, archives left out.
    fn files_in(&mut self, dir: &Path) -> Vec<(PathBuf, Found)> {
        let mut paths = Vec::new();
        // What cannot be listed has nothing to be found in.
        let _ = self.files.list(dir, &mut |name, kind| {
            if kind == Kind::File && !pipeline::discover::is_archive(name) {
                paths.push(dir.join(OsStr::from_bytes(name)));
            }
        });
        paths
            .into_iter()
            .filter_map(|path| {
                let found = self.files.look(&path).ok()?;
                (found.kind == Kind::File).then_some((path, found))
            })
            .collect()
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
                    if let Some(tail) = self.tails.get_mut(&key) {
                        tail.at = to.to_owned();
                        self.unsaved = self.unsaved.max(Unsaved::Positions);
                    }
                    self.lost_path(key, now);
                }
                // Created and renamed before we had a look at it.
                None if took_old && !takes_new => {
                    let sight = Sight::RenamedFrom(from);
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

/// Says what is wrong with a directory; gives 1 when something in it may wait to be read.
fn dir_problem(dir: &Path, error: &io::Error) -> usize {
    match error.kind() {
        // The application has not made it yet.
        io::ErrorKind::NotFound => return 0,
        io::ErrorKind::PermissionDenied => {
            file_alarm("LOGDIR_PERMINSSION_ALARM", dir, error);
            return 0;
        }
        _ => file_alarm("LOGDIR_FAIL_ALARM", dir, error),
    }
    1
}
