//! A compressed file gives the same text in whatever pieces it comes, the one that the library
//! gives for files that are whole; damage ends it, and never more than what came before.
#![no_main]

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::gunzip::{Damage, Gunzip, Step};
use std::io::{Read, Write};

/// A small file may be very long when it is unpacked.
const LONGEST_TEXT: usize = 1 << 20;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Raw { bytes: &'a [u8], sizes: Vec<u8>, room: u8 },
    Packed { texts: Vec<&'a [u8]>, level: u8, behind: &'a [u8], sizes: Vec<u8>, room: u8 },
    Changed { text: &'a [u8], level: u8, at: u16, byte: u8, sizes: Vec<u8>, room: u8 },
}

fn pack(text: &[u8], level: u8) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::new(u32::from(level % 10)));
    writer.write_all(text).expect("memory");
    writer.finish().expect("memory")
}

/// The text of the bytes in pieces of these sizes, and whether it may end there.
fn unpack(bytes: &[u8], sizes: &[u8], room: usize) -> (Vec<u8>, Result<bool, Damage>) {
    let (mut gunzip, mut text, mut position) = (Gunzip::default(), Vec::new(), 0);
    let mut output = vec![0; room];
    let mut sizes = sizes.iter().map(|size| usize::from(*size) + 1).cycle();
    while position < bytes.len() && text.len() < LONGEST_TEXT {
        let end = bytes.len().min(position + sizes.next().unwrap_or(bytes.len()));
        while text.len() < LONGEST_TEXT {
            match gunzip.step(&bytes[position..end], &mut output) {
                Ok(Step { taken: 0, made: 0 }) => break,
                Ok(step) => {
                    position += step.taken;
                    text.extend_from_slice(&output[..step.made]);
                }
                Err(damage) => return (text, Err(damage)),
            }
        }
        assert!(position == end || text.len() >= LONGEST_TEXT, "nothing is left lying");
    }
    text.truncate(LONGEST_TEXT);
    (text, Ok(gunzip.is_complete()))
}

fn check(bytes: &[u8], sizes: &[u8], room: u8) -> (Vec<u8>, Result<bool, Damage>) {
    let found = unpack(bytes, sizes, usize::from(room) + 1);
    let whole = unpack(bytes, &[], 4096);
    if found.0.len() < LONGEST_TEXT && whole.0.len() < LONGEST_TEXT {
        assert_eq!(found.1, whole.1);
        // How much of a damaged block is still seen depends on the room for it.
        if found.1.is_ok() {
            assert_eq!(found.0, whole.0);
        } else {
            assert!(found.0.starts_with(&whole.0) || whole.0.starts_with(&found.0));
        }
    }
    let mut theirs = Vec::new();
    let limit = LONGEST_TEXT as u64;
    if !bytes.is_empty()
        && MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut theirs).is_ok()
        && theirs.len() < LONGEST_TEXT
    {
        assert_eq!(whole, (theirs, Ok(true)));
    }
    whole
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Raw { bytes, sizes, room } => {
        let _ = check(bytes, &sizes, room);
    }
    Input::Packed { texts, level, behind, sizes, room } => {
        let mut bytes: Vec<u8> = texts.iter().flat_map(|text| pack(text, level)).collect();
        if behind.first() != Some(&0x1f) {
            bytes.extend_from_slice(behind);
        }
        let (text, ended) = check(&bytes, &sizes, room);
        if !texts.is_empty() {
            assert_eq!((text, ended), (texts.concat(), Ok(true)));
        }
    }
    Input::Changed { text, level, at, byte, sizes, room } => {
        let mut bytes = pack(text, level);
        let at = usize::from(at) % bytes.len();
        bytes[at] = byte;
        let _ = check(&bytes, &sizes, room);
    }
});
