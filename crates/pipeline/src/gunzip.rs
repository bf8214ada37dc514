//! Undoes `gzip`, piece by piece: what the log rotation of a machine makes of old files.
//!
//! Several compressed files behind each other are one, as `gzip` itself has it. Checksums are
//! compared; what stands behind the last file and is none is left alone.
//!
//! Inflating and checksums are `flate2`'s. Its own reader of whole files is not used: it drops what
//! came out in the step that met the damage, which are log lines, and says only in words whether
//! data, checksum or what stands behind the end is wrong.

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// A header with its names is not longer than this.
const LONGEST_HEADER: usize = 64 * 1024;

/// What is wrong with a compressed file. What came before it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It does not begin as a compressed file.
    #[error("it is no gzip file")]
    Header,
    /// Bytes in it were changed.
    #[error("its compressed data is damaged")]
    Data,
    /// What came out is not what went in.
    #[error("its checksum is wrong")]
    Checksum,
}

/// What one call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are used up.
    pub taken: usize,
    /// Bytes of the output that were written.
    pub made: usize,
}

/// The state between two pieces.
#[derive(Debug)]
pub struct Gunzip {
    stage: Stage,
    inflate: Decompress,
    crc: Crc,
    /// Compressed files that are over.
    files: usize,
}

#[derive(Debug)]
enum Stage {
    /// The start of a header.
    Header(Vec<u8>),
    Body,
    /// The start of the checksum and the size.
    Trailer(Vec<u8>),
    /// The compressed data goes no further.
    Damaged,
    /// Behind the last file there is something else.
    Over,
}

impl Default for Gunzip {
    fn default() -> Self {
        Self {
            stage: Stage::Header(Vec::new()),
            inflate: Decompress::new(false),
            crc: Crc::new(),
            files: 0,
        }
    }
}

impl Gunzip {
    /// Takes from `input` and writes to `output` what comes out. Nothing taken and nothing made
    /// means that there is nothing more to be had of this input.
    ///
    /// # Errors
    /// When the file is damaged. No more can be had then.
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Damage> {
        let mut step = Step { taken: 0, made: 0 };
        loop {
            let rest = &input[step.taken..];
            match &mut self.stage {
                Stage::Damaged => return Err(Damage::Data),
                Stage::Over => return Ok(Step { taken: input.len(), ..step }),
                Stage::Header(known) => {
                    if rest.is_empty() {
                        return Ok(step);
                    }
                    let before = known.len();
                    known.extend_from_slice(&rest[..rest.len().min(LONGEST_HEADER - before)]);
                    match header_len(known) {
                        Header::Is(len) => {
                            step.taken += len - before;
                            self.stage = Stage::Body;
                        }
                        Header::IsNone if self.files > 0 => self.stage = Stage::Over,
                        Header::Unfinished if known.len() < LONGEST_HEADER => {
                            step.taken += known.len() - before;
                        }
                        _ => return Err(Damage::Header),
                    }
                }
                Stage::Body => {
                    let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
                    let room = &mut output[step.made..];
                    let status = self.inflate.decompress(rest, room, FlushDecompress::None);
                    let made = (self.inflate.total_out() - made) as usize;
                    self.crc.update(&room[..made]);
                    step.taken += (self.inflate.total_in() - taken) as usize;
                    step.made += made;
                    match status {
                        Ok(Status::StreamEnd) => self.stage = Stage::Trailer(Vec::new()),
                        Ok(_) => return Ok(step),
                        Err(_) => self.stage = Stage::Damaged,
                    }
                    // What came out is good, whatever comes behind it.
                    if step.made > 0 {
                        return Ok(step);
                    }
                }
                Stage::Trailer(known) => {
                    let taken = rest.len().min(8 - known.len());
                    known.extend_from_slice(&rest[..taken]);
                    step.taken += taken;
                    let Some((sum, size)) = trailer(known) else { return Ok(step) };
                    if sum != self.crc.sum() || size != self.crc.amount() {
                        return Err(Damage::Checksum);
                    }
                    self.files += 1;
                    self.crc.reset();
                    self.inflate.reset(false);
                    self.stage = Stage::Header(Vec::new());
                }
            }
        }
    }

    /// Whether the input may end here.
    pub fn is_complete(&self) -> bool {
        match &self.stage {
            Stage::Header(known) => self.files > 0 && known.is_empty(),
            Stage::Over => true,
            _ => false,
        }
    }
}

/// Checksum and size, of a whole trailer.
fn trailer(bytes: &[u8]) -> Option<(u32, u32)> {
    let (sum, size) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*sum), u32::from_le_bytes(size.try_into().ok()?)))
}

enum Header {
    /// It has so many bytes.
    Is(usize),
    Unfinished,
    IsNone,
}

fn header_len(bytes: &[u8]) -> Header {
    const FIXED: [u8; 3] = [0x1f, 0x8b, 8];
    let known = bytes.len().min(FIXED.len());
    if bytes[..known] != FIXED[..known] {
        return Header::IsNone;
    }
    // Extra field, name, comment, checksum: each only if its flag is set.
    let Some(flags) = bytes.get(3) else { return Header::Unfinished };
    let has = |flag: u8| flags & flag != 0;
    let mut len = 10;
    if has(4) {
        let Some(size) = bytes.get(len..len + 2) else { return Header::Unfinished };
        len += 2 + usize::from(size[0]) + usize::from(size[1]) * 256;
    }
    for flag in [8, 16] {
        if has(flag) {
            let rest = bytes.get(len..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == 0) else {
                return Header::Unfinished;
            };
            len += end + 1;
        }
    }
    if has(2) {
        len += 2;
    }
    if bytes.len() < len { Header::Unfinished } else { Header::Is(len) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use proptest::prelude::*;
    use std::io::Write;

    fn packed(text: &[u8], name: Option<&str>) -> Vec<u8> {
        let mut builder = GzBuilder::new();
        if let Some(name) = name {
            builder = builder.filename(name).comment("a").extra(vec![1, 2, 3]);
        }
        let mut writer = builder.write(Vec::new(), Compression::fast());
        writer.write_all(text).unwrap();
        writer.finish().unwrap()
    }

    /// Undoes it in pieces of these sizes.
    fn unpacked(packed: &[u8], piece: usize, room: usize) -> (Vec<u8>, Result<bool, Damage>) {
        let (mut gunzip, mut text) = (Gunzip::default(), Vec::new());
        let mut output = vec![0; room];
        for input in packed.chunks(piece) {
            let mut rest = input;
            loop {
                match gunzip.step(rest, &mut output) {
                    Ok(Step { taken: 0, made: 0 }) => break,
                    Ok(step) => {
                        rest = &rest[step.taken..];
                        text.extend_from_slice(&output[..step.made]);
                    }
                    Err(damage) => return (text, Err(damage)),
                }
            }
        }
        (text, Ok(gunzip.is_complete()))
    }

    proptest! {
        #[test]
        fn what_went_in_comes_out_in_whatever_pieces(
            parts in proptest::collection::vec("[a-c\\n]{0,300}", 1..4),
            name in proptest::option::of("[a-z]{1,9}"),
            (piece, room) in (1_usize..200, 1_usize..200),
        ) {
            let packed: Vec<u8> =
                parts.iter().flat_map(|part| packed(part.as_bytes(), name.as_deref())).collect();
            let (text, ended) = unpacked(&packed, piece, room);
            prop_assert_eq!(String::from_utf8(text).unwrap(), parts.concat());
            prop_assert_eq!(ended, Ok(true));
        }

        #[test]
        fn what_was_changed_never_panics(
            text in "[a-z\\n]{0,200}",
            at in 0_usize..300,
            byte in any::<u8>(),
        ) {
            let mut packed = packed(text.as_bytes(), None);
            let at = at % packed.len();
            packed[at] = byte;
            let _ = unpacked(&packed, 50, 50);
        }
    }

    #[test]
    fn what_is_cut_short_is_not_complete_and_good_so_far() {
        let packed = packed(b"one\ntwo\nthree\n", Some("a.log"));
        for len in 0..packed.len() {
            let (text, ended) = unpacked(&packed[..len], 7, 64);
            assert!(b"one\ntwo\nthree\n".starts_with(&text));
            assert_eq!(ended, Ok(false));
        }
    }

    #[test]
    fn what_stands_before_the_damage_comes_out() {
        let head = &packed(b"", None)[..10];
        let stored = [0, 4, 0, !4, !0, b'o', b'n', b'e', b'\n'];
        let no_such_block = [0b111];
        let packed = [head, &stored, &no_such_block].concat();
        for piece in [1, 5, 100] {
            assert_eq!(unpacked(&packed, piece, 64), (b"one\n".to_vec(), Err(Damage::Data)));
        }
    }

    #[test]
    fn damage_is_told_apart_from_other_things_behind_the_end() {
        let good = packed(b"line\n", None);
        let padded = [good.clone(), vec![0; 100]].concat();
        assert_eq!(unpacked(&padded, 64, 64), (b"line\n".to_vec(), Ok(true)));
        assert_eq!(unpacked(b"plain text\n", 64, 64).1, Err(Damage::Header));
        let mut wrong = good.clone();
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        assert_eq!(unpacked(&wrong, 64, 64), (b"line\n".to_vec(), Err(Damage::Checksum)));
    }
}
