//! Compressed files, seen as what they hold.
//!
//! A file whose name ends in `.gz` is opened as its text: it has the size of its text and is read
//! at offsets of it, so that everything that is known about files holds for it too: identity by
//! content, positions, records. Nothing else is changed, and a file that nobody opens costs
//! nothing.
//!
//! The size is found by unpacking once. That goes on from call to call, a part each time, so that
//! no large file holds everybody up; until it is known the file cannot be looked at
//! ([`io::ErrorKind::WouldBlock`]). One that is damaged or not complete ends where it can be read
//! to, and is counted again when it has changed.

use super::{Files, Found, Kind};
use crate::log::alarm;
use pipeline::gunzip::{Damage, Gunzip};
use pipeline::identity::FileFacts;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes unpacked in one call to find a size.
const COUNTED_AT_ONCE: u64 = 32 << 20;

/// Bytes unpacked in one step.
const STEP_BYTES: usize = 64 * 1024;

/// Files that are being unpacked at the same time. Others begin again when it is their turn.
const READERS: usize = 2;

/// A count that nobody asks for makes room for another one after so many refusals.
const PATIENCE: u32 = 64;

/// Sizes remembered.
const SIZES: usize = 4096;

type Inode = (u64, u64);

/// Whether a name is that of a file that is seen as its text.
pub fn is_packed(name: &[u8]) -> bool {
    name.ends_with(b".gz")
}

/// Files, those that end in `.gz` as their text.
#[derive(Debug, Default)]
pub struct Unpacking<F> {
    files: F,
    /// Size of the text, for the packed size and the modification time that it was found at.
    sizes: HashMap<Inode, (Looks, u64)>,
    counting: Option<Counting>,
    /// The one used last behind the others.
    readers: VecDeque<(Inode, Reader)>,
}

/// Packed size and modification time.
type Looks = (u64, u64);

/// An open file.
#[derive(Debug)]
pub struct Handle<H> {
    file: H,
    packed: Option<Inode>,
}

#[derive(Debug)]
struct Counting {
    inode: Inode,
    looks: Looks,
    stream: Stream,
    bytes: u64,
    refused: u32,
}

/// The text of a file from its first byte on.
#[derive(Debug, Default)]
struct Stream {
    gunzip: Gunzip,
    input: Vec<u8>,
    taken: usize,
    /// Where to read on in the packed file.
    offset: u64,
    damage: Option<Damage>,
}

impl Stream {
    /// Unpacks more behind `text`; gives whether there was any.
    fn more<F: Files>(
        &mut self,
        files: &mut F,
        file: &F::Handle,
        text: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let before = text.len();
        text.resize(before + STEP_BYTES, 0);
        let mut made = 0;
        while made == 0 && self.damage.is_none() {
            if self.taken == self.input.len() {
                self.input.resize(STEP_BYTES, 0);
                let read = files.read_at(file, &mut self.input, self.offset)?;
                self.input.truncate(read);
                (self.taken, self.offset) = (0, self.offset + read as u64);
            }
            match self.gunzip.step(&self.input[self.taken..], &mut text[before..]) {
                Ok(step) => {
                    self.taken += step.taken;
                    made = step.made;
                    if step.taken == 0 && step.made == 0 && self.input.is_empty() {
                        break;
                    }
                }
                Err(damage) => self.damage = Some(damage),
            }
        }
        text.truncate(before + made);
        Ok(made > 0)
    }
}

/// Part of a text, and the way to what follows it.
#[derive(Debug, Default)]
struct Reader {
    stream: Stream,
    /// What was unpacked and may be asked for again.
    text: Vec<u8>,
    /// Offset of its first byte.
    start: u64,
}

impl<F: Files> Unpacking<F> {
    /// Sees `files` so.
    pub fn new(files: F) -> Self {
        Self {
            files,
            sizes: HashMap::new(),
            counting: None,
            readers: VecDeque::with_capacity(READERS + 1),
        }
    }

    fn known_size(&self, facts: &FileFacts) -> Option<u64> {
        let (looks, bytes) = self.sizes.get(&inode(facts))?;
        (*looks == looks_of(facts)).then_some(*bytes)
    }

    /// The size of the text, or that it is being found.
    fn size(&mut self, file: &F::Handle, facts: &FileFacts) -> io::Result<u64> {
        if let Some(bytes) = self.known_size(facts) {
            return Ok(bytes);
        }
        let (inode, looks) = (inode(facts), looks_of(facts));
        let mut counting = match self.counting.take() {
            Some(own) if own.inode == inode && own.looks == looks => own,
            Some(mut other) if other.inode != inode && other.refused < PATIENCE => {
                other.refused += 1;
                self.counting = Some(other);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            _ => Counting { inode, looks, stream: Stream::default(), bytes: 0, refused: 0 },
        };
        let most = counting.bytes + COUNTED_AT_ONCE;
        let mut text = Vec::new();
        while counting.bytes < most {
            text.clear();
            if !counting.stream.more(&mut self.files, file, &mut text)? {
                let Counting { bytes, stream, .. } = counting;
                if let Some(damage) = stream.damage {
                    alarm(
                        "OPEN_LOGFILE_FAIL_ALARM",
                        &format!("inode {}", inode.1),
                        format_args!("{damage}: only the first {bytes} bytes of its text are read"),
                    );
                }
                if self.sizes.len() >= SIZES {
                    self.sizes.clear();
                }
                self.sizes.insert(inode, (looks, bytes));
                return Ok(bytes);
            }
            counting.bytes += text.len() as u64;
        }
        counting.refused = 0;
        self.counting = Some(counting);
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn read_text(
        &mut self,
        inode: Inode,
        file: &F::Handle,
        buf: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        let at = self.readers.iter().position(|(other, _)| *other == inode);
        let reader = at.and_then(|at| self.readers.remove(at)).map(|(_, reader)| reader);
        let mut reader = reader.filter(|it| it.start <= offset).unwrap_or_default();
        loop {
            // What is in front is not asked for again.
            let passed = (offset - reader.start).min(reader.text.len() as u64);
            reader.text.drain(..passed as usize);
            reader.start += passed;
            let is_enough = reader.start == offset && reader.text.len() >= buf.len();
            if is_enough || !reader.stream.more(&mut self.files, file, &mut reader.text)? {
                break;
            }
        }
        let is_there = reader.start == offset;
        let read = if is_there { reader.text.len().min(buf.len()) } else { 0 };
        buf[..read].copy_from_slice(&reader.text[..read]);
        self.readers.push_back((inode, reader));
        if self.readers.len() > READERS {
            self.readers.pop_front();
        }
        Ok(read)
    }
}

impl<F: Files> Files for Unpacking<F> {
    type Handle = Handle<F::Handle>;

    fn list(&mut self, dir: &Path, entry: &mut dyn FnMut(&[u8], Kind)) -> io::Result<()> {
        self.files.list(dir, entry)
    }

    /// The size is that of the text once the file was opened and looked at.
    fn look(&mut self, path: &Path) -> io::Result<Found> {
        let mut found = self.files.look(path)?;
        if is_packed(path.as_os_str().as_bytes())
            && let Some(bytes) = self.known_size(&found.facts)
        {
            found.facts.size_bytes = bytes;
        }
        Ok(found)
    }

    fn open(&mut self, path: &Path) -> io::Result<Self::Handle> {
        let file = self.files.open(path)?;
        let mut packed = None;
        if is_packed(path.as_os_str().as_bytes()) {
            let found = self.files.look_at(&file)?;
            packed = (found.kind == Kind::File).then(|| inode(&found.facts));
        }
        Ok(Handle { file, packed })
    }

    fn look_at(&mut self, handle: &Self::Handle) -> io::Result<Found> {
        let mut found = self.files.look_at(&handle.file)?;
        if handle.packed.is_some() {
            found.facts.size_bytes = self.size(&handle.file, &found.facts)?;
        }
        Ok(found)
    }

    fn read_at(&mut self, handle: &Self::Handle, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match handle.packed {
            None => self.files.read_at(&handle.file, buf, offset),
            Some(inode) => self.read_text(inode, &handle.file, buf, offset),
        }
    }
}

fn inode(facts: &FileFacts) -> Inode {
    (facts.device, facts.inode)
}

fn looks_of(facts: &FileFacts) -> Looks {
    (facts.size_bytes, facts.modified_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{RealFiles, read_full};
    use flate2::Compression;
    use std::io::Write;

    fn pack(path: &Path, text: &[u8]) {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        writer.write_all(text).unwrap();
        std::fs::write(path, writer.finish().unwrap()).unwrap();
    }

    fn text(lines: usize) -> Vec<u8> {
        (0..lines).flat_map(|number| format!("line {number}\n").into_bytes()).collect()
    }

    /// Its size, however many calls it takes.
    fn size<F: Files>(files: &mut F, handle: &F::Handle) -> (u64, usize) {
        for calls in 1.. {
            match files.look_at(handle) {
                Ok(found) => return (found.facts.size_bytes, calls),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        unreachable!()
    }

    #[test]
    fn a_packed_file_is_seen_as_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log.1.gz");
        let all = text(50_000);
        pack(&path, &all);
        let mut files = Unpacking::new(RealFiles);
        let handle = files.open(&path).unwrap();
        let mut head = [0; 100];
        assert_eq!(read_full(&mut files, &handle, &mut head, 0).unwrap(), 100);
        assert_eq!(size(&mut files, &handle), (all.len() as u64, 1));
        assert_eq!(files.look(&path).unwrap().facts.size_bytes, all.len() as u64);
        // Forward, back, over each other and behind the end.
        for (offset, len) in [(0, 10), (5, 200_000), (100_000, 64), (99_936, 300_000), (7, 9)] {
            let mut buf = vec![0; len];
            let read = read_full(&mut files, &handle, &mut buf, offset).unwrap();
            let end = (offset as usize + len).min(all.len());
            assert_eq!(buf[..read], all[offset as usize..end]);
        }
        let mut buf = [0; 10];
        assert_eq!(files.read_at(&handle, &mut buf, all.len() as u64).unwrap(), 0);
        assert_eq!(files.read_at(&handle, &mut buf, all.len() as u64 + 5).unwrap(), 0);
    }

    #[test]
    fn a_large_one_is_counted_in_parts_and_no_other_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let (large, small) = (dir.path().join("l.gz"), dir.path().join("s.gz"));
        pack(&large, &vec![b'x'; (COUNTED_AT_ONCE * 2) as usize + 5]);
        pack(&small, b"1\n");
        let mut files = Unpacking::new(RealFiles);
        let (large, small) = (files.open(&large).unwrap(), files.open(&small).unwrap());
        assert!(files.look_at(&large).is_err());
        assert!(files.look_at(&small).is_err());
        assert_eq!(size(&mut files, &large).0, COUNTED_AT_ONCE * 2 + 5);
        assert_eq!(size(&mut files, &small), (2, 1));
    }

    #[test]
    fn one_that_is_not_complete_ends_where_it_can_be_read_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = (dir.path().join("a.gz"), dir.path().join("b.gz"));
        let all = text(100_000);
        pack(&whole, &all);
        let packed = std::fs::read(&whole).unwrap();
        std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        let mut files = Unpacking::new(RealFiles);
        let handle = files.open(&path).unwrap();
        let (part, _) = size(&mut files, &handle);
        assert!(part > 0 && part < all.len() as u64);
        let mut writer = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        writer.write_all(&packed[packed.len() / 2..]).unwrap();
        assert_eq!(size(&mut files, &handle).0, all.len() as u64);
        let mut buf = vec![0; all.len()];
        assert_eq!(read_full(&mut files, &handle, &mut buf, 0).unwrap(), all.len());
        assert_eq!(buf, all);
    }
}
