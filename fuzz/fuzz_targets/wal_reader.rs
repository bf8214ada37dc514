//! Any file is read, and what is found lies inside it and in order.
//!
//! Random bytes rarely have a right checksum. So the input also builds files: frames with right
//! checksums, of which some bytes are then changed and the end is cut off.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use store::wal::entry::{FileHeader, FrameHeader, Kind, payload_crc};
use store::wal::reader::{Frame, Tail, scan};
use store::{Seq, StoreId};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes(&'a [u8]),
    File { salt: u64, frames: Vec<Group<'a>>, changes: Vec<(u16, u8)>, kept: u16 },
}

#[derive(Arbitrary, Debug)]
struct Group<'a> {
    payload: &'a [u8],
    seals: bool,
    synced_through: u32,
    // Says less or more than the payload has.
    payload_bytes: Option<u32>,
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Bytes(bytes) => check(bytes),
        Input::File { salt, frames, changes, kept } => {
            let mut file = FileHeader { number: 1, previous_end: 0, salt }.encode().to_vec();
            for group in &frames {
                append(group, salt, &mut file);
            }
            check(&file);
            for (at, change) in changes {
                if let Some(byte) = file.get_mut(usize::from(at)) {
                    *byte ^= change;
                }
            }
            file.truncate(usize::from(kept));
            check(&file);
        }
    }
});

fn append(group: &Group<'_>, salt: u64, file: &mut Vec<u8>) {
    let header = FrameHeader {
        kind: if group.seals { Kind::Seal } else { Kind::Group },
        shard: 0,
        synced_through: group.synced_through,
        store: StoreId(1),
        seq: Seq(1),
        received_nanos: 0,
        origin: None,
        payload_bytes: group.payload_bytes.unwrap_or(group.payload.len() as u32),
        payload_crc: payload_crc(salt, group.payload),
    };
    header.encode(salt, group.payload, file);
}

fn check(file: &[u8]) {
    let Ok(found) = scan(file) else { return };
    let mut end = 0;
    let mut in_order = |frames: &[Frame<'_>]| {
        for frame in frames {
            assert!(frame.offset >= end && frame.offset + frame.payload.len() <= file.len());
            end = frame.end();
        }
    };
    in_order(&found.groups);
    if let Tail::Damaged { later } = &found.tail {
        in_order(later);
    }
}
