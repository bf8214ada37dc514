//! Reads the bytes of one log file and says what they are. No file is touched here and no input
//! makes it panic: it is the function to throw random bytes at.

use crate::wal::entry::{
    ALIGNMENT, FILE_HEADER_BYTES, FRAME_MAGIC, FileHeader, FrameHeader, HeaderError, Kind,
    frame_bytes, payload_crc,
};

/// One log group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where it starts in the file.
    pub offset: usize,
    /// What its header says.
    pub header: FrameHeader,
    /// The group as it was received.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The offset after the frame and its padding.
    pub fn end(&self) -> usize {
        self.offset + frame_bytes(self.payload.len())
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileScan<'a> {
    /// Its header.
    pub header: FileHeader,
    /// The groups from the start up to the first byte that is none, without a gap.
    pub groups: Vec<Frame<'a>>,
    /// Where they end.
    pub end: usize,
    /// What comes after.
    pub tail: Tail<'a>,
}

/// What comes after the last whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail<'a> {
    /// Nothing: the end of the file, zeros, or the mark of an orderly end.
    Clean,
    /// Bytes of a write that was cut short. It was never acknowledged: no later frame says that
    /// these bytes had been synced.
    Torn {
        /// From the end of the frames to the last byte that is not zero.
        bytes: usize,
    },
    /// A frame further on says that the bytes here had been on disk. They were acknowledged.
    Damaged {
        /// The groups that can still be read behind the damage.
        later: Vec<Frame<'a>>,
    },
}

/// Why a whole file could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanError {
    /// The header never reached the disk and nothing else is in the file: it was being made
    /// when the power went.
    Stillborn,
    /// The header is gone but something follows it.
    HeaderDamaged,
    /// A later program wrote it.
    Version {
        /// The version it says.
        found: u32,
    },
}

/// Reads a whole file.
pub fn scan(file: &[u8]) -> Result<FileScan<'_>, ScanError> {
    let header = match FileHeader::decode(file) {
        Ok(header) => header,
        Err(HeaderError::Version { found }) => return Err(ScanError::Version { found }),
        Err(HeaderError::Damaged) => {
            // Frames are written after the header is on disk: without any, the header may be
            // as torn as it likes.
            let after = file.get(FILE_HEADER_BYTES..).unwrap_or_default();
            let stillborn = after.iter().all(|byte| *byte == 0);
            return Err(if stillborn { ScanError::Stillborn } else { ScanError::HeaderDamaged });
        }
    };
    let mut groups = Vec::new();
    let mut end = FILE_HEADER_BYTES;
    let mut sealed = false;
    while let Some(frame) = frame_at(file, header.salt, end) {
        end = frame.end();
        match frame.header.kind {
            Kind::Group => groups.push(frame),
            // Nothing is ever written behind the mark.
            Kind::Seal => {
                sealed = true;
                break;
            }
        }
    }
    let tail = judge_tail(file, header.salt, end, sealed);
    Ok(FileScan { header, groups, end, tail })
}

fn judge_tail(file: &[u8], salt: u64, end: usize, sealed: bool) -> Tail<'_> {
    let rest = file.get(end..).unwrap_or_default();
    let bytes = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if bytes == 0 || sealed {
        return Tail::Clean;
    }
    let later = frames_after(file, salt, end);
    if later.iter().any(|frame| frame.header.synced_through as usize > end) {
        let later = later.into_iter().filter(|frame| frame.header.kind == Kind::Group).collect();
        return Tail::Damaged { later };
    }
    Tail::Torn { bytes }
}

/// Every frame that can be found from `start` on, looking at each place where one may begin.
pub fn frames_after(file: &[u8], salt: u64, start: usize) -> Vec<Frame<'_>> {
    let mut found = Vec::new();
    let mut at = start.next_multiple_of(ALIGNMENT);
    while at + FRAME_MAGIC.len() <= file.len() {
        match frame_at(file, salt, at) {
            Some(frame) => {
                at = frame.end();
                found.push(frame);
            }
            None => at += ALIGNMENT,
        }
    }
    found
}

/// The frame that starts exactly here, if header and payload are whole.
fn frame_at(file: &[u8], salt: u64, offset: usize) -> Option<Frame<'_>> {
    let bytes = file.get(offset..)?;
    if !bytes.starts_with(&FRAME_MAGIC) {
        return None;
    }
    let header = FrameHeader::decode(salt, bytes)?;
    let payload_start = crate::wal::entry::FRAME_HEADER_BYTES;
    let payload = bytes.get(payload_start..payload_start + header.payload_bytes as usize)?;
    (payload_crc(salt, payload) == header.payload_crc).then_some(Frame { offset, header, payload })
}
