//! Contents that are over, and whose files are still there under another name: who wrote to them may
//! go on at any time.
//!
//! Such a file is closed, and remembered with its position. Each scan looks at its size where it was
//! last; a directory is listed only when names in it have changed. What grows is followed again.

use super::adopt::{Begin, Opened, Sight};
use super::resume::Looked;
use super::source::{Source, placed};
use super::{Collector, Moment, Ship, SourceId};
use crate::checkpoint::Entry;
use crate::files::{Files, Found, Shown, read_full};
use crate::info;
use pipeline::identity::{HEAD_BYTES, Verdict};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// The directories of files that are over.
#[derive(Debug, Default)]
pub(super) struct OverDirs(HashMap<PathBuf, OverDir>);

#[derive(Debug)]
struct OverDir {
    /// When a name in it was last changed.
    changed_nanos: u64,
    /// The ranks of those entries whose files were there then.
    there: Vec<i64>,
}

impl OverDirs {
    /// Another file is over: all are looked for again.
    pub(super) fn look_again(&mut self) {
        self.0.clear();
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Goes on with what was written to files that are over, under names that the configuration does
    /// not take. Those that it takes are found where they are.
    pub(super) fn look_at_the_over(&mut self, id: SourceId, now: Moment) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        let mut known = std::mem::take(&mut source.over);
        let Some(source) = self.sources.get(&id) else { return };
        let mut dirs: BTreeMap<PathBuf, Vec<i64>> = BTreeMap::new();
        for ranked in self.restored.ranked() {
            let entry = &ranked.entry;
            if entry.config != source.plan.name {
                continue;
            }
            let log = placed(&entry.path, &self.setup.path_prefix);
            // Of what it selects no more nothing is read on.
            let is_selected =
                source.selects(&entry.path) || source.takes(&log, &self.setup.path_prefix);
            if is_selected && let Some(dir) = entry.at.parent() {
                match dirs.get_mut(dir) {
                    Some(ranks) => ranks.push(ranked.rank),
                    None => drop(dirs.insert(dir.to_owned(), vec![ranked.rank])),
                }
            }
        }
        known.0.retain(|dir, _| dirs.contains_key(dir));
        for (dir, ranks) in dirs {
            let Ok(Found { facts, .. }) = self.files.look(&dir) else {
                known.0.remove(&dir);
                continue;
            };
            let changed_nanos = facts.modified_nanos;
            let before = known.0.remove(&dir).filter(|it| it.changed_nanos == changed_nanos);
            let there = match before {
                Some(before) => before.there,
                None => self.find_the_over(&dir, &ranks),
            };
            let mut left = Vec::with_capacity(there.len());
            let mut has_moved = false;
            for rank in there {
                match self.look_at_over(id, rank, now) {
                    Ok(true) => left.push(rank),
                    Ok(false) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => has_moved = true,
                    Err(_) => left.push(rank),
                }
            }
            if !has_moved {
                known.0.insert(dir, OverDir { changed_nanos, there: left });
            }
        }
        if let Some(source) = self.sources.get_mut(&id) {
            source.over = known;
        }
    }

    /// Finds the files of entries in their directory, whatever they are called now.
    fn find_the_over(&mut self, dir: &Path, ranks: &[i64]) -> Vec<i64> {
        let files = self.files_in(dir, |_| true);
        let mut there = Vec::new();
        for rank in ranks {
            let Some(entry) = self.entry_of(*rank) else { continue };
            if let Some((path, _)) = files.iter().find(|(_, it)| entry.may_be(&it.facts)) {
                self.restored.move_to(*rank, path);
                there.push(*rank);
            }
        }
        there
    }

    fn entry_of(&self, rank: i64) -> Option<&Entry> {
        self.restored.get(rank).map(|it| &it.entry)
    }

    /// Looks at one file; gives whether it is to be looked at again.
    ///
    /// # Errors
    /// When it cannot be looked at, or is not where it was.
    fn look_at_over(&mut self, id: SourceId, rank: i64, now: Moment) -> io::Result<bool> {
        let Some(entry) = self.entry_of(rank) else { return Ok(false) };
        let at = entry.at.clone();
        let found = self.files.look(&at)?;
        let Some(entry) = self.entry_of(rank) else { return Ok(false) };
        if !entry.may_be(&found.facts) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let has_grown = found.facts.size_bytes > entry.offset;
        self.restored.see(rank, now.wall_seconds());
        let inode = (found.facts.device, found.facts.inode);
        let prefix = &self.setup.path_prefix;
        let is_found_anyway =
            |source: &Source| source.by_inode.contains_key(&inode) || source.takes(&at, prefix);
        if !has_grown || self.sources.get(&id).is_none_or(is_found_anyway) {
            return Ok(true);
        }
        let handle = self.open_making_room(&at)?;
        let facts = self.files.look_at(&handle)?.facts;
        let mut head = [0; HEAD_BYTES];
        let head_len = read_full(&mut self.files, &handle, &mut head, 0)?;
        let head = &head[..head_len];
        let Some(known) = self.restored.get(rank).cloned() else { return Ok(false) };
        let looked = Looked { path: &at, handle: &handle, facts: &facts, head };
        let (Verdict::Same, anchor) = self.verdict(&known.entry, &looked)? else {
            // Something else was written into it, most likely another copy.
            return Ok(false);
        };
        info!("{} is written to again, from byte {} on", Shown::of(&at), known.entry.offset);
        self.restored.remove(rank);
        let begin = Begin::from_entry(&known, anchor);
        let opened = Opened { handle, facts, head };
        let key = self.follow(id, &at, opened, begin, Sight::Resumed, now);
        self.lost_path(key, now);
        Ok(false)
    }
}
