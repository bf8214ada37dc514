//! Descriptors: how many files are open, and which of them are closed for others.
//!
//! A file stays open as long as it is followed, because an open one cannot be lost by a rename or a
//! deletion. Only when descriptors run short are those closed that are read to their end and
//! acknowledged, the longest quiet first, or when the configuration says how long a file without news
//! is held (`close_unused_reader_interval`); they are opened again, and known again by device, inode
//! and birth, when there is something to read.

use super::adopt::Sight;
use super::file::Tail;
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId};
use crate::debug;
use crate::files::{Files, Found, Kind, Shown, is_packed};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `EMFILE` and `ENFILE`.
const NO_DESCRIPTOR: [i32; 2] = [24, 23];

/// Files closed at once, at least: choosing looks at all.
const AT_ONCE: usize = 16;

/// Whether an error says that no descriptor is left.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code))
}

/// Whether an open file is read to its end, and everything of it acknowledged.
fn is_quiet<H>(tail: &Tail<H>) -> bool {
    tail.phase == Phase::Following
        && tail.handle.is_some()
        && tail.is_caught_up
        && !tail.is_queued
        && tail.rest.is_none()
        && tail.is_settled()
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Opens a file by its path; when no descriptor is left, others are closed for it.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn open_making_room(&mut self, path: &Path) -> io::Result<F::Handle> {
        let most = self.setup.max_open_files;
        if self.tails.len() >= most
            && self.tails.values().filter(|tail| tail.handle.is_some()).count() >= most
        {
            self.close_quiet_ones(most / 16);
        }
        match self.files.open(path) {
            Err(error) if is_shortage(&error) && self.close_quiet_ones(AT_ONCE) > 0 => {
                self.files.open(path)
            }
            opened => opened,
        }
    }

    /// Closes files that are read to their end, the longest quiet first; gives how many.
    fn close_quiet_ones(&mut self, count: usize) -> usize {
        let mut quiet: Vec<_> = self
            .tails
            .iter()
            .filter(|(_, tail)| is_quiet(tail))
            .map(|(key, tail)| (tail.grown_at, *key))
            .collect();
        quiet.sort_unstable();
        let mut closed = 0;
        for (_, key) in quiet {
            if closed == count.max(AT_ONCE) {
                break;
            }
            closed += usize::from(self.close(key));
        }
        self.is_short |= closed < count.max(AT_ONCE);
        closed
    }

    /// Closes the files that had no news for as long as their configuration wants to hold them.
    pub(super) fn close_unused(&mut self, now: Moment) {
        if self.sources.values().all(|source| source.plan.close_unused.is_none()) {
            return;
        }
        let is_unused = |tail: &Tail<F::Handle>| {
            let source = self.sources.get(&tail.source);
            let after = source.and_then(|source| source.plan.close_unused);
            let quiet = now.clock.saturating_duration_since(tail.grown_at);
            is_quiet(tail) && after.is_some_and(|after| quiet >= after)
        };
        let unused: Vec<FileKey> =
            self.tails.iter().filter(|(_, tail)| is_unused(tail)).map(|(key, _)| *key).collect();
        for key in unused {
            self.close(key);
        }
    }

    /// Closes a quiet file that its path leads to; gives whether it did.
    fn close(&mut self, key: FileKey) -> bool {
        let Some(tail) = self.tails.get_mut(&key) else { return false };
        let Some(handle) = &tail.handle else { return false };
        // Only an open file can still be read when its path leads elsewhere, and it may have
        // grown since it was looked at.
        let Ok(open) = self.files.look_at(handle) else { return false };
        let is_reached = self.files.look(&tail.at).is_ok_and(|found| {
            (found.facts.device, found.facts.inode) == (open.facts.device, open.facts.inode)
        });
        let closes = is_reached && open.facts.size_bytes == tail.stream.position();
        if closes {
            debug!("closing {}", Shown::of(&tail.at));
            tail.handle = None;
        }
        closes
    }

    /// Opens a followed file again that was closed for others.
    ///
    /// # Errors
    /// When it cannot be opened, or is not where it was: the next scan finds where it is.
    pub(super) fn reopen(&mut self, key: FileKey, now: Moment) -> io::Result<()> {
        let Some(tail) = self.tails.get(&key) else { return Ok(()) };
        let (id, at, facts) = (tail.source, tail.at.clone(), tail.facts);
        let is_it = |found: &Found| {
            found.facts.inode == facts.inode
                && found.facts.device == facts.device
                && found.facts.born_nanos == facts.born_nanos
        };
        let mut opened = match self.open_making_room(&at) {
            Ok(handle) => match self.files.look_at(&handle) {
                Ok(found) if is_it(&found) => Ok(Some(handle)),
                Ok(found) => {
                    self.adopt_instead(id, &at, handle, &found, now);
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if matches!(&opened, Ok(None))
            || matches!(&opened, Err(error) if error.kind() == io::ErrorKind::NotFound)
        {
            // It has another name by now, if it has one.
            let before = self.unreadable;
            let beside = at.parent().map(|dir| self.files_in(dir, |_| true)).unwrap_or_default();
            let found = beside.into_iter().find(|(_, found)| is_it(found));
            opened = match found {
                Some((path, _)) => {
                    let handle = self.open_making_room(&path)?;
                    let is_same = is_it(&self.files.look_at(&handle)?);
                    if let Some(tail) = self.tails.get_mut(&key).filter(|_| is_same) {
                        tail.at = path;
                    }
                    Ok(is_same.then_some(handle))
                }
                None if self.unreadable > before => Err(io::Error::other("not found so far")),
                None => Ok(None),
            };
        }
        match opened? {
            Some(handle) => {
                if let Some(tail) = self.tails.get_mut(&key) {
                    tail.handle = Some(handle);
                }
            }
            // It was read to its end when it was closed, and is no more.
            None => {
                if self.tails.get(&key).is_some_and(|tail| tail.phase != Phase::Following) {
                    self.remove(key);
                } else {
                    self.next_scan = self.next_scan.min(now.clock + super::drain::SCAN_EVERY);
                }
            }
        }
        Ok(())
    }

    /// Another file was opened at the path of one that was closed. It may be gone at the next scan.
    fn adopt_instead(
        &mut self,
        id: SourceId,
        path: &Path,
        handle: F::Handle,
        found: &Found,
        now: Moment,
    ) {
        let (source, prefix) = (self.sources.get(&id), &self.setup.path_prefix);
        let is_wanted = found.kind == Kind::File
            && !is_packed(path.as_os_str().as_bytes())
            && source.is_some_and(|it| it.takes(path, prefix) || it.takes_unscanned(path, prefix));
        if is_wanted && !self.is_left_alone(id, &found.facts) {
            self.adopt_open(id, path, handle, found.facts, Sight::InPlace, now);
        }
    }
}
