//! Rewritten patterns match what they matched before, and all of their work is counted.

use super::super::engine::Form;
use super::*;
use proptest::prelude::*;

fn check(pattern: &str, expected: Option<&str>) {
    assert_eq!(counted(pattern).as_deref(), expected, "{pattern}");
}

#[test]
fn what_a_greedy_run_gives_back_is_counted() {
    check(r"(.*?)(\d+)ms.*", Some(r"(.*?)(\d+(?:))ms.*(?:)"));
    check("[^]a[:alpha:]\\]]*x{2,}y{3}z?", Some("[^]a[:alpha:]\\]]*(?:)x{2,}(?:)y{3}z?"));
    check(r"(?i)(?:ab|\x41\p{L}\.)*", Some(r"(?i)(?:ab|\x41\p{L}\.)*(?:)"));
    check(r"(?<n>a+)(?P<m>b)(?s-m:.+){", Some(r"(?<n>a+(?:))(?P<m>b)(?s-m:.+(?:)){"));
    check("é+", Some("é+(?:)"));
}

#[test]
fn what_is_not_given_back_is_taken_byte_by_byte() {
    check(r"^(?!.*(INFO|DEBUG)).*", Some(r"^(?!.*?(INFO|DEBUG)).*(?:)"));
    check(r"a*?(?=\s+at )(?<=x{2})", Some(r"a*?(?=\s+?at )(?<=x{2})"));
    check(r"(?:(?!\n\s*at).)*", Some(r"(?:(?!\n\s*?at).)*(?:)"));
    check(r"[a-z]++\.*+x?+", Some(r"(?>[a-z]+?(?![a-z]))(?>\.*?(?!\.))x?+"));
    check("(?=(?:a|b)*c)", Some("(?=(?:a|b)*?c)"));
}

#[test]
fn references_to_what_is_short_are_counted() {
    check(r#"(["']).*?\1"#, Some(r#"(["']).*?\1"#));
    for pattern in [r"(a+).*?\1", r"((a*)b)\1", r"(a)\1*", r"\1(a)", r"(a\1)", r"(a)\10"] {
        check(pattern, None);
    }
}

#[test]
fn what_is_not_known_for_sure_is_left_alone() {
    for pattern in [
        "(?x)a b",
        "(?#a)",
        r"\Qa+\E",
        r"[\Qa]\E]",
        "(*UTF)a",
        "(?|a|b)",
        "(?(1)a|b)",
        "(?R)",
        "(?1)",
        "(?&n)",
        r"\g{1}",
        r"\k<n>",
        "(?C1)",
        "(?'n'a)",
        "(?U)a+",
        r"\cA",
        r"\X",
        r"\R?",
        r"\101",
        r"\N{U+41}",
        r"\x4",
        "a{,3}",
        "a{ 1, 2 }",
        "a{2}{3}",
        "^*",
        "(?=a)*",
        "a{257}",
        "(?>a+)",
        "(?:ab)++",
        "(?:a+)?+",
        "é++",
        "(?=.*(a|ab))",
        "(?=(a)(?:b+))",
        "[[:<:]]",
        "[[.a.]]",
    ] {
        check(pattern, None);
    }
}

fn pieces(depth: u32) -> BoxedStrategy<String> {
    let atom = prop::sample::select(vec![
        "a",
        "b",
        "0",
        " ",
        ".",
        r"\d",
        r"\s",
        r"\S",
        r"\w",
        "[ab]",
        "[^a]",
        r"[\d-]",
        r"\x61",
        r"\D",
        r"\W",
        r"\h",
        r"\v",
        r"\N",
        "[[:alpha:]]",
        "é",
        r"\.",
        "^",
        "$",
        r"\b",
        r"\1",
    ]);
    let quantifier = prop::sample::select(vec![
        "", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??", "{1,}?", "*+", "++",
        "?+",
    ]);
    let single = (atom, quantifier.clone()).prop_map(|(atom, quantifier)| {
        if ["^", "$", r"\b"].contains(&atom) { atom.into() } else { format!("{atom}{quantifier}") }
    });
    if depth == 0 {
        return prop::collection::vec(single, 0..4).prop_map(|it| it.concat()).boxed();
    }
    let open = prop::sample::select(vec![
        "(", "(", "(?:", "(?:", "(?=", "(?!", "(?>", "(?<n>", "(?i:", "(?<=",
    ]);
    let inside = prop::collection::vec(pieces(depth - 1), 1..3);
    let group = (open, inside, quantifier).prop_map(|(open, inside, quantifier)| {
        let quantifier = if ["(?=", "(?!", "(?<="].contains(&open) { "" } else { quantifier };
        format!("{open}{}){quantifier}", inside.join("|"))
    });
    prop::collection::vec(prop_oneof![2 => single, 1 => group], 0..4)
        .prop_map(|it| it.concat())
        .boxed()
}

type Captures<'t> = Option<Vec<Option<&'t [u8]>>>;

/// `None` at a limit.
fn captures<'t>(regex: &pcre2::bytes::Regex, text: &'t [u8]) -> Option<Captures<'t>> {
    let found = regex.captures(text).ok()?;
    Some(found.map(|captures| {
        let piece = |it: pcre2::bytes::Match<'_>| &text[it.start()..it.end()];
        (0..captures.len()).map(|group| captures.get(group).map(piece)).collect()
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn the_pattern_given_matches_the_same(
        pattern in pieces(2),
        texts in prop::collection::vec("[ab01 é.\n]{0,8}", 1..12),
    ) {
        let Some(counted) = counted(&pattern) else { return Err(TestCaseError::reject("not counted")) };
        for form in [Form::Whole, Form::Search] {
            let plain = form.compile("", 100_000, &pattern);
            let other = form.compile(COUNTING, 1_000_000, &counted);
            let (Ok(plain), Ok(other)) = (plain, other) else {
                return Err(TestCaseError::reject("not valid"));
            };
            for text in &texts {
                let expected = captures(&plain, text.as_bytes());
                let found = captures(&other, text.as_bytes());
                // A limit is no statement.
                if expected.is_some() && found.is_some() {
                    prop_assert_eq!(expected, found, "{} as {} over {:?}", pattern, counted, text);
                }
            }
        }
    }
}
