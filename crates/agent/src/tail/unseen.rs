//! Files that were begun and renamed while nobody looked.
//!
//! They stand beside the path they were written at, under a name that rotation gives; they are
//! younger than the last file known to have had that path and no younger than the one that has
//! it now. They come between the two.

use super::adopt::Sight;
use super::file::First;
use super::rotation::is_rotation;
use super::source::placed;
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId};
use crate::checkpoint::{Entry, Ranked};
use crate::files::{Files, Found, Shown};
use crate::info;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Looks at a directory for the same files at most: names may move meanwhile.
const LOOKS: usize = 3;

/// When a file was born that nobody knows.
struct Births {
    /// Birth of the last file known to have had the path.
    last: u64,
    /// The one that has it now, and its birth.
    next: Option<(FileKey, u64)>,
}

impl Births {
    fn take(&self, found: &Found) -> bool {
        let Some(born) = found.facts.born_nanos else { return false };
        // Clocks of file systems tick slowly. What was written before the last one was begun is
        // older than that.
        let is_after = born > self.last || (born == self.last && found.facts.modified_nanos > born);
        is_after && self.next.is_none_or(|(_, next)| born <= next)
    }

    /// Whether a file is as old as one of them, and may be a copy of it.
    fn is_on_edge(&self, found: &Found) -> bool {
        let born = found.facts.born_nanos;
        born == Some(self.last) || born == self.next.map(|(_, born)| born)
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Finds what was begun and renamed since the last run, beside a path whose file is another one
    /// now.
    pub(super) fn recover_unseen(
        &mut self,
        id: SourceId,
        path: &Path,
        entries: &[Ranked],
        now: Moment,
    ) {
        let path = placed(path, &self.setup.path_prefix);
        match self.files.look(&path) {
            // Who has the path looks beside it when it is read.
            Ok(found)
                if entries.iter().any(|known| known.entry.may_be(&found.facts))
                    || self.is_followed(id, &found) =>
            {
                return;
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It may be the one that is known, and what is beside it a copy.
                self.unreadable += 1;
                return;
            }
            _ => {}
        }
        let of_path = |known: &&Ranked| placed(&known.entry.path, &self.setup.path_prefix) == path;
        let last = entries.iter().filter(of_path).filter_map(|known| known.entry.born).max();
        if let Some(last) = last {
            self.adopt_unseen(id, &path, &Births { last, next: None }, now);
        }
    }

    /// Before the first byte of a content is read: sees to it that what came before it is found,
    /// also files that had its path in between and that nobody knows.
    ///
    /// # Errors
    /// When it cannot be seen whether there are any.
    pub(super) fn look_beside(&mut self, key: FileKey, now: Moment) -> io::Result<()> {
        let Some(tail) = self.tails.get(&key) else { return Ok(()) };
        let Some(source) = self.sources.get(&tail.source) else { return Ok(()) };
        let Some(born) = tail.facts.born_nanos else { return Ok(()) };
        let is_mine = |entry: &&Entry| {
            entry.path == tail.shown
                && (entry.config == source.plan.name || !self.running.contains(&entry.config))
        };
        let recorded = self.restored.all().filter(is_mine);
        if !source.is_recovered && recorded.clone().any(|entry| !entry.may_be(&tail.facts)) {
            return Err(io::Error::other("what came before it was not found so far"));
        }
        if tail.first != First::LookBeside {
            return Ok(());
        }
        let (id, path) = (tail.source, placed(&tail.shown, &self.setup.path_prefix));
        let has_path = tail.at == path;
        let before: Vec<FileKey> = match self.lanes.get(&tail.lane) {
            Some(lane) if lane.files > 1 => {
                let of_lane = self.tails.iter().filter(|(_, other)| other.lane == tail.lane);
                of_lane.map(|(other, _)| *other).filter(|other| *other != key).collect()
            }
            _ => Vec::new(),
        };
        // Those that wait behind it came after it, also when they are as old.
        let waiting = self.lanes.get(&tail.lane).map(|lane| &lane.waiting);
        let is_behind = |other: &&FileKey| waiting.is_some_and(|it| it.contains(*other));
        let births = before.iter().filter(|other| !is_behind(other));
        let births = births.filter_map(|other| self.tails.get(other)?.begun_nanos);
        let recorded = recorded.filter_map(|entry| entry.born);
        let last = births.chain(recorded).filter(|before| *before <= born).max();
        let Some(last) = last else { return Ok(()) };
        // What had the path has it no more.
        for other in before {
            if has_path && self.tails.get(&other).is_some_and(|it| it.at == path) {
                self.lost_path(other, now);
            }
        }
        let unreadable = self.unreadable;
        self.adopt_unseen(id, &path, &Births { last, next: Some((key, born)) }, now);
        match self.unreadable > unreadable {
            true => Err(io::Error::other("what came before it cannot be read")),
            false => Ok(()),
        }
    }

    fn adopt_unseen(&mut self, id: SourceId, path: &Path, births: &Births, now: Moment) {
        for look in 0..LOOKS {
            let unseen = self.unseen(id, path, births);
            if unseen.is_empty() && look > 0 {
                return;
            }
            for (found_at, found) in unseen {
                let sight = match births.is_on_edge(&found) {
                    true => Sight::Beside(path, births.next.map(|(key, _)| key)),
                    false => Sight::RenamedFrom(path, births.next.map(|(key, _)| key)),
                };
                if let Some(key) = self.adopt(id, &found_at, &found, sight, now) {
                    info!("{} was begun and renamed unseen", Shown::of(&found_at));
                    self.lost_path(key, now);
                }
            }
        }
    }

    fn unseen(&mut self, id: SourceId, path: &Path, births: &Births) -> Vec<(PathBuf, Found)> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
        let mut unseen = self.files_in(dir, |other| is_rotation(name.as_bytes(), other));
        unseen.retain(|(found_at, found)| {
            births.take(found)
                && self.may_be_of(id, path, found_at)
                && !self.is_followed(id, found)
                && !self.restored.all().any(|entry| entry.may_be(&found.facts))
        });
        // Files of one tick were most likely numbered in turn.
        unseen.sort_by_key(|(_, found)| {
            (found.facts.born_nanos, found.facts.modified_nanos, found.facts.inode)
        });
        unseen
    }

    fn is_followed(&self, id: SourceId, found: &Found) -> bool {
        let inode = (found.facts.device, found.facts.inode);
        let key = self.sources.get(&id).and_then(|source| source.by_inode.get(&inode));
        key.and_then(|key| self.tails.get(key)).is_some_and(|tail| {
            tail.phase != Phase::Rewritten && tail.facts.born_nanos == found.facts.born_nanos
        })
    }
}
