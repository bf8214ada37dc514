//! Copies of followed files, as `copytruncate` leaves them: the program that rotates copies the log
//! and cuts the original to nothing (`goals`, promise 6).
//!
//! A copy holds nothing new while its original is still there, and everything that was not read of
//! it afterwards. Its name is a rotation of that of its original (`rotation`).
//!
//! Whether a file is to be left out because it is one is decided elsewhere (`proof`), by comparing.
//! Here the original is cut, and nothing is left to compare with: a copy is known by the same two
//! marks that a file is known by, its head and the bytes in front of the position.

use super::file::{Anchor, Tail};
use super::rotation::is_rotation;
use super::source::placed;
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId, Unsaved};
use crate::checkpoint::Entry;
use crate::files::{Files, Found, Shown, read_full};
use crate::info;
use pipeline::identity::{ANCHOR_BYTES, FileFacts, HEAD_BYTES, Mark};
use std::cmp::Reverse;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// A file that grew so lately may be a copy in the making.
pub(super) const IN_THE_MAKING_NANOS: u64 = 5_000_000_000;

/// Bytes that two logs of one program do not begin with by chance.
pub(super) const PROOF_BYTES: u64 = 512;

/// A head that is shorter is that of too many files to leave out one for it. Who reads on behind it
/// loses nothing: what is passed over is the same.
const LEAST_HEAD: u16 = 4;

/// What of a content was taken, for looking for it elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    /// The path that the content had, on this machine.
    pub(super) path: PathBuf,
    pub(super) inode: u64,
    pub(super) born_nanos: Option<u64>,
    /// When the file was born that the content was written in.
    begun_nanos: Option<u64>,
    pub(super) head: Mark,
    pub(super) position: u64,
    pub(super) anchor: Mark,
}

/// A copy that was found.
pub(super) struct Copy<H> {
    pub(super) path: PathBuf,
    pub(super) handle: H,
    pub(super) found: Found,
    pub(super) head: [u8; HEAD_BYTES],
    pub(super) head_len: usize,
    pub(super) anchor: Anchor,
}

/// How a file relates to a content.
pub(super) enum Likeness {
    /// It has the content, at least up to the position, in front of which stands this.
    Copy(Anchor),
    /// It begins as the content does, and is shorter.
    Beginning,
    Other,
}

impl Sought {
    /// Whether a file with these facts may have been written as a copy of it.
    pub(super) fn may_be_copied_to(&self, facts: &FileFacts) -> bool {
        let is_before = self.begun_nanos.is_some_and(|born| facts.modified_nanos < born);
        facts.inode != self.inode && !is_before && (self.is_older_than(facts) || self.proves())
    }

    /// A log that was rotated by renaming is never younger than the one that has its path now.
    fn is_older_than(&self, facts: &FileFacts) -> bool {
        match (facts.born_nanos, self.born_nanos) {
            (Some(born), Some(original)) => born >= original,
            _ => false,
        }
    }

    /// Whether its head alone tells it from other files, or that file has nothing else.
    pub(super) fn tells(&self, facts: &FileFacts) -> bool {
        self.head.len >= LEAST_HEAD || facts.size_bytes == self.position
    }

    /// Whether so much was taken that by chance no other file has the same in the same place.
    fn proves(&self) -> bool {
        self.position >= PROOF_BYTES
    }

    /// What is acknowledged of a content; `None` when that is too little to be known again.
    pub(super) fn of_entry(entry: &Entry, path: PathBuf) -> Option<Self> {
        let known = entry.known();
        (known.head.len > 0).then_some(Self {
            path,
            inode: known.inode,
            born_nanos: known.born_nanos,
            begun_nanos: known.born_nanos,
            head: known.head,
            position: known.offset,
            anchor: known.anchor,
        })
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// What a tail has taken; `None` when that is too little to be known again.
    pub(super) fn sought(&self, tail: &Tail<F::Handle>) -> Option<Sought> {
        let position = tail.stream.position();
        (tail.head.len > 0).then(|| Sought {
            path: placed(&tail.shown, &self.setup.path_prefix),
            inode: tail.facts.inode,
            born_nanos: tail.facts.born_nanos,
            begun_nanos: tail.begun_nanos,
            head: tail.head,
            position,
            anchor: tail.anchor.mark(),
        })
    }

    /// Looks beside the path of a content that was taken away for a copy of it that nobody else goes
    /// on with; gives the newest. Names may move while the directory is looked through, so one look
    /// that finds nothing is not enough.
    pub(super) fn find_copy(&mut self, id: SourceId, sought: &Sought) -> Option<Copy<F::Handle>> {
        let found = self
            .look_for_copy(id, sought)
            .or_else(|| self.look_for_copy(id, sought))
            .or_else(|| self.open_copy(id, sought));
        found.filter(|copy| self.is_free(id, copy))
    }

    /// Takes a copy from a tail that has it open: it may have no name any more. A tail that has read
    /// something of its file, and finds it there still, keeps it.
    fn open_copy(&mut self, id: SourceId, sought: &Sought) -> Option<Copy<F::Handle>> {
        let may_be = |tail: &Tail<F::Handle>| {
            tail.source == id
                && tail.phase != Phase::Rewritten
                && tail.facts.inode != sought.inode
                && self.may_be_of(id, &sought.path, &tail.at)
        };
        let keys: Vec<FileKey> =
            self.tails.iter().filter(|(_, tail)| may_be(tail)).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(tail) = self.tails.get_mut(&key) else { continue };
            let Some(handle) = tail.handle.take() else { continue };
            let path = tail.at.clone();
            let mut head = [0; HEAD_BYTES];
            let (found, read) =
                (self.files.look_at(&handle), read_full(&mut self.files, &handle, &mut head, 0));
            let handle = match (found, read) {
                (Ok(found), Ok(head_len)) => {
                    match self.likeness(sought, &handle, &found.facts, &head[..head_len]) {
                        Likeness::Copy(anchor) => {
                            let copy = Copy { path, handle, found, head, head_len, anchor };
                            if !self.is_still_in(key, &copy) {
                                return Some(copy);
                            }
                            copy.handle
                        }
                        _ => handle,
                    }
                }
                _ => {
                    self.unreadable += 1;
                    handle
                }
            };
            if let Some(tail) = self.tails.get_mut(&key) {
                tail.handle = Some(handle);
            }
        }
        None
    }

    fn look_for_copy(&mut self, id: SourceId, sought: &Sought) -> Option<Copy<F::Handle>> {
        let (dir, name) = (sought.path.parent()?, sought.path.file_name()?.as_bytes());
        let (mut beside, mut packed) =
            self.files_and_packed_in(dir, |other| is_rotation(name, other));
        beside.retain(|(path, found)| {
            found.facts.inode != sought.inode
                && found.facts.size_bytes >= sought.position
                && self.may_be_of(id, &sought.path, path)
        });
        packed.retain(|path| self.may_be_of(id, &sought.path, path));
        beside.sort_by_key(|(_, found)| Reverse(found.facts.modified_nanos));
        let copy = beside.into_iter().find_map(|(path, _)| self.open_as_copy(sought, path));
        // The rotation may have compressed it at once; then it is the one made last.
        copy.or_else(|| {
            let mut packed: Vec<_> = packed
                .into_iter()
                .filter_map(|path| Some((self.files.look(&path).ok()?.facts.born_nanos, path)))
                .collect();
            packed.sort_by_key(|(born, _)| Reverse(*born));
            packed.into_iter().find_map(|(_, path)| self.open_as_copy(sought, path))
        })
    }

    /// Opens a file if it has what was taken of a content.
    pub(super) fn open_as_copy(
        &mut self,
        sought: &Sought,
        path: PathBuf,
    ) -> Option<Copy<F::Handle>> {
        let handle = match self.open_making_room(&path) {
            Ok(handle) => handle,
            Err(error) => {
                self.unreadable += usize::from(error.kind() != io::ErrorKind::NotFound);
                return None;
            }
        };
        let mut head = [0; HEAD_BYTES];
        let head_len = match read_full(&mut self.files, &handle, &mut head, 0) {
            // Only what begins alike is worth another look: a compressed file is unpacked for it.
            Ok(read) if sought.head.matches_head(&head[..read]) => read,
            Ok(_) => return None,
            Err(_) => {
                self.unreadable += 1;
                return None;
            }
        };
        let Ok(found) = self.files.look_at(&handle) else {
            self.unreadable += 1;
            return None;
        };
        match self.likeness(sought, &handle, &found.facts, &head[..head_len]) {
            Likeness::Copy(anchor) => Some(Copy { path, handle, found, head, head_len, anchor }),
            _ => None,
        }
    }

    pub(super) fn likeness(
        &mut self,
        sought: &Sought,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
    ) -> Likeness {
        if !sought.head.matches_head(head) || !sought.may_be_copied_to(facts) {
            return Likeness::Other;
        }
        if facts.size_bytes < sought.position {
            return Likeness::Beginning;
        }
        let len = sought.position.min(ANCHOR_BYTES as u64) as usize;
        let mut before = [0; ANCHOR_BYTES];
        let start = sought.position - len as u64;
        match read_full(&mut self.files, handle, &mut before[..len], start) {
            Ok(read) if sought.anchor.matches_anchor(&before[..read]) => {
                Likeness::Copy(Anchor::of(&before[..read]))
            }
            Ok(_) => Likeness::Other,
            Err(_) => {
                self.unreadable += 1;
                Likeness::Other
            }
        }
    }

    /// Whether nobody goes on with a content in its copy already. What was read of that file before
    /// is not in it any more.
    fn is_free(&mut self, id: SourceId, copy: &Copy<F::Handle>) -> bool {
        let inode = (copy.found.facts.device, copy.found.facts.inode);
        let other = self.sources.get(&id).and_then(|source| source.by_inode.get(&inode).copied());
        let Some(other) = other else { return true };
        if self.is_still_in(other, copy) {
            return false;
        }
        let head = &copy.head[..copy.head_len];
        if self.tails.get(&other).is_some_and(|tail| !tail.head.matches_head(head)) {
            self.note_loss(other);
        }
        self.end_rewritten(other);
        true
    }

    /// Whether a tail that follows the file of a copy still has its content there, and has begun
    /// with it: what nobody has read belongs to whoever was truncated. When that cannot be seen
    /// now, it may be so.
    fn is_still_in(&mut self, key: FileKey, copy: &Copy<F::Handle>) -> bool {
        let begun = self.tails.get(&key).filter(|tail| tail.stream.position() > 0);
        let sought = begun.and_then(|tail| self.sought(tail));
        let Some(mut sought) = sought else { return false };
        // It is the same file; only its content is in question.
        sought.inode = 0;
        let before = self.unreadable;
        let head = &copy.head[..copy.head_len];
        let likeness = self.likeness(&sought, &copy.handle, &copy.found.facts, head);
        matches!(likeness, Likeness::Copy(_)) || self.unreadable > before
    }

    /// Goes on with a content in the copy that was made of it. Its file has another one now, for
    /// which another tail stands, and which waits until this one is read.
    pub(super) fn go_on_in_copy(&mut self, key: FileKey, copy: Copy<F::Handle>, now: Moment) {
        let Copy { path, handle, found, .. } = copy;
        let Some(tail) = self.tails.get_mut(&key) else { return };
        info!(
            "{} was truncated after byte {}; the rest of what it had is read from its copy {}",
            Shown::of(&tail.at),
            tail.stream.position(),
            Shown::of(&path)
        );
        tail.handle = Some(handle);
        tail.facts = found.facts;
        tail.at = path;
        tail.phase = Phase::Gone { since: now.clock };
        tail.is_caught_up = false;
        tail.is_recorded = true;
        tail.failing = None;
        self.restored.forget(&found.facts);
        let inode = (found.facts.device, found.facts.inode);
        if let Some(source) = self.sources.get_mut(&tail.source) {
            source.copies.remove(&inode);
            source.by_inode.insert(inode, key);
        }
        self.unsaved = self.unsaved.max(Unsaved::Files);
    }
}
