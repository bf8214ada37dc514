use super::*;
use proptest::prelude::*;

type Captures = Option<Vec<(usize, usize)>>;

const SEED: &str = r#"(\S+)\s(\S+)\s\S+\s\S+\s"(\S+)\s(\S+)\s+([^"]+)"\s+(\S+)\s(\S+)\s(\d+)\s(\d+)\s(\S+)\s"([^"]+)"\s.*"#;

fn by_splitter(splitter: &Splitter, text: &[u8]) -> Captures {
    let mut slots = vec![0; splitter.slots()];
    splitter.split(text, &mut slots).then(|| {
        slots[..splitter.groups() * 2].chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    })
}

struct Oracles {
    pcre2: pcre2::bytes::Regex,
    regex: Option<regex::bytes::Regex>,
}

impl Oracles {
    fn new(pattern: &str) -> Self {
        let whole = format!(r"\A(?:{pattern})\z");
        let pcre2 = pcre2::bytes::RegexBuilder::new().dotall(true).multi_line(true).build(&whole);
        let regex = regex::bytes::RegexBuilder::new(&whole)
            .unicode(false)
            .dot_matches_new_line(true)
            .multi_line(true)
            .build();
        Self { pcre2: pcre2.expect("an accepted pattern is valid"), regex: regex.ok() }
    }

    fn check(&self, pattern: &str, splitter: &Splitter, text: &[u8]) {
        let found = by_splitter(splitter, text);
        let expected: Captures = self.pcre2.captures(text).unwrap().map(|captures| {
            (1..captures.len())
                .map(|group| captures.get(group).map(|it| (it.start(), it.end())).unwrap())
                .collect()
        });
        let shown = String::from_utf8_lossy(text);
        assert_eq!(found, expected, "PCRE2: {pattern} over {shown:?}");
        if let Some(regex) = &self.regex {
            let expected: Captures = regex.captures(text).map(|captures| {
                captures
                    .iter()
                    .skip(1)
                    .map(|it| it.map(|m| (m.start(), m.end())).unwrap())
                    .collect()
            });
            assert_eq!(found, expected, "regex: {pattern} over {shown:?}");
        }
    }
}

fn check(pattern: &str, texts: &[&str]) {
    let splitter = Splitter::compile(pattern).unwrap_or_else(|| panic!("no splitter: {pattern}"));
    let oracles = Oracles::new(pattern);
    for text in texts {
        oracles.check(pattern, &splitter, text.as_bytes());
    }
}

#[test]
fn the_seed_pattern_is_split() {
    let line = r#"2026-01-02T03:04:05 10.0.0.1 - - "GET /a?b=c HTTP/1.1" 0.010 512 200 1024 - "Mozilla/5.0 (X11)" x"#;
    check(
        SEED,
        &[
            line,
            &line.replace(" HTTP/1.1", "   HTTP/1.1"),
            &line.replace(" HTTP/1.1", "    "),
            &line.replace(" HTTP/1.1", " "),
            &line.replace(" HTTP/1.1", ""),
            &line.replace("200", "2x0"),
            &line.replace(" x", ""),
            &line.replace(" x", " "),
            &line[..line.len() / 2],
            "",
        ],
    );
    let splitter = Splitter::compile(SEED).unwrap();
    let captures = by_splitter(&splitter, line.as_bytes()).unwrap();
    let fields: Vec<&str> = captures.iter().map(|(start, end)| &line[*start..*end]).collect();
    assert_eq!(
        fields,
        [
            "2026-01-02T03:04:05",
            "10.0.0.1",
            "GET",
            "/a?b=c",
            "HTTP/1.1",
            "0.010",
            "512",
            "200",
            "1024",
            "-",
            "Mozilla/5.0 (X11)",
        ]
    );
}

#[test]
fn a_run_shares_with_the_run_behind_it() {
    check(r"(\s+)(.+)", &["  a", "   ", "  ", " ", " a b ", "a"]);
    check(r"(\s*)(.*)", &["", " ", "  a", "a "]);
    check(r"x(\d+)(\w*)-", &["x12ab-", "x12-", "xab-", "x1-", "x-"]);
    check(r"(\d+)(\w{3,})", &["1234", "12345", "123", "12a4", "1abc", "abc"]);
}

#[test]
fn limits_of_a_repeat_are_kept() {
    check(
        r"(\d{4})-(\d{1,2})-\d?x",
        &["2026-1-x", "2026-12-3x", "2026-123-x", "202-1-x", "2026--x"],
    );
    check(r"a{3}b?c", &["aaabc", "aaac", "aabc", "aaaabc", "aaabbc"]);
}

#[test]
fn choices_are_left_to_the_general_engine() {
    for pattern in [
        r"(.*)\s(.*)",
        r"(\S+)-(\S+)",
        r"\w+\d",
        r"(\w+)([\d-]+)x",
        r"\s{1,3}.*",
        r"(.*)(\d+)",
        r"\s+\s*",
        r"[^ ]+\S",
        r"(\s+)(\s+)(.*)",
    ] {
        let compiled = Splitter::compile(pattern);
        if let Some(splitter) = compiled {
            // Accepting is fine where it is provable; then it must be right.
            let oracles = Oracles::new(pattern);
            for text in ["", " ", "  ", "   ", "a b c", "a-b-c", "ab1", "a1-1x", "12"] {
                oracles.check(pattern, &splitter, text.as_bytes());
            }
        }
    }
    assert!(Splitter::compile(r"(.*)\s(.*)").is_none());
    assert!(Splitter::compile(r"(\S+)-(\S+)").is_none());
    assert!(Splitter::compile(r"\s{1,3}.*").is_none());
}

/// An atom, as written in a pattern.
fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r"\S"),
        Just(r"\s"),
        Just(r"\d"),
        Just(r"\w"),
        Just("."),
        Just(r#"[^"]"#),
        Just(r"[^\]]"),
        Just("[^ ]"),
        Just(r"\D"),
        Just("[a-c]"),
        Just(r"[\w-]"),
        Just("-"),
        Just(r#"""#),
        Just(" "),
        Just(r"\["),
        Just(r"\]"),
        Just("a"),
        Just("1"),
        Just(r"\t"),
        Just(r"[^\s-]"),
    ]
    .prop_map(str::to_owned)
}

fn piece() -> impl Strategy<Value = String> {
    let quantifier = prop_oneof![
        4 => Just(""), 6 => Just("+"), 4 => Just("*"), 1 => Just("?"), 1 => Just("{2}"),
        1 => Just("{1,2}"), 1 => Just("{2,}"),
    ];
    (atom(), quantifier, 0..4u8).prop_map(|(atom, quantifier, form)| match form {
        0 => format!("{atom}{quantifier}"),
        1 => format!("(?:{atom}{quantifier})"),
        _ => format!("({atom}{quantifier})"),
    })
}

/// Texts made of what the atoms are about, so that many match or nearly do.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(" "),
        Just("  "),
        Just("\t"),
        Just("a"),
        Just("ab"),
        Just("1"),
        Just("12"),
        Just("-"),
        Just("\""),
        Just("["),
        Just("]"),
        Just("\n"),
        Just("é"),
        Just("\u{b}"),
        Just("c-1"),
        Just("\r\n"),
        Just("\0"),
        // Longer than what is looked at together.
        Just("abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"),
        Just("0123456789012345678901234567890123456789"),
        Just("                                         "),
    ];
    // Bytes that are no text, now and then.
    let part = prop_oneof![
        20 => part.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 1_000_000, ..ProptestConfig::default() })]

    #[test]
    fn an_accepted_pattern_means_what_the_engines_say(
        pieces in prop::collection::vec(piece(), 1..8),
        texts in prop::collection::vec(text(), 1..40),
    ) {
        let pattern = pieces.concat();
        let Some(splitter) = Splitter::compile(&pattern) else { return Err(TestCaseError::reject("general")) };
        let oracles = Oracles::new(&pattern);
        for text in texts {
            oracles.check(&pattern, &splitter, &text);
        }
    }

    #[test]
    fn damaged_seed_lines_are_cut_alike(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(b' '), Just(b'"'), Just(b'-'), Just(b'1'), Just(b'x'), any::<u8>()]), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut line = br#"t 10.0.0.1 - - "GET /a?b=c HTTP/1.1" 0.010 512 200 1024 - "Moz (X11)" x y"#.to_vec();
        for (at, byte) in changes {
            let at = at.index(line.len());
            line[at] = byte;
        }
        let splitter = Splitter::compile(SEED).unwrap();
        let oracles = Oracles::new(SEED);
        oracles.check(SEED, &splitter, &line);
        oracles.check(SEED, &splitter, &line[..cut.index(line.len())]);
    }
}
