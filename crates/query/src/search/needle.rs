//! Finds a piece of text in much text.

use memchr::memmem;

use crate::token::{fold, has_case};

/// A piece of text to be found, by the cheapest means that is right for it.
#[derive(Clone, Debug)]
pub(crate) enum Needle {
    /// Byte for byte.
    Exact(Box<memmem::Finder<'static>>),
    /// ASCII letters in either case, all else byte for byte.
    AsciiFold(AsciiFold),
    /// Letters beyond ASCII in either case: their encodings differ in length, so that there is no
    /// looking for bytes. Holds the folded text.
    Fold(String),
}

impl Needle {
    /// To find `text`, which must not be empty.
    pub(crate) fn new(text: &str, case_sensitive: bool) -> Self {
        debug_assert!(!text.is_empty(), "an empty text is found everywhere");
        if case_sensitive || !text.chars().any(has_case) {
            return Self::Exact(Box::new(memmem::Finder::new(text.as_bytes()).into_owned()));
        }
        match text.chars().any(|c| !c.is_ascii() && has_case(c)) {
            true => Self::Fold(text.chars().map(fold).collect()),
            false => Self::AsciiFold(AsciiFold::new(text.as_bytes())),
        }
    }

    /// Where in `text` the piece starts and ends first, not before byte `from`; `None` too when
    /// it cannot be found by bytes, see [`Needle::is_in`].
    #[inline]
    pub(crate) fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        match self {
            Self::Exact(finder) => {
                let start = from + finder.find(text.get(from..)?)?;
                Some((start, start + finder.needle().len()))
            }
            Self::AsciiFold(needle) => {
                let start = needle.find(text, from)?;
                Some((start, start + needle.lower.len()))
            }
            Self::Fold(_) => None,
        }
    }

    /// Whether the piece is anywhere in `text`.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Fold(wanted) => {
                let folded: String = text.chars().map(fold).collect();
                memmem::find(folded.as_bytes(), wanted.as_bytes()).is_some()
            }
            _ => self.find(text.as_bytes(), 0).is_some(),
        }
    }

    /// Whether `text` is the piece, no more and no less.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Exact(finder) => finder.needle() == text.as_bytes(),
            Self::AsciiFold(needle) => text.as_bytes().eq_ignore_ascii_case(&needle.lower),
            Self::Fold(wanted) => text.chars().map(fold).eq(wanted.chars()),
        }
    }
}

/// Looks for the byte of the text that is rarest in logs, in both cases at once, and compares the
/// rest around it.
#[derive(Clone, Debug)]
pub(crate) struct AsciiFold {
    lower: Box<[u8]>,
    rare_at: usize,
    rare: [u8; 2],
}

impl AsciiFold {
    fn new(text: &[u8]) -> Self {
        let lower = text.to_ascii_lowercase().into_boxed_slice();
        let rare_at = (0..lower.len()).min_by_key(|&at| commonness(lower[at])).unwrap_or(0);
        let rare = [lower[rare_at], lower[rare_at].to_ascii_uppercase()];
        Self { lower, rare_at, rare }
    }

    #[inline]
    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let len = self.lower.len();
        let mut at = from + self.rare_at;
        // Past `last` the text would reach beyond the end.
        let last = text.len().checked_sub(len)? + self.rare_at;
        while at <= last {
            let window = &text[at..=last];
            let found = match self.rare {
                [a, b] if a == b => memchr::memchr(a, window),
                [a, b] => memchr::memchr2(a, b, window),
            };
            at += found?;
            let start = at - self.rare_at;
            if text[start..start + len].eq_ignore_ascii_case(&self.lower) {
                return Some(start);
            }
            at += 1;
        }
        None
    }
}

/// How common a byte is in logs, roughly: digits and the common English letters fill URLs, times,
/// ids and messages. Only the order matters, and only for speed.
fn commonness(byte: u8) -> u8 {
    const RARE_FIRST: &[u8] = b"zqjkxvywbgphfumldcrinsotae";
    match byte {
        b'a'..=b'z' => {
            100 + RARE_FIRST.iter().position(|&letter| letter == byte).unwrap_or(0) as u8 * 4
        }
        b'0'..=b'9' => 230,
        b' ' | b'.' | b'/' | b'-' | b':' | b'"' | b',' => 220,
        0..128 => 60,
        // The leading bytes of Chinese text; the later bytes of a character vary more.
        0xE4..=0xE9 => 150,
        128.. => 90,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(needle: &str, text: &str, place: Option<(usize, usize)>) {
        let needle = Needle::new(needle, false);
        assert_eq!(needle.find(text.as_bytes(), 0), place, "{text}");
        assert_eq!(needle.is_in(text), place.is_some(), "{text}");
    }

    #[test]
    fn text_is_found_in_either_case() {
        check("error", "an ERror", Some((3, 8)));
        check("error", "an erro", None);
        check("error", "", None);
        check("日志ok", "的日志OK", Some((3, 11)));
        check("10.1", "a 10.1", Some((2, 6)));
    }

    #[test]
    fn letters_beyond_ascii_have_two_cases_too() {
        // U+023A takes two bytes and its small letter three.
        for (needle, text) in [("Ärger", "xäRGER"), ("\u{2c65}b", "\u{23a}B")] {
            let needle = Needle::new(needle, false);
            assert!(needle.is_in(text) && !needle.is(text) || needle.is(text), "{text}");
        }
        assert!(Needle::new("ÄB", false).is("äb"));
        assert!(!Needle::new("ÄB", true).is_in("äb"));
    }

    #[test]
    fn the_kelvin_sign_is_no_letter_k() {
        assert!(!Needle::new("k", false).is_in("\u{212a}"));
        assert!(!Needle::new("\u{212a}", false).is_in("k"));
    }

    proptest! {
        #[test]
        fn every_means_finds_what_folding_both_texts_finds(
            needle in "[aAbzZ1/日äÄ]{1,4}",
            text in "[aAbBzZ1/日äÄ]{0,24}",
            from in 0usize..6,
        ) {
            let folded = |text: &str| text.chars().map(fold).collect::<String>();
            let by_bytes = Needle::new(&needle, false);
            prop_assert_eq!(by_bytes.is_in(&text), folded(&text).contains(&folded(&needle)));
            prop_assert_eq!(by_bytes.is(&text), folded(&text) == folded(&needle));
            prop_assert_eq!(Needle::new(&needle, true).is_in(&text), text.contains(&needle));
            if !matches!(by_bytes, Needle::Fold(_)) && text.is_char_boundary(from) {
                let expected = folded(&text[from..]).find(&folded(&needle)).map(|at| from + at);
                let found = by_bytes.find(text.as_bytes(), from).map(|(start, _)| start);
                prop_assert_eq!(found, expected);
            }
        }
    }
}
