//! An encoder of raw LZ4 blocks for log groups. Decoding is not here: any decoder reads the
//! output, and we use that of `lz4_flex`.
//!
//! Log lines repeat whole words and phrases of the lines before them, so the encoder looks for
//! repetitions of at least [`WORD`] bytes where LZ4 allows four, and only at every third byte:
//! fewer, longer matches, found with fewer probes. What a probe steps over is won back by growing
//! a match to the left. On log groups this takes two thirds of the time of an encoder for any
//! data, and no more space.
//!
//! A block is a row of sequences: a token with two lengths, literal bytes, and a match given as
//! the distance back to its first occurrence and its length. The format asks that the last match
//! starts at least 12 bytes before the end and that the last 5 bytes are literals.

/// Bytes that are hashed and compared to find a match: one machine word.
const WORD: usize = 8;
/// The shortest match that the format can say.
const SHORTEST_MATCH: usize = 4;
/// Bytes at the end that are literals by the rule of the format.
const LAST_LITERALS: usize = 5;
/// No search starts closer than this to the end, which covers the rule about the last match and
/// lets literals be copied [`WIDE`] at a time without a look at the end of the input.
const LAST_SEARCH: usize = 16;
/// Literals copied together. What follows a shorter run is copied too, and written over next.
const WIDE: usize = 16;
/// A length from here on goes on behind the token.
const LONG: usize = 15;
/// Bytes between two probes.
const STEP: usize = 3;
/// Literals, as a power of two, after which the step grows by one: what cannot be compressed is
/// passed over ever faster.
const PATIENCE_BITS: u32 = 6;
const TABLE_BITS: u32 = 14;

/// Space for a sequence of short literals and a length that needs no more than one byte behind
/// the token: token, literals, distance, length.
const SHORT_SEQUENCE: usize = 1 + WIDE + 2 + 1;

/// The last position of each hash, as its lower 16 bits: a distance has no more, and any distance
/// of 16 bits reaches back into the input once that is so long. At the start every hash is that
/// of position 0, so that no distance reaches before it.
type Table = [u16; 1 << TABLE_BITS];

/// Encodes blocks one after the other, keeping its table between them. Blocks are independent.
#[derive(Debug)]
pub(super) struct Encoder {
    table: Box<Table>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: Box::new([0; 1 << TABLE_BITS]) }
    }
}

/// Bytes of output that [`Encoder::encode`] asks for: the largest block for `len` bytes, and what
/// copies go too far.
pub(super) fn room_for(len: usize) -> usize {
    len + len / 255 + SHORT_SEQUENCE + WIDE
}

impl Encoder {
    /// Writes the block for `input` to the start of `out` and returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than [`room_for`] the input.
    pub(super) fn encode(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        assert!(out.len() >= room_for(input.len()), "the output has room for the largest block");
        let (written, literals) = match input.len().checked_sub(LAST_SEARCH) {
            Some(last) => {
                self.table.fill(0);
                put_sequences(input, last, &mut self.table, out)
            }
            None => (0, 0),
        };
        let rest = &input[literals..];
        let at = put_head(out, written, rest.len(), 0);
        out[at..at + rest.len()].copy_from_slice(rest);
        at + rest.len()
    }
}

/// Writes the sequences of all matches that are found at `last` or before. Returns the bytes
/// written, and where in the input the literals begin that are still to be written.
fn put_sequences(input: &[u8], last: usize, table: &mut Table, out: &mut [u8]) -> (usize, usize) {
    // Plain variables in one function: as fields or behind calls they cost a tenth.
    let (mut at, mut literals, mut written) = (1, 0, 0);
    loop {
        let distance = loop {
            if at > last {
                return (written, literals);
            }
            let here = word(input, at);
            let slot = &mut table[hash(here)];
            let distance = usize::from((at as u16).wrapping_sub(*slot));
            *slot = at as u16;
            // Distance 0 is a position of a multiple of 65536 bytes ago.
            if word(input, at - distance) == here && distance != 0 {
                break distance;
            }
            at += STEP + ((at - literals) >> PATIENCE_BITS);
        };
        for skipped in at + 1..at + STEP {
            table[hash(word(input, skipped))] = skipped as u16;
        }

        let mut grown = WORD;
        if at - distance >= WORD {
            let differs = word(input, at - WORD) ^ word(input, at - distance - WORD);
            grown = (differs.leading_zeros() as usize / 8).min(at - literals);
        }
        if grown == WORD {
            grown = common_end(&input[literals..at], &input[..at - distance]);
        }
        let start = at - grown;

        let mut end = at + WORD;
        loop {
            if end + WORD > input.len() - LAST_LITERALS {
                end += common_start(input, end, distance);
                break;
            }
            let differs = word(input, end) ^ word(input, end - distance);
            if differs != 0 {
                end += differs.trailing_zeros() as usize / 8;
                break;
            }
            end += WORD;
        }

        let run = start - literals;
        let length = end - start - SHORTEST_MATCH;
        if run < LONG && length < LONG + 255 {
            // All of it inside one array, whose end is looked at once.
            let sequence: &mut [u8; SHORT_SEQUENCE] =
                out[written..].first_chunk_mut().expect("the output has room");
            let wide: &[u8; WIDE] =
                input[literals..].first_chunk().expect("the search ends before the input");
            let [low, high] = (distance as u16).to_le_bytes();
            sequence[0] = (run as u8) << 4 | length.min(LONG) as u8;
            sequence[1..=WIDE].copy_from_slice(wide);
            sequence[1 + run] = low;
            sequence[2 + run] = high;
            // Counts only for a long match.
            sequence[3 + run] = (length as u8).wrapping_sub(LONG as u8);
            written += 3 + run + usize::from(length >= LONG);
        } else {
            written = put_long(out, written, &input[literals..], run, distance, length);
        }
        literals = end;
        at = end;
        if end > last {
            return (written, literals);
        }
        table[hash(word(input, end - 2))] = (end - 2) as u16;
    }
}

#[inline(always)]
fn word(input: &[u8], at: usize) -> u64 {
    let bytes: &[u8; WORD] = input[at..].first_chunk().expect("a word lies in the input");
    u64::from_le_bytes(*bytes)
}

#[inline(always)]
fn hash(word: u64) -> usize {
    // Fibonacci hashing: the upper bits of the product depend on all bits of the word.
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - TABLE_BITS)) as usize
}

/// How many bytes at the ends of both are the same.
#[cold]
fn common_end(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// How many bytes from `at` on repeat, up to where the last literals begin.
#[cold]
fn common_start(input: &[u8], at: usize, distance: usize) -> usize {
    let until = (input.len() - LAST_LITERALS).max(at);
    input[at..until].iter().zip(&input[at - distance..]).take_while(|(a, b)| a == b).count()
}

/// Writes a sequence of any lengths with the first `run` bytes of `literals`, which go on for at
/// least [`LAST_SEARCH`] bytes. Returns the bytes written with it.
fn put_long(
    out: &mut [u8],
    written: usize,
    literals: &[u8],
    run: usize,
    distance: usize,
    length: usize,
) -> usize {
    let mut at = put_head(out, written, run, length.min(LONG) as u8);
    let mut copied = 0;
    while copied < run {
        let wide: &[u8; WIDE] =
            literals[copied..].first_chunk().expect("the search ends before the input");
        out[at + copied..at + copied + WIDE].copy_from_slice(wide);
        copied += WIDE;
    }
    at += run;
    out[at..at + 2].copy_from_slice(&(distance as u16).to_le_bytes());
    if length < LONG { at + 2 } else { put_rest(out, at + 2, length - LONG) }
}

/// Writes a token, and what the length of its literals needs behind it.
fn put_head(out: &mut [u8], written: usize, run: usize, length: u8) -> usize {
    out[written] = (run.min(LONG) as u8) << 4 | length;
    if run < LONG { written + 1 } else { put_rest(out, written + 1, run - LONG) }
}

/// Writes what a length has above [`LONG`].
fn put_rest(out: &mut [u8], mut written: usize, mut rest: usize) -> usize {
    while rest >= 255 {
        out[written] = 255;
        written += 1;
        rest -= 255;
    }
    out[written] = rest as u8;
    written + 1
}

#[cfg(test)]
#[path = "lz4_tests.rs"]
mod tests;
