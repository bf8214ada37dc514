//! Goes on with what the last run knew: the position of a file, under whatever name it has now, or
//! in the copy that was made of it.

use super::adopt::{Begin, Opened, Sight};
use super::copy::Sought;
use super::file::Anchor;
use super::source::placed;
use super::{Collector, Moment, Ship, SourceId};
use crate::checkpoint::{Claim, Entry};
use crate::files::{Files, Found, Kind, read_full};
use crate::log::alarm;
use crate::{debug, info};
use pipeline::identity::{ANCHOR_BYTES, Evidence, FileFacts, Verdict, judge};
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

impl<F: Files, S: Ship> Collector<F, S> {
    pub(super) fn claim(&mut self, id: SourceId, facts: &FileFacts) -> Option<Entry> {
        let source = self.sources.get(&id)?;
        let claim = Claim {
            config: &source.plan.name,
            project: &source.plan.project,
            logstore: &source.plan.logstore,
            running: &self.running,
        };
        self.restored.take(claim, facts)
    }

    /// Goes on with the content that a file is known to have, or else begins with another one of
    /// it, and gives the entry that says so; `None` when nobody knows the file.
    ///
    /// # Errors
    /// When the file cannot be read, so that nothing is known about it.
    pub(super) fn resume_claimed(
        &mut self,
        id: SourceId,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
        now: Moment,
    ) -> io::Result<Option<(Begin, Entry)>> {
        // Several contents may have been in the file, or in its inode; one may be there still.
        let mut claimed: Vec<Entry> = Vec::new();
        while let Some(entry) = self.claim(id, facts) {
            claimed.push(entry);
        }
        let mut same = None;
        for entry in &claimed {
            match self.verdict(entry, handle, facts, head) {
                Ok((Verdict::Same, anchor)) => {
                    same = Some((Begin::from_entry(entry, anchor), entry.clone()));
                    break;
                }
                Ok(_) => {}
                Err(error) => {
                    claimed.into_iter().for_each(|entry| self.restored.put(entry));
                    return Err(error);
                }
            }
        }
        let latest = claimed.iter().max_by_key(|entry| entry.generation);
        let Some(first) = latest else { return Ok(None) };
        if let Some(same) = same {
            return Ok(Some(same));
        }
        match self.resume(id, first, handle, facts, head, now) {
            Ok(begin) => Ok(Some((begin, first.clone()))),
            Err(error) => {
                claimed.into_iter().for_each(|entry| self.restored.put(entry));
                Err(error)
            }
        }
    }

    /// Whether a file still has the content of an entry, and what stands in front of its position.
    pub(super) fn verdict(
        &mut self,
        entry: &Entry,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
    ) -> io::Result<(Verdict, Anchor)> {
        let anchor_len = entry.offset.min(ANCHOR_BYTES as u64) as usize;
        let mut before = [0; ANCHOR_BYTES];
        let before = &mut before[..anchor_len];
        let read = read_full(&mut self.files, handle, before, entry.offset - anchor_len as u64)?;
        let before = &before[..read];
        let evidence = Evidence { head: Some(head), before: Some(before) };
        let verdict = judge(&entry.known(), facts, evidence);
        debug!("{} was at byte {}: {verdict:?}", entry.at.display(), entry.offset);
        Ok((verdict, Anchor::of(before)))
    }

    /// Goes on with a file that is known from before.
    ///
    /// # Errors
    /// When the file cannot be read, so that nothing is known about it.
    pub(super) fn resume(
        &mut self,
        id: SourceId,
        entry: &Entry,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
        now: Moment,
    ) -> io::Result<Begin> {
        let (verdict, anchor) = self.verdict(entry, handle, facts, head)?;
        Ok(match verdict {
            Verdict::Same => Begin::from_entry(entry, anchor),
            Verdict::Truncated | Verdict::Rewritten => {
                self.setup.metrics.truncations.add(1);
                if self.resume_in_copy(id, entry, now)? {
                    return Ok(Begin::at_start(entry.generation + 1));
                }
                let lost = entry.size.saturating_sub(entry.offset);
                self.setup.metrics.lost_possible_bytes.add(lost);
                alarm(
                    "LOG_TRUNCATE_ALARM",
                    &entry.at.to_string_lossy(),
                    format_args!(
                        "generation {} was truncated or rewritten while the agent was away: bytes \
                         {}-{}, and what was written behind them since, may be lost; reading from \
                         the start",
                        entry.generation,
                        entry.offset,
                        entry.offset + lost,
                    ),
                );
                Begin::at_start(entry.generation + 1)
            }
            Verdict::Replaced => Begin::at_start(0),
        })
    }

    /// Goes on with a content that has lost its file to another one, in a copy of it. Gives whether
    /// there is one.
    ///
    /// # Errors
    /// When it cannot be known.
    pub(super) fn resume_in_copy(
        &mut self,
        id: SourceId,
        entry: &Entry,
        now: Moment,
    ) -> io::Result<bool> {
        let path = placed(&entry.path, &self.setup.path_prefix);
        let Some(sought) = Sought::of_entry(entry, path) else { return Ok(false) };
        let before = self.unreadable;
        let Some(copy) = self.find_copy(id, &sought) else {
            return match self.unreadable > before {
                true => Err(io::Error::other("a copy of it may be in what cannot be read")),
                false => Ok(false),
            };
        };
        if !self.is_free(id, &copy) {
            return Ok(false);
        }
        let begin = Begin::from_entry(entry, copy.anchor);
        let opened = Opened {
            handle: copy.handle,
            facts: copy.found.facts,
            head: &copy.head[..copy.head_len],
        };
        let key = self.follow(id, &copy.path, opened, begin, Sight::InPlace, now);
        self.lost_path(key, now);
        Ok(true)
    }

    /// Finds files that were followed before and have been renamed since, so that what was not
    /// read of them comes before what their successors have.
    pub(super) fn recover(&mut self, id: SourceId, now: Moment) {
        let Some(source) = self.sources.get(&id) else { return };
        let claim = Claim {
            config: &source.plan.name,
            project: &source.plan.project,
            logstore: &source.plan.logstore,
            running: &self.running,
        };
        // Also those of a configuration that has this name now.
        let entries = self.restored.of_claim(claim, |path| source.plan.discover.takes_path(path));
        for entry in &entries {
            match self.files.look(&entry.at) {
                Ok(found) if entry.may_be(&found.facts) => {
                    // What was read to its end is found by the scan, or over.
                    let is_over = found.facts.size_bytes == entry.offset
                        && !self
                            .sources
                            .get(&id)
                            .is_some_and(|source| source.plan.discover.takes_path(&entry.path));
                    if !is_over {
                        self.adopt(id, &entry.at, &found, Sight::InPlace, now);
                    }
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => self.unreadable += 1,
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
        let looked = self.files.look(&path);
        // What was found before has no entry any more.
        let is_followed = |found: &Found| {
            let inode = (found.facts.device, found.facts.inode);
            self.sources.get(&id).is_some_and(|source| source.by_inode.contains_key(&inode))
        };
        match looked {
            Ok(found) if known_inodes.contains(&found.facts.inode) || is_followed(&found) => return,
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It may be the one that is known, and what is beside it a copy.
                self.unreadable += 1;
                return;
            }
            _ => {}
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
    pub(super) fn files_in(&mut self, dir: &Path) -> Vec<(PathBuf, Found)> {
        let mut paths = Vec::new();
        let listed = self.files.list(dir, &mut |name, kind| {
            if kind == Kind::File && !pipeline::discover::is_archive(name) {
                paths.push(dir.join(OsStr::from_bytes(name)));
            }
        });
        if let Err(error) = listed {
            self.unreadable += usize::from(error.kind() != io::ErrorKind::NotFound);
        }
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            match self.files.look(&path) {
                Ok(found) if found.kind == Kind::File => files.push((path, found)),
                Ok(_) => {}
                Err(error) => {
                    self.unreadable += usize::from(error.kind() != io::ErrorKind::NotFound);
                }
            }
        }
        files
    }
}
