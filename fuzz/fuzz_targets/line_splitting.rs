//! Any way of reading a file gives the same lines, and no byte is lost.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use pipeline::lines::{Ending, Lines, MaxRecord};
use sls::collect::Encoding;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    text: &'a [u8],
    sizes: Vec<u8>,
    max: u8,
    is_gbk: bool,
}

fuzz_target!(|input: Input<'_>| {
    let encoding = if input.is_gbk { Encoding::Gbk } else { Encoding::Utf8 };
    let max = MaxRecord { bytes: 8 + usize::from(input.max), encoding };
    let mut whole = Lines::new(input.text, max);
    whole.close();
    let expected: Vec<_> = whole.by_ref().collect();
    assert_eq!(whole.consumed(), input.text.len());
    let mut joined = Vec::new();
    for line in &expected {
        assert!(line.bytes.len() <= max.bytes);
        joined.extend_from_slice(line.bytes);
        if line.ending == Ending::Newline {
            joined.push(b'\n');
        }
    }
    assert_eq!(joined, input.text);

    let (mut found, mut position, mut visible) = (Vec::new(), 0, 0);
    let mut sizes = input.sizes.iter().map(|size| usize::from(*size) + 1).cycle();
    while visible < input.text.len() {
        visible = (visible + sizes.next().unwrap_or(input.text.len())).min(input.text.len());
        let mut lines = Lines::new(&input.text[position..visible], max);
        if visible == input.text.len() {
            lines.close();
        }
        found.extend(lines.by_ref());
        position += lines.consumed();
    }
    assert_eq!(found, expected);
});
