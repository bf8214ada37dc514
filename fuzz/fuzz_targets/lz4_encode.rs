//! Every input, repeated and mixed with itself, comes back from its LZ4 block, which is no larger
//! than the worst case of the format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sls::compress::{Compression, Compressor, decompress};
use std::cell::RefCell;

const CAP_BYTES: usize = 1 << 20;

thread_local! {
    /// One for all inputs, as the agent has one for all batches.
    static COMPRESSOR: RefCell<Compressor> = RefCell::default();
}

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (times, gap, piece) = input;
    let times = 1 + usize::from(times) % (1 + CAP_BYTES / 4 / (piece.len() + 1));
    let mut raw = piece.repeat(times);
    raw.resize(raw.len() + usize::from(gap), 0);
    raw.extend_from_slice(piece);
    COMPRESSOR.with_borrow_mut(|compressor| {
        let block = compressor.compress(Compression::Lz4, &raw);
        assert!(block.len() <= raw.len() + raw.len() / 255 + 16);
        let back = decompress(Compression::Lz4, block, raw.len(), raw.len()).expect("our own body");
        assert!(back == raw);
    });
});
