//! Files that the rotation has compressed: `a.log.1.gz`.
//!
//! Their text is, mostly, that of a file which was read before it was compressed; then nothing is
//! left to do. Two cases are left. A file that was not read to its end, because the agent was away
//! meanwhile, is read on in what was made of it, whatever the configuration says: it is the same
//! data. And history that nobody has ever seen is read once, from its start, if the configuration
//! asks for it.

use super::adopt::{Begin, Opened, Sight};
use super::copy::{Copy, IN_THE_MAKING_NANOS, Likeness, Sought};
use super::file::Anchor;
use super::proof::Beside;
use super::resume::Looked;
use super::rotation::are_of_one_log;
use super::source::placed;
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId};
use crate::checkpoint::Ranked;
use crate::files::{Files, Found, Kind, Shown, is_packed, read_full};
use crate::info;
use pipeline::identity::{ANCHOR_BYTES, FileFacts, HEAD_BYTES};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is known of the text of a compressed file.
enum Known {
    /// Nothing.
    No,
    /// It was read as far as this says.
    Until(Begin),
    /// Somebody else has it open and reads it.
    Elsewhere,
    /// It is not all there yet.
    Later,
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Begins to follow a compressed file, unless what it holds is known or not wanted.
    pub(super) fn adopt_packed(
        &mut self,
        id: SourceId,
        path: &Path,
        what: &Found,
        now: Moment,
    ) -> Option<FileKey> {
        let looks = (what.facts.size_bytes, what.facts.modified_nanos);
        let source = self.sources.get(&id)?;
        let known = source.copies.get(&(what.facts.device, what.facts.inode));
        if known.is_some_and(|it| it.is_proven && it.looks == looks) {
            return None;
        }
        // What it is made of is there and read as it is; and what is made of it may not be ready.
        let plain = self.files.look(&path.with_extension(""));
        if plain.is_ok_and(|plain| plain.kind == Kind::File) {
            return None;
        }
        let handle = match self.open_making_room(path) {
            Ok(handle) => handle,
            Err(error) => return self.cannot_open(path, &error),
        };
        let mut head = [0; HEAD_BYTES];
        let looked = self.files.look_at(&handle);
        let looked = looked.and_then(|found| {
            Ok((found.facts, read_full(&mut self.files, &handle, &mut head, 0)?))
        });
        let (facts, head_len) = match looked {
            Ok(looked) => looked,
            Err(error) => return self.cannot_open(path, &error),
        };
        let inode = (facts.device, facts.inode);
        if let Some(key) = self.sources.get(&id)?.by_inode.get(&inode).copied()
            && !self.let_go_of_reborn(id, key, &facts, now)
        {
            return None;
        }
        let head = &head[..head_len];
        let looked = Looked { path, handle: &handle, facts: &facts, head };
        let claimed = match self.resume_claimed(id, &looked, now) {
            Ok(claimed) => claimed,
            Err(error) => return self.cannot_open(path, &error),
        };
        let begin = match claimed {
            Some((begin, _)) => begin,
            None if !self.sources.get(&id)?.plan.discover.takes_gzip() => return None,
            None => match self.known_text(id, path, &handle, &facts, head, now) {
                Ok(Known::No) => Begin::at_start(0),
                Ok(Known::Until(begin)) => begin,
                Ok(Known::Elsewhere) => {
                    self.note_copy(id, &facts, Beside::Copy(None));
                    return None;
                }
                Ok(Known::Later) => {
                    self.unreadable += 1;
                    return None;
                }
                Err(error) => return self.cannot_open(path, &error),
            },
        };
        Some(self.follow(id, path, Opened { handle, facts, head }, begin, Sight::InPlace, now))
    }

    /// Looks for the text of a compressed file among what the configuration has read of its log.
    fn known_text(
        &mut self,
        id: SourceId,
        packed: &Path,
        handle: &F::Handle,
        facts: &FileFacts,
        head: &[u8],
        now: Moment,
    ) -> io::Result<Known> {
        let is_fresh = now.wall_nanos < facts.modified_nanos.saturating_add(IN_THE_MAKING_NANOS);
        let mut followed: Vec<(Sought, bool, u64)> = Vec::new();
        for tail in self.tails.values() {
            let is_of_log =
                is_of_log(Path::new(&tail.shown), packed) || is_of_log(&tail.at, packed);
            if tail.source != id || tail.phase == Phase::Rewritten || !is_of_log {
                continue;
            }
            let held = tail.handle.as_ref().map(|handle| self.files.look_at(handle));
            let held = held.map_or(tail.facts.size_bytes, |held| {
                held.map_or(u64::MAX, |held| held.facts.size_bytes)
            });
            followed.extend(self.sought(tail).map(|sought| (sought, tail.is_settled(), held)));
        }
        let before = self.unreadable;
        for (sought, is_settled, held) in followed {
            match self.likeness(&sought, handle, facts, head) {
                Likeness::Copy(_) if facts.size_bytes == sought.position && is_settled => {
                    return Ok(Known::Until(self.end_of(handle, facts)?));
                }
                // Whoever has it open reads what is left of it; if the agent dies before that, this
                // is where it goes on. What is longer than that has a text of its own.
                Likeness::Copy(_) if facts.size_bytes <= held && sought.tells(facts) => {
                    return Ok(Known::Elsewhere);
                }
                Likeness::Beginning if is_fresh => return Ok(Known::Later),
                _ => {}
            }
        }
        for known in self.entries_of(id) {
            let entry = &known.entry;
            let path = placed(&entry.path, &self.setup.path_prefix);
            if !is_of_log(&path, packed) && !is_of_log(&entry.at, packed) {
                continue;
            }
            let Some(sought) = Sought::of_entry(entry, path) else { continue };
            match self.likeness(&sought, handle, facts, head) {
                Likeness::Copy(_) if facts.size_bytes == entry.offset => {
                    return Ok(Known::Until(self.end_of(handle, facts)?));
                }
                Likeness::Copy(anchor) if facts.size_bytes >= entry.size => {
                    self.restored.remove(known.rank);
                    return Ok(Known::Until(Begin::from_entry(&known, anchor)));
                }
                Likeness::Copy(_) | Likeness::Beginning if is_fresh => return Ok(Known::Later),
                _ => {}
            }
        }
        match self.unreadable > before {
            true => Err(io::Error::other("it may hold what cannot be read")),
            false => Ok(Known::No),
        }
    }

    /// The end of a file that holds nothing new. It is followed from there, so that the checkpoint
    /// knows it as long as it exists.
    fn end_of(&mut self, handle: &F::Handle, facts: &FileFacts) -> io::Result<Begin> {
        let mut before = [0; ANCHOR_BYTES];
        let len = facts.size_bytes.min(ANCHOR_BYTES as u64);
        let before = &mut before[..len as usize];
        let read = read_full(&mut self.files, handle, before, facts.size_bytes - len)?;
        let anchor = Anchor::of(&before[..read]);
        Ok(Begin { position: facts.size_bytes, anchor, ..Begin::at_start(0) })
    }

    /// Goes on with a content whose file is gone, in what the rotation has made of it: one of the
    /// compressed files where it was.
    pub(super) fn resume_packed(
        &mut self,
        id: SourceId,
        known: &Ranked,
        mut packed: Vec<PathBuf>,
        now: Moment,
    ) {
        let entry = &known.entry;
        let original = placed(&entry.path, &self.setup.path_prefix);
        let Some(sought) = Sought::of_entry(entry, original.clone()) else { return };
        packed.retain(|path| is_of_log(&original, path) || is_of_log(&entry.at, path));
        packed.sort();
        for path in packed {
            let Some(copy) = self.open_as_copy(&sought, path) else { continue };
            let Copy { path, handle, found, head, head_len, anchor } = copy;
            let facts = found.facts;
            let is_taken = self
                .sources
                .get(&id)
                .is_none_or(|it| it.by_inode.contains_key(&(facts.device, facts.inode)));
            let has_more = facts.size_bytes > entry.offset && facts.size_bytes >= entry.size;
            if is_taken || !has_more {
                continue;
            }
            info!(
                "{} is gone; what was not read of it, from byte {} on, is read from {}",
                Shown::of(&entry.at),
                entry.offset,
                Shown::of(&path)
            );
            self.restored.remove(known.rank);
            let begin = Begin::from_entry(known, anchor);
            let opened = Opened { handle, facts, head: &head[..head_len] };
            let sight = Sight::CopyOf(&original);
            let key = self.follow(id, &path, opened, begin, sight, now);
            self.lost_path(key, now);
            return;
        }
    }
}

/// Whether a compressed file has a name of the log that was at this path, in whatever directory.
fn is_of_log(path: &Path, packed: &Path) -> bool {
    let names = path.file_name().zip(packed.file_name());
    names.is_some_and(|(one, other)| are_of_one_log(one.as_bytes(), other.as_bytes()))
}

/// The path whose contents are read one after the other. All compressed files of a directory take
/// turns, since each of them that is begun holds the state of its unpacking.
pub(super) fn lane_path(path: PathBuf) -> PathBuf {
    match is_packed(path.as_os_str().as_bytes()) {
        true => path.with_file_name(".gz"),
        false => path,
    }
}
