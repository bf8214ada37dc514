//! The checkpoint file: written aside, synced, renamed, and the directory synced.

use super::{CheckpointError, Entry, decode, encode};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was found at start.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The positions; empty when there is no usable file.
    pub entries: Vec<Entry>,
    /// What was wrong with the file, and where it was put aside.
    pub problem: Option<(CheckpointError, PathBuf)>,
}

/// Reads the checkpoint at `path`. A missing file is a first start. A file that cannot be
/// understood is put aside, so that it can be looked at and is not overwritten.
///
/// # Errors
/// When the file is there but cannot be read or put aside.
pub fn load(path: &Path) -> io::Result<Loaded> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Loaded::default()),
        Err(error) => return Err(error),
    };
    match decode(&bytes) {
        Ok(entries) => Ok(Loaded { entries, problem: None }),
        Err(problem) => {
            let aside = beside(path, "damaged");
            fs::rename(path, &aside)?;
            Ok(Loaded { entries: Vec::new(), problem: Some((problem, aside)) })
        }
    }
}

/// Replaces the checkpoint at `path`. After this has returned, the new one is what a crash of the
/// machine leaves; before, the old one is.
///
/// # Errors
/// As the system says; the old file is then still in place.
pub fn save(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let aside = beside(path, "new");
    let mut file = File::create(&aside)?;
    file.write_all(&encode(entries))?;
    file.sync_all()?;
    drop(file);
    fs::rename(&aside, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    #[test]
    fn a_saved_checkpoint_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        assert!(load(&path).unwrap().entries.is_empty());
        save(&path, &[entry("c", 1, 2)]).unwrap();
        save(&path, &[entry("c", 1, 3)]).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.entries, [entry("c", 1, 3)]);
        assert!(loaded.problem.is_none());
    }

    #[test]
    fn a_half_written_one_aside_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        save(&path, &[entry("c", 1, 2)]).unwrap();
        fs::write(beside(&path, "new"), "sidetail-check").unwrap();
        assert_eq!(load(&path).unwrap().entries, [entry("c", 1, 2)]);
        save(&path, &[entry("c", 1, 4)]).unwrap();
        assert_eq!(load(&path).unwrap().entries, [entry("c", 1, 4)]);
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        fs::write(&path, "sidetail-checkpoint 1 1 0\nx").unwrap();
        let loaded = load(&path).unwrap();
        let (problem, aside) = loaded.problem.unwrap();
        assert!(problem.to_string().contains("damaged"), "{problem}");
        assert_eq!(fs::read(aside).unwrap(), b"sidetail-checkpoint 1 1 0\nx");
        assert!(loaded.entries.is_empty() && !path.exists());
    }
}
