//! The bytes that a match of a pattern can start with.
//!
//! Most lines of a stack trace begin with a byte that no first line begins with, and are known to
//! continue their record without asking an engine. What this reader gives may hold bytes too many,
//! never one too few; for what it does not know for sure it gives `None`.

use crate::parse::ByteSet;

/// Groups inside groups before a pattern is left to the engine.
const MAX_DEPTH: usize = 32;

/// The bytes that a text has to start with for `pattern` to match at its start. `None` when that
/// is not known, or when an empty text may match.
pub(super) fn first_bytes(pattern: &str) -> Option<ByteSet> {
    let mut reader = Reader { rest: pattern.as_bytes(), depth: 0 };
    let (first, may_be_empty) = reader.alternatives()?;
    (reader.rest.is_empty() && !may_be_empty).then_some(first)
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl Reader<'_> {
    /// Sequences between `|`, up to the end or a closing parenthesis.
    fn alternatives(&mut self) -> Option<(ByteSet, bool)> {
        let (mut first, mut may_be_empty) = self.sequence()?;
        while self.rest.first() == Some(&b'|') {
            self.rest = &self.rest[1..];
            let (other, empty) = self.sequence()?;
            first = first.union(&other);
            may_be_empty |= empty;
        }
        Some((first, may_be_empty))
    }

    fn sequence(&mut self) -> Option<(ByteSet, bool)> {
        let mut first = ByteSet::EMPTY;
        let mut open = true;
        while let Some(byte) = self.rest.first().filter(|byte| !b"|)".contains(byte)) {
            let (set, empty) = match byte {
                b'(' => self.group()?,
                b'^' | b'$' => {
                    self.rest = &self.rest[1..];
                    (ByteSet::EMPTY, true)
                }
                b'*' | b'+' | b'?' | b'{' => return None,
                _ => (crate::parse::leading_set(&mut self.rest)?, false),
            };
            let empty = self.quantifier()? || empty;
            if open {
                first = first.union(&set);
                open = empty;
            }
        }
        Some((first, open))
    }

    fn group(&mut self) -> Option<(ByteSet, bool)> {
        if self.depth == MAX_DEPTH {
            return None;
        }
        let (rest, looks_around) = match self.rest {
            [b'(', b'?', b':', rest @ ..] => (rest, false),
            // What is looked at is not taken, and may be anything as far as this is concerned.
            [b'(', b'?', b'=' | b'!', rest @ ..] => (rest, true),
            [b'(', b'?' | b'*', ..] => return None,
            [b'(', rest @ ..] => (rest, false),
            _ => return None,
        };
        self.rest = rest;
        self.depth += 1;
        let inside = self.alternatives()?;
        self.depth -= 1;
        self.rest = self.rest.strip_prefix(b")")?;
        Some(if looks_around { (ByteSet::EMPTY, true) } else { inside })
    }

    /// Whether what stands before may be left out.
    fn quantifier(&mut self) -> Option<bool> {
        let (empty, used) = match self.rest.first() {
            Some(b'*' | b'?') => (true, 1),
            Some(b'+') => (false, 1),
            Some(b'{') => {
                let end = memchr::memchr(b'}', self.rest)?;
                let inside = &self.rest[1..end];
                let digits = inside.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let valid =
                    digits > 0 && inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b',');
                if !valid {
                    return None;
                }
                (inside[..digits].iter().all(|byte| *byte == b'0'), end + 1)
            }
            _ => return Some(false),
        };
        self.rest = &self.rest[used..];
        // Lazy or possessive: as far as the first byte goes, the same.
        if let Some(b'?' | b'+') = self.rest.first() {
            self.rest = &self.rest[1..];
        }
        Some(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&[u8]>) {
        assert_eq!(first_bytes(pattern), expected.map(ByteSet::of), "{pattern}");
    }

    #[test]
    fn the_first_bytes_are_those_of_all_ways_to_start() {
        check("abc", Some(b"a"));
        check(r"\[?\d{4}-.*", Some(b"[0123456789"));
        check("a*b?cd", Some(b"abc"));
        check("(ERROR|WARN|[ID]x).*", Some(b"EWID"));
        check("(?:a|b)?c|d", Some(b"abcd"));
        check("(?!x)a", Some(b"a"));
        check("^(?=ab)[a-c]$", Some(b"abc"));
        check("a{0,3}?b{2}", Some(b"ab"));
        check(r"(<(\d)>)+", Some(b"<"));
    }

    #[test]
    fn what_may_be_empty_or_is_not_known_has_none() {
        for pattern in [
            "",
            "a*",
            "(a|)",
            "^$",
            "(?i)a",
            r"a\b",
            r"(a)\1",
            r"\x41",
            "(?#x)a",
            "(?<n>a)",
            "a{x}",
            "*",
            "a)",
            "(a",
            "(*UTF8)a",
            "[[:alpha:]]",
        ] {
            check(pattern, None);
        }
        check(&format!("{}a{}", "(".repeat(40), ")".repeat(40)), None);
    }
}
