//! Words with `*` and `?`.

use crate::token::fold;

/// A word in which `*` stands for any run of characters and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    parts: Vec<Part>,
    folded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    One,
    Run,
}

impl Glob {
    /// Reads `pattern`; with `folded`, case is ignored.
    pub(crate) fn new(pattern: &str, folded: bool) -> Self {
        let part = |c| match c {
            '*' => Part::Run,
            '?' => Part::One,
            c => Part::Char(if folded { fold(c) } else { c }),
        };
        Self { parts: pattern.chars().map(part).collect(), folded }
    }

    /// Whether the pattern covers the whole of `text`.
    pub(crate) fn covers(&self, text: &str) -> bool {
        let mut parts = 0;
        let mut rest = text.chars();
        // Where to go on when the run matched last takes in one more character.
        let mut retry = None;
        loop {
            match self.parts.get(parts) {
                Some(Part::Run) => {
                    parts += 1;
                    retry = Some((parts, rest.clone()));
                    continue;
                }
                Some(&part) => {
                    if let Some(c) = rest.next()
                        && self.fits(part, c)
                    {
                        parts += 1;
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let Some((after_run, from)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            parts = *after_run;
            rest = from.clone();
        }
    }

    fn fits(&self, part: Part, c: char) -> bool {
        match part {
            Part::Char(wanted) if self.folded => wanted == fold(c),
            Part::Char(wanted) => wanted == c,
            Part::One | Part::Run => true,
        }
    }
}

/// The longest stretch of `pattern` without wildcards.
pub(crate) fn longest_literal(pattern: &str) -> &str {
    pattern.split(['*', '?']).max_by_key(|literal| literal.len()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, text: &str, covers: bool) {
        assert_eq!(Glob::new(pattern, true).covers(text), covers, "{pattern} {text}");
    }

    #[test]
    fn a_star_stands_for_any_run_and_a_question_mark_for_one_character() {
        check("ab*", "ab", true);
        check("ab*", "ABcd", true);
        check("ab*", "xab", false);
        check("a?c", "abc", true);
        check("a?c", "a日c", true);
        check("a?c", "ac", false);
        check("a*b*c", "aXbbXc", true);
        check("a*b*c", "aXc", false);
        check("a*?", "a", false);
        check("É*", "éa", true);
        assert!(!Glob::new("A*", false).covers("ab"));
    }

    #[test]
    fn a_hard_pattern_takes_no_exponential_time() {
        let pattern = "a*".repeat(31) + "b";
        check(&pattern, &"a".repeat(10_000), false);
    }

    /// The definition, by trying every length of every run.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some(('*', rest)), _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            (Some(('?', rest)), Some((_, text))) => naive(rest, text),
            (Some((c, rest)), Some((d, text))) => c == d && naive(rest, text),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn globs_match_as_defined(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let glob = Glob::new(&pattern, false);
            prop_assert_eq!(glob.covers(&text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}
