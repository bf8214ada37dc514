//! Appends groups to the newest log file, one sync for each call.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::commit_log::{CommitError, CommitLog, LogEntry};
use crate::disk::{Disk, DiskFile};
use crate::ids::{Seq, StoreId};
use crate::names;
use crate::wal::entry::{
    FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FileHeader, FrameHeader, Kind, frame_bytes, payload_crc,
};

/// How log files are made.
#[derive(Debug, Clone, Copy)]
pub struct WalSettings {
    /// Size of a file. A single group that is larger gets a file of its own size.
    pub file_bytes: u64,
    /// Where the salts of the files come from; unpredictable for senders.
    pub salt_seed: u64,
}

/// The last group of each shard in one file: when all of them are flushed, the file may go.
pub type LastSeqs = HashMap<(StoreId, u16), Seq>;

/// The write-ahead log. Made by [`recover`](crate::wal::recover()).
#[derive(Debug)]
pub struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    settings: WalSettings,
    writer: Mutex<Writer>,
    files: Mutex<Files>,
}

#[derive(Debug)]
struct Writer {
    active: Option<Active>,
    next_number: u64,
    /// Where the frames of the file before `next_number` end.
    previous_end: u64,
    last_seq: LastSeqs,
    seq_floor: Seq,
    stopped: Option<String>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Active {
    file: Arc<dyn DiskFile>,
    name: String,
    number: u64,
    salt: u64,
    /// Everything before is on disk; the next frame goes here.
    end: u64,
    len: u64,
}

#[derive(Debug, Default)]
struct Files {
    /// What is in each file, the active one included.
    last_seqs: BTreeMap<u64, LastSeqs>,
    /// The file that is written to, or will be made next.
    active: u64,
}

/// Where writing goes on after recovery.
#[derive(Debug)]
pub(super) struct Start {
    pub next_number: u64,
    pub previous_end: u64,
    pub last_seq: LastSeqs,
    pub seq_floor: Seq,
    pub files: BTreeMap<u64, LastSeqs>,
}

impl Wal {
    pub(super) fn start(disk: Arc<dyn Disk>, dir: &Path, settings: WalSettings, at: Start) -> Wal {
        Wal {
            disk,
            dir: dir.to_owned(),
            settings,
            writer: Mutex::new(Writer {
                active: None,
                next_number: at.next_number,
                previous_end: at.previous_end,
                last_seq: at.last_seq,
                seq_floor: at.seq_floor,
                stopped: None,
                buffer: Vec::new(),
            }),
            files: Mutex::new(Files { last_seqs: at.files, active: at.next_number }),
        }
    }

    /// Raises the number every shard goes on from; for [`crate::limits::SALVAGE_SEQ_SKIP`].
    pub(crate) fn raise_seq_floor(&self, floor: Seq) {
        let mut writer = self.writer();
        writer.seq_floor = writer.seq_floor.max(floor);
    }

    /// The largest number any shard has used.
    pub(crate) fn largest_seq(&self) -> Seq {
        let writer = self.writer();
        writer.last_seq.values().copied().max().unwrap_or(Seq::NONE).max(writer.seq_floor)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file to write `needed` bytes to: the active one, or a new one behind it.
    fn room<'a>(
        &self,
        active: &'a mut Option<Active>,
        next_number: &mut u64,
        previous_end: &mut u64,
        needed: u64,
    ) -> Result<&'a mut Active, CommitError> {
        let full = active.as_ref().is_none_or(|active| active.end + needed > active.len);
        if full {
            let previous = active.as_ref().map_or(*previous_end, |active| active.end);
            let new = self.new_file(*next_number, previous, needed)?;
            *next_number += 1;
            *previous_end = previous;
            self.files().active = new.number;
            *active = Some(new);
        }
        Ok(active.as_mut().expect("made above when it was missing"))
    }

    /// Makes a file that is on disk with its name and header before any frame goes into it.
    fn new_file(&self, number: u64, previous_end: u64, needed: u64) -> Result<Active, CommitError> {
        let name = names::wal_file(number);
        let path = self.dir.join(&name);
        let salt = salt(self.settings.salt_seed, number);
        let len = self.settings.file_bytes.max(FILE_HEADER_BYTES as u64 + needed);
        let make = || -> io::Result<Arc<dyn DiskFile>> {
            let file = match self.disk.create(&path) {
                // Left by an attempt that failed before the file could hold anything.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.disk.remove(&path)?;
                    self.disk.create(&path)?
                }
                other => other?,
            };
            file.preallocate(len)?;
            file.write_at(0, &FileHeader { number, previous_end, salt }.encode())?;
            Ok(file)
        };
        let file = make().map_err(|source| {
            // Frees the space when it can; the next attempt removes it otherwise.
            let _ = self.disk.remove(&path);
            CommitError::NewFile { file: name.clone(), source }
        })?;
        let synced = file.sync_data().and_then(|()| self.disk.sync_dir(&self.dir));
        synced.map_err(|source| CommitError::Lost { file: name.clone(), source })?;
        Ok(Active { file, name, number, salt, end: FILE_HEADER_BYTES as u64, len })
    }
}

impl Writer {
    fn check(&self) -> Result<(), CommitError> {
        match &self.stopped {
            Some(reason) => Err(CommitError::Stopped { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Remembers a failure after which the state of the disk is unknown.
    fn remember<T>(&mut self, result: Result<T, CommitError>) -> Result<T, CommitError> {
        if let Err(error) = &result
            && error.is_sticky()
            && self.stopped.is_none()
        {
            self.stopped = Some(error.to_string());
        }
        result
    }

    fn write(&mut self) -> Result<(), CommitError> {
        let active = self.active.as_mut().expect("only called after room was made");
        let written =
            active.file.write_at(active.end, &self.buffer).and_then(|()| active.file.sync_data());
        let result = match written {
            Ok(()) => {
                active.end += self.buffer.len() as u64;
                Ok(())
            }
            Err(source) => Err(CommitError::Lost { file: active.name.clone(), source }),
        };
        self.remember(result)
    }
}

impl CommitLog for Wal {
    fn commit(&self, entries: &[LogEntry]) -> Result<Vec<Seq>, CommitError> {
        let mut guard = self.writer();
        let writer = &mut *guard;
        writer.check()?;
        let needed: usize = entries.iter().map(|entry| frame_bytes(entry.payload.len())).sum();
        let made = self.room(
            &mut writer.active,
            &mut writer.next_number,
            &mut writer.previous_end,
            // One frame header stays free, for the mark of an orderly end.
            (needed + FRAME_HEADER_BYTES) as u64,
        );
        let (number, salt, end) = match made {
            Ok(active) => (active.number, active.salt, active.end),
            Err(error) => return writer.remember(Err(error)),
        };

        let mut last: LastSeqs = HashMap::new();
        let mut seqs = Vec::with_capacity(entries.len());
        writer.buffer.clear();
        writer.buffer.reserve(needed);
        for entry in entries {
            let shard = (entry.store, entry.shard);
            let before = last.get(&shard).or_else(|| writer.last_seq.get(&shard)).copied();
            let seq = before.unwrap_or(Seq::NONE).max(writer.seq_floor).next();
            last.insert(shard, seq);
            seqs.push(seq);
            let header = FrameHeader {
                kind: Kind::Group,
                shard: entry.shard,
                synced_through: offset(end),
                store: entry.store,
                seq,
                received_nanos: entry.received_nanos,
                origin: entry.origin,
                payload_bytes: offset(entry.payload.len() as u64),
                payload_crc: payload_crc(salt, &entry.payload),
            };
            header.encode(salt, &entry.payload, &mut writer.buffer);
        }
        writer.write()?;
        let mut files = self.files();
        let in_file = files.last_seqs.entry(number).or_default();
        for (shard, seq) in last {
            in_file.insert(shard, seq);
            writer.last_seq.insert(shard, seq);
        }
        Ok(seqs)
    }

    fn needed_from(&self, is_flushed: &dyn Fn(StoreId, u16, Seq) -> bool) -> u64 {
        let files = self.files();
        let needed = files.last_seqs.range(..files.active).find(|(_, last)| {
            !last.iter().all(|(&(store, shard), &seq)| is_flushed(store, shard, seq))
        });
        needed.map_or(files.active, |(&number, _)| number)
    }

    fn release(&self, file: u64) -> Result<usize, CommitError> {
        let old: Vec<u64> = {
            let files = self.files();
            files.last_seqs.range(..file.min(files.active)).map(|(&number, _)| number).collect()
        };
        for &number in &old {
            let name = names::wal_file(number);
            match self.disk.remove(&self.dir.join(&name)) {
                // A file that was put aside has another name and stays.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(CommitError::Release { file: name, source }),
                Ok(()) => {}
            }
            self.files().last_seqs.remove(&number);
        }
        Ok(old.len())
    }

    fn seal(&self) -> Result<(), CommitError> {
        let mut writer = self.writer();
        writer.check()?;
        let Some((end, salt)) = writer.active.as_ref().map(|active| (active.end, active.salt))
        else {
            return Ok(());
        };
        writer.buffer.clear();
        FrameHeader::seal(offset(end), salt).encode(salt, &[], &mut writer.buffer);
        writer.write()?;
        // Nothing is written behind the mark: whatever comes goes to a new file.
        writer.previous_end = end + frame_bytes(0) as u64;
        writer.active = None;
        let mut files = self.files();
        files.active = writer.next_number;
        Ok(())
    }
}

/// Offsets and lengths in a file: [`EngineSettings`](crate::EngineSettings) keeps files below
/// 4 GiB, and [`crate::limits`] payloads.
fn offset(bytes: u64) -> u32 {
    u32::try_from(bytes).expect("log files are smaller than 4 GiB")
}

fn salt(seed: u64, number: u64) -> u64 {
    // Checksums of checksums are good enough to make neighbours differ; what must not be guessed
    // is the seed.
    let mut text = String::new();
    let _ = write!(text, "{seed:x}/{number:x}");
    let low = crc32c::crc32c(text.as_bytes());
    text.push('+');
    seed ^ (u64::from(crc32c::crc32c(text.as_bytes())) << 32 | u64::from(low))
}
