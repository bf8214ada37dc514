//! Out-of-order completions to the highest position of a file that is safe to remember.
//!
//! Bytes are handed out as spans that follow each other without a gap. A span that is
//! acknowledged while an earlier one is still under way does not move the safe position: after a
//! crash, reading must start before the first byte that nobody has confirmed.

use std::collections::VecDeque;
use std::ops::Range;

/// Spans under way for one file, and the position in front of which everything is confirmed.
///
/// `T` is something known about the end of a span that has to be remembered with the position
/// (the agent keeps a content mark there).
#[derive(Clone, Debug)]
pub struct AckTracker<T> {
    safe: u64,
    at_safe: T,
    issued: u64,
    pending: VecDeque<Pending<T>>,
}

#[derive(Clone, Debug)]
struct Pending<T> {
    start: u64,
    end: u64,
    at_end: T,
    done: bool,
}

impl<T: Copy> AckTracker<T> {
    /// Starts at `offset`, in front of which everything counts as confirmed.
    pub fn new(offset: u64, at_offset: T) -> Self {
        Self { safe: offset, at_safe: at_offset, issued: offset, pending: VecDeque::new() }
    }

    /// Hands out the bytes from the end of the previous span up to `end`.
    ///
    /// Returns the start of the span, which names it for [`complete`](Self::complete).
    /// A span must not be empty.
    pub fn issue(&mut self, end: u64, at_end: T) -> u64 {
        assert!(end > self.issued, "a span ends after the previous one");
        let start = std::mem::replace(&mut self.issued, end);
        self.pending.push_back(Pending { start, end, at_end, done: false });
        start
    }

    /// Notes that the span starting at `start` is confirmed. Returns whether the safe position
    /// moved. A span that is not under way (confirmed before) is ignored.
    pub fn complete(&mut self, start: u64) -> bool {
        let Ok(at) = self.pending.binary_search_by_key(&start, |span| span.start) else {
            return false;
        };
        self.pending[at].done = true;
        let before = self.safe;
        while let Some(first) = self.pending.front()
            && first.done
        {
            self.safe = first.end;
            self.at_safe = first.at_end;
            self.pending.pop_front();
        }
        self.safe != before
    }

    /// The position in front of which everything is confirmed, and what was known there.
    pub fn safe(&self) -> (u64, T) {
        (self.safe, self.at_safe)
    }

    /// What is confirmed from byte `from` on, in order and without overlap; neighbours are joined.
    pub fn confirmed(&self, from: u64) -> Vec<Range<u64>> {
        let mut confirmed: Vec<Range<u64>> = Vec::new();
        if self.safe > from {
            confirmed.push(from..self.safe);
        }
        for span in self.pending.iter().filter(|span| span.done) {
            match confirmed.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => confirmed.push(span.start..span.end),
            }
        }
        confirmed
    }

    /// The end of the last span handed out.
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether everything handed out is confirmed.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_safe_position_waits_for_the_first_open_span() {
        let mut tracker = AckTracker::new(100, 'a');
        let first = tracker.issue(150, 'b');
        let second = tracker.issue(170, 'c');
        let third = tracker.issue(200, 'd');
        assert_eq!((first, second, third), (100, 150, 170));
        assert!(!tracker.complete(third));
        assert_eq!(tracker.safe(), (100, 'a'));
        assert_eq!(tracker.confirmed(40), [40..100, 170..200]);
        assert!(tracker.complete(first));
        assert_eq!(tracker.safe(), (150, 'b'));
        assert!(!tracker.is_settled());
        assert!(tracker.complete(second));
        assert_eq!(tracker.safe(), (200, 'd'));
        assert_eq!(tracker.confirmed(0).len(), 1, "neighbours are joined");
        assert_eq!(tracker.confirmed(0)[0], 0..200);
        assert!(tracker.is_settled());
    }

    #[test]
    fn an_unknown_or_repeated_completion_changes_nothing() {
        let mut tracker = AckTracker::new(0, ());
        let first = tracker.issue(10, ());
        assert!(!tracker.complete(5));
        assert!(tracker.complete(first));
        assert!(!tracker.complete(first));
        assert_eq!(tracker.safe(), (10, ()));
    }

    proptest! {
        #[test]
        fn the_safe_position_never_passes_an_open_span(
            lengths in prop::collection::vec(1u64..50, 1..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        ) {
            let mut tracker = AckTracker::new(7, 7);
            let mut spans = Vec::new();
            let mut end = 7;
            for length in lengths {
                end += length;
                spans.push((tracker.issue(end, end), end, false));
            }
            for pick in order {
                let at = pick.index(spans.len());
                tracker.complete(spans[at].0);
                spans[at].2 = true;
                let expected = spans
                    .iter()
                    .find(|(_, _, done)| !done)
                    .map_or(end, |(start, _, _)| *start);
                prop_assert_eq!(tracker.safe(), (expected, expected));
                prop_assert_eq!(tracker.is_settled(), expected == end);
            }
        }
    }
}
