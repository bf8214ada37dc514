//! No body decompresses to anything but the declared number of bytes, nor beyond the cap.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sls::compress::{Compression, compress, decompress};

const KINDS: [Compression; 5] = [
    Compression::None,
    Compression::Lz4,
    Compression::Zstd,
    Compression::Deflate,
    Compression::Gzip,
];
const CAP_BYTES: usize = 1 << 20;

fuzz_target!(|input: (u8, u32, &[u8])| {
    let (kind, raw_bytes, body) = input;
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    // Half of the declarations lie close to the length of the body.
    let raw_bytes = match raw_bytes % 2 {
        0 => raw_bytes as usize / 2 % (4 * body.len() + 2),
        _ => raw_bytes as usize / 2,
    };
    if let Ok(raw) = decompress(kind, body, raw_bytes, CAP_BYTES) {
        assert!(raw.len() == raw_bytes && raw_bytes <= CAP_BYTES);
    }
    let packed = compress(kind, body);
    let raw = decompress(kind, &packed, body.len(), CAP_BYTES).expect("our own body");
    assert_eq!(raw, body);
});
