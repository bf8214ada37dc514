//! A set of bytes, and the quickest way to find where a run of its members ends.

use crate::parse::simd;

/// A set of byte values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(crate) const EMPTY: Self = Self([0; 4]);
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);

    pub(crate) fn of(bytes: &[u8]) -> Self {
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

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    pub(super) fn complement(&self) -> Self {
        Self(self.0.map(|word| !word))
    }

    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(ours, theirs)| ours & theirs == 0)
    }

    pub(super) fn is_subset(&self, other: &Self) -> bool {
        self.is_disjoint(&other.complement())
    }

    /// First member and number of members behind it, if they are all without a gap.
    fn range(&self) -> Option<(u8, u8)> {
        let (low, high) = (self.members().next()?, self.members().last()?);
        (self.members().count() == usize::from(high - low) + 1).then_some((low, high - low))
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
    /// Bytes from `low` to `low + span`.
    Range { low: u8, span: u8 },
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
            _ if let Some((low, span)) = set.range() => Self::Range { low, span },
            _ => Self::Table(Box::new(std::array::from_fn(|byte| set.contains(byte as u8)))),
        }
    }

    /// Number of members in `text` from `from` on, up to the first other byte.
    #[inline]
    pub(super) fn extent(&self, text: &[u8], from: usize) -> usize {
        let rest = &text[from..];
        match self {
            Self::All => rest.len(),
            Self::Until(byte) => memchr::memchr(*byte, rest).unwrap_or(rest.len()),
            Self::Until2(one, two) => memchr::memchr2(*one, *two, rest).unwrap_or(rest.len()),
            Self::UntilSpace => simd::first_hit(text, from, simd::spaces, is_space),
            Self::Range { low, span } => simd::first_hit(
                text,
                from,
                |bytes| simd::outside(bytes, *low, *span),
                |byte| byte.wrapping_sub(*low) > *span,
            ),
            Self::Table(table) => {
                let other = rest.iter().position(|byte| !table[usize::from(*byte)]);
                other.unwrap_or(rest.len())
            }
        }
    }
}

#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') <= b'\r' - b'\t'
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
        assert!(matches!(Scan::new(&ByteSet::digits()), Scan::Range { low: b'0', span: 9 }));
        assert!(matches!(Scan::new(&ByteSet::words()), Scan::Table(_)));
    }

    proptest! {
        #[test]
        fn every_scan_finds_the_first_other_byte(
            members in prop::collection::vec(any::<u8>(), 0..40),
            negated: bool,
            text in prop::collection::vec(prop_oneof![Just(b' '), 0u8..0x22, any::<u8>()], 0..100),
        ) {
            let mut sets = vec![
                ByteSet::of(&members),
                ByteSet::spaces(),
                ByteSet::digits(),
                ByteSet::ALL,
            ];
            if let Some(first) = members.first() {
                sets.push(ByteSet::of(&[*first]));
                sets.push(ByteSet::of(&[*first, b'"']));
            }
            for set in sets {
                let set = if negated { set.complement() } else { set };
                let scan = Scan::new(&set);
                for from in 0..=text.len() {
                    let rest = &text[from..];
                    let other = rest.iter().position(|byte| !set.contains(*byte));
                    prop_assert_eq!(scan.extent(&text, from), other.unwrap_or(rest.len()));
                }
            }
        }
    }
}
