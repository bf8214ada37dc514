//! Begins to follow a file: where to begin with it, as which content, and in whose turn.

use super::file::{Anchor, First, SafePoint, Tail};
use super::given_up::Ranges;
use super::packed::lane_path;
use super::park::is_shortage;
use super::proof::Beside;
use super::read::scope;
use super::resume::Looked;
use super::source::{file_labels, placed, shown};
use super::{Collector, FileKey, Moment, Phase, Ship, SourceId, UNNAMED, Unsaved, file_alarm};
use crate::checkpoint::Ranked;
use crate::files::{Files, Found, Shown, escaped, is_packed, read_full};
use crate::log::alarm;
use crate::{debug, info};
use pipeline::ack::AckTracker;
use pipeline::batch::{FileStream, Unfinished};
use pipeline::identity::{FileFacts, FileId, HEAD_BYTES, Mark, first_line};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is read of an old file from its end, when the configuration does not say.
const TAIL_BYTES: u64 = 1024 * 1024;

/// While fewer are followed, the log names each new one; more would bury everything else.
const NAMED_FILES: usize = 100;

/// How far behind the start of the tail a line start is looked for.
const LINE_START_WITHIN: usize = 128 * 1024;

/// Where to begin with a file.
pub(super) struct Begin {
    pub(super) position: u64,
    pub(super) anchor: Anchor,
    pub(super) generation: u32,
    pub(super) id: Option<FileId>,
    pub(super) unfinished: Unfinished,
    pub(super) shown: Option<PathBuf>,
    /// Bytes in front that are left out by rule.
    pub(super) skipped: u64,
    /// The checkpoint knows of this content.
    pub(super) is_recorded: bool,
    /// Where it stood there.
    pub(super) rank: Option<i64>,
    /// When the file was born that it was written in, if that may be another one.
    pub(super) begun_nanos: Option<u64>,
    /// What of it was given up.
    pub(super) given_up: Box<Ranges>,
}

impl Begin {
    /// Where a content was left. `anchor` is what stands in front of its position.
    pub(super) fn from_entry(known: &Ranked, anchor: Anchor) -> Self {
        let Ranked { rank, entry } = known;
        Self {
            position: entry.offset,
            anchor,
            generation: entry.generation,
            id: (entry.file != UNNAMED).then_some(entry.file),
            unfinished: if entry.unfinished { Unfinished::Yes } else { Unfinished::No },
            shown: Some(entry.path.clone()),
            skipped: 0,
            is_recorded: true,
            rank: Some(*rank),
            begun_nanos: entry.born,
            given_up: Box::new(Ranges::known(&entry.dead_letter, &entry.destroyed)),
        }
    }

    pub(super) fn at_start(generation: u32) -> Self {
        Self {
            position: 0,
            anchor: Anchor::EMPTY,
            generation,
            id: None,
            unfinished: Unfinished::No,
            shown: None,
            skipped: 0,
            is_recorded: false,
            rank: None,
            begun_nanos: None,
            given_up: Box::default(),
        }
    }
}

/// A file that was just opened, and how it begins.
pub(super) struct Opened<'a, H> {
    pub(super) handle: H,
    pub(super) facts: FileFacts,
    pub(super) head: &'a [u8],
}

/// How a new file came to our notice.
#[derive(Clone, Copy)]
pub(super) enum Sight<'a> {
    /// At its path.
    InPlace,
    /// Wherever it is now: the last run knew it.
    Resumed,
    /// Under another name, after it had been written at this path, and before this content was.
    RenamedFrom(&'a Path, Option<FileKey>),
    /// Under another name, beside this path, where it was written before this content if it is no
    /// copy.
    Beside(&'a Path, Option<FileKey>),
    /// As the copy of what was written at this path.
    CopyOf(&'a Path),
}

impl<'a> Sight<'a> {
    /// Where a file that stands at `path` was written.
    pub(super) fn written_at(self, path: &'a Path) -> &'a Path {
        match self {
            Self::InPlace | Self::Resumed => path,
            Self::RenamedFrom(from, _) | Self::Beside(from, _) | Self::CopyOf(from) => from,
        }
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Begins to follow a file, unless it has nothing new or cannot be read.
    pub(super) fn adopt(
        &mut self,
        id: SourceId,
        path: &Path,
        what: &Found,
        sight: Sight<'_>,
        now: Moment,
    ) -> Option<FileKey> {
        if is_packed(path.as_os_str().as_bytes()) {
            return self.adopt_packed(id, path, what, now);
        }
        if self.is_left_alone(id, &what.facts) {
            return None;
        }
        let handle = match self.open_making_room(path) {
            Ok(handle) => handle,
            Err(error) => return self.cannot_open(path, &error),
        };
        // The name may lead elsewhere by now; what was opened counts.
        let facts = match self.files.look_at(&handle) {
            Ok(found) => found.facts,
            Err(error) => return self.cannot_open(path, &error),
        };
        let found = (what.facts.device, what.facts.inode, what.facts.born_nanos);
        if (facts.device, facts.inode, facts.born_nanos) != found
            && !matches!(sight, Sight::InPlace)
        {
            // Names have moved: the next scan looks again.
            self.unreadable += 1;
            return None;
        }
        self.adopt_open(id, path, handle, facts, sight, now)
    }

    /// Whether nothing happened to a file since it was found to be old, or a copy.
    pub(super) fn is_left_alone(&self, id: SourceId, facts: &FileFacts) -> bool {
        let Some(source) = self.sources.get(&id) else { return true };
        let inode = (facts.device, facts.inode);
        let looks = (facts.size_bytes, facts.modified_nanos);
        let sleeps = source.dormant.get(&inode) == Some(&looks) && !source.plan.tail_existing;
        let copy = source.copies.get(&inode);
        sleeps || copy.is_some_and(|it| it.is_proven && it.looks == looks)
    }

    /// Begins to follow a file that is open, unless it has nothing new or cannot be read.
    pub(super) fn adopt_open(
        &mut self,
        id: SourceId,
        path: &Path,
        handle: F::Handle,
        facts: FileFacts,
        sight: Sight<'_>,
        now: Moment,
    ) -> Option<FileKey> {
        let inode = (facts.device, facts.inode);
        if let Some(key) = self.sources.get(&id)?.by_inode.get(&inode).copied()
            && !self.let_go_of_reborn(id, key, &facts, now)
        {
            return None;
        }
        let mut head = [0; HEAD_BYTES];
        let head_len = match read_full(&mut self.files, &handle, &mut head, 0) {
            Ok(read) => read,
            Err(error) => return self.cannot_open(path, &error),
        };
        let head = &head[..head_len];
        let looked = Looked { path, handle: &handle, facts: &facts, head };
        let known = match self.resume_claimed(id, &looked, now) {
            Ok(known) => known,
            Err(error) => return self.cannot_open(path, &error),
        };
        // A content without a name is one of which nothing was read.
        let is_fresh = known.as_ref().is_none_or(|(begin, _)| begin.id.is_none());
        if is_fresh && !matches!(sight, Sight::RenamedFrom(..)) {
            match self.is_copy(id, path, &handle, &facts, head, now) {
                Ok(Beside::Own) => {}
                Ok(beside) => {
                    self.note_copy(id, &facts, beside);
                    // It may still turn out to be wanted.
                    self.unreadable += usize::from(matches!(beside, Beside::Undecided(_)));
                    return None;
                }
                Err(error) => {
                    known.into_iter().for_each(|(_, known)| self.restored.put_back(known));
                    return self.cannot_open(path, &error);
                }
            }
        }
        let begin = match known {
            Some((begin, _)) => begin,
            None if self.is_queue_full(id, path, sight) => return None,
            None if matches!(sight, Sight::InPlace | Sight::Resumed) => {
                self.first_sight(id, path, &handle, &facts)?
            }
            None => Begin::at_start(0),
        };
        Some(self.follow(id, path, Opened { handle, facts, head }, begin, sight, now))
    }

    /// Follows an open file from a known beginning on.
    pub(super) fn follow(
        &mut self,
        id: SourceId,
        path: &Path,
        opened: Opened<'_, F::Handle>,
        begin: Begin,
        sight: Sight<'_>,
        now: Moment,
    ) -> FileKey {
        let Opened { handle, facts, head } = opened;
        let written_at = sight.written_at(path);
        let shown = begin.shown.unwrap_or_else(|| shown(written_at, &self.setup.path_prefix));
        let beginning = first_line(head);
        let is_named = begin.id.is_some() || beginning.is_some();
        let lane = self.lane_of(id, &lane_path(placed(&shown, &self.setup.path_prefix)));
        let key = self.new_id();
        let source = self.sources.get_mut(&id).expect("who follows for a source has it");
        let file = begin.id.unwrap_or_else(|| {
            let scope = scope(&self.setup.labels, &source.plan.name);
            FileId::derive(&scope, &facts, begin.generation, beginning.unwrap_or_default())
        });
        let labels = file_labels(&self.setup.labels, &source.plan, &shown, &facts, file);
        if self.tails.len() < NAMED_FILES {
            info!("following {} from byte {}", Shown::of(path), begin.position);
        } else {
            debug!("following {} from byte {}", Shown::of(path), begin.position);
        }
        let point = SafePoint { anchor: begin.anchor.mark(), unfinished: begin.unfinished };
        let tail = Tail {
            source: id,
            lane,
            handle: Some(handle),
            at: path.to_owned(),
            found_at: path.to_owned(),
            shown,
            facts,
            begun_nanos: begin.begun_nanos.or(facts.born_nanos),
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
            rank: begin.rank,
            first: match sight {
                _ if is_packed(path.as_os_str().as_bytes()) => First::Read,
                _ if begin.position > 0 => First::Read,
                Sight::CopyOf(_) => First::Recover,
                _ => First::LookBeside,
            },
            passed: None,
            succeeded_since: None,
            is_recorded: begin.generation == 0 || begin.is_recorded,
            failing: None,
            rest: None,
            grown_at: now.clock,
            charged: 0,
            seen_bytes: facts.size_bytes,
            skipped: begin.skipped,
            left_out: Vec::new(),
            given_up: *begin.given_up,
            late: None,
            lost: None,
            seen_in: self.scans,
            seen_seconds: now.wall_seconds(),
        };
        let inode = (facts.device, facts.inode);
        source.by_inode.insert(inode, key);
        source.copies.remove(&inode);
        self.tails.insert(key, tail);
        let place = match sight {
            Sight::InPlace | Sight::Resumed | Sight::CopyOf(_) => {
                begin.rank.and_then(|rank| self.place_by_rank(lane, rank))
            }
            Sight::RenamedFrom(_, next) | Sight::Beside(_, next) => {
                self.place_by_birth(lane, &facts, next)
            }
        };
        // Whoever is being read looks once more for its end, and then lets the next one go.
        let mut first = None;
        if let Some(lane) = self.lanes.get_mut(&lane) {
            lane.files += 1;
            lane.waiting.insert(place.unwrap_or(lane.waiting.len()), key);
            first = lane.waiting.front().copied();
        }
        self.setup.metrics.files.set(self.tails.len() as u64);
        self.unsaved = self.unsaved.max(Unsaved::Files);
        self.last_growth = now.clock;
        self.make_ready(key);
        if let Some(first) = first {
            self.make_ready(first);
        }
        key
    }

    /// A file that cannot be followed now; the next scan tries again.
    pub(super) fn cannot_open(&mut self, path: &Path, error: &io::Error) -> Option<FileKey> {
        let name = match error.kind() {
            io::ErrorKind::NotFound => return None,
            // Its size is being found.
            io::ErrorKind::WouldBlock => {
                self.unreadable += 1;
                return None;
            }
            io::ErrorKind::PermissionDenied => {
                self.denied.note(path);
                "LOGFILE_PERMINSSION_ALARM"
            }
            _ => {
                self.unreadable += 1;
                match is_shortage(error) {
                    true => "OPEN_FILE_LIMIT_ALARM",
                    false => "OPEN_LOGFILE_FAIL_ALARM",
                }
            }
        };
        file_alarm(name, path, error);
        None
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
        let dormant = source.dormant.get(&inode).copied();
        let was_dormant = dormant.is_some();
        // What appears in a directory that is known is new. A directory that comes later may bring
        // old files with it.
        let is_new = match source.is_scanned {
            false => is_young && source.plan.tail_bytes.is_none(),
            true => is_young || source.dirs.iter().any(|(dir, _)| Some(&**dir) == path.parent()),
        };
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
            0 => {
                source.dormant.remove(&inode);
                return Some(Begin::at_start(0));
            }
            begin => begin,
        };
        // One byte earlier, so that a line which starts exactly there is found.
        let window = &mut self.buffer[..LINE_START_WITHIN];
        // It sleeps on until this succeeds.
        let read = match read_full(&mut self.files, handle, window, begin - 1) {
            Ok(read) => read,
            Err(error) => {
                self.cannot_open(path, &error);
                return None;
            }
        };
        self.sources.get_mut(&id)?.dormant.remove(&inode);
        let newline = window[..read].iter().position(|byte| *byte == b'\n');
        let skip = newline.map_or(1, |at| at + 1);
        let position = begin - 1 + skip as u64;
        self.setup.metrics.skipped_bytes.add(position);
        alarm(
            "SKIP_READ_LOG_ALARM",
            &escaped(&path),
            format_args!("the first {position} bytes of an old file are not read"),
        );
        let anchor = Anchor::of(&self.buffer[..skip]);
        Some(Begin { position, anchor, skipped: position, ..Begin::at_start(0) })
    }
}
