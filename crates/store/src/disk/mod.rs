//! The only door to files.
//!
//! Everything durable in this crate goes through [`Disk`], so that a test can count syncs, fail
//! the n-th call, or build what a power cut would leave ([`SimDisk`]). The calls are the ones a
//! log engine needs and no more; what each one makes durable is written at each one.

mod real;
mod sim;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;
pub use sim::{Crash, SimDisk};

/// Directories and names.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes the directory and its parents, and makes those entries durable.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes a new empty file. Fails with [`io::ErrorKind::AlreadyExists`] when the name is
    /// taken. The name is durable after [`Disk::sync_dir`] of its directory.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name in the same directory, replacing what had it. Durable after
    /// [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Disk::sync_dir`]: before that it may come back.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names of the files in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes created, renamed and removed names of a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock that keeps a second engine out of the same directory, until the answer is
    /// dropped. Fails with [`io::ErrorKind::WouldBlock`] when somebody has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// One open file. Calls take `&self`: a file is shared between the one who writes and those who
/// read.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `into` from `offset`; [`io::ErrorKind::UnexpectedEof`] when the file is shorter.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`. Durable after [`DiskFile::sync_data`].
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts or extends (with zeros) to `len`. Durable after [`DiskFile::sync_data`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends to `len` with zeros and, where the file system can, reserves the space, so that a
    /// full disk shows here and not in the middle of a log.
    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    /// Makes the bytes and the length durable. After an error nothing is known about what is on
    /// disk, and trying again proves nothing: the kernel may have dropped the dirty pages.
    fn sync_data(&self) -> io::Result<()>;
}
