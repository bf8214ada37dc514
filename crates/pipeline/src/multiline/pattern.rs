//! A pattern for the start of a line, decided without the general engine where that is possible.

use super::first::first_bytes;
use crate::parse::{ByteSet, Engine, Item, Match, PatternError, read_sequence};

/// A pattern that has to match at the start of a line.
#[derive(Clone, Debug)]
pub(super) struct LinePattern {
    /// Which bytes a matching line can start with; `None` when that is not known.
    first: Option<Box<[bool; 256]>>,
    decider: Decider,
}

#[derive(Clone, Debug)]
enum Decider {
    Head(Head),
    General(Engine),
}

impl LinePattern {
    pub(super) fn new(pattern: &str) -> Result<Self, PatternError> {
        let decider = match Head::compile(pattern) {
            Some(head) => Decider::Head(head),
            None => Decider::General(Engine::prefix(pattern)?),
        };
        Ok(Self { first: first_bytes(pattern).map(|set| table(&set)), decider })
    }

    /// Whether `line`, which has no newline, starts with a match.
    #[inline]
    pub(super) fn is_match(&self, line: &[u8]) -> bool {
        if let Some(first) = &self.first {
            match line.first() {
                Some(byte) if first[usize::from(*byte)] => {}
                _ => return false,
            }
        }
        self.decide(line)
    }

    fn decide(&self, line: &[u8]) -> bool {
        match &self.decider {
            Decider::Head(head) => head.is_match(line),
            Decider::General(engine) => engine.is_match(line) == Match::Yes,
        }
    }
}

/// The part of a pattern that decides, where it is a sequence of classes without choices: what may
/// be missing at its end need not be looked at.
#[derive(Clone, Debug)]
struct Head(Box<[Run]>);

#[derive(Clone, Debug)]
struct Run {
    members: Box<[bool; 256]>,
    min: usize,
    max: usize,
}

impl Head {
    /// `None` when a backtracking engine would have a choice: a run whose members can also start
    /// what follows it.
    fn compile(pattern: &str) -> Option<Self> {
        // The end of a line is nothing that a sequence of bytes can say.
        if pattern.contains('$') {
            return None;
        }
        let mut runs: Vec<(ByteSet, usize, Option<usize>)> = read_sequence(pattern)?
            .items
            .into_iter()
            .filter_map(|item| match item {
                Item::Repeat { set, min, max } => Some((set, min, max)),
                Item::Open(_) | Item::Close(_) => None,
            })
            .collect();
        while runs.last().is_some_and(|(_, min, _)| *min == 0) {
            runs.pop();
        }
        if let Some((_, min, max)) = runs.last_mut() {
            *max = Some(*min);
        }
        for (at, (set, min, max)) in runs.iter().enumerate() {
            let mut next = ByteSet::EMPTY;
            for (set, min, _) in &runs[at + 1..] {
                next = next.union(set);
                if *min > 0 {
                    break;
                }
            }
            if *max != Some(*min) && !set.is_disjoint(&next) {
                return None;
            }
        }
        let run = |(set, min, max): (ByteSet, usize, Option<usize>)| Run {
            members: table(&set),
            min,
            max: max.unwrap_or(usize::MAX),
        };
        Some(Self(runs.into_iter().map(run).collect()))
    }

    fn is_match(&self, line: &[u8]) -> bool {
        let mut rest = line;
        for run in &self.0 {
            let most = rest.len().min(run.max);
            let taken = rest[..most].iter().take_while(|byte| run.members[usize::from(**byte)]);
            let count = taken.count();
            if count < run.min {
                return false;
            }
            rest = &rest[count..];
        }
        true
    }
}

fn table(set: &ByteSet) -> Box<[bool; 256]> {
    Box::new(std::array::from_fn(|byte| set.contains(byte as u8)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_head(pattern: &str) -> bool {
        matches!(LinePattern::new(pattern).unwrap().decider, Decider::Head(_))
    }

    #[test]
    fn usual_patterns_need_no_engine() {
        for pattern in [
            r"\[?\d{4}-\d{2}-\d{2}.*",
            r"\d+-\d+-\d+\s.*",
            r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}.*",
            r"\[\d+-\d+-\w+:\d+:\d+,\d+]\s\[\w+]\s.*",
            r"^(\S+) .*",
            "",
        ] {
            assert!(is_head(pattern), "{pattern}");
        }
        for pattern in ["a|b", "a+ab", "a$", r"(?i)error.*", "(?!x).*"] {
            assert!(!is_head(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_refused_by_either_way() {
        for pattern in ["(", "a{2,1}", "[", "*"] {
            assert!(LinePattern::new(pattern).is_err(), "{pattern}");
        }
    }

    fn pieces() -> impl Strategy<Value = String> {
        let atom = prop_oneof![
            "[ab0 ]",
            Just(r"\d".to_owned()),
            Just(r"\s".to_owned()),
            Just(r"\S".to_owned()),
            Just(".".to_owned()),
            Just("[ab]".to_owned()),
            Just("[^a]".to_owned()),
            Just("(a|b0)".to_owned()),
            Just("(?:a|)".to_owned()),
            Just("(?!a)".to_owned()),
            Just("^".to_owned()),
            Just("$".to_owned()),
        ];
        let quantifier = prop_oneof![
            4 => Just(""),
            1 => prop::sample::select(&["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?"][..]),
        ];
        let piece = (atom, quantifier).prop_map(|(atom, quantifier)| match atom.as_str() {
            "^" | "$" | "(?!a)" => atom,
            _ => atom + quantifier,
        });
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        /// The short ways decide as the general engine does.
        #[test]
        fn every_way_decides_as_the_engine(
            left in pieces(),
            right in prop::option::of(pieces()),
            lines in prop::collection::vec("[ab0 x]{0,6}", 1..8),
        ) {
            let pattern = right.map_or(left.clone(), |right| format!("{left}|{right}"));
            let engine = Engine::prefix(&pattern).unwrap();
            let quick = LinePattern::new(&pattern).unwrap();
            for line in lines {
                prop_assert_eq!(
                    quick.is_match(line.as_bytes()),
                    engine.is_match(line.as_bytes()) == Match::Yes,
                    "{} over {:?}", pattern, line
                );
            }
        }
    }
}
