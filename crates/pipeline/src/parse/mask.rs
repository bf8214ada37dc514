//! Makes part of a field unreadable before it leaves the machine (`agent` 3.9).

use super::fields::{FieldList, KnownNames, Lookup};
use super::{Engine, PatternError};
use md5::{Digest, Md5};
use sls::collect::{self, MaskMethod};

/// A compiled mask.
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    field: Lookup,
    /// What stays is its first group.
    pattern: Engine,
    method: MaskMethod,
    all: bool,
    /// The new value, as far as it is made.
    made: Vec<u8>,
}

impl Mask {
    /// Compiles a mask.
    pub(crate) fn new(mask: &collect::Mask) -> Result<Self, PatternError> {
        // Each alone first: together they might be a pattern that neither is.
        Engine::check_search(&mask.before)?;
        Engine::check_search(&mask.content)?;
        Ok(Self {
            field: Lookup::new(&mask.key),
            pattern: Engine::search(&format!("({}){}", mask.before, mask.content))?,
            method: mask.method.clone(),
            all: mask.all,
            made: Vec::new(),
        })
    }

    /// Replaces the value of its field, if the log has it.
    pub(super) fn apply(&mut self, list: &mut FieldList, record: &[u8], known: &KnownNames) {
        let Some(place) = self.field.find(list, record, known) else { return };
        if self.replace(list.bytes(list.fields[place].value, record)) {
            list.fields[place].value = list.copied(&self.made);
        }
    }

    /// Makes the new value; gives whether it is another one.
    fn replace(&mut self, value: &[u8]) -> bool {
        self.made.clear();
        // What is in front of `copied` is made; the search goes on from `from`.
        let (mut copied, mut from, mut last_end) = (0, 0, None);
        let mut allowance = self.pattern.allowance(value);
        while from <= value.len() {
            match self.pattern.first_from(value, from, &mut allowance) {
                Ok(None) => break,
                Ok(Some(found)) if found.end == found.start && Some(found.end) == last_end => {
                    // Nothing, right behind the last one: no place of its own.
                    from = found.end + 1;
                }
                Ok(Some(found)) => {
                    self.made.extend_from_slice(&value[copied..found.group_end]);
                    self.put(&value[found.group_end..found.end]);
                    (copied, last_end) = (found.end, Some(found.end));
                    from = found.end + usize::from(found.end == found.start);
                    if !self.all {
                        break;
                    }
                }
                // Given up: what may hold a secret does not go out.
                Err(()) => {
                    self.put(&value[copied..]);
                    copied = value.len();
                    last_end = Some(copied);
                    break;
                }
            }
        }
        self.made.extend_from_slice(&value[copied..]);
        last_end.is_some()
    }

    /// Appends what stands for a secret.
    fn put(&mut self, secret: &[u8]) {
        match &self.method {
            MaskMethod::Const(text) => self.made.extend_from_slice(text.as_bytes()),
            MaskMethod::Md5 => {
                for byte in Md5::digest(secret) {
                    let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
                    self.made.extend([digit(byte >> 4), digit(byte & 15)]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(
        method: MaskMethod,
        before: &str,
        content: &str,
        all: bool,
        value: &str,
        expected: &str,
    ) {
        let mut mask = Mask::new(&collect::Mask {
            key: "k".into(),
            method,
            before: before.into(),
            content: content.into(),
            all,
        })
        .unwrap();
        for _ in 0..2 {
            let changed = mask.replace(value.as_bytes());
            assert_eq!(String::from_utf8_lossy(&mask.made), expected);
            assert!(changed || value == expected);
        }
    }

    fn text(text: &str) -> MaskMethod {
        MaskMethod::Const(text.into())
    }

    #[test]
    fn what_stands_before_stays_and_the_content_is_replaced() {
        let value = "user=a,password=secret,x";
        check(text("***"), "password=", "[^,]+", false, value, "user=a,password=***,x");
        check(text(""), "password=", "[^,]+", false, value, "user=a,password=,x");
        check(text("*"), "pass(word)?=", "[^,]+", false, value, "user=a,password=*,x");
        check(text("*"), "token=", "[^,]+", false, value, value);
        check(text("*"), "", r"\d+", false, "a1b22", "a*b22");
    }

    #[test]
    fn the_first_place_or_all_of_them() {
        let value = "p=1;p=2;p=3";
        check(text("*"), "p=", r"\d", false, value, "p=*;p=2;p=3");
        check(text("*"), "p=", r"\d", true, value, "p=*;p=*;p=*");
        check(text("*"), "", r"\d*", true, "a12b", "*a*b*");
    }

    #[test]
    fn a_secret_can_be_told_by_its_digest() {
        let digest = "0cc175b9c0f1b6a831c399e269772661";
        check(MaskMethod::Md5, "p=", r"\w+", false, "p=a,p=a", &format!("p={digest},p=a"));
        check(MaskMethod::Md5, "p=", r"\w+", true, "p=a,p=a", &format!("p={digest},p={digest}"));
    }

    #[test]
    fn lines_are_read_as_the_agents_that_came_first_do() {
        check(text("*"), "p=", ".+", true, "p=1\np=2", "p=*\np=*");
        check(text("*"), "^", "a", true, "a\na", "*\na");
    }

    #[test]
    fn a_value_on_which_the_search_is_given_up_does_not_go_out() {
        let value = format!("x{}!", "a".repeat(64));
        check(text("*"), "", "((a+)+)+[bc]", true, &value, "*");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        let mask = |before: &str, content: &str| {
            let (before, content) = (before.into(), content.into());
            Mask::new(&collect::Mask {
                key: "k".into(),
                method: text("*"),
                before,
                content,
                all: true,
            })
        };
        assert!(mask("(", "x").is_err());
        assert!(mask("a)(b", "x").is_err());
        assert!(mask("a", "[").is_err());
    }

    /// What `regex` makes of a value, whose patterns mean what RE2's do.
    fn reference(before: &str, content: &str, all: bool, value: &[u8]) -> Vec<u8> {
        let pattern = regex::bytes::RegexBuilder::new(&format!("({before}){content}"))
            .unicode(false)
            .build()
            .unwrap();
        let put = |found: &regex::bytes::Captures<'_>| {
            [found.get(1).map_or(&b""[..], |group| group.as_bytes()), b"<*>"].concat()
        };
        pattern.replacen(value, usize::from(!all), put).into_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_reference_replaces_the_same(
            before in prop::sample::select(
                vec!["", "p=", "(id|pw)[:=]", r"\w+=", "^", r"\s*", "(?i)PW", "a*"],
            ),
            content in prop::sample::select(
                vec![r"\d+", r"\d*", "[^,]+", ".+", r"\w{2}", "a|b", "(?:ab)*", r"\d+?", "中"],
            ),
            all: bool,
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "p=", "id:", "pw=", "a", "b", "ab", "1", "22", ",", " ", "\n", "\0", "中", "é",
                    "0123456789012345678901234567890123456789",
                ]),
                0..12,
            ),
            invalid in prop::option::weighted(0.1, any::<u8>()),
        ) {
            let value = [parts.concat().as_bytes(), invalid.as_slice()].concat();
            let mut mask = Mask::new(&collect::Mask {
                key: "k".into(),
                method: text("<*>"),
                before: before.into(),
                content: content.into(),
                all,
            })
            .unwrap();
            mask.replace(&value);
            let expected = reference(before, content, all, &value);
            prop_assert_eq!(&mask.made, &expected, "({}){} over {:?}", before, content, value);
        }
    }
}
