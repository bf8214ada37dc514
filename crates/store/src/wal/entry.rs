//! The bytes of a log file: its header and its frames. All numbers are little-endian.
//!
//! The checksums of a file are salted with a number from its header. A payload is chosen by
//! whoever sends it; without the salt one could send bytes that look like a frame, which the
//! search for frames behind a damage would believe.

use crate::ids::{Origin, Seq, StoreId};

/// Bytes of the file header; the first frame starts here.
pub const FILE_HEADER_BYTES: usize = 64;
/// Bytes of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = 80;
/// Frames start at multiples of this.
pub const ALIGNMENT: usize = 8;
/// What a log file starts with.
pub const FILE_MAGIC: [u8; 8] = *b"SIDETWAL";
/// What a frame starts with.
pub const FRAME_MAGIC: [u8; 4] = *b"LGrp";
/// The version this program writes, and the last one it reads.
pub const VERSION: u32 = 1;

const KIND_GROUP: u8 = 1;
const KIND_SEAL: u8 = 2;
const FLAG_ORIGIN: u8 = 1;

/// What the header of a log file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// The number that is also in the name.
    pub number: u64,
    /// Where the frames of the file before this one end; 0 for the first file. That file was
    /// complete before this one was made.
    pub previous_end: u64,
    /// Goes into every checksum of the file.
    pub salt: u64,
}

impl FileHeader {
    /// The bytes.
    pub fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = [0; FILE_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads it back. The checksum is looked at before the version, so a version nobody wrote is
    /// damage and a later one is a later program.
    pub fn decode(bytes: &[u8]) -> Result<FileHeader, HeaderError> {
        let Some(bytes) = bytes.first_chunk::<FILE_HEADER_BYTES>() else {
            return Err(HeaderError::Damaged);
        };
        let mut unsummed = *bytes;
        unsummed[12..16].fill(0);
        if bytes[0..8] != FILE_MAGIC || crc32c::crc32c(&unsummed) != u32_at(bytes, 12) {
            return Err(HeaderError::Damaged);
        }
        let version = u32_at(bytes, 8);
        if version == 0 || version > VERSION {
            return Err(HeaderError::Version { found: version });
        }
        Ok(FileHeader {
            number: u64_at(bytes, 16),
            previous_end: u64_at(bytes, 24),
            salt: u64_at(bytes, 32),
        })
    }
}

/// Why a file header could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// It is not the header of a log file, or not all of it reached the disk.
    Damaged,
    /// It is of a version this program does not know.
    Version {
        /// What it says.
        found: u32,
    },
}

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A log group.
    Group,
    /// The log was closed in order here; nothing follows.
    Seal,
}

/// A frame without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What it is for.
    pub kind: Kind,
    /// The shard.
    pub shard: u16,
    /// Every byte of the file before this offset was on disk when the frame was written. This
    /// is what tells damage from a torn tail.
    pub synced_through: u32,
    /// The store.
    pub store: StoreId,
    /// The number of the group.
    pub seq: Seq,
    /// When it was received.
    pub received_nanos: i64,
    /// Where it came from.
    pub origin: Option<Origin>,
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// Salted checksum of the payload.
    pub payload_crc: u32,
}

impl FrameHeader {
    /// The frame that marks an orderly end.
    pub fn seal(synced_through: u32, salt: u64) -> FrameHeader {
        FrameHeader {
            kind: Kind::Seal,
            shard: 0,
            synced_through,
            store: StoreId(0),
            seq: Seq::NONE,
            received_nanos: 0,
            origin: None,
            payload_bytes: 0,
            payload_crc: payload_crc(salt, &[]),
        }
    }

    /// Appends the frame with its payload and padding to `out`.
    pub fn encode(&self, salt: u64, payload: &[u8], out: &mut Vec<u8>) {
        let mut head = [0; FRAME_HEADER_BYTES];
        head[0..4].copy_from_slice(&FRAME_MAGIC);
        head[8..12].copy_from_slice(&self.payload_bytes.to_le_bytes());
        head[12..16].copy_from_slice(&self.payload_crc.to_le_bytes());
        head[16] = match self.kind {
            Kind::Group => KIND_GROUP,
            Kind::Seal => KIND_SEAL,
        };
        head[18..20].copy_from_slice(&self.shard.to_le_bytes());
        head[20..24].copy_from_slice(&self.synced_through.to_le_bytes());
        head[24..32].copy_from_slice(&self.store.0.to_le_bytes());
        head[32..40].copy_from_slice(&self.seq.0.to_le_bytes());
        head[40..48].copy_from_slice(&self.received_nanos.to_le_bytes());
        if let Some(origin) = self.origin {
            head[17] = FLAG_ORIGIN;
            head[48..64].copy_from_slice(&origin.file);
            head[64..72].copy_from_slice(&origin.start.to_le_bytes());
            head[72..80].copy_from_slice(&origin.end.to_le_bytes());
        }
        let crc = header_crc(salt, &head);
        head[4..8].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// Reads a frame header; `None` when these bytes are not one of this file.
    pub fn decode(salt: u64, bytes: &[u8]) -> Option<FrameHeader> {
        let head = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
        if head[0..4] != FRAME_MAGIC || header_crc(salt, head) != u32_at(head, 4) {
            return None;
        }
        let kind = match head[16] {
            KIND_GROUP => Kind::Group,
            KIND_SEAL => Kind::Seal,
            _ => return None,
        };
        let origin = (head[17] & FLAG_ORIGIN != 0).then(|| {
            let mut file = [0; 16];
            file.copy_from_slice(&head[48..64]);
            Origin { file, start: u64_at(head, 64), end: u64_at(head, 72) }
        });
        Some(FrameHeader {
            kind,
            shard: u16::from_le_bytes([head[18], head[19]]),
            synced_through: u32_at(head, 20),
            store: StoreId(u64_at(head, 24)),
            seq: Seq(u64_at(head, 32)),
            received_nanos: u64_at(head, 40) as i64,
            origin,
            payload_bytes: u32_at(head, 8),
            payload_crc: u32_at(head, 12),
        })
    }
}

/// Bytes a payload of this length takes in the file, with header and padding.
pub fn frame_bytes(payload: usize) -> usize {
    (FRAME_HEADER_BYTES + payload).next_multiple_of(ALIGNMENT)
}

/// The salted checksum of a payload.
pub fn payload_crc(salt: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), payload)
}

fn header_crc(salt: u64, head: &[u8; FRAME_HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &head[8..])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}
