//! Blobs as files of one directory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{BlobError, BlobStore};
use crate::disk::Disk;
use crate::names::UNFINISHED;

/// The embedded blob store.
#[derive(Debug)]
pub struct FileBlobs {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// One writer at a time, so that looking for a name and taking it are one step.
    naming: Mutex<()>,
}

impl FileBlobs {
    /// Blobs in `dir`, which is made when missing. What an earlier process left unfinished is
    /// removed.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> io::Result<FileBlobs> {
        disk.create_dir_all(dir)?;
        for name in disk.list(dir)? {
            if name.ends_with(UNFINISHED) {
                disk.remove(&dir.join(name))?;
            }
        }
        Ok(FileBlobs { disk, dir: dir.to_owned(), naming: Mutex::new(()) })
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match self.disk.open(&self.dir.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write_unfinished(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = match self.disk.create(path) {
            // Left by an attempt that failed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(path)?;
                self.disk.create(path)?
            }
            other => other?,
        };
        file.write_at(0, bytes)?;
        file.sync_data()
    }
}

fn failed(name: &str) -> impl FnOnce(io::Error) -> BlobError {
    let name = name.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::NotFound => BlobError::Missing { name },
        _ => BlobError::Disk { name, source },
    }
}

impl BlobStore for FileBlobs {
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        if self.exists(name).map_err(failed(name))? {
            return Err(BlobError::Exists { name: name.to_owned() });
        }
        let unfinished = self.dir.join(format!("{name}{UNFINISHED}"));
        let written = self.write_unfinished(&unfinished, bytes).and_then(|()| {
            self.disk.rename(&unfinished, &self.dir.join(name))?;
            self.disk.sync_dir(&self.dir)
        });
        written.map_err(|error| {
            // Gives the space back when it can; opening does it otherwise.
            let _ = self.disk.remove(&unfinished);
            failed(name)(error)
        })
    }

    fn read_range(&self, name: &str, start: u64, length: usize) -> Result<Bytes, BlobError> {
        let file = self.disk.open(&self.dir.join(name)).map_err(failed(name))?;
        let mut bytes = vec![0; length];
        file.read_at(start, &mut bytes).map_err(failed(name))?;
        Ok(bytes.into())
    }

    fn len(&self, name: &str) -> Result<u64, BlobError> {
        let file = self.disk.open(&self.dir.join(name)).map_err(failed(name))?;
        file.len().map_err(failed(name))
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let names = self.disk.list(&self.dir).map_err(failed(prefix))?;
        let ours = |name: &String| name.starts_with(prefix) && !name.ends_with(UNFINISHED);
        Ok(names.into_iter().filter(ours).collect())
    }

    fn delete(&self, name: &str) -> Result<(), BlobError> {
        match self.disk.remove(&self.dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(failed(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Crash, SimDisk};

    fn open(disk: &SimDisk) -> FileBlobs {
        FileBlobs::open(Arc::new(disk.clone()), Path::new("/blobs")).unwrap()
    }

    #[test]
    fn a_taken_name_is_refused_and_keeps_its_bytes() {
        let blobs = open(&SimDisk::new());
        blobs.put_new("a.parquet", b"first").unwrap();
        let refused = blobs.put_new("a.parquet", b"second").unwrap_err();
        assert_eq!(refused.to_string(), "blob a.parquet exists already");
        assert_eq!(blobs.read_range("a.parquet", 0, 5).unwrap(), &b"first"[..]);
    }

    #[test]
    fn reading_past_the_end_is_an_error_and_not_a_short_answer() {
        let blobs = open(&SimDisk::new());
        blobs.put_new("a", b"12345").unwrap();
        assert_eq!(blobs.read_range("a", 1, 3).unwrap(), &b"234"[..]);
        assert!(matches!(blobs.read_range("a", 3, 3), Err(BlobError::Disk { .. })));
        assert!(matches!(blobs.read_range("b", 0, 1), Err(BlobError::Missing { .. })));
    }

    #[test]
    fn a_power_cut_at_any_call_leaves_all_of_a_blob_or_none() {
        let whole = SimDisk::new();
        open(&whole).put_new("a", &[7; 2000]).unwrap();
        for cut in 1..=whole.calls() {
            let disk = SimDisk::new();
            disk.cut_power_at(cut);
            let stored = open(&disk).put_new("a", &[7; 2000]).is_ok();
            for seed in 1..20 {
                let left = open(&disk.crash(Crash::Random(seed)));
                match left.list("").unwrap().as_slice() {
                    [] => assert!(!stored, "cut {cut} seed {seed}"),
                    [name] => assert_eq!(left.read_range(name, 0, 2000).unwrap(), vec![7; 2000]),
                    more => panic!("cut {cut} seed {seed}: {more:?}"),
                }
            }
        }
    }
}
