use super::*;
use crate::log_group::LogGroupWriter;
use proptest::prelude::*;

/// Encodes, checks what the format asks for, has both decoders read it, and returns the block.
fn check(encoder: &mut Encoder, input: &[u8]) -> Vec<u8> {
    let mut out = vec![0xee; room_for(input.len())];
    let len = encoder.encode(input, &mut out);
    let block = &out[..len];
    assert!(len <= input.len() + input.len() / 255 + 16, "{len} bytes for {}", input.len());
    check_rules(block, input.len());
    let decoded = lz4_flex::block::decompress(block, input.len()).expect("a block");
    assert!(decoded == input, "another content of {} bytes", input.len());
    let kind = crate::compress::Compression::Lz4;
    assert!(crate::compress::decompress(kind, block, input.len(), input.len()).unwrap() == input);
    block.to_vec()
}

/// The rules that a decoder in C relies on: distances that reach back into what was decoded, the
/// last match at least 12 bytes before the end, the last 5 bytes literals.
fn check_rules(block: &[u8], len: usize) {
    let (mut at, mut decoded) = (0, 0);
    let length = |at: &mut usize, mut length: usize| {
        while length >= LONG && (length - LONG).is_multiple_of(255) {
            length += usize::from(block[*at]);
            *at += 1;
            if block[*at - 1] < 255 {
                break;
            }
        }
        length
    };
    loop {
        let token = usize::from(block[at]);
        at += 1;
        let literals = length(&mut at, token >> 4);
        at += literals;
        decoded += literals;
        if at == block.len() {
            assert!(decoded == len && (literals >= LAST_LITERALS || literals == len));
            return;
        }
        let distance = usize::from(u16::from_le_bytes([block[at], block[at + 1]]));
        at += 2;
        assert!((1..=decoded).contains(&distance), "distance {distance} after {decoded} bytes");
        assert!(decoded + 12 <= len, "a match at {decoded} of {len}");
        decoded += length(&mut at, token & 15) + SHORTEST_MATCH;
        assert!(decoded + LAST_LITERALS <= len);
    }
}

/// The same bytes each time, without any order in them.
fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    })
    .take(len)
    .collect()
}

fn lines(count: usize) -> Vec<u8> {
    let mut group = LogGroupWriter::new();
    for number in 0..count {
        let line = format!(
            "10.21.{}.{} - - \"GET /api/v1/orders/{}?page={} HTTP/1.1\" 0.0{} 200 \"-\" \"curl/8.5\"",
            number % 7,
            number % 250,
            number * 7919,
            number % 30,
            number % 90,
        );
        let fields = [(&b"content"[..], line.as_bytes()), (b"level", b"info")];
        group.log(1_767_225_600 + number as u32 / 100, None, fields.into_iter());
    }
    group.as_bytes().to_vec()
}

#[test]
fn every_length_around_the_limits_comes_back() {
    let mut encoder = Encoder::default();
    for len in 0..600 {
        check(&mut encoder, &vec![b'a'; len]);
        check(&mut encoder, &noise(len, len as u64));
        check(&mut encoder, &b"0123456789abcdefghi".repeat(40)[..len]);
    }
    for around in [255 + 15, 255 * 2 + 15, 1 << 16, 1 << 17] {
        for len in around - 20..around + 20 {
            check(&mut encoder, &vec![7; len]);
        }
    }
}

#[test]
fn repetitions_are_found_to_the_farthest_distance_and_no_farther() {
    let mut encoder = Encoder::default();
    let phrase = noise(64, 1);
    for (distance, is_found) in [(100, true), (65_535, true), (65_536, false), (65_537, false)] {
        // Nothing between that takes the place of the phrase in the table: zeros have one hash.
        let mut input = phrase.clone();
        input.resize(distance, 0);
        input.extend_from_slice(&phrase);
        input.extend_from_slice(&[0; 20]);
        let found = check(&mut encoder, &input).len() < 64 + distance / 255 + 64;
        assert_eq!(found, is_found, "{distance}");
    }
}

#[test]
fn what_cannot_be_compressed_grows_by_no_more_than_its_length_needs() {
    let mut encoder = Encoder::default();
    for len in [20, 1000, 70_000, 300_000] {
        assert!(check(&mut encoder, &noise(len, 3)).len() <= len + len / 255 + 2, "{len}");
    }
}

#[test]
fn a_block_does_not_depend_on_the_one_before() {
    let mut encoder = Encoder::default();
    let first = check(&mut encoder, &lines(300));
    check(&mut encoder, &noise(100_000, 9));
    assert!(check(&mut encoder, &lines(300)) == first);
}

#[test]
fn log_groups_get_no_larger_than_with_an_encoder_for_any_data() {
    let input = lines(3000);
    let ours = check(&mut Encoder::default(), &input).len();
    let other = lz4_flex::block::compress(&input).len();
    assert!(ours * 100 <= other * 104, "{ours} and {other} bytes of {}", input.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pieces_in_any_order_come_back(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 1..8),
        order in prop::collection::vec((any::<prop::sample::Index>(), 1usize..30, any::<u8>()), 0..400),
    ) {
        let mut input = Vec::new();
        for (index, times, between) in order {
            input.extend_from_slice(&index.get(&pieces).repeat(times));
            input.push(between);
        }
        check(&mut Encoder::default(), &input);
    }

    #[test]
    fn bytes_of_a_small_alphabet_come_back(
        input in prop::collection::vec(0u8..3, 0..20_000),
        gap in 0usize..70_000,
    ) {
        let mut twice = input.clone();
        twice.resize(input.len() + gap, b'.');
        twice.extend_from_slice(&input);
        check(&mut Encoder::default(), &twice);
    }
}
