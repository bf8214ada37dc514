//! Whether a file is a copy of another one, and so not to be collected: what counts as proof.
//!
//! **A file is left out as a copy only with proof, because what is left out wrongly is lost without
//! a word, and what is collected wrongly comes twice.** Programs begin their logs alike, with banners
//! of any length; so a beginning in common proves nothing:
//!
//! - A copy is no longer than its original, as long as that has its content. What is longer is a
//!   file of its own, also when it was taken for a copy before and has grown: it is read from its
//!   start. What is known as a copy is looked at again whenever it changes.
//! - A copy was written after its original was begun, and all it holds stands in the original at the
//!   same place: its beginning and its end are compared.
//! - A few bytes prove nothing even then, until the original is cut; if that does not happen soon
//!   after the file was written, it is collected.

use super::copy::{IN_THE_MAKING_NANOS, Likeness, PROOF_BYTES, Sought};
use super::file::Tail;
use super::rotation::is_rotation;
use super::source::{Inode, joined, placed};
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId};
use crate::files::{Files, Shown, read_full};
use crate::info;
use pipeline::identity::{ANCHOR_BYTES, FileFacts, HEAD_BYTES};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// So much of the beginning and of the end of a copy is compared with its original.
const COMPARED_BYTES: u64 = 64 * 1024;

/// Bytes compared at once.
const PIECE_BYTES: u64 = 4096;

/// A file that is not collected, because it is a copy or may be one.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownCopy {
    /// Its size and modification time when that was found.
    pub(super) looks: (u64, u64),
    /// The content of which it is one, if that is followed.
    of: Option<FileKey>,
    /// It is one. Otherwise it is looked at again.
    pub(super) is_proven: bool,
}

impl KnownCopy {
    /// Whether it waits for somebody else's end.
    pub(super) fn waits(&self) -> bool {
        self.of.is_none() || !self.is_proven
    }
}

/// What a file is that stands beside those of which it may be a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// A file with something of its own.
    Own,
    /// A copy.
    Copy(Option<FileKey>),
    /// It cannot be told yet.
    Undecided(Option<FileKey>),
}

/// What is known of a file from before.
#[derive(Clone, Copy, Debug)]
struct Age {
    /// It was written to a moment ago.
    is_fresh: bool,
    /// It has not changed since it was equal to the original.
    was_equal: bool,
}

/// A file compared with an original.
enum Compared {
    /// The original has another content than the one that was read of it.
    TakenAway,
    /// All that was compared stands in the original too.
    Equal,
    Other,
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Whether a file that nobody knows holds nothing but what another one holds, which is followed
    /// or on record and of which it has a rotated name.
    pub(super) fn is_copy(
        &mut self,
        id: SourceId,
        path: &Path,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
        now: Moment,
    ) -> io::Result<Beside> {
        let Some(source) = self.sources.get(&id) else { return Ok(Beside::Own) };
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Beside::Own);
        };
        let name = name.as_bytes();
        let logs = (1..name.len()).filter(|len| is_rotation(&name[..*len], name));
        let lanes: Vec<_> =
            logs.filter_map(|len| source.lanes.get(&joined(dir, &name[..len])).copied()).collect();
        let is_original =
            |tail: &Tail<F::Handle>| lanes.contains(&tail.lane) && tail.phase != Phase::Rewritten;
        let originals: Vec<FileKey> =
            self.tails.iter().filter(|(_, tail)| is_original(tail)).map(|(key, _)| *key).collect();
        let before = self.unreadable;
        let is_fresh = now.wall_nanos < facts.modified_nanos.saturating_add(IN_THE_MAKING_NANOS);
        let mut undecided = None;
        let (inode, looks) =
            ((facts.device, facts.inode), (facts.size_bytes, facts.modified_nanos));
        let known = source.copies.get(&inode).filter(|it| it.looks == looks);
        let was_equal_to = known.and_then(|it| it.of);
        for original in originals {
            let age = Age { is_fresh, was_equal: was_equal_to == Some(original) };
            match self.beside_tail(original, handle, facts, head, age) {
                Beside::Own => {}
                Beside::Copy(of) => {
                    let held_by = self.tails.get(&original).map_or(path, |tail| &tail.at);
                    info!("{} is a copy of what {} holds", Shown::of(&path), Shown::of(&held_by));
                    return Ok(Beside::Copy(of));
                }
                Beside::Undecided(of) => undecided = Some(of),
            }
        }
        // What could not be looked for so far may be what this is a copy of.
        let entries: Vec<(Sought, u64, bool)> = self
            .restored
            .all()
            .filter_map(|entry| {
                let log = placed(&entry.path, &self.setup.path_prefix);
                let is_of =
                    log.parent() == Some(dir) && is_rotation(log.file_name()?.as_bytes(), name);
                let sought = is_of.then(|| Sought::of_entry(entry, log)).flatten()?;
                Some((sought, entry.size, self.is_taken_away(id, entry)))
            })
            .collect();
        for (sought, held, is_taken_away) in entries {
            let is_sought =
                is_taken_away || self.sources.get(&id).is_some_and(|source| !source.is_recovered);
            match self.likeness(&sought, handle, facts, head) {
                Likeness::Copy(_) if facts.size_bytes <= held && sought.tells(facts) => {
                    info!("{} is a copy of {}", Shown::of(&path), Shown::of(&sought.path));
                    return Ok(Beside::Copy(None));
                }
                // It may have grown before it was copied: then this is where it is gone on with.
                Likeness::Copy(_) if is_sought => {
                    let source = self.sources.get_mut(&id);
                    source.into_iter().for_each(|source| source.must_recover = true);
                    undecided = undecided.or(Some(None));
                }
                Likeness::Beginning if is_fresh => undecided = undecided.or(Some(None)),
                _ => {}
            }
        }
        match undecided {
            _ if self.unreadable > before => {
                Err(io::Error::other("it may be a copy of what cannot be read"))
            }
            Some(of) => Ok(Beside::Undecided(of)),
            None => Ok(Beside::Own),
        }
    }

    /// What a file is beside a content that is followed.
    fn beside_tail(
        &mut self,
        key: FileKey,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
        Age { is_fresh, was_equal }: Age,
    ) -> Beside {
        let sought = self.tails.get(&key).and_then(|tail| self.sought(tail));
        let Some(sought) = sought.filter(|sought| sought.may_be_copied_to(facts)) else {
            return Beside::Own;
        };
        let Some(tail) = self.tails.get_mut(&key) else { return Beside::Own };
        let at = tail.at.clone();
        let (original, is_open) = match tail.handle.take() {
            Some(handle) => (Ok(handle), true),
            // It was closed for others.
            None => (self.files.open(&at), false),
        };
        let compared = match original {
            // Closed, and gone since: a retry would not find it either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Compared::TakenAway),
            Err(error) => Err(error),
            Ok(original) => {
                let compared = self.compare(&sought, &original, handle, facts);
                if let Some(tail) = self.tails.get_mut(&key).filter(|_| is_open) {
                    tail.handle = Some(original);
                }
                compared
            }
        };
        match compared {
            Ok(Compared::Other) => Beside::Own,
            Ok(Compared::Equal) if facts.size_bytes >= PROOF_BYTES => Beside::Copy(Some(key)),
            Ok(Compared::Equal) if is_fresh => Beside::Undecided(Some(key)),
            Ok(Compared::Equal) => Beside::Own,
            Ok(Compared::TakenAway) => {
                let may_be = match self.likeness(&sought, handle, facts, head) {
                    Likeness::Copy(_) => true,
                    Likeness::Beginning => is_fresh || was_equal,
                    Likeness::Other => was_equal,
                };
                if !may_be {
                    return Beside::Own;
                }
                // Whoever reads it will notice, and look for its copy.
                self.make_ready(key);
                Beside::Undecided(Some(key))
            }
            Err(_) => {
                self.unreadable += 1;
                Beside::Own
            }
        }
    }

    /// Compares a file with an original, of which so much was read.
    fn compare(
        &mut self,
        sought: &Sought,
        original: &F::Handle,
        handle: &F::Handle,
        facts: &FileFacts,
    ) -> io::Result<Compared> {
        let found = self.files.look_at(original)?.facts;
        let mut head = [0; HEAD_BYTES];
        let head_len = read_full(&mut self.files, original, &mut head, 0)?;
        let len = sought.position.min(ANCHOR_BYTES as u64);
        let mut before = [0; ANCHOR_BYTES];
        let before = &mut before[..len as usize];
        let read = read_full(&mut self.files, original, before, sought.position - len)?;
        let is_there = found.inode == sought.inode
            && found.size_bytes >= sought.position
            && sought.head.matches_head(&head[..head_len])
            && sought.anchor.matches_anchor(&before[..read]);
        if !is_there {
            return Ok(Compared::TakenAway);
        }
        let size = facts.size_bytes;
        if size > found.size_bytes || size == 0 {
            return Ok(Compared::Other);
        }
        let beginning = size.min(COMPARED_BYTES);
        let end_from = beginning.max(size.saturating_sub(COMPARED_BYTES));
        for (mut at, end) in [(0, beginning), (end_from, size)] {
            while at < end {
                let len = PIECE_BYTES.min(end - at) as usize;
                let (mut one, mut other) = ([0; PIECE_BYTES as usize], [0; PIECE_BYTES as usize]);
                let copied = read_full(&mut self.files, handle, &mut one[..len], at)?;
                let held = read_full(&mut self.files, original, &mut other[..len], at)?;
                if held < copied {
                    return Ok(Compared::TakenAway);
                }
                if copied < len || one[..len] != other[..len] {
                    return Ok(Compared::Other);
                }
                at += len as u64;
            }
        }
        Ok(Compared::Equal)
    }

    /// Notes what a file is that is not collected for being a copy, or maybe one.
    pub(super) fn note_copy(&mut self, id: SourceId, facts: &FileFacts, beside: Beside) {
        let (of, is_proven) = match beside {
            Beside::Own => return,
            Beside::Copy(of) => (of, true),
            Beside::Undecided(of) => (of, false),
        };
        let looks = (facts.size_bytes, facts.modified_nanos);
        let inode: Inode = (facts.device, facts.inode);
        if let Some(source) = self.sources.get_mut(&id) {
            source.copies.insert(inode, KnownCopy { looks, of, is_proven });
        }
    }

    /// A content is cut away: what may have been a copy of it so far was one.
    pub(super) fn prove_copies(&mut self, key: FileKey) {
        let id = self.tails.get(&key).map(|tail| tail.source);
        let Some(source) = id.and_then(|id| self.sources.get_mut(&id)) else { return };
        let of_key = source.copies.values_mut().filter(|copy| copy.of == Some(key));
        of_key.for_each(|copy| copy.is_proven = true);
    }

    /// Whether what is about to be read from its first byte is a copy: a file may have been found
    /// before the copy was written into it. Then it is read no more, unless it turns out later that
    /// it is none. What was found at the path of a log is none, whatever it is called by now.
    pub(super) fn is_copy_begun(
        &mut self,
        key: FileKey,
        head: &[u8],
        now: Moment,
    ) -> io::Result<bool> {
        let Some(tail) = self.tails.get_mut(&key) else { return Ok(false) };
        let (id, found_at, facts) = (tail.source, tail.found_at.clone(), tail.facts);
        let Some(handle) = tail.handle.take() else { return Ok(false) };
        let beside = self.is_copy(id, &found_at, &handle, &facts, head, now);
        if let Some(tail) = self.tails.get_mut(&key) {
            tail.handle = Some(handle);
        }
        let beside = beside?;
        self.note_copy(id, &facts, beside);
        Ok(beside != Beside::Own)
    }
}
