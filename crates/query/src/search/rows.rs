//! A set of rows of one block.

/// Which of the rows `0..len` of a block are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    pub(crate) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    #[cfg(test)]
    pub(crate) fn all(len: usize) -> Self {
        let mut set = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        if let Some(last) = set.words.last_mut().filter(|_| !len.is_multiple_of(64)) {
            *last = (1 << (len % 64)) - 1;
        }
        set
    }

    /// The rows for which `is_in` holds.
    pub(crate) fn from_fn(len: usize, mut is_in: impl FnMut(usize) -> bool) -> Self {
        let mut set = Self::none(len);
        for (at, word) in set.words.iter_mut().enumerate() {
            let start = at * 64;
            for bit in 0..64.min(len - start) {
                *word |= u64::from(is_in(start + bit)) << bit;
            }
        }
        set
    }

    /// How many rows the block has, inside the set or not.
    pub(crate) fn block_len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    #[inline]
    pub(crate) fn insert(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Keeps only the rows of `other`.
    pub(crate) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    /// Takes the rows of `other` away.
    pub(crate) fn remove(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    /// The rows in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_set_behaves_as_a_set_of_numbers(
            len in 0usize..200,
            a in proptest::collection::btree_set(0usize..200, 0..64),
            b in proptest::collection::btree_set(0usize..200, 0..64),
        ) {
            let within = |set: &BTreeSet<usize>| -> BTreeSet<usize> {
                set.iter().copied().filter(|&row| row < len).collect()
            };
            let (a, b) = (within(&a), within(&b));
            let rows = |set: &BTreeSet<usize>| RowSet::from_fn(len, |row| set.contains(&row));
            let list = |set: &RowSet| set.iter().collect::<BTreeSet<_>>();
            prop_assert_eq!(list(&rows(&a)), a.clone());
            prop_assert_eq!(rows(&a).count(), a.len());
            prop_assert_eq!(rows(&a).is_empty(), a.is_empty());
            prop_assert_eq!(RowSet::all(len).count(), len);

            let (mut kept, mut removed) = (rows(&a), rows(&a));
            kept.keep(&rows(&b));
            removed.remove(&rows(&b));
            prop_assert_eq!(list(&kept), &a & &b);
            prop_assert_eq!(list(&removed), &a - &b);
        }
    }
}
