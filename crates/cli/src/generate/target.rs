//! Where records go: a file that rotates by rename, standard output, standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Size and number of files of a rotated log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A record that would make the file larger than this goes into a new file. 0: never rotate.
    pub file_size_bytes: u64,
    /// Files kept, the one being written included. At least 1.
    pub file_count: u32,
}

/// A log file. Rotation renames `path` to `path.1`, `path.1` to `path.2` and so on, the way
/// `logrotate` does without `copytruncate`; a record is never split between two files.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    len_bytes: u64,
}

impl LogFile {
    /// Opens `path` for appending and makes its directory when it is missing.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let (file, len_bytes) = open_for_append(path)?;
        Ok(Self { path: path.to_owned(), rotation, file, len_bytes })
    }

    /// Writes one record in one call to the system.
    pub fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let limit = self.rotation.file_size_bytes;
        let len_bytes = record.len() as u64;
        if limit > 0 && self.len_bytes > 0 && self.len_bytes + len_bytes > limit {
            self.rotate()?;
        }
        self.file.write_all(record)?;
        self.len_bytes += len_bytes;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let kept = self.rotation.file_count.max(1) - 1;
        if kept == 0 {
            // Only the file being written is kept: the full one goes, readers hold what they read.
            std::fs::remove_file(&self.path)?;
        }
        for number in (1..=kept).rev() {
            let from = if number == 1 { self.path.clone() } else { self.numbered(number - 1) };
            match std::fs::rename(from, self.numbered(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        (self.file, self.len_bytes) = open_for_append(&self.path)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open_for_append(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let len_bytes = file.metadata()?.len();
    Ok((file, len_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rotation: Rotation, records: &[&str], expected: &[(&str, &str)]) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(&directory.path().join("nginx/access.log"), rotation).unwrap();
        for record in records {
            log.write(record.as_bytes()).unwrap();
        }
        let mut found: Vec<(String, String)> = std::fs::read_dir(directory.path().join("nginx"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect();
        found.sort();
        let found: Vec<_> =
            found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_size_the_file_grows() {
        check(
            Rotation { file_size_bytes: 0, file_count: 3 },
            &["aaaa\n", "bbbb\n"],
            &[("access.log", "aaaa\nbbbb\n")],
        );
    }

    #[test]
    fn a_full_file_is_renamed_and_the_oldest_goes() {
        check(
            Rotation { file_size_bytes: 10, file_count: 3 },
            &["a\n", "bbbbbbb\n", "c\n", "ddddddddddddd\n", "e\n"],
            &[("access.log", "e\n"), ("access.log.1", "ddddddddddddd\n"), ("access.log.2", "c\n")],
        );
    }

    #[test]
    fn with_one_file_the_full_one_is_replaced() {
        check(
            Rotation { file_size_bytes: 4, file_count: 1 },
            &["aaa\n", "bbb\n"],
            &[("access.log", "bbb\n")],
        );
    }

    #[test]
    fn an_existing_file_is_continued() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let rotation = Rotation { file_size_bytes: 6, file_count: 2 };
        LogFile::open(&path, rotation).unwrap().write(b"aa\n").unwrap();
        let mut log = LogFile::open(&path, rotation).unwrap();
        log.write(b"bb\n").unwrap();
        log.write(b"cc\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"cc\n");
        assert_eq!(std::fs::read(directory.path().join("access.log.1")).unwrap(), b"aa\nbb\n");
    }
}
