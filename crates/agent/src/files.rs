//! The only door to log files: list, look, open, read. The real one and, for tests and
//! simulation, others.

mod gzip;
pub mod names;

pub use gzip::{Unpacking, is_packed};
pub use names::{Shown, escaped};

use pipeline::identity::FileFacts;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link; only [`Files::look`] knows what it leads to.
    Link,
    /// A pipe, socket or device, which is never read.
    Other,
}

/// A file as found by a path or a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is, links followed.
    pub kind: Kind,
    /// Identity and size.
    pub facts: FileFacts,
    /// Number of names it has; 0 when it was deleted.
    pub links: u64,
}

/// Access to files.
pub trait Files {
    /// An open file.
    type Handle;

    /// Calls `entry` with name and kind of everything in `dir`, in any order. `.` and `..` are
    /// left out.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&mut self, dir: &Path, entry: &mut dyn FnMut(&[u8], Kind)) -> io::Result<()>;

    /// What stands at `path`, links followed.
    ///
    /// # Errors
    /// When nothing is there, or the way is barred.
    fn look(&mut self, path: &Path) -> io::Result<Found>;

    /// Opens for reading.
    ///
    /// # Errors
    /// As the system says.
    fn open(&mut self, path: &Path) -> io::Result<Self::Handle>;

    /// What an open file is now.
    ///
    /// # Errors
    /// As the system says.
    fn look_at(&mut self, handle: &Self::Handle) -> io::Result<Found>;

    /// Reads from `offset` into `buf`; gives the bytes read, fewer than asked for at the end of
    /// the file and, rarely, elsewhere; none only at the end.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&mut self, handle: &Self::Handle, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// Reads until `buf` is full or the file ends: for when fewer bytes would be taken for its end.
///
/// # Errors
/// As [`Files::read_at`].
pub fn read_full<F: Files>(
    files: &mut F,
    handle: &F::Handle,
    buf: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match files.read_at(handle, &mut buf[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    type Handle = File;

    fn list(&mut self, dir: &Path, entry: &mut dyn FnMut(&[u8], Kind)) -> io::Result<()> {
        for item in std::fs::read_dir(dir)? {
            let item = item?;
            let kind = match item.file_type()? {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_dir() => Kind::Dir,
                kind if kind.is_symlink() => Kind::Link,
                _ => Kind::Other,
            };
            entry(item.file_name().as_bytes(), kind);
        }
        Ok(())
    }

    fn look(&mut self, path: &Path) -> io::Result<Found> {
        Ok(found(&std::fs::metadata(path)?))
    }

    fn open(&mut self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn look_at(&mut self, handle: &File) -> io::Result<Found> {
        Ok(found(&handle.metadata()?))
    }

    fn read_at(&mut self, handle: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        // One read: a second one only to see the end would double the calls for a quiet file.
        // Should the first come back short for another reason, the file is looked at again.
        loop {
            match handle.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

fn found(metadata: &Metadata) -> Found {
    let kind = metadata.file_type();
    let kind = if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Dir
    } else if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device()
    {
        Kind::Other
    } else {
        Kind::Link
    };
    let born_nanos = metadata
        .created()
        .ok()
        .and_then(|born| born.duration_since(UNIX_EPOCH).ok())
        .and_then(|born| u64::try_from(born.as_nanos()).ok());
    let modified_nanos = u64::try_from(metadata.mtime())
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(metadata.mtime_nsec()).unwrap_or(0));
    Found {
        kind,
        facts: FileFacts {
            device: metadata.dev(),
            inode: metadata.ino(),
            born_nanos,
            modified_nanos,
            size_bytes: metadata.len(),
        },
        links: metadata.nlink(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_shows_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "hello").unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::os::unix::fs::symlink(&path, dir.path().join("link")).unwrap();
        let mut files = RealFiles;
        let mut names = Vec::new();
        files
            .list(dir.path(), &mut |name, kind| {
                names.push((String::from_utf8_lossy(name).into_owned(), kind));
            })
            .unwrap();
        names.sort_by(|left, right| left.0.cmp(&right.0));
        let expected = [("a.log", Kind::File), ("link", Kind::Link), ("sub", Kind::Dir)];
        assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
        let direct = files.look(&path).unwrap();
        assert_eq!(direct.facts.size_bytes, 5);
        assert_eq!(files.look(&dir.path().join("link")).unwrap(), direct);
        let handle = files.open(&path).unwrap();
        let mut buf = [0; 8];
        assert_eq!(files.read_at(&handle, &mut buf, 3).unwrap(), 2);
        assert_eq!(&buf[..2], b"lo");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(files.look_at(&handle).unwrap().links, 0);
    }
}
