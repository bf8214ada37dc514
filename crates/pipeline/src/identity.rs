//! Is this the file we know: the same, rotated away, truncated, or replaced (`agent` 4.4, 4.5)?
//!
//! A file is known by device, inode and, where the file system records it, its birth time, and
//! by two *marks* over its content: one over its head and one over the bytes just before the
//! position that was read last. The second mark is what shows a file that was truncated and has
//! grown past the old position again, which size and head alone cannot show.
//!
//! Nothing here reads a file: the caller brings the facts and the bytes.

use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of the head that a [`Mark`] covers at most.
pub const HEAD_BYTES: usize = 1024;

/// Bytes before a position that a [`Mark`] covers at most.
pub const ANCHOR_BYTES: usize = 64;

/// What the file system says about a file at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Birth time in nanoseconds since the UNIX epoch, where the file system records it.
    pub born_nanos: Option<u64>,
    /// Last modification in nanoseconds since the UNIX epoch.
    pub modified_nanos: u64,
    /// Size in bytes.
    pub size_bytes: u64,
}

/// A short fingerprint of some bytes: how many, and their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Number of bytes covered.
    pub len: u16,
    /// FNV-1a, 64 bits, over those bytes.
    pub hash: u64,
}

impl Default for Mark {
    /// The mark over nothing, which everything begins and ends with.
    fn default() -> Self {
        Self::of(b"")
    }
}

impl Mark {
    /// The mark over the first [`HEAD_BYTES`] of `head`.
    pub fn of_head(head: &[u8]) -> Self {
        Self::of(&head[..head.len().min(HEAD_BYTES)])
    }

    /// The mark over the last [`ANCHOR_BYTES`] of `before`, the bytes in front of a position.
    pub fn of_anchor(before: &[u8]) -> Self {
        Self::of(&before[before.len().saturating_sub(ANCHOR_BYTES)..])
    }

    /// Whether the head of a file still begins with the marked bytes. Fewer bytes than were
    /// marked do not.
    pub fn matches_head(&self, head: &[u8]) -> bool {
        head.get(..usize::from(self.len)).is_some_and(|head| Self::of(head) == *self)
    }

    /// Whether the bytes in front of a position still end with the marked bytes.
    pub fn matches_anchor(&self, before: &[u8]) -> bool {
        before
            .len()
            .checked_sub(usize::from(self.len))
            .is_some_and(|from| Self::of(&before[from..]) == *self)
    }

    fn of(bytes: &[u8]) -> Self {
        let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        Self { len, hash: content_hash(bytes) }
    }
}

/// FNV-1a, 64 bits: short enough to be written down in a format, and good enough to tell apart
/// contents that nobody makes up to be equal.
pub fn content_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The first line of a content with its newline, or as much of it as a [`Mark`] covers; `None`
/// while neither is there.
pub fn first_line(head: &[u8]) -> Option<&[u8]> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    match memchr::memchr(b'\n', head) {
        Some(end) => Some(&head[..=end]),
        None => (head.len() == HEAD_BYTES).then_some(head),
    }
}

/// What we remember of a file and of how far it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Birth time in nanoseconds since the UNIX epoch, where known.
    pub born_nanos: Option<u64>,
    /// Mark over the head as far as it was seen.
    pub head: Mark,
    /// Position in bytes up to which the file was read.
    pub offset: u64,
    /// Mark over the bytes in front of `offset`.
    pub anchor: Mark,
}

/// What a look at a path tells about a file we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file we know: go on at the known position.
    Same,
    /// The file we know, cut shorter than the known position: read it from the start.
    Truncated,
    /// The inode we know with other content in front of the position: read it from the start.
    Rewritten,
    /// Another file: the one we know was renamed or removed.
    Replaced,
}

/// Content a caller has at hand for [`judge`]; what is `None` was not looked at and is not held
/// against the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// The first bytes of the file, at least `known.head.len` if the file has them.
    pub head: Option<&'a [u8]>,
    /// The bytes that end at `known.offset`, at least `known.anchor.len` if the file has them.
    pub before: Option<&'a [u8]>,
}

/// Compares a known file with what is there now.
pub fn judge(known: &Known, now: &FileFacts, evidence: Evidence<'_>) -> Verdict {
    if known.inode != now.inode {
        return Verdict::Replaced;
    }
    if let (Some(known), Some(now)) = (known.born_nanos, now.born_nanos)
        && known != now
    {
        return Verdict::Replaced;
    }
    let head_differs = evidence.head.is_some_and(|head| !known.head.matches_head(head));
    if known.device != now.device {
        // A volume mounted again may come with another device number. Only content tells.
        let proven = known.head.len > 0 && evidence.head.is_some() && !head_differs;
        if !proven {
            return Verdict::Replaced;
        }
    }
    if now.size_bytes < known.offset || now.size_bytes < u64::from(known.head.len) {
        return Verdict::Truncated;
    }
    let before_differs = evidence.before.is_some_and(|before| !known.anchor.matches_anchor(before));
    if head_differs || before_differs { Verdict::Rewritten } else { Verdict::Same }
}

/// The name of one file's content towards the service: 128 bits that survive renames and
/// restarts, so that a batch sent twice can be recognised (`x-log-sidetail-span`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub [u8; 16]);

impl FileId {
    /// Derives the id of a file.
    ///
    /// `scope` names the agent (so that equal inode numbers on two machines differ) and the sink;
    /// `generation` counts how often the file was started again from byte 0, so that ranges of
    /// the content before and after a truncation do not meet. `beginning` is its [`first_line`]:
    /// an agent that has lost its memory counts generations anew, and an inode without a birth
    /// time may be used again; neither may give the id of another content.
    pub fn derive(scope: &str, facts: &FileFacts, generation: u32, beginning: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"sidetail file id 2\0");
        hash.update((scope.len() as u64).to_le_bytes());
        hash.update(scope);
        hash.update(facts.device.to_le_bytes());
        hash.update(facts.inode.to_le_bytes());
        hash.update(facts.born_nanos.unwrap_or(0).to_le_bytes());
        hash.update(generation.to_le_bytes());
        hash.update(beginning);
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// Reads the 32 hexadecimal digits that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|id| Self(id.to_be_bytes()))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &[u8] = b"first line\nsecond line\nthird";

    fn known_at(offset: usize) -> Known {
        Known {
            device: 1,
            inode: 10,
            born_nanos: Some(5),
            head: Mark::of_head(CONTENT),
            offset: offset as u64,
            anchor: Mark::of_anchor(&CONTENT[..offset]),
        }
    }

    fn facts(size: usize) -> FileFacts {
        FileFacts {
            device: 1,
            inode: 10,
            born_nanos: Some(5),
            modified_nanos: 6,
            size_bytes: size as u64,
        }
    }

    fn check(now: FileFacts, content: &[u8], offset: usize, expected: Verdict) {
        let evidence = Evidence { head: Some(content), before: content.get(..offset) };
        assert_eq!(judge(&known_at(offset), &now, evidence), expected);
    }

    #[test]
    fn the_same_and_the_grown_file_go_on() {
        check(facts(CONTENT.len()), CONTENT, 11, Verdict::Same);
        let grown = [CONTENT, b" line\nfourth\n"].concat();
        check(facts(grown.len()), &grown, 11, Verdict::Same);
    }

    #[test]
    fn another_inode_is_another_file() {
        check(FileFacts { inode: 11, ..facts(100) }, CONTENT, 11, Verdict::Replaced);
    }

    #[test]
    fn a_reused_inode_is_another_file_by_its_birth() {
        let reborn = FileFacts { born_nanos: Some(9), ..facts(CONTENT.len()) };
        check(reborn, CONTENT, 11, Verdict::Replaced);
    }

    #[test]
    fn another_device_needs_the_proof_of_content() {
        let moved = FileFacts { device: 2, ..facts(CONTENT.len()) };
        check(moved, CONTENT, 11, Verdict::Same);
        check(moved, b"other text that is longer", 11, Verdict::Replaced);
        assert_eq!(judge(&known_at(11), &moved, Evidence::default()), Verdict::Replaced);
        let empty = Known { head: Mark::default(), ..known_at(0) };
        let evidence = Evidence { head: Some(b""), before: Some(b"") };
        assert_eq!(judge(&empty, &moved, evidence), Verdict::Replaced);
    }

    #[test]
    fn a_shorter_file_was_truncated() {
        check(facts(10), &CONTENT[..10], 11, Verdict::Truncated);
        check(facts(0), b"", 11, Verdict::Truncated);
        // Shorter than the head that was seen, though the position is still inside.
        check(facts(15), &CONTENT[..15], 11, Verdict::Truncated);
    }

    #[test]
    fn another_head_was_rewritten() {
        let other = b"other line\nsecond line\nthird and more";
        check(facts(other.len()), other, 23, Verdict::Rewritten);
    }

    #[test]
    fn equal_heads_are_told_apart_by_the_bytes_before_the_position() {
        let head = vec![b'h'; HEAD_BYTES];
        let old = [&head[..], b"old old old\n"].concat();
        let new = [&head[..], b"new new new\n"].concat();
        let known = Known {
            head: Mark::of_head(&old),
            offset: old.len() as u64,
            anchor: Mark::of_anchor(&old),
            ..known_at(0)
        };
        let evidence = Evidence { head: Some(&new), before: Some(&new) };
        assert_eq!(judge(&known, &facts(new.len()), evidence), Verdict::Rewritten);
    }

    #[test]
    fn the_first_line_is_known_when_it_is_whole_or_long() {
        assert_eq!(first_line(b"ab\ncd"), Some(&b"ab\n"[..]));
        assert_eq!(first_line(b"ab"), None);
        assert_eq!(first_line(&[b'x'; 2 * HEAD_BYTES]).map(<[u8]>::len), Some(HEAD_BYTES));
    }

    #[test]
    fn an_id_depends_on_every_part_and_survives_its_text_form() {
        let base = FileId::derive("a", &facts(3), 0, b"");
        assert_eq!(base, FileId::derive("a", &facts(99), 0, b""), "growing keeps the id");
        for other in [
            FileId::derive("a", &facts(3), 0, b"x"),
            FileId::derive("b", &facts(3), 0, b""),
            FileId::derive("a", &facts(3), 1, b""),
            FileId::derive("a", &FileFacts { inode: 11, ..facts(3) }, 0, b""),
            FileId::derive("a", &FileFacts { device: 2, ..facts(3) }, 0, b""),
            FileId::derive("a", &FileFacts { born_nanos: None, ..facts(3) }, 0, b""),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(FileId::parse(&base.to_string()), Some(base));
        assert_eq!(FileId::parse("12"), None);
        assert_eq!(FileId::parse(&"+".repeat(32)), None);
    }
}
