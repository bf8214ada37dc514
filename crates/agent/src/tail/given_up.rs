//! What was read and will never be delivered: kept in a dead letter, or destroyed.
//!
//! For the position of a file it is done with, so that nothing is sent a second time for it; for the
//! ledger and the exit code it is not what the service has.

use super::ship::{Fate, GivenUp};
use super::{Collector, FileKey, Ship};
use crate::dead_letter::Held;
use crate::files::Files;
use std::ops::Range;

/// Ranges that are kept apart in one content; more are joined where they are closest.
const MAX_RANGES: usize = 256;

/// What of one content was given up, in order and without overlap.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    /// What is in dead letters, or was.
    buried: Vec<Range<u64>>,
    /// What is nowhere.
    destroyed: Vec<Range<u64>>,
}

impl Ranges {
    /// What the last run gave up: in dead letters, and in none.
    pub(super) fn known(buried: &[(u64, u64)], destroyed: &[(u64, u64)]) -> Self {
        let mut known = Self::default();
        buried.iter().for_each(|(start, end)| add(&mut known.buried, *start..*end));
        destroyed.iter().for_each(|(start, end)| add(&mut known.destroyed, *start..*end));
        known
    }

    /// Notes that a range was given up; gives how many bytes are destroyed that were not before.
    pub(super) fn note(&mut self, given_up: &GivenUp) -> u64 {
        let bytes = given_up.bytes.clone();
        match given_up.fate {
            Fate::Buried => {
                add(&mut self.buried, bytes);
                0
            }
            Fate::Destroyed => {
                let before = total(&self.destroyed);
                add(&mut self.destroyed, bytes);
                total(&self.destroyed) - before
            }
        }
    }

    /// What is in dead letters.
    pub(super) fn buried(&self) -> Vec<Range<u64>> {
        without(self.buried.clone(), &self.destroyed)
    }

    /// What is nowhere.
    pub(super) fn destroyed(&self) -> &[Range<u64>] {
        &self.destroyed
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Notes what of a content was given up.
    pub(super) fn note_given_up(&mut self, key: FileKey, given_up: &GivenUp) {
        self.destroyed_bytes += match self.tails.get_mut(&key) {
            Some(tail) => tail.given_up.note(given_up),
            None if given_up.fate == Fate::Destroyed => given_up.bytes.end - given_up.bytes.start,
            None => 0,
        };
    }

    /// Notes that a dead letter is gone, of this run or of an earlier one.
    pub(super) fn note_made_room(&mut self, held: &Held) {
        let given_up = GivenUp { bytes: held.bytes.clone(), fate: Fate::Destroyed };
        let keys = self.tails.iter().filter(|(_, tail)| tail.id == held.file);
        match keys.map(|(key, _)| *key).next() {
            Some(key) => self.note_given_up(key, &given_up),
            None => self.destroyed_bytes += held.bytes.end - held.bytes.start,
        }
    }
}

fn total(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// Adds a range to others that are in order and without overlap.
fn add(ranges: &mut Vec<Range<u64>>, new: Range<u64>) {
    if new.is_empty() {
        return;
    }
    let first = ranges.partition_point(|range| range.end < new.start);
    let behind = ranges.partition_point(|range| range.start <= new.end);
    let touched = &ranges[first..behind];
    let start = touched.first().map_or(new.start, |range| range.start.min(new.start));
    let end = touched.last().map_or(new.end, |range| range.end.max(new.end));
    ranges.splice(first..behind, std::iter::once(start..end));
    if ranges.len() > MAX_RANGES {
        let gap = |at: &usize| ranges[at + 1].start - ranges[*at].end;
        if let Some(at) = (0..ranges.len() - 1).min_by_key(gap) {
            let second = ranges.remove(at + 1);
            ranges[at].end = second.end;
        }
    }
}

/// Ranges without others, both in order and without overlap.
pub(super) fn without(ranges: Vec<Range<u64>>, others: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut left = ranges;
    for other in others {
        left = left
            .into_iter()
            .flat_map(|it| {
                let before = it.start..it.end.min(other.start);
                let behind = it.start.max(other.end)..it.end;
                [before, behind]
            })
            .filter(|it| !it.is_empty())
            .collect();
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_left_out_is_not_among_the_acknowledged() {
        let check = |ranges: &[(u64, u64)], others: &[(u64, u64)], left: &[(u64, u64)]| {
            let all = |pairs: &[(u64, u64)]| pairs.iter().map(|it| it.0..it.1).collect::<Vec<_>>();
            assert_eq!(without(all(ranges), &all(others)), all(left));
        };
        check(&[(0, 10), (20, 30)], &[(5, 8), (25, 40)], &[(0, 5), (8, 10), (20, 25)]);
        check(&[(0, 10)], &[], &[(0, 10)]);
        check(&[(5, 10)], &[(0, 20)], &[]);
    }

    #[test]
    fn what_is_destroyed_at_one_destination_is_destroyed() {
        let mut ranges = Ranges::default();
        let mut note = |bytes: Range<u64>, fate| ranges.note(&GivenUp { bytes, fate });
        assert_eq!(note(0..10, Fate::Buried), 0);
        assert_eq!(note(20..30, Fate::Buried), 0);
        assert_eq!(note(5..25, Fate::Destroyed), 20);
        assert_eq!(note(0..10, Fate::Destroyed), 5, "nothing is destroyed twice");
        assert_eq!(format!("{:?}", ranges.buried()), "[25..30]");
        assert_eq!(format!("{:?}", ranges.destroyed()), "[0..25]");
    }

    #[test]
    fn however_many_are_given_up_few_are_remembered() {
        let mut ranges = Vec::new();
        for number in 0..10_000 {
            add(&mut ranges, number * 10..number * 10 + 1 + number % 5);
        }
        assert_eq!(ranges.len(), MAX_RANGES);
        assert_eq!((ranges[0].start, ranges.last().unwrap().end), (0, 99_995));
    }

    proptest! {
        #[test]
        fn ranges_hold_what_was_added(new in prop::collection::vec((0u64..60, 0u64..10), 0..30)) {
            let mut ranges: Vec<Range<u64>> = Vec::new();
            for (start, length) in &new {
                add(&mut ranges, *start..start + length);
            }
            for byte in 0..80 {
                let expected = new.iter().any(|(start, length)| (*start..start + length).contains(&byte));
                prop_assert_eq!(ranges.iter().any(|range| range.contains(&byte)), expected);
            }
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
