//! Copies of followed files, as `copytruncate` leaves them: the program that rotates copies the log
//! and cuts the original to nothing (`goals`, promise 6).
//!
//! A copy holds nothing new while its original is still there, and everything that was not read of
//! it afterwards. It is known by its name, which begins with that of the original, and by the same
//! two marks that a file is known by: its head, and the bytes in front of the position.

use super::file::{Anchor, Tail};
use super::source::{bytes, joined, placed, shown};
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId, Unsaved};
use crate::checkpoint::Entry;
use crate::files::{Files, Found, Shown, read_full};
use crate::info;
use pipeline::identity::{ANCHOR_BYTES, FileFacts, HEAD_BYTES, Mark};
use std::cmp::Reverse;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A file that grew so lately may be a copy in the making.
pub(super) const IN_THE_MAKING_NANOS: u64 = 5_000_000_000;

/// Bytes that two logs of one program do not begin with by chance.
const PROOF_BYTES: u64 = 512;

/// A head that is shorter is that of too many files: then a copy has nothing else.
const LEAST_HEAD: u16 = 4;

/// What of a content was taken, for looking for it elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    /// The path that the content had, on this machine.
    pub(super) path: PathBuf,
    pub(super) inode: u64,
    pub(super) born_nanos: Option<u64>,
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
    /// What is acknowledged of a content; `None` when that is too little to be known again.
    pub(super) fn of_entry(entry: &Entry, path: PathBuf) -> Option<Self> {
        let known = entry.known();
        (known.head.len > 0).then_some(Self {
            path,
            inode: known.inode,
            born_nanos: known.born_nanos,
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
            .look_for_copy(sought)
            .or_else(|| self.look_for_copy(sought))
            .or_else(|| self.open_copy(id, sought));
        found.filter(|copy| self.is_free(id, copy))
    }

    /// Takes a copy from a tail that has it open: it may have no name any more. A tail that has read
    /// something of its file, and finds it there still, keeps it.
    fn open_copy(&mut self, id: SourceId, sought: &Sought) -> Option<Copy<F::Handle>> {
        let name = sought.path.as_os_str().as_bytes();
        let may_be = |tail: &Tail<F::Handle>| {
            let other = tail.at.as_os_str().as_bytes();
            tail.source == id
                && tail.phase != Phase::Rewritten
                && tail.facts.inode != sought.inode
                && other.len() > name.len()
                && other.starts_with(name)
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

    fn look_for_copy(&mut self, sought: &Sought) -> Option<Copy<F::Handle>> {
        let (dir, name) = (sought.path.parent()?, sought.path.file_name()?.as_bytes());
        let (mut beside, packed) = self
            .files_and_packed_in(dir, |other| other.len() > name.len() && other.starts_with(name));
        beside.retain(|(_, found)| {
            found.facts.inode != sought.inode && found.facts.size_bytes >= sought.position
        });
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
        if !sought.head.matches_head(head) || facts.inode == sought.inode {
            return Likeness::Other;
        }
        if sought.head.len < LEAST_HEAD && facts.size_bytes != sought.position {
            return Likeness::Other;
        }
        // Every log of a program may begin with the same lines. A little that is equal proves a
        // copy only when it is the younger one, which a log rotated by renaming never is.
        let is_younger = match (facts.born_nanos, sought.born_nanos) {
            (Some(born), Some(original)) => born >= original,
            _ => false,
        };
        if !is_younger && sought.position < PROOF_BYTES {
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

    /// Whether a file that nobody knows holds nothing but what another one holds, which is followed
    /// and has the path that this one's name begins with.
    pub(super) fn is_copy(
        &mut self,
        id: SourceId,
        path: &Path,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
        now: Moment,
    ) -> io::Result<bool> {
        let Some(source) = self.sources.get(&id) else { return Ok(false) };
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(false);
        };
        let name = name.as_bytes();
        let lanes: Vec<_> = (1..name.len())
            .filter_map(|len| source.lanes.get(&joined(dir, &name[..len])).copied())
            .collect();
        let mut originals: Vec<Sought> = Vec::new();
        for lane in lanes {
            let of_lane = self.tails.values().filter(|tail| tail.lane == lane);
            originals.extend(
                of_lane
                    .filter(|tail| tail.phase != Phase::Rewritten)
                    .filter_map(|tail| self.sought(tail)),
            );
        }
        // What could not be looked for so far may be what this is a copy of.
        let own = shown(path, &self.setup.path_prefix);
        for entry in self.restored.all() {
            if let Some(ending) = bytes(&own).strip_prefix(bytes(&entry.path))
                && !ending.is_empty()
                && !ending.contains(&b'/')
            {
                let path = placed(&entry.path, &self.setup.path_prefix);
                originals.extend(Sought::of_entry(entry, path));
            }
        }
        let before = self.unreadable;
        for original in originals {
            match self.likeness(&original, handle, facts, head) {
                Likeness::Copy(_) => {
                    info!("{} is a copy of {}", Shown::of(&path), Shown::of(&original.path));
                    return Ok(true);
                }
                Likeness::Beginning
                    if now.wall_nanos
                        < facts.modified_nanos.saturating_add(IN_THE_MAKING_NANOS) =>
                {
                    return Ok(true);
                }
                _ => {}
            }
        }
        match self.unreadable > before {
            true => Err(io::Error::other("it may be a copy of what cannot be read")),
            false => Ok(false),
        }
    }

    /// Whether what is about to be read from its first byte is a copy: a file may have been found
    /// before the copy was written into it.
    pub(super) fn is_copy_begun(
        &mut self,
        key: FileKey,
        head: &[u8],
        now: Moment,
    ) -> io::Result<bool> {
        let Some(tail) = self.tails.get_mut(&key) else { return Ok(false) };
        let (id, at, facts) = (tail.source, tail.at.clone(), tail.facts);
        let Some(handle) = tail.handle.take() else { return Ok(false) };
        let is_copy = self.is_copy(id, &at, &handle, &facts, head, now);
        if let Some(tail) = self.tails.get_mut(&key) {
            tail.handle = Some(handle);
        }
        if let Some(source) = self.sources.get_mut(&id).filter(|_| matches!(is_copy, Ok(true))) {
            let looks = (facts.size_bytes, facts.modified_nanos);
            source.copies.insert((facts.device, facts.inode), looks);
        }
        is_copy
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
