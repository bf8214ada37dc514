//! Rewrites a pattern so that the engine counts all of its work.
//!
//! The limit of the general engine counts the places where a match goes on or goes back, not the
//! bytes that it looks at on the way: `(.*?)\d+ms` over half a million digits is half a million
//! steps, each of which runs over all digits that are left. The pattern given here matches the
//! same, but whatever it looks at is paid for by steps:
//!
//! - A greedy run gives its bytes back one by one, each a step, when what follows fails. The engine
//!   spares that where it sees that giving back cannot help, which `(*NO_AUTO_POSSESS)` and an
//!   empty group behind the run prevent.
//! - What is looked ahead for is not given back when it is found, and what is possessive never is.
//!   There the run becomes a lazy one, which takes its bytes one by one: inside of a look-around
//!   both find the same, and `X++` is `(?>X+?(?!X))`.
//!
//! This is no reader of all of the syntax: what it does not know for sure (and what cannot be
//! counted: a reference to a group of any length) gives `None`.

/// The longest repeat that may be one step.
const MAX_UNCOUNTED: usize = 256;

/// What goes to the front of a pattern so that the engine counts more.
pub(super) const COUNTING: &str = "(*NO_AUTO_POSSESS)";

/// The same pattern with all of its work counted (with [`COUNTING`] in front), if that is possible.
/// The pattern has to be a valid one.
pub(super) fn counted(pattern: &str) -> Option<String> {
    let mut writer = Writer { rest: pattern.as_bytes(), ..Writer::default() };
    while let Some(byte) = writer.take() {
        writer.item(byte)?;
    }
    String::from_utf8(writer.made).ok()
}

#[derive(Default)]
struct Writer<'a> {
    rest: &'a [u8],
    made: Vec<u8>,
    open: Vec<Group>,
    /// Of each capture group that is closed, whether it may take any number of bytes.
    is_long: Vec<Option<bool>>,
}

/// A group that is open.
#[derive(Default)]
struct Group {
    place: Place,
    /// Its number, when it captures.
    number: Option<usize>,
    look: Option<Look>,
    /// It has a repeat of any length.
    is_long: bool,
    /// A repeat inside was made lazy.
    is_changed: bool,
    /// It captures, or a group inside does.
    captures: bool,
}

/// What a look-around is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Positive,
    /// What is captured inside is not seen outside.
    Negative,
}

/// What happens to bytes that were taken.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// They are given back one by one.
    #[default]
    Path,
    /// They are looked at only.
    Look,
    /// They are given back all at once.
    Atomic,
}

/// What a quantifier stands behind.
enum Atom {
    /// One byte, written from here on.
    Single(usize),
    /// A group, and whether it may take any number of bytes.
    Group { is_long: bool },
    /// Something that must not be repeated here.
    Other,
}

/// How a repeat chooses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Greedy,
    Lazy,
    Possessive,
}

impl<'a> Writer<'a> {
    fn take(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.made.push(*byte);
        Some(*byte)
    }

    fn take_bytes(&mut self, count: usize) {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.made.extend_from_slice(taken);
    }

    /// Takes bytes up to the first `end`; gives those in front of it.
    fn take_through(&mut self, end: u8) -> Option<&'a [u8]> {
        let length = memchr::memchr(end, self.rest)?;
        let before = &self.rest[..length];
        self.take_bytes(length + 1);
        Some(before)
    }

    fn place(&self) -> Place {
        self.open.last().map_or(Place::Path, |group| group.place)
    }

    fn item(&mut self, byte: u8) -> Option<()> {
        let start = self.made.len() - 1;
        let atom = match byte {
            b'(' => return self.group(),
            b')' => self.close()?,
            b'|' => return Some(()),
            b'^' | b'$' => Atom::Other,
            b'*' | b'+' | b'?' => return None,
            b'{' if matches!(self.rest.first(), Some(b'0'..=b'9' | b',' | b' ')) => return None,
            b'[' => {
                self.class()?;
                Atom::Single(start)
            }
            b'\\' => self.escape(start)?,
            _ => Atom::Single(start),
        };
        self.repeat(atom)
    }

    /// Behind `(`.
    fn group(&mut self) -> Option<()> {
        let mut group = Group { place: self.place(), ..Group::default() };
        let head = match *self.rest {
            [b'*', ..] => return None,
            [b'?', b':', ..] => 2,
            [b'?', b'>', ..] => {
                group.place = Place::Atomic;
                2
            }
            [b'?', kind @ (b'=' | b'!'), ..] | [b'?', b'<', kind @ (b'=' | b'!'), ..] => {
                group.place = Place::Look;
                group.look = Some(if kind == b'=' { Look::Positive } else { Look::Negative });
                if self.rest[1] == b'<' { 3 } else { 2 }
            }
            [b'?', b'<', ..] | [b'?', b'P', b'<', ..] => {
                group.captures = true;
                memchr::memchr(b'>', self.rest)? + 1
            }
            [b'?', ..] => {
                // Flags that do not change how the rest is read.
                let flags = self.rest[1..].iter().take_while(|byte| b"ims-".contains(byte)).count();
                match self.rest.get(1 + flags)? {
                    b':' => flags + 2,
                    b')' => {
                        self.take_bytes(flags + 2);
                        return (!self.at_quantifier()).then_some(());
                    }
                    _ => return None,
                }
            }
            _ => {
                group.captures = true;
                0
            }
        };
        self.take_bytes(head);
        if group.captures {
            self.is_long.push(None);
            group.number = Some(self.is_long.len());
        }
        self.open.push(group);
        Some(())
    }

    /// Behind `)`.
    fn close(&mut self) -> Option<Atom> {
        let group = self.open.pop()?;
        if let Some(number) = group.number {
            self.is_long[number - 1] = Some(group.is_long);
        }
        // A lazy run finds the same, but may leave something else to what is captured with it.
        if group.look == Some(Look::Positive) && group.is_changed && group.captures {
            return None;
        }
        if let Some(outer) = self.open.last_mut() {
            outer.is_long |= group.is_long;
            outer.is_changed |= group.is_changed;
            outer.captures |= group.captures;
        }
        Some(match group.look {
            Some(_) => Atom::Other,
            None => Atom::Group { is_long: group.is_long },
        })
    }

    /// Behind `[`.
    fn class(&mut self) -> Option<()> {
        if self.rest.first() == Some(&b'^') {
            self.take();
        }
        if self.rest.first() == Some(&b']') {
            self.take();
        }
        loop {
            match self.take()? {
                b']' => return Some(()),
                b'\\' if !matches!(self.take()?, b'Q' | b'E' | b'c') => {}
                b'\\' => return None,
                b'[' if self.rest.first() == Some(&b':') => {
                    self.take();
                    let name = self.take_through(b':')?;
                    let name = name.strip_prefix(b"^").unwrap_or(name);
                    if !name.iter().all(u8::is_ascii_lowercase) || self.take()? != b']' {
                        return None;
                    }
                }
                b'[' if matches!(self.rest.first(), Some(b'.' | b'=')) => return None,
                _ => {}
            }
        }
    }

    /// Behind `\`, which was written at `start`.
    fn escape(&mut self, start: usize) -> Option<Atom> {
        let single = Some(Atom::Single(start));
        match self.take()? {
            b'N' if self.rest.first() == Some(&b'{') => None,
            // Not `\R`: the engine never gives it back, so `\R?\s` does not match a newline.
            b'd' | b'D' | b's' | b'S' | b'w' | b'W' | b'h' | b'H' | b'v' | b'V' | b'N' | b'n'
            | b'r' | b't' | b'f' | b'a' | b'e' => single,
            b'b' | b'B' | b'A' | b'z' | b'Z' | b'G' => Some(Atom::Other),
            b'x' | b'p' | b'P' if self.rest.first() == Some(&b'{') => {
                self.take_through(b'}')?;
                single
            }
            b'x' => {
                let are_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
                if !self.rest.get(..2).is_some_and(are_hex) {
                    return None;
                }
                self.take_bytes(2);
                single
            }
            b'p' | b'P' => {
                self.take()?;
                single
            }
            digit @ b'1'..=b'9' if !self.rest.first().is_some_and(u8::is_ascii_digit) => {
                // What it compares is one step.
                let group = usize::from(digit - b'1');
                (self.is_long.get(group) == Some(&Some(false))).then_some(Atom::Other)
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => single,
            _ => None,
        }
    }

    fn at_quantifier(&self) -> bool {
        matches!(self.rest, [b'*' | b'+' | b'?', ..] | [b'{', b'0'..=b'9' | b',' | b' ', ..])
    }

    /// Behind an atom: its quantifier, if it has one.
    fn repeat(&mut self, atom: Atom) -> Option<()> {
        if !self.at_quantifier() {
            return Some(());
        }
        let (range, used) = quantifier(self.rest)?;
        let (quantifier, rest) = self.rest.split_at(used);
        let (choice, rest) = match rest {
            [b'?', rest @ ..] => (Choice::Lazy, rest),
            [b'+', rest @ ..] => (Choice::Possessive, rest),
            rest => (Choice::Greedy, rest),
        };
        self.rest = rest;
        let (min, max) = range;
        let is_long = max.is_none_or(|max| max > MAX_UNCOUNTED);
        if self.at_quantifier() || min > MAX_UNCOUNTED {
            return None;
        }
        let place = self.place();
        if let Some(group) = self.open.last_mut() {
            group.is_long |= is_long;
        }
        match (atom, choice) {
            (Atom::Other, _) => return None,
            (_, _) if is_long && place == Place::Atomic => return None,
            (Atom::Group { is_long: inside }, Choice::Possessive) if is_long || inside => {
                return None;
            }
            (Atom::Single(start), Choice::Possessive) if is_long => {
                let single = self.made.split_off(start);
                if !single.is_ascii() {
                    return None;
                }
                for part in [b"(?>", &single[..], quantifier, b"?(?!", &single[..], b"))"] {
                    self.made.extend_from_slice(part);
                }
            }
            (_, choice) => {
                self.made.extend_from_slice(quantifier);
                match choice {
                    Choice::Lazy => self.made.push(b'?'),
                    Choice::Possessive => self.made.push(b'+'),
                    Choice::Greedy if is_long && place == Place::Look => {
                        self.made.push(b'?');
                        if let Some(group) = self.open.last_mut() {
                            group.is_changed = true;
                        }
                    }
                    Choice::Greedy if is_long => self.made.extend_from_slice(b"(?:)"),
                    Choice::Greedy => {}
                }
            }
        }
        Some(())
    }
}

/// Least and most of the quantifier at the start of `text`, and its length.
fn quantifier(text: &[u8]) -> Option<((usize, Option<usize>), usize)> {
    Some(match text.first()? {
        b'*' => ((0, None), 1),
        b'+' => ((1, None), 1),
        b'?' => ((0, Some(1)), 1),
        _ => {
            let end = memchr::memchr(b'}', text)?;
            let inside = std::str::from_utf8(&text[1..end]).ok()?;
            let number = |digits: &str| {
                let valid = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
                valid.then(|| digits.parse().ok()).flatten()
            };
            let range = match inside.split_once(',') {
                None => (number(inside)?, Some(number(inside)?)),
                Some((min, "")) => (number(min)?, None),
                Some((min, max)) => (number(min)?, Some(number(max)?)),
            };
            (range, end + 1)
        }
    })
}

#[cfg(test)]
mod tests;
