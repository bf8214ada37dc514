//! File name patterns as `fnmatch(3)` reads them: `*`, `?`, `[a-z]`, `[!a-z]` and `\`.
//!
//! One pattern is matched against one name, so the question of what `/` means does not come up.

/// A compiled name pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Byte(u8),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(u8, u8)> },
}

impl Glob {
    /// Compiles a pattern. There are no invalid ones: an open bracket without its end and a
    /// backslash at the end stand for themselves, as in `fnmatch`.
    pub fn new(pattern: &str) -> Self {
        let bytes = pattern.as_bytes();
        let mut parts = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            let part = match byte {
                b'?' => Part::Any,
                b'*' => Part::Star,
                b'\\' => match bytes.get(at) {
                    Some(escaped) => {
                        at += 1;
                        Part::Byte(*escaped)
                    }
                    None => Part::Byte(b'\\'),
                },
                b'[' => match class(&bytes[at..]) {
                    Some((class, used)) => {
                        at += used;
                        class
                    }
                    None => Part::Byte(b'['),
                },
                other => Part::Byte(*other),
            };
            // Two stars in a row mean one, and would only cost time.
            if part != Part::Star || parts.last() != Some(&Part::Star) {
                parts.push(part);
            }
        }
        Self { parts }
    }

    /// Whether the pattern has no wildcards and so stands for one name.
    pub fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Byte(_)))
    }

    /// Whether the pattern begins with the literal byte `byte`.
    pub fn starts_with(&self, byte: u8) -> bool {
        self.parts.first() == Some(&Part::Byte(byte))
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // Where to go on after a mismatch: behind the last star, which takes one byte more.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(part), name.get(at)) {
                (None, None) => return true,
                (Some(Part::Star), _) => {
                    retry = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                (Some(wanted), Some(byte)) if wanted.takes(*byte) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match retry {
                Some((after_star, star_end)) if star_end < name.len() => {
                    retry = Some((after_star, star_end + 1));
                    part = after_star;
                    at = star_end + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Part {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(wanted) => *wanted == byte,
            Self::Any => true,
            Self::Star => false,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte)) != *negated
            }
        }
    }
}

/// Reads a bracket expression after its `[`; gives it and the number of bytes used.
fn class(bytes: &[u8]) -> Option<(Part, usize)> {
    let negated = matches!(bytes.first(), Some(b'!' | b'^'));
    let first = usize::from(negated);
    let mut at = first;
    let mut ranges = Vec::new();
    loop {
        let mut low = *bytes.get(at)?;
        // A closing bracket in the first place is a member.
        if low == b']' && at > first {
            return Some((Part::Class { negated, ranges }, at + 1));
        }
        if low == b'\\' {
            at += 1;
            low = *bytes.get(at)?;
        }
        at += 1;
        let mut high = low;
        if bytes.get(at) == Some(&b'-') && bytes.get(at + 1).is_some_and(|next| *next != b']') {
            at += 1;
            high = *bytes.get(at)?;
            if high == b'\\' {
                at += 1;
                high = *bytes.get(at)?;
            }
            at += 1;
        }
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let glob = Glob::new(pattern);
        for name in matching {
            assert!(glob.matches(name.as_bytes()), "{pattern} matches {name}");
        }
        for name in other {
            assert!(!glob.matches(name.as_bytes()), "{pattern} does not match {name}");
        }
    }

    #[test]
    fn names_match_as_fnmatch_says() {
        check("access.log", &["access.log"], &["access_log", "access.log.1", "xaccess.log", ""]);
        check("*.log", &[".log", "a.log", "a.b.log"], &["a.log.1", "alog"]);
        check("access*.log*", &["access.log", "access-1.log.3"], &["acces.log"]);
        check("log_?.txt", &["log_1.txt"], &["log_.txt", "log_10.txt"]);
        check("[a-c]x", &["ax", "bx"], &["dx", "-x"]);
        check("[!a-c]x", &["dx"], &["ax"]);
        check("[^a]", &["b"], &["a"]);
        check("[]x]", &["]", "x"], &["[", "a"]);
        check("[a-]", &["a", "-"], &["b"]);
        check("[x", &["[x"], &["x"]);
        check(r"a\*b", &["a*b"], &["axb"]);
        check(r"[\]]", &["]"], &["\\"]);
        check("*", &["", "anything"], &[]);
        check("a**b", &["ab", "axxb"], &["axx"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn a_literal_pattern_is_recognised() {
        assert!(Glob::new("access.log").is_literal());
        assert!(!Glob::new("access.lo?").is_literal());
    }

    fn plain_match(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| plain_match(rest, &name[at..])),
            Some((b'?', rest)) => !name.is_empty() && plain_match(rest, &name[1..]),
            Some((byte, rest)) => name.first() == Some(byte) && plain_match(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn stars_and_marks_agree_with_the_plain_definition(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            prop_assert_eq!(
                Glob::new(&pattern).matches(name.as_bytes()),
                plain_match(pattern.as_bytes(), name.as_bytes()),
            );
        }

        #[test]
        fn no_pattern_panics(pattern in r"[\[\]a\\!^*?-]{0,10}", name in "[\\]a-]{0,6}") {
            Glob::new(&pattern).matches(name.as_bytes());
        }
    }
}
