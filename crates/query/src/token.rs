//! Cuts text into tokens by the rules of a field.
//!
//! A token is a maximal run of characters that are no delimiters. Where case is ignored, it is
//! ignored for delimiters as well. Where Chinese is cut (`chn`), a
//! run of Chinese characters stands apart from the letters beside it, Chinese punctuation
//! separates, and every part of the run counts as a token: that holds whatever words a
//! dictionary would find in it, and needs none.

use crate::rules::TextRule;

/// The rules of a field, ready to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokenizer {
    ascii_delimiters: u128,
    other_delimiters: Box<[char]>,
    pub(crate) case_sensitive: bool,
    chn: bool,
}

/// What a character is in text of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Between tokens.
    Delimiter,
    /// Part of a Chinese run.
    Han,
    /// Part of any other token.
    Letter,
}

impl Tokenizer {
    pub(crate) fn new(rule: &TextRule) -> Self {
        let mut ascii_delimiters = 0;
        let mut other_delimiters = Vec::new();
        for &c in &rule.tokens {
            match (c.is_ascii(), rule.case_sensitive) {
                (true, true) => ascii_delimiters |= 1 << c as u32,
                (true, false) => {
                    ascii_delimiters |= 1 << c.to_ascii_lowercase() as u32;
                    ascii_delimiters |= 1 << c.to_ascii_uppercase() as u32;
                }
                (false, true) => other_delimiters.push(c),
                (false, false) => other_delimiters.push(fold(c)),
            }
        }
        Self {
            ascii_delimiters,
            other_delimiters: other_delimiters.into(),
            case_sensitive: rule.case_sensitive,
            chn: rule.chn,
        }
    }

    /// The rules of reserved fields without an index of their own: the value is one token, case
    /// is ignored.
    pub(crate) fn whole_value() -> Self {
        Self::new(&TextRule::default())
    }

    #[inline]
    pub(crate) fn class(&self, c: char) -> Class {
        let code = c as u32;
        if code < 128 {
            return match self.ascii_delimiters >> code & 1 {
                0 => Class::Letter,
                _ => Class::Delimiter,
            };
        }
        if !self.other_delimiters.is_empty() && self.is_other_delimiter(c) {
            Class::Delimiter
        } else if self.chn && is_han(c) {
            Class::Han
        } else if self.chn && is_han_punctuation(c) {
            Class::Delimiter
        } else {
            Class::Letter
        }
    }

    fn is_other_delimiter(&self, c: char) -> bool {
        self.other_delimiters.contains(&if self.case_sensitive { c } else { fold(c) })
    }

    /// The runs of `text`, in order: whole tokens of letters, and Chinese runs.
    pub(crate) fn runs<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Class, &'a str)> {
        let mut rest = text;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches(|c| self.class(c) == Class::Delimiter);
            let class = self.class(rest.chars().next()?);
            let end = rest.find(|c| self.class(c) != class).unwrap_or(rest.len());
            let run;
            (run, rest) = rest.split_at(end);
            Some((class, run))
        })
    }

    /// Whether the letters of `text` from `start` to `end` are a whole token there.
    #[inline]
    pub(crate) fn stands_alone(&self, text: &str, start: usize, end: usize) -> bool {
        let bytes = text.as_bytes();
        let open = |byte: u8| self.ascii_delimiters >> byte & 1 == 1;
        let before = match start.checked_sub(1).map(|at| bytes[at]) {
            None => true,
            Some(byte) if byte < 128 => open(byte),
            Some(_) => {
                text[..start].chars().next_back().is_none_or(|c| self.class(c) != Class::Letter)
            }
        };
        before
            && match bytes.get(end) {
                None => true,
                Some(&byte) if byte < 128 => open(byte),
                Some(_) => {
                    text[end..].chars().next().is_none_or(|c| self.class(c) != Class::Letter)
                }
            }
    }

    /// The run of characters of one class around `at`, as its start and end.
    pub(crate) fn run_around(&self, text: &str, at: usize, class: Class) -> (usize, usize) {
        let start = text[..at]
            .char_indices()
            .rev()
            .take_while(|&(_, c)| self.class(c) == class)
            .last()
            .map_or(at, |(start, _)| start);
        let end = text[at..].find(|c| self.class(c) != class).map_or(text.len(), |len| at + len);
        (start, end)
    }
}

/// The character that stands for `c` where case is ignored. ASCII letters only ever meet ASCII
/// letters, and one character is always compared with one character.
#[inline]
pub(crate) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) if !lower.is_ascii() => lower,
        _ => c,
    }
}

/// Whether another character than `c` is, or may be, equal to it where case is ignored.
pub(crate) fn has_case(c: char) -> bool {
    c.is_ascii_alphabetic() || c.to_lowercase().ne([c]) || c.to_uppercase().ne([c])
}

/// Chinese characters, in all their blocks.
fn is_han(c: char) -> bool {
    matches!(u32::from(c),
        0x2E80..=0x2FDF | 0x3005 | 0x3007 | 0x3021..=0x3029 | 0x3038..=0x303B
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// Chinese and full-width punctuation.
fn is_han_punctuation(c: char) -> bool {
    matches!(u32::from(c),
        0x3000..=0x303F | 0xFF01..=0xFF0F | 0xFF1A..=0xFF20 | 0xFF3B..=0xFF40 | 0xFF5B..=0xFF65
        | 0x2014 | 0x2018..=0x201D | 0x2026)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tokens: &str, chn: bool, text: &str, runs: &[&str]) {
        let rule = TextRule { tokens: tokens.chars().collect(), case_sensitive: false, chn };
        let tokenizer = Tokenizer::new(&rule);
        let found: Vec<_> = tokenizer.runs(text).map(|(_, run)| run).collect();
        assert_eq!(found, runs, "{text}");
    }

    #[test]
    fn tokens_are_the_runs_between_delimiters() {
        check(" /", false, "GET /request/path-2  x", &["GET", "request", "path-2", "x"]);
        check(" /", false, "", &[]);
        check(" /", false, "//", &[]);
        check("éX", false, "aébÉcxdXe", &["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn without_delimiters_a_value_is_one_token() {
        check("", false, "GET /a 日志", &["GET /a 日志"]);
    }

    #[test]
    fn chinese_stands_apart_only_where_it_is_cut() {
        check(" ", false, "nginx日志 服务", &["nginx日志", "服务"]);
        check(" ", true, "nginx日志，ok。服务x", &["nginx", "日志", "ok", "服务", "x"]);
        check(" ", true, "日志 服务", &["日志", "服务"]);
    }

    #[test]
    fn a_character_that_others_fold_to_is_known_to_have_case() {
        for c in '\0'..=char::MAX {
            assert!(fold(c) == c || has_case(fold(c)), "{c:?} folds to {:?}", fold(c));
            assert_eq!(fold(fold(c)), fold(c), "{c:?}");
            assert_eq!(fold(c).is_ascii(), c.is_ascii(), "{c:?}");
        }
    }
}
