//! Reads the part of Perl's pattern syntax that a splitter can be made from: literals, classes,
//! greedy repeats of a single one, and groups that are not repeated.
//!
//! Whatever else a pattern has (alternatives, look-around, lazy repeats, flags, …) gives `None`,
//! and so does everything that is not plainly valid: the general engine then compiles the pattern
//! or reports its fault. When in doubt this reader must say `None`, never guess.

use super::class::ByteSet;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `min..=max` bytes of the set, as many as possible. `max` is `None` for no limit.
    Repeat { set: ByteSet, min: usize, max: Option<usize> },
    /// The capture group with this number (from 1) starts here.
    Open(usize),
    /// It ends here.
    Close(usize),
}

/// A pattern as a sequence of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) items: Vec<Item>,
    /// Number of capture groups.
    pub(crate) groups: usize,
}

/// Reads a pattern, or says that it has something a splitter cannot do.
pub(crate) fn read(pattern: &str) -> Option<Sequence> {
    let mut reader = Reader { rest: pattern.as_bytes(), items: Vec::new(), groups: 0 };
    let mut open = Vec::new();
    let mut ended = false;
    while let Some((byte, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        let set = match byte {
            b'(' => {
                open.push(reader.group_start()?);
                continue;
            }
            b')' => {
                if let Some(group) = open.pop()? {
                    reader.items.push(Item::Close(group));
                }
                if reader.at_quantifier() {
                    return None;
                }
                continue;
            }
            // The whole record has to match, so these two are always true at its two ends.
            b'^' if reader.is_at_start() && !reader.at_quantifier() => continue,
            b'$' if !reader.at_quantifier() => {
                ended = true;
                continue;
            }
            b'^' | b'$' | b'|' | b'*' | b'+' | b'?' | b'{' | b'}' => return None,
            b'.' => ByteSet::ALL,
            b'[' => reader.class()?,
            b'\\' => reader.escape()?,
            literal => ByteSet::of(&[*literal]),
        };
        if ended {
            return None;
        }
        let (min, max) = reader.quantifier()?;
        reader.items.push(Item::Repeat { set, min, max });
    }
    open.is_empty().then_some(Sequence { items: reader.items, groups: reader.groups })
}

/// The bytes that the literal, class or escape at the start of `rest` stands for; `rest` is moved
/// behind it. `None` for everything else.
pub(crate) fn leading_set(rest: &mut &[u8]) -> Option<ByteSet> {
    let (byte, behind) = rest.split_first()?;
    let mut reader = Reader { rest: behind, items: Vec::new(), groups: 0 };
    let set = match byte {
        b'^' | b'$' | b'|' | b'*' | b'+' | b'?' | b'{' | b'}' | b'(' | b')' => return None,
        b'.' => ByteSet::ALL,
        b'[' => reader.class()?,
        b'\\' => reader.escape()?,
        literal => ByteSet::of(&[*literal]),
    };
    *rest = reader.rest;
    Some(set)
}

struct Reader<'a> {
    rest: &'a [u8],
    items: Vec<Item>,
    groups: usize,
}

impl Reader<'_> {
    fn is_at_start(&self) -> bool {
        !self.items.iter().any(|item| matches!(item, Item::Repeat { .. }))
    }

    fn at_quantifier(&self) -> bool {
        matches!(self.rest.first(), Some(b'*' | b'+' | b'?' | b'{'))
    }

    /// After `(`: the number of the group, or `None` inside for one that captures nothing.
    fn group_start(&mut self) -> Option<Option<usize>> {
        if let Some(rest) = self.rest.strip_prefix(b"?:") {
            self.rest = rest;
            return Some(None);
        }
        if let Some(rest) = self.rest.strip_prefix(b"?P<").or(self.rest.strip_prefix(b"?<")) {
            let end = memchr::memchr(b'>', rest)?;
            let name = &rest[..end];
            let valid = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                && !name.first()?.is_ascii_digit()
                && name.len() <= 32;
            if !valid {
                return None;
            }
            self.rest = &rest[end + 1..];
        } else if matches!(self.rest.first(), Some(b'?' | b'*')) {
            return None;
        }
        self.groups += 1;
        self.items.push(Item::Open(self.groups));
        Some(Some(self.groups))
    }

    /// After `\`, outside of brackets.
    fn escape(&mut self) -> Option<ByteSet> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        escaped(*byte)
    }

    /// After `[`.
    fn class(&mut self) -> Option<ByteSet> {
        let mut set = ByteSet::EMPTY;
        let negated = self.rest.first() == Some(&b'^');
        if negated {
            self.rest = &self.rest[1..];
        }
        let mut first = true;
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            if *byte == b']' && !first {
                break;
            }
            first = false;
            let low = match byte {
                b'[' if matches!(rest.first(), Some(b':' | b'.' | b'=')) => return None,
                b'\\' => {
                    let (escaped_byte, rest) = rest.split_first()?;
                    self.rest = rest;
                    let member = escaped(*escaped_byte)?;
                    if matches!(escaped_byte, b'd' | b'D' | b's' | b'S' | b'w' | b'W') {
                        // `[\d-x]` is read differently by different engines.
                        if rest.first() == Some(&b'-') && rest.get(1) != Some(&b']') {
                            return None;
                        }
                        set = set.union(&member);
                        continue;
                    }
                    literal_of(*escaped_byte)
                }
                other => *other,
            };
            let mut high = low;
            if self.rest.first() == Some(&b'-') && self.rest.get(1).is_some_and(|end| *end != b']')
            {
                high = match self.rest[1] {
                    b'\\' => {
                        let end = *self.rest.get(2)?;
                        // Only escapes of punctuation are one byte for sure.
                        if end.is_ascii_alphanumeric() {
                            return None;
                        }
                        self.rest = &self.rest[3..];
                        end
                    }
                    b'[' => return None,
                    end => {
                        self.rest = &self.rest[2..];
                        end
                    }
                };
                if high < low {
                    return None;
                }
            }
            set.insert_range(low, high);
        }
        Some(if negated { set.complement() } else { set })
    }

    fn quantifier(&mut self) -> Option<(usize, Option<usize>)> {
        let (range, used) = match self.rest.first() {
            Some(b'*') => ((0, None), 1),
            Some(b'+') => ((1, None), 1),
            Some(b'?') => ((0, Some(1)), 1),
            Some(b'{') => {
                let end = memchr::memchr(b'}', self.rest)?;
                (counts(&self.rest[1..end])?, end + 1)
            }
            _ => return Some((1, Some(1))),
        };
        self.rest = &self.rest[used..];
        // A second one makes it lazy, possessive or invalid.
        if self.at_quantifier() { None } else { Some(range) }
    }
}

/// The inside of `{…}`: `n`, `n,` or `n,m`, with `m` above zero.
fn counts(inside: &[u8]) -> Option<(usize, Option<usize>)> {
    let text = std::str::from_utf8(inside).ok()?;
    let number = |digits: &str| -> Option<usize> {
        let valid = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if valid { digits.parse().ok() } else { None }
    };
    let (min, max) = match text.split_once(',') {
        None => {
            let count = number(text)?;
            (count, Some(count))
        }
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    (max.is_none_or(|max| max > 0 && max >= min)).then_some((min, max))
}

/// What `\byte` stands for, if it means the same everywhere.
fn escaped(byte: u8) -> Option<ByteSet> {
    Some(match byte {
        b'd' => ByteSet::digits(),
        b'D' => ByteSet::digits().complement(),
        b's' => ByteSet::spaces(),
        b'S' => ByteSet::spaces().complement(),
        b'w' => ByteSet::words(),
        b'W' => ByteSet::words().complement(),
        b't' | b'n' | b'r' | b'f' => ByteSet::of(&[literal_of(byte)]),
        // Word boundaries in one dialect, literals in another.
        b'<' | b'>' | b'`' | b'\'' => return None,
        other if other.is_ascii_graphic() && !other.is_ascii_alphanumeric() => {
            ByteSet::of(&[other])
        }
        b' ' => ByteSet::of(b" "),
        _ => return None,
    })
}

fn literal_of(escaped: u8) -> u8 {
    match escaped {
        b't' => b'\t',
        b'n' => b'\n',
        b'r' => b'\r',
        b'f' => 0x0c,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(pattern: &str) -> bool {
        read(pattern).is_some()
    }

    #[test]
    fn runs_between_literals_are_read() {
        let sequence = read(r#"^(\S+) "(?<b>[^"]+)" \d{2,}$"#).unwrap();
        let one = |byte: &[u8]| Item::Repeat { set: ByteSet::of(byte), min: 1, max: Some(1) };
        let run = |set, min| Item::Repeat { set, min, max: None };
        assert_eq!(sequence.groups, 2);
        assert_eq!(
            sequence.items,
            [
                Item::Open(1),
                run(ByteSet::spaces().complement(), 1),
                Item::Close(1),
                one(b" "),
                one(b"\""),
                Item::Open(2),
                run(ByteSet::of(b"\"").complement(), 1),
                Item::Close(2),
                one(b"\""),
                one(b" "),
                run(ByteSet::digits(), 2),
            ]
        );
    }

    #[test]
    fn classes_are_read_as_perl_does() {
        let set = |pattern: &str| match read(pattern).unwrap().items.remove(0) {
            Item::Repeat { set, .. } => set,
            other => panic!("{other:?}"),
        };
        assert_eq!(set("[]a]"), ByteSet::of(b"]a"));
        assert_eq!(set("[^]]"), ByteSet::of(b"]").complement());
        assert_eq!(set("[a-c-]"), ByteSet::of(b"abc-"));
        assert_eq!(set(r"[\w.-]"), ByteSet::words().union(&ByteSet::of(b".-")));
        assert_eq!(set(r"[\t\]]"), ByteSet::of(b"\t]"));
        assert_eq!(set("[[a]"), ByteSet::of(b"[a"));
        assert_eq!(set(r"[ -\/]"), ByteSet::EMPTY.union(&ByteSet::of(b" !\"#$%&'()*+,-./")));
    }

    #[test]
    fn everything_else_is_left_to_the_general_engine() {
        for pattern in [
            "a|b",
            "(a)+",
            "(?:a)?",
            "a*?",
            "a++",
            "a{2}?",
            "(?=a)",
            "(?i)a",
            "(?#x)",
            "(*UTF8)a",
            r"\bword",
            r"(a)\1",
            r"\x41",
            r"\Qa\E",
            r"\pL",
            r"\h",
            r"\<a",
            r"a\",
            "[a",
            "[z-a]",
            "[[:alpha:]]",
            r"[\d-z]",
            r"[\b]",
            "(a",
            "a)",
            "*a",
            "a{",
            "a{,2}",
            "a{2,1}",
            "a{0}",
            "a^b",
            "a$b",
            "^*a",
            "{2}",
            "a}",
            "[a-[b]",
        ] {
            assert!(!is_read(pattern), "{pattern}");
        }
    }
}
