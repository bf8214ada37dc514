//! A disk in memory that remembers what was synced and what was not.
//!
//! Power cuts are taken by [`SimDisk::crash`]: it answers a new disk with what would be left,
//! and the old one goes on unharmed below whoever still holds it. Reality is modelled at its
//! worst: unsynced bytes survive sector by sector, in any combination; unsynced names survive in
//! order up to some point.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

const SECTOR_BYTES: usize = 512;

/// What a crash leaves of the things that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All of it, still unsynced: only the process died.
    KeepAll,
    /// None of it: the power went before anything was written back.
    DropUnsynced,
    /// Some of it: each written sector with even chance, names up to a random point.
    Random(u64),
}

/// A simulated disk. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<NameChange>,
    locks: HashSet<PathBuf>,
    calls: u64,
    syncs: u64,
    fault: Option<Fault>,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The call with this number fails, the ones after it work.
    Once(u64),
    /// This call and every later one fails, as if the power went.
    From(u64),
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// How many calls that change something were made so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How many of them were syncs of a file.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Makes the `call`-th changing call fail without effect, once; calls count from 1 and from
    /// the start of the disk. A sync that fails drops the bytes it was for, as kernels do.
    pub fn fail_once_at(&self, call: u64) {
        self.state().fault = Some(Fault::Once(call));
    }

    /// Makes the `call`-th changing call and all later ones fail without effect.
    pub fn cut_power_at(&self, call: u64) {
        self.state().fault = Some(Fault::From(call));
    }

    /// The disk as it is found after a crash at this moment.
    pub fn crash(&self, crash: Crash) -> SimDisk {
        let state = self.state();
        let seed = match crash {
            // The page cache outlives the process: nothing is lost, and nothing is synced.
            Crash::KeepAll => {
                return SimDisk(Arc::new(Mutex::new(State {
                    inodes: state.inodes.clone(),
                    names: state.names.clone(),
                    durable_names: state.durable_names.clone(),
                    pending_names: state.pending_names.clone(),
                    ..State::default()
                })));
            }
            Crash::DropUnsynced => None,
            Crash::Random(seed) => Some(seed),
        };
        let mut luck = Luck::new(seed.unwrap_or_default());
        let mut names = state.durable_names.clone();
        if seed.is_some() {
            let kept = luck.below(state.pending_names.len() + 1);
            state.pending_names[..kept].iter().for_each(|change| change.apply(&mut names));
        }
        let inodes = state.inodes.iter().map(|inode| {
            let bytes = match seed {
                None => inode.durable.clone(),
                Some(_) => inode.torn(&mut luck),
            };
            Inode { durable: bytes.clone(), bytes, pending: Vec::new() }
        });
        SimDisk(Arc::new(Mutex::new(State {
            inodes: inodes.collect(),
            durable_names: names.clone(),
            names,
            ..State::default()
        })))
    }

    /// The bytes of a file as a running program sees them.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|&inode| state.inodes[inode].bytes.clone())
    }

    /// Replaces the bytes of a file behind everybody's back: bit rot, or an operator at work.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let Some(&inode) = state.names.get(path) else { return };
        let inode = &mut state.inodes[inode];
        change(&mut inode.bytes);
        inode.durable = inode.bytes.clone();
        inode.pending.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a changing call and decides whether it happens.
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.calls += 1;
        let fails = match state.fault {
            Some(Fault::Once(call)) => state.calls == call,
            Some(Fault::From(call)) => state.calls >= call,
            None => false,
        };
        if fails { Err(io::Error::other("simulated failure")) } else { Ok(state) }
    }
}

impl State {
    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Link(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            NameChange::Unlink(path) => {
                names.remove(path);
            }
        }
    }

    fn dir(&self) -> Option<&Path> {
        match self {
            NameChange::Link(path, _) | NameChange::Unlink(path) => path.parent(),
            NameChange::Rename(from, _) => from.parent(),
        }
    }
}

impl Inode {
    fn torn(&self, luck: &mut Luck) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            match change {
                Change::SetLen(len) if luck.coin() => bytes.resize(*len, 0),
                Change::SetLen(_) => {}
                Change::Write { offset, bytes: written } => {
                    let mut at = 0;
                    while at < written.len() {
                        let sector_end = (offset + at + 1).next_multiple_of(SECTOR_BYTES) - offset;
                        let end = sector_end.min(written.len());
                        if luck.coin() {
                            write(&mut bytes, offset + at, &written[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
        bytes
    }
}

fn write(into: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    into[offset..end].copy_from_slice(bytes);
}

/// A small generator: tests name their seed, so a failure can be played again.
struct Luck(u64);

impl Luck {
    fn new(seed: u64) -> Luck {
        // Neighbouring seeds must not begin alike, and zero would stay zero.
        Luck(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        // Directories are whatever is in front of a name.
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.call()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change_names(NameChange::Link(path.to_owned(), inode));
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        let Some(&inode) = state.names.get(path) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_names(NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| path.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        let pending = std::mem::take(&mut state.pending_names);
        let (done, waiting): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|change| change.dir() == Some(dir));
        done.iter().for_each(|change| change.apply(&mut state.durable_names));
        state.pending_names = waiting;
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if !self.state().locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned() }))
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let state = self.disk.state();
        let start = offset as usize;
        let from = state.inodes[self.inode].bytes.get(start..start + into.len());
        into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.call()?;
        let inode = &mut state.inodes[self.inode];
        let offset = offset as usize;
        write(&mut inode.bytes, offset, bytes);
        inode.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.call()?;
        let inode = &mut state.inodes[self.inode];
        inode.bytes.resize(len as usize, 0);
        inode.pending.push(Change::SetLen(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let called = self.disk.call().map(drop);
        let mut state = self.disk.state();
        state.syncs += 1;
        // When the power goes during a sync, some of it may have been written.
        let power_is_off = called.is_err() && matches!(state.fault, Some(Fault::From(_)));
        if power_is_off {
            return called;
        }
        let inode = &mut state.inodes[self.inode];
        let pending = std::mem::take(&mut inode.pending);
        called?;
        for change in pending {
            match change {
                Change::Write { offset, bytes } => write(&mut inode.durable, offset, &bytes),
                Change::SetLen(len) => inode.durable.resize(len, 0),
            }
        }
        Ok(())
    }
}
