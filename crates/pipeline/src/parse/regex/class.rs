//! A set of bytes, and the quickest way to find where a run of its members ends.

/// A set of byte values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const EMPTY: Self = Self([0; 4]);
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        for byte in bytes {
            set.insert_range(*byte, *byte);
        }
        set
    }

    /// `\d` of a pattern without Unicode.
    pub(super) fn digits() -> Self {
        Self::EMPTY.with_range(b'0', b'9')
    }

    /// `\s` of a pattern without Unicode: tab, newline, vertical tab, form feed, return, space.
    pub(super) fn spaces() -> Self {
        Self::of(b" ").with_range(b'\t', b'\r')
    }

    /// `\w` of a pattern without Unicode.
    pub(super) fn words() -> Self {
        Self::digits().with_range(b'a', b'z').with_range(b'A', b'Z').with_range(b'_', b'_')
    }

    pub(super) fn insert_range(&mut self, low: u8, high: u8) {
        for byte in low..=high {
            self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
    }

    fn with_range(mut self, low: u8, high: u8) -> Self {
        self.insert_range(low, high);
        self
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    pub(super) fn complement(&self) -> Self {
        Self(self.0.map(|word| !word))
    }

    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(ours, theirs)| ours & theirs == 0)
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.is_disjoint(&other.complement())
    }

    fn members(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|byte| self.contains(*byte))
    }
}

/// Finds the end of a run of members of one set.
#[derive(Clone, Debug)]
pub(super) enum Scan {
    /// Every byte is a member.
    All,
    /// Every byte but one.
    Until(u8),
    /// Every byte but two.
    Until2(u8, u8),
    /// `\S`: every byte that is not white space.
    UntilSpace,
    /// Any other set, looked up byte by byte.
    Table(Box<[bool; 256]>),
}

impl Scan {
    pub(super) fn new(set: &ByteSet) -> Self {
        let others: Vec<u8> = set.complement().members().take(3).collect();
        match others[..] {
            [] => Self::All,
            [one] => Self::Until(one),
            [one, two] => Self::Until2(one, two),
            _ if set.complement() == ByteSet::spaces() => Self::UntilSpace,
            _ => Self::Table(Box::new(std::array::from_fn(|byte| set.contains(byte as u8)))),
        }
    }

    /// Number of members at the start of `text`.
    #[inline]
    pub(super) fn extent(&self, text: &[u8]) -> usize {
        match self {
            Self::All => text.len(),
            Self::Until(byte) => memchr::memchr(*byte, text).unwrap_or(text.len()),
            Self::Until2(one, two) => memchr::memchr2(*one, *two, text).unwrap_or(text.len()),
            Self::UntilSpace => until_space(text),
            Self::Table(table) => {
                text.iter().position(|byte| !table[usize::from(*byte)]).unwrap_or(text.len())
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') <= b'\r' - b'\t'
}

/// Fields are short, so eight bytes at a time in a plain register beat the wider search of
/// `memchr`, whose start costs more than the field.
#[inline]
fn until_space(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(chunk) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the slice has eight bytes"));
        // Top bits of the bytes below 0x21. A borrow can only mark bytes behind the first such
        // byte wrongly, and only the first is used.
        let low = word.wrapping_sub(ONES * 0x21) & !word & TOPS;
        if low == 0 {
            at += 8;
            continue;
        }
        at += (low.trailing_zeros() / 8) as usize;
        if is_space(text[at]) {
            return at;
        }
        // A control character that is no space: go on behind it.
        at += 1;
    }
    while at < text.len() && !is_space(text[at]) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_scan_fits_the_set() {
        let not = |bytes: &[u8]| Scan::new(&ByteSet::of(bytes).complement());
        assert!(matches!(Scan::new(&ByteSet::ALL), Scan::All));
        assert!(matches!(not(b"\""), Scan::Until(b'"')));
        assert!(matches!(not(b"\"]"), Scan::Until2(b'"', b']')));
        assert!(matches!(Scan::new(&ByteSet::spaces().complement()), Scan::UntilSpace));
        assert!(matches!(Scan::new(&ByteSet::digits()), Scan::Table(_)));
    }

    proptest! {
        #[test]
        fn every_scan_finds_the_first_other_byte(
            members in prop::collection::vec(any::<u8>(), 0..40),
            negated: bool,
            text in prop::collection::vec(prop_oneof![Just(b' '), 0u8..0x22, any::<u8>()], 0..40),
        ) {
            let mut sets = vec![ByteSet::of(&members), ByteSet::spaces(), ByteSet::ALL];
            if let Some(first) = members.first() {
                sets.push(ByteSet::of(&[*first]));
                sets.push(ByteSet::of(&[*first, b'"']));
            }
            for set in sets {
                let set = if negated { set.complement() } else { set };
                let expected = text.iter().position(|byte| !set.contains(*byte)).unwrap_or(text.len());
                prop_assert_eq!(Scan::new(&set).extent(&text), expected);
            }
        }
    }
}
