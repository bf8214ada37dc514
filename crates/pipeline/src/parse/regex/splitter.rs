//! Runs of a class between literals, cut in one pass without backtracking.
//!
//! A splitter is made only where a backtracking engine has no choice, so that the first way to
//! match is the only one:
//!
//! - A run of a class whose members cannot start what follows must take *all* members: if it
//!   stopped earlier, what follows would have to start with a member. Such a run ends where the
//!   first other byte stands, or nowhere.
//! - A run whose class lies inside the class of the run behind it (`\s+[^"]+`) shares its bytes
//!   with that one. The end of the second is fixed by the rule above; a greedy first run takes as
//!   much as it can while leaving the second its minimum.
//!
//! Everything else is refused by [`Splitter::compile`] and left to the general engine. That the
//! two agree is checked against two engines with random patterns and texts.

use super::class::{ByteSet, Scan, is_space};
use super::syntax::{Item, Sequence, read};

/// A pattern compiled to a sequence of cuts.
#[derive(Clone, Debug)]
pub(super) struct Splitter {
    steps: Vec<Step>,
    groups: usize,
}

/// Where a capture starts or ends. Positions that nobody asks for go to a slot behind the groups,
/// which spares a branch.
type Slot = u16;

#[derive(Clone, Debug)]
enum Step {
    Byte(u8),
    Literal(Box<[u8]>),
    One(Box<[bool; 256]>),
    Space,
    Exactly(usize, Box<[bool; 256]>),
    /// A run without upper limit, by far the most frequent one, and what is right behind it.
    Run {
        scan: Scan,
        min: usize,
        start: Slot,
        end: Slot,
        then: Then,
    },
    Bounded {
        scan: Scan,
        min: usize,
        max: usize,
    },
    /// Two runs, the class of the first inside that of the second.
    Nested {
        first: Scan,
        first_min: usize,
        between: Box<[Slot]>,
        second: Scan,
        second_min: usize,
    },
    Mark(Slot),
}

/// One byte behind a run, which saves a step of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Byte(u8),
    Space,
}

impl Splitter {
    /// Compiles a pattern that has to match whole records, or says that it needs the general
    /// engine (or is invalid).
    pub(super) fn compile(pattern: &str) -> Option<Self> {
        let sequence = read(pattern)?;
        // Slots are 16 bits, and a pattern of this size is not for this engine anyway.
        if sequence.groups > 1000 {
            return None;
        }
        let mut steps = Vec::new();
        let mut at = 0;
        while at < sequence.items.len() {
            at += step(&sequence, at, &mut steps)?;
        }
        Some(Self { steps: fuse(steps, sequence.groups), groups: sequence.groups })
    }

    /// Number of capture groups.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// Slots that [`split`](Self::split) needs: start and end for each group, and one spare.
    pub(super) fn slots(&self) -> usize {
        self.groups * 2 + 1
    }

    /// Cuts `text`. On success `slots[2 * g]..slots[2 * g + 1]` is the capture of group `g + 1`;
    /// on failure the slots mean nothing.
    #[inline]
    pub(super) fn split(&self, text: &[u8], slots: &mut [usize]) -> bool {
        let slots = &mut slots[..self.slots()];
        let mut at = 0;
        for step in &self.steps {
            let rest = &text[at..];
            match step {
                Step::Byte(byte) => {
                    if rest.first() != Some(byte) {
                        return false;
                    }
                    at += 1;
                }
                Step::Run { scan, min, start, end, then } => {
                    let extent = scan.extent(text, at);
                    if extent < *min {
                        return false;
                    }
                    slots[usize::from(*start)] = at;
                    at += extent;
                    slots[usize::from(*end)] = at;
                    match then {
                        Then::Nothing => {}
                        Then::Byte(byte) => {
                            if rest.get(extent) != Some(byte) {
                                return false;
                            }
                            at += 1;
                        }
                        Then::Space => {
                            if !rest.get(extent).is_some_and(|byte| is_space(*byte)) {
                                return false;
                            }
                            at += 1;
                        }
                    }
                }
                Step::Space => {
                    if !rest.first().is_some_and(|byte| is_space(*byte)) {
                        return false;
                    }
                    at += 1;
                }
                Step::Literal(literal) => {
                    if !rest.starts_with(literal) {
                        return false;
                    }
                    at += literal.len();
                }
                Step::One(members) => {
                    if !rest.first().is_some_and(|byte| members[usize::from(*byte)]) {
                        return false;
                    }
                    at += 1;
                }
                Step::Exactly(count, members) => {
                    let taken = rest.get(..*count);
                    if !taken.is_some_and(|bytes| bytes.iter().all(|b| members[usize::from(*b)])) {
                        return false;
                    }
                    at += count;
                }
                Step::Bounded { scan, min, max } => {
                    let extent = scan.extent(text, at);
                    if extent < *min || extent > *max {
                        return false;
                    }
                    at += extent;
                }
                Step::Nested { first, first_min, between, second, second_min } => {
                    let whole = second.extent(text, at);
                    let Some(most) = whole.checked_sub(*second_min) else { return false };
                    let cut = first.extent(text, at).min(most);
                    if cut < *first_min {
                        return false;
                    }
                    for slot in between {
                        slots[usize::from(*slot)] = at + cut;
                    }
                    at += whole;
                }
                Step::Mark(slot) => slots[usize::from(*slot)] = at,
            }
        }
        at == text.len()
    }
}

/// Appends the step for the item at `at`; gives the number of items used.
fn step(sequence: &Sequence, at: usize, steps: &mut Vec<Step>) -> Option<usize> {
    let (set, min, max) = match &sequence.items[at] {
        Item::Open(_) | Item::Close(_) => {
            steps.push(Step::Mark(slot_of(&sequence.items[at])));
            return Some(1);
        }
        Item::Repeat { set, min, max } => (set, *min, *max),
    };
    if max == Some(min) {
        steps.push(fixed(set, min));
        return Some(1);
    }
    if set.is_disjoint(&first_of(&sequence.items[at + 1..])) {
        let scan = Scan::new(set);
        steps.push(match max {
            None => Step::Run { scan, min, start: Slot::MAX, end: Slot::MAX, then: Then::Nothing },
            Some(max) => Step::Bounded { scan, min, max },
        });
        return Some(1);
    }
    // Only two runs without upper limit, the first inside the second, are left to try.
    let marks =
        sequence.items[at + 1..].iter().take_while(|item| !matches!(item, Item::Repeat { .. }));
    let between: Box<[Slot]> = marks.map(slot_of).collect();
    let next = at + 1 + between.len();
    let Item::Repeat { set: second, min: second_min, max: None } = sequence.items.get(next)? else {
        return None;
    };
    let provable = max.is_none()
        && set.is_subset(second)
        && second.is_disjoint(&first_of(&sequence.items[next + 1..]));
    if !provable {
        return None;
    }
    steps.push(Step::Nested {
        first: Scan::new(set),
        first_min: min,
        between,
        second: Scan::new(second),
        second_min: *second_min,
    });
    Some(2 + (next - at - 1))
}

/// The bytes that a match of `items` can start with.
fn first_of(items: &[Item]) -> ByteSet {
    let mut first = ByteSet::EMPTY;
    for item in items {
        if let Item::Repeat { set, min, .. } = item {
            first = first.union(set);
            if *min > 0 {
                break;
            }
        }
    }
    first
}

fn fixed(set: &ByteSet, count: usize) -> Step {
    let table = || Box::new(std::array::from_fn(|byte| set.contains(byte as u8)));
    let mut members = (0..=u8::MAX).filter(|byte| set.contains(*byte));
    match (members.next(), members.next()) {
        (Some(byte), None) if count == 1 => Step::Byte(byte),
        (Some(byte), None) => Step::Literal(vec![byte; count].into()),
        _ if count == 1 && *set == ByteSet::spaces() => Step::Space,
        _ if count == 1 => Step::One(table()),
        _ => Step::Exactly(count, table()),
    }
}

fn slot_of(item: &Item) -> Slot {
    let slot = match item {
        Item::Open(group) => group * 2 - 2,
        Item::Close(group) => group * 2 - 1,
        Item::Repeat { .. } => unreachable!("only marks have a slot"),
    };
    Slot::try_from(slot).expect("the number of groups is limited")
}

/// Joins neighbouring bytes to literals and puts the marks around a run into the run.
fn fuse(steps: Vec<Step>, groups: usize) -> Vec<Step> {
    let spare = Slot::try_from(groups * 2).expect("the number of groups is limited");
    let mut fused: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        match (fused.last_mut(), step) {
            (Some(Step::Byte(first)), Step::Byte(byte)) => {
                let both = [*first, byte];
                *fused.last_mut().expect("it was just matched") = Step::Literal(Box::new(both));
            }
            (Some(Step::Literal(literal)), Step::Byte(byte)) => {
                *literal = literal.iter().copied().chain([byte]).collect();
            }
            (Some(Step::Mark(slot)), Step::Run { scan, min, end, then, .. }) => {
                let start = *slot;
                *fused.last_mut().expect("it was just matched") =
                    Step::Run { scan, min, start, end, then };
            }
            (Some(Step::Run { then: then @ Then::Nothing, .. }), Step::Byte(byte)) => {
                *then = Then::Byte(byte);
            }
            (Some(Step::Run { then: then @ Then::Nothing, .. }), Step::Space) => {
                *then = Then::Space;
            }
            (Some(Step::Run { end, then: Then::Nothing, .. }), Step::Mark(slot))
                if *end == Slot::MAX =>
            {
                *end = slot;
            }
            (_, step) => fused.push(step),
        }
    }
    for step in &mut fused {
        if let Step::Run { start, end, .. } = step {
            for slot in [start, end] {
                if *slot == Slot::MAX {
                    *slot = spare;
                }
            }
        }
    }
    fused
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
mod tests;
