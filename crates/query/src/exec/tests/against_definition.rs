//! Search compared with the definition of the language, evaluated row by row without any care
//! for speed.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::parse::{Bound, Condition, Expr, Number, NumberRange, Pattern, Test};
use crate::search::pieces;
use crate::token::{Class, Tokenizer, fold};

/// Whether `expr` selects the row.
fn selects(expr: &Expr, rules: &IndexRules, row: &SampleRow) -> bool {
    match expr {
        Expr::All => true,
        Expr::And(parts) => parts.iter().all(|part| selects(part, rules, row)),
        Expr::Or(parts) => parts.iter().any(|part| selects(part, rules, row)),
        Expr::Not(part) => !selects(part, rules, row),
        Expr::Is(condition) => holds(condition, rules, row),
    }
}

fn fields(row: &SampleRow) -> Vec<(String, String)> {
    let mut fields: Vec<_> = row.values().map(|(name, value)| (name, value.to_owned())).collect();
    fields.push(("__topic__".into(), row.row.topic.clone()));
    fields.push(("__source__".into(), row.row.source.clone()));
    fields
}

fn holds(condition: &Condition, rules: &IndexRules, row: &SampleRow) -> bool {
    let Some(field) = &condition.field else { return anywhere(condition, rules, row) };
    let any_value = |name: &str, passes: &dyn Fn(&str) -> bool| {
        fields(row).iter().any(|(other, value)| other == name && passes(value))
    };
    let name = field.0.as_str();
    let kind = rules.keys.get(name).map(|rule| &rule.kind);
    match kind {
        Some(KeyKind::Text(text) | KeyKind::Json(JsonRule { text, .. })) => {
            any_value(name, &|value| text_holds(&condition.test, text, value))
        }
        Some(KeyKind::Long) => any_value(name, &|value| {
            number_holds(&condition.test, value, value.parse().ok().map(|int: i64| int as f64))
        }),
        Some(KeyKind::Double) => any_value(name, &|value| {
            number_holds(&condition.test, value, value.parse().ok().filter(|f: &f64| f.is_finite()))
        }),
        None if name.starts_with("__") => {
            any_value(name, &|value| text_holds(&condition.test, &TextRule::default(), value))
        }
        None => {
            let path = name.strip_prefix("j.").expect("only j has leaves");
            any_value("j", &|value| {
                let json: serde_json::Value = serde_json::from_str(value).unwrap_or_default();
                match path.split('.').try_fold(&json, |json, step| json.as_object()?.get(step)) {
                    Some(serde_json::Value::String(leaf)) => {
                        text_holds(&condition.test, &TextRule::with_default_delimiters(), leaf)
                    }
                    _ => false,
                }
            })
        }
    }
}

fn anywhere(condition: &Condition, rules: &IndexRules, row: &SampleRow) -> bool {
    let line = rules.line.as_ref().expect("the rules here have a line index");
    let (pattern, phrase) = match &condition.test {
        Test::Tokens(pattern) => (pattern.clone(), false),
        Test::Phrase(text) => (Pattern::literal(text), true),
        other => panic!("{other:?} without a field"),
    };
    let fields = fields(row);
    let rule_of = |name: &str| match rules.keys.get(name).map(|rule| &rule.kind) {
        Some(KeyKind::Text(text) | KeyKind::Json(JsonRule { text, .. })) => {
            Some((text.clone(), false))
        }
        Some(KeyKind::Long | KeyKind::Double) => None,
        None if name.starts_with("__") => Some((TextRule::default(), false)),
        None => Some((line.text.clone(), true)),
    };
    if phrase {
        return fields.iter().any(|(name, value)| {
            rule_of(name).is_some_and(|(text, _)| text_holds(&condition.test, &text, value))
        });
    }
    let in_field = |pattern: &Pattern, lines: bool| {
        fields.iter().any(|(name, value)| {
            rule_of(name).is_some_and(|(text, is_line)| {
                (lines || !is_line)
                    && !wanted(pattern, &text).is_empty()
                    && has_tokens(pattern, &text, value)
            })
        })
    };
    let tokens = wanted(&pattern, &line.text);
    let each = tokens
        .iter()
        .all(|(_, token)| in_field(&Pattern { text: token.clone(), wild: pattern.wild }, true));
    each || in_field(&pattern, false)
}

fn text_holds(test: &Test, rule: &TextRule, value: &str) -> bool {
    match test {
        Test::Exists => true,
        Test::Empty => value.is_empty(),
        Test::Tokens(pattern) => has_tokens(pattern, rule, value),
        Test::Phrase(text) => {
            let literal = Pattern::literal(text);
            has_tokens(&literal, rule, value) && folded(value, rule).contains(&folded(text, rule))
        }
        Test::Within(_) => panic!("a range over text"),
    }
}

fn number_holds(test: &Test, value: &str, number: Option<f64>) -> bool {
    let range = match test {
        Test::Exists => return true,
        Test::Empty => return value.is_empty(),
        Test::Within(range) => *range,
        Test::Tokens(pattern) => {
            let number = Number::parse(&pattern.text).expect("a number");
            NumberRange { low: Bound::Included(number), high: Bound::Included(number) }
        }
        Test::Phrase(_) => panic!("a phrase of a number"),
    };
    let float = |number| match number {
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    };
    let Some(number) = number else { return false };
    let above = match range.low {
        Bound::Open => true,
        Bound::Included(low) => number >= float(low),
        Bound::Excluded(low) => number > float(low),
    };
    let below = match range.high {
        Bound::Open => true,
        Bound::Included(high) => number <= float(high),
        Bound::Excluded(high) => number < float(high),
    };
    above && below
}

fn wanted(pattern: &Pattern, rule: &TextRule) -> Vec<(Class, String)> {
    pieces(pattern, &Tokenizer::new(rule))
}

/// Whether the set of tokens of `value` has every token of the pattern.
fn has_tokens(pattern: &Pattern, rule: &TextRule, value: &str) -> bool {
    let tokens = tokens(value, rule);
    wanted(pattern, rule).iter().all(|(_, wanted)| {
        let wanted = folded(wanted, rule);
        match pattern.wild {
            false => tokens.contains(&wanted),
            true if wanted.chars().all(|c| matches!(c, '*' | '?')) => true,
            true => tokens.iter().any(|token| glob(&wanted, token)),
        }
    })
}

/// All tokens of a value: runs of letters, and every part of a Chinese run.
fn tokens(value: &str, rule: &TextRule) -> BTreeSet<String> {
    let is_han = |c: char| rule.chn && matches!(c, '日' | '志');
    let mut tokens = BTreeSet::new();
    let delimiters = folded(&String::from_iter(&rule.tokens), rule);
    for part in folded(value, rule).split(|c| delimiters.contains(c)) {
        let chars: Vec<char> = part.chars().collect();
        for run in chars.chunk_by(|&a, &b| is_han(a) == is_han(b)) {
            match is_han(run[0]) {
                false => {
                    tokens.insert(run.iter().collect());
                }
                true => {
                    for start in 0..run.len() {
                        for end in start + 1..=run.len() {
                            tokens.insert(run[start..end].iter().collect());
                        }
                    }
                }
            }
        }
    }
    tokens
}

fn folded(text: &str, rule: &TextRule) -> String {
    match rule.case_sensitive {
        true => text.to_owned(),
        false => text.chars().map(fold).collect(),
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let mut pattern_chars = pattern.chars();
    match pattern_chars.next() {
        None => text.is_empty(),
        Some('*') => text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .any(|at| glob(pattern_chars.as_str(), &text[at..])),
        Some(c) => {
            let mut text_chars = text.chars();
            text_chars.next().is_some_and(|d| c == '?' || c == d)
                && glob(pattern_chars.as_str(), text_chars.as_str())
        }
    }
}

/// Texts that are likely to be found in each other.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[aB]{1,2}([ /][aAb]{1,2}){0,2}",
        2 => "[aAb/ 日志éÉ.]{0,6}",
        1 => "[0-9]{1,2}",
        1 => "-?[0-9]\\.[0-9]",
    ]
}

fn text_rule() -> impl Strategy<Value = TextRule> {
    let delimiters = prop_oneof![Just(""), Just(" "), Just(" /"), Just(" /é"), Just("b ")];
    (delimiters, any::<bool>(), any::<bool>()).prop_map(|(tokens, case_sensitive, chn)| TextRule {
        tokens: tokens.chars().collect(),
        case_sensitive,
        chn,
    })
}

/// An index with the fields a, b (text), n (long), d (double), j (JSON); c follows the line.
fn index() -> impl Strategy<Value = IndexRules> {
    let json = text_rule().prop_map(|text| {
        KeyKind::Json(JsonRule {
            text,
            json_keys: ["x".to_owned(), "y.z".to_owned()]
                .map(|path| {
                    let kind = LeafKind::Text(TextRule::with_default_delimiters());
                    (path, LeafRule { kind, alias: None, doc_value: true })
                })
                .into(),
            index_all: false,
            max_depth: None,
        })
    });
    (text_rule(), text_rule(), text_rule(), json).prop_map(|(line, a, b, json)| IndexRules {
        line: Some(LineRule { text: line, ..LineRule::default() }),
        keys: [
            ("a", KeyKind::Text(a)),
            ("b", KeyKind::Text(b)),
            ("n", KeyKind::Long),
            ("d", KeyKind::Double),
            ("j", json),
        ]
        .map(|(name, kind)| (name.to_owned(), KeyRule::new(kind)))
        .into(),
    })
}

fn sample_row() -> impl Strategy<Value = SampleRow> {
    let field = prop_oneof![
        3 => (prop_oneof![Just("a"), Just("b"), Just("c"), Just("n"), Just("d")], text())
            .prop_map(|(name, value)| (name.to_owned(), value)),
        1 => (text(), text()).prop_map(|(x, z)| {
            let json = serde_json::json!({"x": x, "y": {"z": z}});
            ("j".to_owned(), json.to_string())
        }),
    ];
    let fields = proptest::collection::vec(field, 0..5);
    (fields, text(), proptest::option::of(text())).prop_map(|(fields, topic, tag)| {
        let mut row = row(0, &[]).topic(&topic);
        row.row.fields = fields;
        match tag {
            Some(tag) => row.tag("t", &tag),
            None => row,
        }
    })
}

/// The text of a query over those fields.
fn query() -> impl Strategy<Value = String> {
    let quoted = |text: String| format!("\"{text}\"");
    let word = || "[aAbB日志é][aAbB日志é/*?]{0,3}";
    let value = || prop_oneof![word().boxed(), text().prop_map(quoted).boxed()];
    let name = || {
        prop_oneof![
            Just("a"),
            Just("b"),
            Just("j"),
            Just("j.x"),
            Just("j.y.z"),
            Just("__topic__"),
            Just("__tag__:t")
        ]
    };
    let range = prop_oneof![
        "[0-9]{1,2}".prop_map(|n| format!(" >= {n}")),
        "-?[0-9]\\.[0-9]".prop_map(|n| format!("<{n}")),
        "[0-9]".prop_map(|n| format!(" in ({n} 50]")),
        "[0-9]{1,2}".prop_map(|n| format!(":{n}")),
        Just(":*".to_owned()),
    ];
    let condition = prop_oneof![
        4 => value(),
        4 => (name(), value()).prop_map(|(name, value)| format!("{name}:{value}")),
        2 => (prop_oneof![Just("n"), Just("d")], range)
            .prop_map(|(name, range)| format!("{name}{range}")),
        1 => (name(), prop_oneof![Just("*"), Just("\"\"")])
            .prop_map(|(name, value)| format!("{name}:{value}")),
        1 => Just("*".to_owned()),
    ];
    let phrase = prop_oneof![
        text().prop_map(|text| format!("#\"{text}\"")),
        (name(), text()).prop_map(|(name, text)| format!("{name}:#\"{text}\"")),
    ];
    let expr = condition.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} not {b}")),
            inner.clone().prop_map(|a| format!("(not {a})")),
            inner.prop_map(|a| format!("({a})")),
        ]
    });
    prop_oneof![
        6 => expr.clone(),
        1 => phrase.clone(),
        1 => (phrase, expr).prop_map(|(phrase, expr)| format!("{phrase} or {expr}")),
    ]
}

/// Four times the usual number: the space of rules, rows and queries is large.
fn more_cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.saturating_mul(4), ..config }
}

proptest! {
    #![proptest_config(more_cases())]

    #[test]
    fn a_search_finds_what_the_definition_says(
        rules in index(),
        rows in proptest::collection::vec(sample_row(), 1..20),
        query in query(),
        without_column in prop_oneof![Just(&[][..]), Just(&["a", "j", "__tag__:t"][..])],
        block_rows in 1usize..24,
    ) {
        // Phrases may be blank, and operators may meet: such queries are not for this test.
        let Ok(statement) = parse(&query) else { return Ok(()) };
        let rows: Vec<_> =
            (0..).zip(&rows).map(|(second, row)| at_second(row, second)).collect();
        let expected: Vec<_> = rows
            .iter()
            .filter(|row| selects(&statement.search.expr, &rules, row))
            .map(|row| row.row.clone())
            .collect();
        let piece = SamplePiece::new(&rows, block_rows, without_column);
        let result = search_in(std::slice::from_ref(&piece), &rules, &request(&query), &Limits::none())
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&result.rows, &expected, "{}", query);
        if !statement.search.expr.has_phrase() {
            let histogram = histogram_of(&[piece], &rules, &request(&query), &Limits::none())
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(histogram.count, expected.len() as u64, "{}", query);
        }
    }
}
