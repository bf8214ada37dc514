//! Goes on with what the last run knew: the position of a file, under whatever name it has now, or
//! in the copy that was made of it.

use super::adopt::{Begin, Opened, Sight};
use super::copy::Sought;
use super::file::Anchor;
use super::source::{bytes, placed};
use super::{Collector, Moment, Ship, SourceId};
use crate::checkpoint::{Entry, Ranked};
use crate::files::{Files, Found, Kind, Shown, escaped, is_packed, read_full};
use crate::log::alarm;
use crate::{debug, info};
use pipeline::identity::{ANCHOR_BYTES, Evidence, FileFacts, Verdict, judge};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file that was just opened, and of which nobody says yet what it is.
pub(super) struct Looked<'a, H> {
    pub(super) path: &'a Path,
    pub(super) handle: &'a H,
    pub(super) facts: &'a FileFacts,
    pub(super) head: &'a [u8],
}

impl<F: Files, S: Ship> Collector<F, S> {
    fn claim(&mut self, id: SourceId, facts: &FileFacts) -> Option<Ranked> {
        let source = self.sources.get(&id)?;
        self.restored.take(source.claim(&self.running), facts)
    }

    /// Goes on with the content that a file is known to have, or else begins with another one of
    /// it, and gives the entries of the file; `None` when nobody knows it.
    ///
    /// # Errors
    /// When the file cannot be read, so that nothing is known about it.
    pub(super) fn resume_claimed(
        &mut self,
        id: SourceId,
        file: &Looked<'_, F::Handle>,
        now: Moment,
    ) -> io::Result<Option<(Begin, Vec<Ranked>)>> {
        // Several contents may have been in the file, or in its inode; one may be there still.
        let mut claimed: Vec<Ranked> = Vec::new();
        while let Some(known) = self.claim(id, file.facts) {
            claimed.push(known);
        }
        match self.begin_of_claimed(id, &claimed, file, now) {
            Ok(Some((begin, rank))) => {
                // What was taken away from the file before it had this may be in a copy.
                let judged = claimed.iter().find(|known| known.rank == rank).cloned();
                let (away, claimed) = claimed.into_iter().partition(|known| {
                    judged.as_ref().is_some_and(|judged| {
                        judged.entry.path == known.entry.path
                            && judged.entry.generation > known.entry.generation
                    })
                });
                self.restored.put_back(away);
                Ok(Some((begin, claimed)))
            }
            Ok(None) => Ok(None),
            Err(error) => {
                self.restored.put_back(claimed);
                Err(error)
            }
        }
    }

    /// Whether the file of a content has a later one now.
    pub(super) fn is_taken_away(&self, id: SourceId, entry: &Entry) -> bool {
        let source = self.sources.get(&id);
        let key = source.and_then(|source| source.by_inode.get(&(entry.device, entry.inode)));
        key.and_then(|key| self.tails.get(key)).is_some_and(|tail| {
            entry.may_be(&tail.facts)
                && tail.shown == entry.path
                && tail.generation > entry.generation
        })
    }

    /// Where to begin, and the rank of the entry that says so.
    fn begin_of_claimed(
        &mut self,
        id: SourceId,
        claimed: &[Ranked],
        file: &Looked<'_, F::Handle>,
        now: Moment,
    ) -> io::Result<Option<(Begin, i64)>> {
        for known in claimed {
            if let (Verdict::Same, anchor) = self.verdict(&known.entry, file)? {
                return Ok(Some((Begin::from_entry(known, anchor), known.rank)));
            }
        }
        let latest = claimed.iter().max_by_key(|known| known.entry.generation);
        let Some(known) = latest else { return Ok(None) };
        let begin = self.resume(id, known, file, now)?;
        Ok(Some((begin, known.rank)))
    }

    /// Whether a file still has the content of an entry, and what stands in front of its position.
    pub(super) fn verdict(
        &mut self,
        entry: &Entry,
        file: &Looked<'_, F::Handle>,
    ) -> io::Result<(Verdict, Anchor)> {
        let Looked { handle, facts, head, .. } = *file;
        let anchor_len = entry.offset.min(ANCHOR_BYTES as u64) as usize;
        let mut before = [0; ANCHOR_BYTES];
        let before = &mut before[..anchor_len];
        let read = read_full(&mut self.files, handle, before, entry.offset - anchor_len as u64)?;
        let before = &before[..read];
        let evidence = Evidence { head: Some(head), before: Some(before) };
        let verdict = judge(&entry.known(), facts, evidence);
        debug!("{} was at byte {}: {verdict:?}", Shown::of(&entry.at), entry.offset);
        Ok((verdict, Anchor::of(before)))
    }

    /// Goes on with a file that is known from before.
    ///
    /// # Errors
    /// When the file cannot be read, so that nothing is known about it.
    fn resume(
        &mut self,
        id: SourceId,
        known: &Ranked,
        file: &Looked<'_, F::Handle>,
        now: Moment,
    ) -> io::Result<Begin> {
        let entry = &known.entry;
        let (verdict, anchor) = self.verdict(entry, file)?;
        Ok(match verdict {
            Verdict::Same => Begin::from_entry(known, anchor),
            Verdict::Truncated | Verdict::Rewritten => {
                self.setup.metrics.truncations.add(1);
                if !self.resume_in_copy(id, known, now)? {
                    self.note_lost_entry(entry);
                }
                let begin = Begin::at_start(entry.generation + 1);
                let was_at_its_path = entry.at == placed(&entry.path, &self.setup.path_prefix);
                match file.path != entry.at && was_at_its_path {
                    // Renamed since: it was written where the one before it was.
                    true => {
                        Begin { shown: Some(entry.path.clone()), rank: Some(known.rank), ..begin }
                    }
                    false => begin,
                }
            }
            Verdict::Replaced => Begin::at_start(0),
        })
    }

    /// Says what may be lost of a content that was taken away while the agent was away.
    fn note_lost_entry(&mut self, entry: &Entry) {
        let lost = entry.size.saturating_sub(entry.offset);
        self.setup.metrics.lost_possible_bytes.add(lost);
        alarm(
            "LOG_TRUNCATE_ALARM",
            &escaped(&entry.at),
            format_args!(
                "generation {} was truncated or rewritten while the agent was away: bytes {}-{}, \
                 and what was written behind them since, may be lost; reading from the start",
                entry.generation,
                entry.offset,
                entry.offset + lost,
            ),
        );
    }

    /// Goes on with a content that has lost its file to another one, in a copy of it. Gives whether
    /// there is one.
    ///
    /// # Errors
    /// When it cannot be known.
    fn resume_in_copy(&mut self, id: SourceId, known: &Ranked, now: Moment) -> io::Result<bool> {
        let entry = &known.entry;
        let path = placed(&entry.path, &self.setup.path_prefix);
        let Some(sought) = Sought::of_entry(entry, path) else { return Ok(false) };
        let before = self.unreadable;
        let Some(copy) = self.find_copy(id, &sought) else {
            return match self.unreadable > before {
                true => Err(io::Error::other("a copy of it may be in what cannot be read")),
                false => Ok(false),
            };
        };
        // What the last run knew of the file of the copy was taken away by the copy.
        for other in self.restored.forget(&copy.found.facts) {
            if other.entry.size > other.entry.offset {
                self.note_lost_entry(&other.entry);
            }
        }
        let begin = Begin::from_entry(known, copy.anchor);
        let opened = Opened {
            handle: copy.handle,
            facts: copy.found.facts,
            head: &copy.head[..copy.head_len],
        };
        let original = placed(&entry.path, &self.setup.path_prefix);
        let sight = Sight::CopyOf(&original);
        let key = self.follow(id, &copy.path, opened, begin, sight, now);
        self.lost_path(key, now);
        Ok(true)
    }

    /// Finds the files of the last run, and notes whether anything kept them from being found.
    pub(super) fn recover_all(&mut self, id: SourceId, now: Moment) {
        let before = self.unreadable;
        self.recover(id, now);
        if let Some(source) = self.sources.get_mut(&id) {
            source.is_recovered |= self.unreadable == before;
        }
    }

    /// Finds files that were followed before and have been renamed since, so that what was not
    /// read of them comes before what their successors have.
    fn recover(&mut self, id: SourceId, now: Moment) {
        let entries = self.entries_of(id);
        for known in &entries {
            let entry = &known.entry;
            let source = self.sources.get(&id);
            if source.is_some_and(|source| self.is_entry_deselected(source, entry)) {
                continue;
            }
            match self.files.look(&entry.at) {
                Ok(found) if entry.may_be(&found.facts) => {
                    // What was read to its end is found by the scan, or over.
                    let is_over = found.facts.size_bytes == entry.offset
                        && !self.sources.get(&id).is_some_and(|source| {
                            source.plan.discover.takes_path(bytes(&entry.path))
                        });
                    if !is_over {
                        self.adopt(id, &entry.at, &found, Sight::Resumed, now);
                    }
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => self.unreadable += 1,
                _ => {
                    let (found, packed) = self.find_inode(entry);
                    if let Some((path, found)) = found {
                        info!("{} was renamed to {}", Shown::of(&entry.at), Shown::of(&path));
                        self.adopt(id, &path, &found, Sight::Resumed, now);
                    } else {
                        self.resume_packed(id, known, packed, now);
                    }
                }
            }
        }
        // A copy of what was taken away could not be seen so far, if there is one.
        for known in &entries {
            if self.is_taken_away(id, &known.entry)
                && self.restored.ranked().contains(known)
                && self.resume_in_copy(id, known, now).is_ok_and(|is_found| is_found)
            {
                self.restored.remove(known.rank);
            }
        }
        let paths: BTreeSet<&Path> =
            entries.iter().map(|known| known.entry.path.as_path()).collect();
        for path in paths {
            self.recover_unseen(id, path, &entries, now);
        }
    }

    /// What a configuration may claim of the last run, and of files that are over; also what one
    /// left behind that has another name now.
    pub(super) fn entries_of(&self, id: SourceId) -> Vec<Ranked> {
        let Some(source) = self.sources.get(&id) else { return Vec::new() };
        let claim = source.claim(&self.running);
        self.restored.of_claim(claim, |path| source.plan.discover.takes_path(bytes(path)))
    }

    /// Looks for a file by what it is, where it was; gives the compressed files there, too.
    fn find_inode(&mut self, entry: &Entry) -> (Option<(PathBuf, Found)>, Vec<PathBuf>) {
        let Some(dir) = entry.at.parent() else { return (None, Vec::new()) };
        let (files, packed) = self.files_and_packed_in(dir, |_| true);
        let found = files.into_iter().find(|(_, found)| entry.may_be(&found.facts));
        (found, packed)
    }

    /// The files of a directory with a name that is wanted, archives left out.
    pub(super) fn files_in(
        &mut self,
        dir: &Path,
        wants: impl Fn(&[u8]) -> bool,
    ) -> Vec<(PathBuf, Found)> {
        self.files_and_packed_in(dir, wants).0
    }

    /// The same, and beside them the paths of those that the rotation has compressed.
    pub(super) fn files_and_packed_in(
        &mut self,
        dir: &Path,
        wants: impl Fn(&[u8]) -> bool,
    ) -> (Vec<(PathBuf, Found)>, Vec<PathBuf>) {
        let (mut paths, mut packed) = (Vec::new(), Vec::new());
        let listed = self.files.list(dir, &mut |name, kind| {
            if kind != Kind::File || !wants(name) {
                return;
            }
            if is_packed(name) {
                packed.push(dir.join(OsStr::from_bytes(name)));
            } else if !pipeline::discover::is_archive(name) {
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
        (files, packed)
    }
}
