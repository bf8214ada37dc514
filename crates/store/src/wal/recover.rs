//! Opens the log after whatever happened. The policy has one sentence: bytes that were never
//! acknowledged may be missing, and nothing else may.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::engine::DamagedLog;
use crate::ids::{Seq, StoreId};
use crate::names::{self, WalName};
use crate::wal::entry::{FILE_HEADER_BYTES, FileHeader, FrameHeader, HeaderError, Kind, VERSION};
use crate::wal::reader::{self, FileScan, Frame, ScanError, Tail};
use crate::wal::writer::{LastSeqs, Start, Wal, WalSettings};

/// What was found while opening.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRecovery {
    /// Files read.
    pub files: usize,
    /// Bytes cut off the newest file.
    pub torn_bytes: u64,
    /// What was given up, with [`DamagedLog::Salvage`].
    pub damages: Vec<LogDamage>,
}

/// A place in the log that cannot be read although it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDamage {
    /// The file, under the name it now has.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for LogDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log file {} at byte {}: {}", self.file, self.offset, self.reason)
    }
}

/// One group found in the log.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The file it is in.
    pub file: u64,
    /// The frame.
    pub frame: Frame<'a>,
}

/// Why the log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Bytes that were acknowledged cannot be read.
    #[error(
        "{damage}; the file is kept as {}: put a good copy back under the name {file}, or open once with the \
         damaged-log setting at salvage to keep every group that can still be read and give up the others",
        .damage.file
    )]
    Damaged {
        /// Where and what.
        damage: LogDamage,
        /// The name a good copy would have.
        file: String,
    },
    /// A file between others is not there.
    #[error(
        "log file {file} is missing although it holds groups that are in no segment: put it back, or open once \
         with the damaged-log setting at salvage to go on without it"
    )]
    Missing {
        /// Its name.
        file: String,
    },
    /// A later program wrote it.
    #[error(
        "log file {file} has version {found}, this program reads up to {known}: use the program that wrote it"
    )]
    Version {
        /// The file.
        file: String,
        /// What it says.
        found: u32,
        /// What we know.
        known: u32,
    },
    /// A group is whole but the caller cannot use it.
    #[error(
        "log file {file} at byte {offset}: group {seq} of store {store} shard {shard} cannot be decoded: {reason}; \
         use the program that wrote it, or open once with the damaged-log setting at salvage to go on without it"
    )]
    Undecodable {
        /// The file.
        file: String,
        /// Where in the file.
        offset: usize,
        /// The store.
        store: StoreId,
        /// The shard.
        shard: u16,
        /// The group.
        seq: Seq,
        /// What the caller said.
        reason: String,
    },
    /// A file could not be reached.
    #[error("log file {file} cannot be read: {source}")]
    Disk {
        /// The file, or the directory.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
}

/// What is known before the log is read.
#[derive(Debug)]
pub struct Known {
    /// The first file that is needed.
    pub log_start: u64,
    /// The last number used by each shard, as far as segments know.
    pub last_seq: LastSeqs,
    /// No shard goes on below this.
    pub seq_floor: Seq,
}

/// Reads every file from `known.log_start` on, hands each group to `visit` in the order they were
/// written, and answers the log ready to be appended to.
///
/// When it returns, every group it handed out is on disk, also those that were only in the page
/// cache of a process that was killed.
pub fn recover(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    settings: WalSettings,
    known: Known,
    policy: DamagedLog,
    visit: &mut dyn FnMut(Found<'_>) -> Result<(), String>,
) -> Result<(Wal, LogRecovery), LogError> {
    let mut recovery = Recovery {
        disk,
        dir,
        policy,
        report: LogRecovery::default(),
        last_seq: known.last_seq,
        logged: LastSeqs::new(),
        files: BTreeMap::new(),
    };
    let mut names = recovery.list(known.log_start)?;
    recovery.remove_stillborn(&mut names)?;
    let mut expected = known.log_start.max(1);
    let mut previous_end = 0;
    let mut next = names.iter().peekable();
    while let Some((&number, name)) = next.next() {
        if expected < number {
            recovery.missing(expected, number)?;
        }
        expected = number + 1;
        let place = match next.peek() {
            None => Place::Newest,
            Some((follower, name)) if **follower == expected => {
                Place::Before { end: recovery.previous_end(name)? }
            }
            // The next turn finds that one is missing.
            Some(_) => Place::Before { end: None },
        };
        previous_end = recovery.file(number, name, place, visit)? as u64;
    }
    let start = Start {
        next_number: expected,
        previous_end,
        last_seq: recovery.last_seq,
        seq_floor: known.seq_floor,
        files: recovery.files,
    };
    Ok((Wal::start(disk.clone(), dir, settings, start), recovery.report))
}

struct Recovery<'a> {
    disk: &'a Arc<dyn Disk>,
    dir: &'a Path,
    policy: DamagedLog,
    report: LogRecovery,
    /// The last number used by each shard, from segments and log together.
    last_seq: LastSeqs,
    /// The last number of each shard met in the log itself.
    logged: LastSeqs,
    files: BTreeMap<u64, LastSeqs>,
}

/// Where a file stands among the others, which decides what its end may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its last write may have been cut short.
    Newest,
    /// It was complete before the next one was made, whose header says where it ends; unless
    /// that header is unreadable.
    Before { end: Option<u64> },
}

impl Recovery<'_> {
    /// The files that matter, by number. What was released before is removed again: a removed
    /// name may come back after a power cut.
    fn list(&self, log_start: u64) -> Result<BTreeMap<u64, String>, LogError> {
        let listed = self.disk.list(self.dir);
        let listed = listed.map_err(|source| failed(&self.dir.display().to_string(), source))?;
        let mut files = BTreeMap::new();
        for name in listed {
            match names::parse_wal(&name) {
                Some(WalName::Live(number)) if number < log_start => self.remove(&name)?,
                // A good copy that was put back goes before the one put aside.
                Some(WalName::Live(number)) => {
                    files.insert(number, name);
                }
                Some(WalName::Quarantined(number)) if number >= log_start => {
                    files.entry(number).or_insert(name);
                }
                Some(WalName::Quarantined(_)) | None => {}
            }
        }
        Ok(files)
    }

    /// Removes the newest file if the power went while it was being made. No older one can be
    /// in that state, because a file is only made when the one before is full.
    fn remove_stillborn(&self, names: &mut BTreeMap<u64, String>) -> Result<(), LogError> {
        let Some((&number, name)) = names.last_key_value() else { return Ok(()) };
        if self.header(name)?.is_ok() {
            return Ok(());
        }
        let (_, bytes) = self.read(name)?;
        if reader::scan(&bytes) == Err(ScanError::Stillborn) {
            self.remove(name)?;
            names.remove(&number);
        }
        Ok(())
    }

    /// Where the file before this one ends, if this one can say.
    fn previous_end(&self, name: &str) -> Result<Option<u64>, LogError> {
        Ok(self.header(name)?.ok().map(|header| header.previous_end))
    }

    fn header(&self, name: &str) -> Result<Result<FileHeader, HeaderError>, LogError> {
        let file = self.open(name)?;
        let mut bytes = [0; FILE_HEADER_BYTES];
        match file.read_at(0, &mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Err(HeaderError::Damaged))
            }
            Err(source) => Err(failed(name, source)),
            Ok(()) => Ok(FileHeader::decode(&bytes)),
        }
    }

    /// Reads one file and answers where its frames end.
    fn file(
        &mut self,
        number: u64,
        name: &str,
        place: Place,
        visit: &mut dyn FnMut(Found<'_>) -> Result<(), String>,
    ) -> Result<usize, LogError> {
        let (file, bytes) = self.read(name)?;
        self.report.files += 1;
        self.files.entry(number).or_default();
        let scan = match reader::scan(&bytes) {
            Ok(scan) => scan,
            Err(ScanError::Version { found }) => {
                return Err(LogError::Version { file: name.to_owned(), found, known: VERSION });
            }
            Err(ScanError::Stillborn | ScanError::HeaderDamaged) => {
                self.damage(number, name, 0, "its header is unreadable".to_owned())?;
                return Ok(0);
            }
        };
        if scan.header.number != number {
            let reason = format!("its header says it is file {}", scan.header.number);
            self.damage(number, name, 0, reason)?;
            return Ok(scan.end);
        }
        let later = match (place, &scan.tail) {
            (Place::Before { end: Some(end) }, _) if end != scan.end as u64 => {
                let later = reader::frames_after(&bytes, scan.header.salt, scan.end);
                let reason =
                    format!("the groups end here, the next file says they go on to byte {end}");
                self.damage(number, name, scan.end, reason)?;
                later
            }
            (_, Tail::Damaged { later }) => {
                let count = later.len();
                let reason =
                    format!("unreadable bytes that had been synced, {count} whole groups follow");
                self.damage(number, name, scan.end, reason)?;
                later.clone()
            }
            (Place::Newest, Tail::Clean | Tail::Torn { .. }) => {
                if let Tail::Torn { bytes } = scan.tail {
                    self.report.torn_bytes += bytes as u64;
                }
                settle(&*file, &bytes, &scan).map_err(|source| failed(name, source))?;
                Vec::new()
            }
            (Place::Before { .. }, Tail::Clean | Tail::Torn { .. }) => Vec::new(),
        };
        for frame in scan.groups.iter().chain(&later) {
            if frame.header.kind == Kind::Group {
                self.group(number, name, *frame, visit)?;
            }
        }
        Ok(scan.end)
    }

    fn group(
        &mut self,
        number: u64,
        name: &str,
        frame: Frame<'_>,
        visit: &mut dyn FnMut(Found<'_>) -> Result<(), String>,
    ) -> Result<(), LogError> {
        let FrameHeader { store, shard, seq, .. } = frame.header;
        let before = self.logged.insert((store, shard), seq).unwrap_or(Seq::NONE);
        if seq <= before {
            self.logged.insert((store, shard), before);
            let reason =
                format!("group {seq} of store {store} shard {shard} comes after group {before}");
            return self.damage(number, name, frame.offset, reason);
        }
        if let Err(reason) = visit(Found { file: number, frame }) {
            match self.policy {
                DamagedLog::Refuse => {
                    return Err(LogError::Undecodable {
                        file: name.to_owned(),
                        offset: frame.offset,
                        store,
                        shard,
                        seq,
                        reason,
                    });
                }
                DamagedLog::Salvage => self.report.damages.push(LogDamage {
                    file: name.to_owned(),
                    offset: frame.offset as u64,
                    reason: format!(
                        "group {seq} of store {store} shard {shard} cannot be decoded: {reason}"
                    ),
                }),
            }
        }
        let last = self.last_seq.entry((store, shard)).or_default();
        *last = seq.max(*last);
        self.files.entry(number).or_default().insert((store, shard), seq);
        Ok(())
    }

    /// Puts the file aside, then refuses or goes on, as the policy says.
    fn damage(
        &mut self,
        number: u64,
        name: &str,
        offset: usize,
        reason: String,
    ) -> Result<(), LogError> {
        let file = names::wal_file(number);
        let aside = names::quarantined_wal_file(number);
        if self.disk.list(self.dir).is_ok_and(|names| names.contains(&file)) {
            let renamed = self.disk.rename(&self.dir.join(name), &self.dir.join(&aside));
            renamed
                .and_then(|()| self.disk.sync_dir(self.dir))
                .map_err(|source| failed(name, source))?;
        }
        let damage = LogDamage { file: aside, offset: offset as u64, reason };
        match self.policy {
            DamagedLog::Refuse => Err(LogError::Damaged { damage, file }),
            DamagedLog::Salvage => {
                self.report.damages.push(damage);
                Ok(())
            }
        }
    }

    fn missing(&mut self, first: u64, next: u64) -> Result<(), LogError> {
        let file = names::wal_file(first);
        match self.policy {
            DamagedLog::Refuse => Err(LogError::Missing { file }),
            DamagedLog::Salvage => {
                let reason = format!("missing, the next file is {}", names::wal_file(next));
                self.report.damages.push(LogDamage { file, offset: 0, reason });
                Ok(())
            }
        }
    }

    fn remove(&self, name: &str) -> Result<(), LogError> {
        self.disk.remove(&self.dir.join(name)).map_err(|source| failed(name, source))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, LogError> {
        self.disk.open(&self.dir.join(name)).map_err(|source| failed(name, source))
    }

    fn read(&self, name: &str) -> Result<(Arc<dyn DiskFile>, Vec<u8>), LogError> {
        let file = self.open(name)?;
        let bytes = file.len().and_then(|len| {
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
            file.read_at(0, &mut bytes).map(|()| bytes)
        });
        Ok((file, bytes.map_err(|source| failed(name, source))?))
    }
}

/// Makes what was found durable: from here on it counts as acknowledged. The last group may be in
/// the page cache only, and when the sync of it failed, even marked there as written; so it is
/// written again. Everything before it was on disk when it came. Then the torn bytes and the
/// reserved space are cut.
fn settle(file: &dyn DiskFile, bytes: &[u8], scan: &FileScan<'_>) -> io::Result<()> {
    let frames = scan.groups.iter().map(|frame| frame.header.synced_through as usize);
    let sure = frames.max().unwrap_or(0).min(scan.end);
    let end = scan.end.min(bytes.len());
    file.write_at(sure as u64, &bytes[sure..end])?;
    file.set_len(scan.end as u64)?;
    file.sync_data()
}

fn failed(file: &str, source: io::Error) -> LogError {
    LogError::Disk { file: file.to_owned(), source }
}
