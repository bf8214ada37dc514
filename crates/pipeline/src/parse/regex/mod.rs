//! Regex mode (`agent` 3.2): one field for each capture group of a pattern that has to match the
//! whole record.
//!
//! Two engines behind one front: a [`splitter`] for patterns that leave no choice, which most
//! patterns of access logs are, and the general [`engine`] for everything else.

mod class;
mod counted;
pub(crate) mod engine;
mod long;
pub(crate) mod several;
mod splitter;
mod syntax;

pub(crate) use class::ByteSet;
pub use engine::PatternError;
pub(crate) use syntax::{Item, leading_set, read as read_sequence};

use super::Fault;
use super::fields::{FieldList, KnownNames, Name, Piece};
use engine::{Engine, Match};
use sls::log_group::PreparedKey;
use splitter::Splitter;

/// Cuts records by a pattern.
#[derive(Clone, Debug)]
pub struct RegexParser {
    matcher: Matcher,
    fields: Vec<Field>,
    names: KnownNames,
    /// Start and end of each group.
    slots: Vec<usize>,
    /// There are more names than groups: no record can have all fields.
    too_few_groups: bool,
}

#[derive(Clone, Debug)]
struct Field {
    key: PreparedKey,
    /// Index of the group's start among the slots.
    slot: usize,
}

#[derive(Clone, Debug)]
enum Matcher {
    Splitter(Splitter),
    General(Engine),
}

impl RegexParser {
    /// Compiles `pattern`; its groups become fields named by `keys`. Groups beyond the names are
    /// ignored; of two groups with one name the last one wins, at the place of the first.
    pub fn new(pattern: &str, keys: &[String]) -> Result<Self, PatternError> {
        let matcher = match Splitter::compile(pattern) {
            Some(splitter) => Matcher::Splitter(splitter),
            None => Matcher::General(Engine::whole(pattern)?),
        };
        let mut named: Vec<(&str, usize)> = Vec::with_capacity(keys.len());
        for (group, key) in keys.iter().enumerate() {
            let key = if key.is_empty() { super::CONTENT } else { key };
            match named.iter_mut().find(|(name, _)| *name == key) {
                Some((_, slot)) => *slot = group * 2,
                None => named.push((key, group * 2)),
            }
        }
        let mut names = KnownNames::default();
        let fields = named
            .into_iter()
            .map(|(key, slot)| {
                names.add(key.as_bytes());
                Field { key: PreparedKey::new(key.as_bytes()), slot }
            })
            .collect();
        let mut parser = Self { matcher, fields, names, slots: Vec::new(), too_few_groups: false };
        parser.too_few_groups = parser.groups() < keys.len();
        parser.slots = vec![0; parser.groups() * 2 + 1];
        Ok(parser)
    }

    /// Number of capture groups in the pattern.
    pub fn groups(&self) -> usize {
        match &self.matcher {
            Matcher::Splitter(splitter) => splitter.groups(),
            Matcher::General(engine) => engine.groups(),
        }
    }

    /// Whether records are cut in one pass; the other engine is several times slower.
    pub fn is_split(&self) -> bool {
        matches!(self.matcher, Matcher::Splitter(_))
    }

    /// Whether `record` matches the pattern as a whole.
    pub(crate) fn matches(&mut self, record: &[u8]) -> bool {
        self.cut(record) != Err(Fault::NoMatch)
    }

    /// Names of the fields, in their order.
    #[inline]
    pub(super) fn names(&self) -> &KnownNames {
        &self.names
    }

    /// Cuts `record`. On success [`pieces`](Self::pieces) and [`value`](Self::value) give the
    /// pieces of the same record.
    #[inline]
    pub(super) fn cut(&mut self, record: &[u8]) -> Result<(), Fault> {
        if self.too_few_groups {
            return Err(Fault::TooFewGroups);
        }
        let outcome = match &mut self.matcher {
            Matcher::Splitter(splitter) => {
                if splitter.split(record, &mut self.slots) {
                    Match::Yes
                } else {
                    Match::No
                }
            }
            Matcher::General(engine) => engine.captures(record, &mut self.slots),
        };
        match outcome {
            Match::Yes => Ok(()),
            Match::No => Err(Fault::NoMatch),
            Match::Limit => Err(Fault::Limit),
        }
    }

    /// The fields of the record that was cut last, as pieces of it.
    #[inline]
    pub(super) fn pieces(
        &self,
    ) -> impl Iterator<Item = (&PreparedKey, std::ops::Range<usize>)> + Clone {
        let slots = &self.slots[..];
        self.fields.iter().map(move |field| (&field.key, slots[field.slot]..slots[field.slot + 1]))
    }

    /// The same for a list.
    pub(super) fn list(&self, list: &mut FieldList) {
        for (index, (_, piece)) in (0..).zip(self.pieces()) {
            list.push(Name::Known(index), Piece::record(piece));
        }
    }

    /// The value of one field of the record that was cut last.
    #[inline]
    pub(super) fn value<'r>(&self, record: &'r [u8], field: usize) -> Option<&'r [u8]> {
        let slot = self.fields.get(field)?.slot;
        record.get(self.slots[slot]..self.slots[slot + 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, keys: &[&str], record: &str, expected: Result<&[&str], Fault>) {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let mut parser = RegexParser::new(pattern, &keys).unwrap();
        let found = parser.cut(record.as_bytes()).map(|()| {
            parser.pieces().map(|(_, piece)| record[piece].to_owned()).collect::<Vec<_>>()
        });
        let expected =
            expected.map(|values| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{pattern} over {record}");
    }

    #[test]
    fn groups_become_fields_in_the_order_of_the_names() {
        check(r"(\S+) (\d+)", &["a", "b"], "x 1", Ok(&["x", "1"]));
        check(r"(\S+) (\d+)", &["a", "b"], "x y", Err(Fault::NoMatch));
        check(r"(a|b)(c)?", &["a", "b"], "b", Ok(&["b", ""]));
    }

    #[test]
    fn extra_groups_are_ignored_and_missing_ones_fail_every_record() {
        check(r"(\S+) (\d+)", &["a"], "x 1", Ok(&["x"]));
        check(r"(\S+) \d+", &["a", "b"], "x 1", Err(Fault::TooFewGroups));
    }

    #[test]
    fn the_last_of_two_groups_with_one_name_wins() {
        check(r"(\S+) (\S+) (\S+)", &["a", "b", "a"], "1 2 3", Ok(&["3", "2"]));
    }

    #[test]
    fn a_pattern_without_choices_is_split_and_another_is_not() {
        assert!(RegexParser::new(r"(\S+)\s(.*)", &[]).unwrap().is_split());
        assert!(!RegexParser::new(r"(.*?)\s(.*)", &[]).unwrap().is_split());
    }

    #[test]
    fn runaway_patterns_end_at_the_limit() {
        let record = format!("{}!", "a".repeat(64));
        check("((a+)+)+[bc]", &["a"], &record, Err(Fault::Limit));
    }
}
