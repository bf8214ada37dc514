//! The directory of dead letters: written whole or not at all, within a limit of bytes, the oldest
//! making room for the newest.

use super::letter::{Letter, LetterError};
use crate::log::alarm;
use crate::metrics::Metrics;
use pipeline::identity::FileId;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const ENDING: &str = ".letter";
const UNFINISHED: &str = ".new";

/// The dead letters of one agent.
#[derive(Debug)]
pub struct Graveyard {
    dir: PathBuf,
    limit_bytes: u64,
    metrics: Arc<Metrics>,
    /// Makes the names in the directory last.
    sync: fn(&File) -> io::Result<()>,
    /// What is there, oldest first; `None` before the first look.
    known: Mutex<Option<VecDeque<Kept>>>,
    /// What letters held that made room, until somebody asks.
    made_room: Mutex<Vec<Held>>,
}

/// Which bytes of which file content a letter holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The id of the content towards the service.
    pub file: FileId,
    /// The bytes.
    pub bytes: Range<u64>,
}

/// A file with a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number, which is its name. Later ones have larger numbers.
    pub number: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// Why there is no dead letter.
#[derive(Debug, thiserror::Error)]
pub enum BuryError {
    /// A setting says so.
    #[error("SIDETAIL_AGENT_DEAD_LETTER_BYTES is 0")]
    Off,
    /// It is larger than all letters together may be.
    #[error("its {bytes} bytes are more than SIDETAIL_AGENT_DEAD_LETTER_BYTES, {limit_bytes}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The setting.
        limit_bytes: u64,
    },
    /// The system refuses.
    #[error("{dir}: {source}")]
    System {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The letters in `dir`, oldest first. A directory that is not there has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<Kept>> {
    let items = match fs::read_dir(dir) {
        Ok(items) => items,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut letters = Vec::new();
    for item in items {
        let item = item?;
        let name = item.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
        let Some(number) = number else { continue };
        // It may just have been taken away.
        let Ok(metadata) = item.metadata() else { continue };
        letters.push(Kept { number, bytes: metadata.len(), path: item.path() });
    }
    letters.sort_by_key(|letter| letter.number);
    Ok(letters)
}

/// Takes a letter away. One that is gone already is taken away.
///
/// # Errors
/// As the system says.
pub fn remove(letter: &Kept) -> io::Result<()> {
    match fs::remove_file(&letter.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Kept {
    /// Reads the letter.
    ///
    /// # Errors
    /// What is wrong with it, or that the file cannot be read.
    pub fn read(&self) -> io::Result<Result<Letter, LetterError>> {
        Ok(Letter::decode(&fs::read(&self.path)?))
    }
}

impl Graveyard {
    /// The letters in `dir`, at most `limit_bytes` of them together; with 0 there are none.
    pub fn new(dir: PathBuf, limit_bytes: u64, metrics: Arc<Metrics>) -> Self {
        let graveyard = Self {
            dir,
            limit_bytes,
            metrics,
            sync: File::sync_all,
            known: Mutex::new(None),
            made_room: Mutex::default(),
        };
        if let Ok(letters) = list(&graveyard.dir) {
            graveyard.count(&letters.into());
        }
        graveyard
    }

    /// Writes a letter. When this has returned without an error, it is there and survives a power
    /// cut, unless the system refuses to promise that, which is alarmed.
    ///
    /// # Errors
    /// See [`BuryError`]; nothing is left behind then.
    pub fn bury(&self, letter: Letter) -> Result<(), BuryError> {
        let bytes = letter.encode();
        let size = bytes.len() as u64;
        if self.limit_bytes == 0 {
            return Err(BuryError::Off);
        }
        if size > self.limit_bytes {
            return Err(BuryError::TooLarge { bytes: size, limit_bytes: self.limit_bytes });
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&bytes, &mut known)
            .map_err(|source| BuryError::System { dir: self.dir.clone(), source })?;
        self.metrics.dead_letters.add(1);
        Ok(())
    }

    /// What letters held that had to make room since this was last asked: nobody has it any more.
    pub fn made_room(&self) -> Vec<Held> {
        std::mem::take(&mut *self.made_room.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, bytes: &[u8], known: &mut Option<VecDeque<Kept>>) -> io::Result<()> {
        let size = bytes.len() as u64;
        fs::create_dir_all(&self.dir)?;
        if known.is_none() {
            self.sweep()?;
            *known = Some(list(&self.dir)?.into());
        }
        let letters = known.get_or_insert_default();
        if total(letters) + size > self.limit_bytes {
            // Somebody may have taken letters away.
            *letters = list(&self.dir)?.into();
            self.make_room(letters, size)?;
        }
        let number = letters.back().map_or(1, |last| last.number + 1);
        let path = self.dir.join(format!("{number:08}{ENDING}"));
        let aside = self.dir.join(format!("{number:08}{UNFINISHED}"));
        let written = write_whole(&aside, bytes).and_then(|()| fs::rename(&aside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written?;
        letters.push_back(Kept { number, bytes: size, path });
        self.count(letters);
        // The letter has its name: whatever becomes of this, it is not unwritten.
        if let Err(error) = File::open(&self.dir).and_then(|dir| (self.sync)(&dir)) {
            alarm(
                "DEAD_LETTER_ALARM",
                &self.dir.to_string_lossy(),
                format_args!("letter {number} is written and may not survive a power cut: {error}"),
            );
        }
        Ok(())
    }

    /// Takes away the oldest until `size` more bytes fit.
    fn make_room(&self, letters: &mut VecDeque<Kept>, size: u64) -> io::Result<()> {
        let mut gone = 0;
        while total(letters) + size > self.limit_bytes
            && let Some(oldest) = letters.pop_front()
        {
            let held = oldest.read().ok().and_then(Result::ok).and_then(|letter| letter.held());
            remove(&oldest)?;
            gone += 1;
            let mut made_room = self.made_room.lock().unwrap_or_else(PoisonError::into_inner);
            made_room.extend(held);
        }
        if gone > 0 {
            self.metrics.dead_letters_evicted.add(gone);
            alarm(
                "DISCARD_SECONDARY_ALARM",
                &self.dir.to_string_lossy(),
                format_args!(
                    "the {gone} oldest dead letters made room for a new one; raise \
                     SIDETAIL_AGENT_DEAD_LETTER_BYTES to keep more"
                ),
            );
        }
        Ok(())
    }

    /// Takes away what a crash left unfinished.
    fn sweep(&self) -> io::Result<()> {
        for item in fs::read_dir(&self.dir)? {
            let item = item?;
            if item.file_name().to_string_lossy().ends_with(UNFINISHED) {
                fs::remove_file(item.path())?;
            }
        }
        Ok(())
    }

    fn count(&self, letters: &VecDeque<Kept>) {
        self.metrics.dead_letters_kept.set(letters.len() as u64);
        self.metrics.dead_letter_bytes.set(total(letters));
    }
}

fn total(letters: &VecDeque<Kept>) -> u64 {
    letters.iter().map(|letter| letter.bytes).sum()
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;
    use sls::compress::Compression;

    fn graveyard(dir: &Path, limit_bytes: u64) -> Graveyard {
        Graveyard::new(dir.to_owned(), limit_bytes, Arc::default())
    }

    fn numbers(dir: &Path) -> Vec<u64> {
        list(dir).unwrap().into_iter().map(|letter| letter.number).collect()
    }

    #[test]
    fn what_is_buried_is_found_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("dead-letters");
        assert!(numbers(&dir).is_empty());
        let yard = graveyard(&dir, 1 << 20);
        for text in ["one", "two"] {
            yard.bury(letter(&[text], Compression::Lz4)).unwrap();
        }
        // Another start goes on counting.
        graveyard(&dir, 1 << 20).bury(letter(&["three"], Compression::Lz4)).unwrap();
        let lines: Vec<String> = list(&dir)
            .unwrap()
            .into_iter()
            .flat_map(|kept| kept.read().unwrap().unwrap().lines().unwrap())
            .collect();
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(numbers(&dir), [1, 2, 3]);
    }

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let one = letter(&["text"], Compression::None);
        let size = one.encode().len() as u64;
        let yard = graveyard(dir.path(), size * 2 + size / 2);
        for _ in 0..3 {
            yard.bury(one.clone()).unwrap();
        }
        assert_eq!(numbers(dir.path()), [2, 3]);
        assert_eq!(yard.metrics.dead_letters_evicted.get(), 1);
        let file = FileId::parse(&one.head.file).unwrap();
        assert_eq!(yard.made_room(), [Held { file, bytes: 5..90 }]);
        assert_eq!(yard.made_room(), [], "it is told once");
        assert_eq!(yard.metrics.dead_letters_kept.get(), 2);
        // Where somebody took letters away, none has to go.
        remove(&list(dir.path()).unwrap()[0]).unwrap();
        yard.bury(one).unwrap();
        assert_eq!(numbers(dir.path()), [3, 4]);
        assert_eq!(yard.metrics.dead_letters_evicted.get(), 1);
    }

    #[test]
    fn a_letter_over_the_limit_is_not_written_and_none_goes_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let small = letter(&["text"], Compression::None);
        let yard = graveyard(dir.path(), small.encode().len() as u64);
        yard.bury(small).unwrap();
        let large = letter(&["text that is longer"], Compression::None);
        assert!(matches!(yard.bury(large.clone()), Err(BuryError::TooLarge { .. })));
        assert_eq!(numbers(dir.path()), [1]);
        assert!(matches!(graveyard(dir.path(), 0).bury(large), Err(BuryError::Off)));
    }

    #[test]
    fn what_a_crash_left_is_swept_and_what_is_foreign_stays() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["00000009.new", "readme.txt", "x.letter"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        graveyard(dir.path(), 1 << 20).bury(letter(&["one"], Compression::Lz4)).unwrap();
        let mut names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|item| item.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["00000001.letter", "readme.txt", "x.letter"]);
    }

    #[test]
    fn a_letter_is_written_also_when_its_directory_cannot_be_synced() {
        let dir = tempfile::tempdir().unwrap();
        let mut yard = graveyard(dir.path(), 1 << 20);
        yard.sync = |_| Err(io::Error::other("no"));
        for text in ["one", "two"] {
            yard.bury(letter(&[text], Compression::Lz4)).unwrap();
        }
        assert_eq!(numbers(dir.path()), [1, 2]);
        assert_eq!(yard.metrics.dead_letters.get(), 2);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = graveyard(&file, 1 << 20).bury(letter(&["x"], Compression::Lz4)).unwrap_err();
        assert!(error.to_string().starts_with(&*file.to_string_lossy()), "{error}");
    }
}
