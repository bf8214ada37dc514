//! Matches long texts under a limit that bounds the work, where the limit on steps alone does not.
//!
//! A step may look at all of a text, so a million of them over half a MiB take minutes. Long texts
//! are matched with another form of the pattern in which steps are what the work is ([`counted`]),
//! or, where there is none, with a limit so small that even steps over all of the text end in time.
//! Either form is compiled for the first text that needs it.

use super::counted::{COUNTING, counted};
use super::engine::Form;
use pcre2::bytes::{CaptureLocations, Regex};
use std::sync::OnceLock;

/// Texts up to this many bytes are short: at one look at all of the text for each step that the
/// engine may take, they are a second or so.
pub(super) const SHORT_BYTES: usize = 4096;

/// The limits on steps there are, ascending. The last one is the highest that the engine takes from
/// a pattern, and takes it 20 to 50 ms (a quarter of a second without compiled code).
const LIMITS: [u32; 5] = [256, 4096, 1 << 16, 1 << 20, 10_000_000];

/// Bytes that all steps of a text may look at, for a pattern whose steps look at any number: about
/// a second.
const MAX_SCANNED_BYTES: u64 = 1 << 31;

/// Steps that a text may take in all: so many for each of its bytes,
const STEPS_PER_BYTE: u64 = 256;
/// and so many more.
const STEPS_PER_TEXT: u64 = 16 << 20;

/// A pattern for long texts.
#[derive(Clone, Debug)]
pub(super) struct Long {
    pattern: Box<str>,
    form: Form,
    /// The form of the pattern whose work is counted, when there is one.
    counted: OnceLock<Option<String>>,
    /// Compiled with each of the [`LIMITS`]; `None` where that is not possible.
    compiled: [OnceLock<Option<Compiled>>; LIMITS.len()],
}

/// A pattern compiled with some limit.
#[derive(Clone)]
pub(super) struct Compiled {
    pub(super) regex: Regex,
    pub(super) captures: CaptureLocations,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compiled").field(&self.regex.as_str()).finish()
    }
}

/// Steps that the searches of one text may still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    steps: u64,
}

impl Long {
    /// `pattern` is a valid one.
    pub(super) fn new(pattern: &str, form: Form) -> Self {
        Self {
            pattern: pattern.into(),
            form,
            counted: OnceLock::new(),
            compiled: Default::default(),
        }
    }

    fn counted(&self) -> Option<&str> {
        self.counted.get_or_init(|| counted(&self.pattern)).as_deref()
    }

    /// The steps for all that is done with a text.
    pub(super) fn allowance(&self, text: &[u8]) -> Allowance {
        let bytes = text.len() as u64;
        let steps = match self.counted() {
            Some(_) => bytes.saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_PER_TEXT),
            None => MAX_SCANNED_BYTES / bytes.max(1),
        };
        Allowance { steps }
    }

    /// Where the pattern with the highest limit for one match of `text` is; `None` when not even
    /// the lowest is low enough.
    fn highest(&self, text: &[u8]) -> Option<usize> {
        let allowance = self.allowance(text);
        LIMITS.iter().rposition(|limit| u64::from(*limit) <= allowance.steps)
    }

    fn compiled(&self, at: usize) -> Option<&Compiled> {
        let compile = || {
            let (head, pattern) = match self.counted() {
                Some(counted) => (COUNTING, counted),
                None => ("", &*self.pattern),
            };
            let regex = self.form.compile(head, LIMITS[at], pattern).ok()?;
            Some(Compiled { captures: regex.capture_locations(), regex })
        };
        self.compiled[at].get_or_init(compile).as_ref()
    }

    /// What one match of `text` is tried with. `None` is a match that has to be given up.
    pub(super) fn for_one(&self, text: &[u8]) -> Option<&Compiled> {
        self.compiled(self.highest(text)?)
    }

    /// The same to change.
    pub(super) fn for_one_mut(&mut self, text: &[u8]) -> Option<&mut Compiled> {
        let at = self.highest(text)?;
        self.compiled(at)?;
        self.compiled[at].get_mut()?.as_mut()
    }

    /// Tries one of several matches of a text with a low limit first and with higher ones then,
    /// each taken from what is left of the allowance. `matches` says `Err` at a limit.
    pub(super) fn for_each<T>(
        &mut self,
        allowance: &mut Allowance,
        mut matches: impl FnMut(&mut Compiled) -> Result<T, ()>,
    ) -> Result<T, ()> {
        for (at, limit) in LIMITS.iter().enumerate() {
            allowance.steps = allowance.steps.checked_sub(u64::from(*limit)).ok_or(())?;
            self.compiled(at).ok_or(())?;
            let compiled = self.compiled[at].get_mut().and_then(Option::as_mut).ok_or(())?;
            if let Ok(found) = matches(compiled) {
                return Ok(found);
            }
        }
        Err(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::{Engine, Match};

    fn whole(pattern: &str, text: &str) -> Match {
        Engine::whole(pattern).unwrap().is_match(text.as_bytes())
    }

    /// Patterns whose work is the square of a long text's length, unless it is counted.
    const SQUARES: [&str; 14] = [
        r"(.*?)(\d+)ms.*",
        r"(.*?)\d+[mq]",
        r"(.*?)[\d.,]+?[mq]",
        r"(.*?)(?:\d\d)*[mq]",
        r"(.*?)(\d|x)*[mq]",
        r"(.*?)(?:\d+|y)?[mq]",
        r"(?:\d+[mq]|.)*[mq]",
        r"(.*?)(?=\d+[mq]).*",
        r"(.*?)(?=\d+$)[mq].*",
        r"(?:(?!\d*[mq]).)*[mq]",
        r"(.*?)\d++[mq]",
        r"(.*)(.*)(\d+)[mq]",
        // Those that cannot be counted.
        r"(.*?)(?>\d+)[mq]",
        r"(\d+).*?\1[mq]",
    ];

    #[test]
    fn a_long_text_is_given_up_before_the_work_gets_out_of_hand() {
        let text = "1".repeat(crate::lines::MAX_LINE_BYTES);
        for pattern in SQUARES {
            assert_eq!(whole(pattern, &text), Match::Limit, "{pattern}");
        }
        let mut engine = Engine::search(r"\d+[mq]").unwrap();
        let mut allowance = engine.allowance(text.as_bytes());
        assert_eq!(engine.first_from(text.as_bytes(), 0, &mut allowance), Err(()));
    }

    #[test]
    fn searches_of_a_long_text_share_their_steps() {
        // Each search runs to the end of the text before it finds something right in front of it.
        let text = "ab".repeat(64 * 1024);
        let mut engine = Engine::search(r"[ab]*[mq]|a").unwrap();
        let mut allowance = engine.allowance(text.as_bytes());
        let mut from = 0;
        let searches = std::iter::from_fn(|| {
            let found = engine.first_from(text.as_bytes(), from, &mut allowance).ok()??;
            from = found.end;
            Some(())
        });
        let searches = searches.count();
        assert!((10..1000).contains(&searches), "{searches}");
    }

    #[test]
    fn what_can_be_done_with_a_long_text_is_done() {
        let line = "\tat com.example.Service.call(Service.java:1234) ~[app-1.0.jar:?]\n";
        let trace = line.repeat(crate::lines::MAX_LINE_BYTES / line.len() - 2);
        let text = format!("2026-01-02 03:04:05,678 ERROR [main] c.e.A - failed\n{trace}END 17ms");
        for pattern in [
            r"(\S+) (\S+) (\w+)\s+\[(.*?)\] ([\s\S]*?)END (\d+)ms",
            r"(\S+) ((?:.|\n)*)",
            r"(.*) (.*) (.*)",
            r"(.*?)(\d+)ms",
            r"^(?!.*(INFO|DEBUG)).*",
            r"(?:(?!END|\n\s*Caused).)*END (\d+)ms",
            r"([\s\S]*?)(?=\s+END )[\s\S]*",
            r"(?:[^\n]*\n)+END.*",
            r"(?:\w+|\W+)*",
            r"(?>\S+) (.*)",
            r"(?x) (\S+) \s (.*)",
        ] {
            assert_eq!(whole(pattern, &text), Match::Yes, "{pattern}");
        }
        let mut engine = Engine::search(r"(java:)\d+").unwrap();
        let mut allowance = engine.allowance(text.as_bytes());
        let mut from = 0;
        while let Some(found) = engine.first_from(text.as_bytes(), from, &mut allowance).unwrap() {
            assert_eq!(&text[found.start..found.end], "java:1234");
            assert_eq!(&text[found.start..found.group_end], "java:");
            from = found.end;
        }
        assert!(from > text.len() - 100);
    }
}
