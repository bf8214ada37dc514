//! The general engine: PCRE2, which speaks the syntax users write (decision 0006), with JIT where
//! memory for it may be had, and a limit on backtracking.

use super::long::{Allowance, Compiled, Long, SHORT_BYTES};
use pcre2::bytes::{CaptureLocations, Regex, RegexBuilder};

/// Backtracking steps before a match of a short text is given up. Reached by patterns that take
/// exponential time on some input; a sane pattern needs a few steps for each byte of a line.
const MATCH_LIMIT: u32 = 1_000_000;

/// Most stack that the compiled code may use, in bytes: room for a group that is repeated for each
/// byte of the longest record, `(.|\n)*`, which takes 16 to 32 of them. It is address space until
/// a record needs it.
const JIT_STACK_BYTES: usize = 32 * crate::lines::MAX_LINE_BYTES;

/// Most memory of a match where there is no compiled code, in KiB: as much as the stack above.
const HEAP_LIMIT_KIB: usize = JIT_STACK_BYTES / 1024;

/// What may have to stand between a pattern and what is put behind it: the end of a comment that
/// the pattern ends with in its extended form, or of a quotation. Elsewhere these would be read as
/// something else or as nothing, so they are only tried when nothing else compiles.
const RESCUES: [&str; 2] = ["\n", r"\E"];

/// A pattern that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at character {position}")]
pub struct PatternError {
    /// What the engine says.
    pub reason: String,
    /// The last character that was read when the fault showed, counted from 1.
    pub position: usize,
}

/// What a match ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Yes,
    No,
    /// Given up at the limit.
    Limit,
}

/// What a pattern is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// To match a whole text.
    Whole,
    /// To match at the start of a text.
    Prefix,
    /// To be searched for.
    Search,
    /// The same where all places to start at are one match, so that they share its limit.
    SearchAtOnce,
}

impl Form {
    fn builder(self) -> RegexBuilder {
        let mut builder = RegexBuilder::new();
        match self {
            // Boost's defaults: `.` takes newlines, `^` and `$` know lines (`agent` 3).
            Self::Whole | Self::Prefix => builder.dotall(true).multi_line(true),
            // RE2's: `.` takes no newline and `^` and `$` know no lines.
            Self::Search | Self::SearchAtOnce => &mut builder,
        };
        builder
    }

    /// What stands around a pattern.
    fn around(self) -> (&'static str, &'static str) {
        match self {
            Self::Whole => (r"\A(?:", r")\z"),
            Self::Prefix => (r"\A(?:", ")"),
            Self::Search => ("", ""),
            Self::SearchAtOnce => (r"\G(?s:.*?)\K(?:", ")"),
        }
    }

    /// Compiles `pattern`, which is valid alone, with a limit on its steps and with `options` in
    /// front.
    pub(super) fn compile(
        self,
        options: &str,
        match_limit: u32,
        pattern: &str,
    ) -> Result<Regex, pcre2::Error> {
        let mut builder = self.builder();
        builder.jit_if_available(true).max_jit_stack_size(Some(JIT_STACK_BYTES));
        let (head, tail) = self.around();
        let limits = format!("(*LIMIT_MATCH={match_limit})(*LIMIT_HEAP={HEAP_LIMIT_KIB})");
        let build = |rescue: &str| {
            builder.build(&format!("{limits}{options}{head}{pattern}{rescue}{tail}"))
        };
        build("").or_else(|error| RESCUES.iter().find_map(|rescue| build(rescue).ok()).ok_or(error))
    }
}

/// A pattern compiled by the general engine.
#[derive(Clone)]
pub(crate) struct Engine {
    regex: Regex,
    captures: CaptureLocations,
    long: Box<Long>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.regex.as_str()).finish()
    }
}

impl Engine {
    /// Compiles a pattern that has to match a whole text.
    pub(crate) fn whole(pattern: &str) -> Result<Self, PatternError> {
        Self::new(pattern, Form::Whole)
    }

    /// Compiles a pattern that has to match at the start of a text.
    pub(crate) fn prefix(pattern: &str) -> Result<Self, PatternError> {
        Self::new(pattern, Form::Prefix)
    }

    /// Compiles a pattern to search for in values, with the defaults of RE2: `.` takes no newline
    /// and `^` and `$` know no lines.
    pub(crate) fn search(pattern: &str) -> Result<Self, PatternError> {
        Self::new(pattern, Form::Search)
    }

    /// Whether a pattern can be searched for. Costs a tenth of compiling it.
    pub(crate) fn check_search(pattern: &str) -> Result<(), PatternError> {
        check(pattern, Form::Search)
    }

    fn new(pattern: &str, form: Form) -> Result<Self, PatternError> {
        // Alone first, so that a fault is reported where the user wrote it.
        check(pattern, form)?;
        let regex = form
            .compile("", MATCH_LIMIT, pattern)
            .map_err(|error| PatternError { position: 1, ..described(pattern, &error) })?;
        let long = match form {
            Form::Search => Form::SearchAtOnce,
            form => form,
        };
        let long = Box::new(Long::new(pattern, long));
        Ok(Self { captures: regex.capture_locations(), regex, long })
    }

    /// Number of capture groups.
    pub(crate) fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// Names of the groups, in their order.
    pub(crate) fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.regex.capture_names().iter().skip(1).map(Option::as_deref)
    }

    /// Whether `text` matches.
    pub(crate) fn is_match(&self, text: &[u8]) -> Match {
        let regex = if text.len() <= SHORT_BYTES {
            &self.regex
        } else {
            match self.long.for_one(text) {
                Some(compiled) => &compiled.regex,
                None => return Match::Limit,
            }
        };
        match regex.is_match(text) {
            Ok(true) => Match::Yes,
            Ok(false) => Match::No,
            Err(_) => Match::Limit,
        }
    }

    /// What all searches of a text together may take.
    pub(crate) fn allowance(&self, text: &[u8]) -> Allowance {
        self.long.allowance(text)
    }

    /// Searches `text` from `from` on. An error is a search that was given up.
    pub(crate) fn first_from(
        &mut self,
        text: &[u8],
        from: usize,
        allowance: &mut Allowance,
    ) -> Result<Option<Found>, ()> {
        if text.len() <= SHORT_BYTES {
            return found(&self.regex, &mut self.captures, text, from);
        }
        self.long
            .for_each(allowance, |Compiled { regex, captures }| found(regex, captures, text, from))
    }

    /// Matches and writes start and end of each group to `slots`; a group that took no part is
    /// empty.
    #[inline]
    pub(crate) fn captures(&mut self, text: &[u8], slots: &mut [usize]) -> Match {
        if text.len() <= SHORT_BYTES {
            captures(&self.regex, &mut self.captures, text, slots)
        } else {
            self.captures_of_long(text, slots)
        }
    }

    #[cold]
    fn captures_of_long(&mut self, text: &[u8], slots: &mut [usize]) -> Match {
        match self.long.for_one_mut(text) {
            Some(compiled) => captures(&compiled.regex, &mut compiled.captures, text, slots),
            None => Match::Limit,
        }
    }
}

fn found(
    regex: &Regex,
    captures: &mut CaptureLocations,
    text: &[u8],
    from: usize,
) -> Result<Option<Found>, ()> {
    let found = regex.captures_read_at(captures, text, from).map_err(|_| ())?;
    Ok(found.map(|found| {
        let group_end = captures.get(1).map_or(found.start(), |(_, end)| end);
        Found { start: found.start(), group_end, end: found.end() }
    }))
}

#[inline]
fn captures(
    regex: &Regex,
    captures: &mut CaptureLocations,
    text: &[u8],
    slots: &mut [usize],
) -> Match {
    match regex.captures_read(captures, text) {
        Ok(Some(_)) => {
            for (group, slot) in slots.chunks_exact_mut(2).enumerate() {
                let (start, end) = captures.get(group + 1).unwrap_or((0, 0));
                slot[0] = start;
                slot[1] = end;
            }
            Match::Yes
        }
        Ok(None) => Match::No,
        Err(_) => Match::Limit,
    }
}

/// A place that a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    /// End of the first group, or the start where it has no part.
    pub(crate) group_end: usize,
    pub(crate) end: usize,
}

fn check(pattern: &str, form: Form) -> Result<(), PatternError> {
    let compiled = form.builder().build(pattern);
    compiled.map(|_| ()).map_err(|error| described(pattern, &error))
}

fn described(pattern: &str, error: &pcre2::Error) -> PatternError {
    let offset = error.offset().unwrap_or(0).min(pattern.len());
    let mut reason = error.to_string();
    // The text of the library repeats the offset in bytes.
    if let Some(at) = reason.find("offset ")
        && let Some(colon) = reason[at..].find(": ")
    {
        reason = reason[at + colon + 2..].to_owned();
    }
    let before = pattern.as_bytes().get(..offset).unwrap_or_default();
    let position = String::from_utf8_lossy(before).chars().count().max(1);
    PatternError { reason, position }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(pattern: &str, text: &str) -> Match {
        Engine::whole(pattern).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn the_whole_text_has_to_match_with_lines_inside() {
        assert_eq!(whole("a.c", "a\nc"), Match::Yes);
        assert_eq!(whole("a.c", "a\ncd"), Match::No);
        assert_eq!(whole("a$.^b", "a\nb"), Match::Yes);
        assert_eq!(whole("a|ab", "ab"), Match::Yes);
        assert_eq!(whole("(?x) a b # both", "ab"), Match::Yes);
        assert_eq!(whole(r"^(?!.*(INFO|DEBUG)).*", "a WARN b"), Match::Yes);
        assert_eq!(whole(r"^(?!.*(INFO|DEBUG)).*", "a INFO b"), Match::No);
        assert_eq!(whole(r"(a)\1", "aa"), Match::Yes);
        assert_eq!(whole(r"\Qa.b", "a.b"), Match::Yes);
        assert_eq!(whole(r"\Qa.b", "axb"), Match::No);
    }

    #[test]
    fn a_group_may_be_repeated_for_each_byte_of_the_longest_record() {
        let text = format!("x {}", "a".repeat(crate::lines::MAX_LINE_BYTES - 2));
        for pattern in [r"(\S+) ((?:.|\n)*)", r"(\S+) ((.|\n)*)", r"x (?:[^,]|\\,)*"] {
            assert_eq!(whole(pattern, &text), Match::Yes, "{pattern}");
        }
    }

    #[test]
    fn without_compiled_code_a_match_is_given_up_when_it_takes_too_much_memory() {
        let regex = Form::Whole.compile("(*NO_JIT)", MATCH_LIMIT, r"(.|\n)*").unwrap();
        assert!(regex.is_match(&[b'a'; 1000]).unwrap());
        assert!(regex.is_match(&[b'a'; crate::lines::MAX_LINE_BYTES]).is_err());
    }

    #[test]
    fn a_pattern_that_cannot_stand_inside_of_another_is_refused() {
        let error = Engine::whole("(*UTF)a").unwrap_err();
        assert_eq!(error.position, 1);
        assert!(!error.reason.contains("offset"), "{error}");
    }

    #[test]
    fn a_prefix_may_be_followed_by_anything() {
        let engine = Engine::prefix(r"\d+ ").unwrap();
        assert_eq!(engine.is_match(b"12 x"), Match::Yes);
        assert_eq!(engine.is_match(b"x12 x"), Match::No);
    }

    #[test]
    fn a_fault_is_reported_where_it_stands() {
        let error = Engine::whole("ab(c").unwrap_err();
        assert_eq!(error.position, 4);
        assert!(error.reason.contains("parenthesis"), "{error}");
        assert_eq!(Engine::whole("é[z-a]").unwrap_err().position, 4);
    }

    #[test]
    fn endless_backtracking_is_given_up() {
        let text = format!("{}!", "a".repeat(64));
        assert_eq!(whole("((a+)+)+[bc]", &text), Match::Limit);
    }

    #[test]
    fn a_group_without_part_is_empty() {
        let mut engine = Engine::whole("(a)|(b)").unwrap();
        let mut slots = [9; 4];
        assert_eq!(engine.captures(b"b", &mut slots), Match::Yes);
        assert_eq!(slots, [0, 0, 0, 1]);
        assert_eq!(engine.groups(), 2);
    }
}
