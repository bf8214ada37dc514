//! What a query text means, and what is said about one that means nothing.

use proptest::prelude::*;

use super::*;

/// Parses `text` and compares the tree, written as in [`show`].
fn check(text: &str, expected: &str) {
    match parse(text) {
        Ok(statement) => assert_eq!(show(&statement.search.expr), expected, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Parses `text` and compares the column and a part of what was expected there.
fn refuse(text: &str, column: usize, expected: &str) {
    match parse(text) {
        Ok(statement) => panic!("{text}: parsed as {}", show(&statement.search.expr)),
        Err(error) => {
            assert_eq!(error.position().map(|at| at.column), Some(column), "{text}: {error}");
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}

/// Words as they are, literal text in quotes, `~` before a pattern with wildcards.
fn show(expr: &Expr) -> String {
    let join = |name: &str, parts: &[Expr]| {
        let parts: Vec<_> = parts.iter().map(show).collect();
        format!("({name} {})", parts.join(" "))
    };
    match expr {
        Expr::All => "all".into(),
        Expr::And(parts) => join("and", parts),
        Expr::Or(parts) => join("or", parts),
        Expr::Not(part) => format!("(not {})", show(part)),
        Expr::Is(Condition { field, test, .. }) => {
            let field = field.as_ref().map(|field| format!("{}:", field.0)).unwrap_or_default();
            let test = match test {
                Test::Tokens(Pattern { text, wild: true }) => format!("~{text}"),
                Test::Tokens(Pattern { text, wild: false }) => format!("{text:?}"),
                Test::Phrase(text) => format!("#{text:?}"),
                Test::Exists => "exists".into(),
                Test::Empty => "empty".into(),
                Test::Within(range) => show_range(range),
            };
            field + &test
        }
    }
}

fn show_range(range: &NumberRange) -> String {
    let number = |number| match number {
        Number::Int(int) => format!("{int}"),
        Number::Float(float) => format!("{float:?}"),
    };
    let low = match range.low {
        Bound::Open => "(".into(),
        Bound::Included(n) => format!("[{}", number(n)),
        Bound::Excluded(n) => format!("({}", number(n)),
    };
    let high = match range.high {
        Bound::Open => ")".into(),
        Bound::Included(n) => format!("{}]", number(n)),
        Bound::Excluded(n) => format!("{})", number(n)),
    };
    format!("{low} {high}")
}

#[test]
fn blank_text_and_a_star_mean_every_row() {
    for text in ["", "  \n", "*", " * "] {
        check(text, "all");
    }
    check("* and a", r#"(and all "a")"#);
}

#[test]
fn words_side_by_side_are_joined_by_and() {
    check("a", r#""a""#);
    check("a b", r#"(and "a" "b")"#);
    check("a and b AND c", r#"(and "a" "b" "c")"#);
    check("GET\u{3000}日志", r#"(and "GET" "日志")"#);
}

#[test]
fn and_binds_before_not_and_not_before_or() {
    check("a or b c", r#"(or "a" (and "b" "c"))"#);
    check("not a b", r#"(not (and "a" "b"))"#);
    check("a not b", r#"(and "a" (not "b"))"#);
    check("a and not b", r#"(and "a" (not "b"))"#);
    check("a not b and c", r#"(and "a" (not (and "b" "c")))"#);
    check("a b not c not d or e", r#"(or (and (and "a" "b") (not "c") (not "d")) "e")"#);
    check("a or not b", r#"(or "a" (not "b"))"#);
    check("NOT not a", r#""a""#);
    check("(a or b) c", r#"(and (or "a" "b") "c")"#);
    check("(not a) b", r#"(and (not "a") "b")"#);
    check(
        "request_method:GET and status in [200 299] not request_time>=60",
        r#"(and (and request_method:"GET" status:[200 299]) (not request_time:[60 )))"#,
    );
}

#[test]
fn a_colon_names_the_field() {
    check("k:v", r#"k:"v""#);
    check("k : v", r#"k:"v""#);
    check("k:\nv", r#"k:"v""#);
    check(r#""file info":apsara"#, r#"file info:"apsara""#);
    check("request_uri:/a?b=c:d", r#"request_uri:~/a?b=c:d"#);
    check("time:10:00:00", r#"time:"10:00:00""#);
    check("(k:v)", r#"k:"v""#);
    check("k:and", r#"k:"and""#);
}

#[test]
fn reserved_fields_have_their_own_spelling() {
    check("source:1.2.3.*", "__source__:~1.2.3.*");
    check("Source:a", r#"Source:"a""#);
    check("__topic__:a", r#"__topic__:"a""#);
    check("__tag__:__path__:/var/log", r#"__tag__:__path__:"/var/log""#);
    check(r#""__tag__:k":x"#, r#"__tag__:k:"x""#);
    check(r#"__tag__:"my key":x"#, r#"__tag__:my key:"x""#);
    check("__tag__:k:*", "__tag__:k:exists");
    check("__tag__:__receive_time__:1609837139", r#"__tag__:__receive_time__:"1609837139""#);
}

#[test]
fn quotes_take_the_meaning_from_operators() {
    check(r#""and""#, r#""and""#);
    check(r#""a b""#, r#""a b""#);
    check(r#"k:"a b""#, r#"k:"a b""#);
    check(r#"region:"cn*""#, r#"region:"cn*""#);
    check(r#""sort" "group by""#, r#"(and "sort" "group by")"#);
    check(r#"k:"a \"b\" c\\""#, r#"k:"a \"b\" c\\""#);
    check(r#"instance_id:nginx\"01\""#, r#"instance_id:"nginx\"01\"""#);
    check(r"path:C:\dir", r#"path:"C:\\dir""#);
}

#[test]
fn a_hash_before_the_quote_makes_a_phrase() {
    check(r##"#"a b""##, r##"#"a b""##);
    check(r##"k:#"a b" c"##, r##"(and k:#"a b" "c")"##);
    check("a# #b", r##"(and "a#" "#b")"##);
    refuse(r##"not #"a b""##, 5, "no `not` over a phrase");
    refuse(r##"a not (b or k:#"c d")"##, 15, "no `not` over a phrase");
    refuse(r##"#"a b" | select 1"##, 1, "no SQL after");
    refuse(r##"#"  ""##, 1, "words between the quotes");
}

#[test]
fn wildcards_count_outside_quotes_and_not_at_the_start() {
    check("ab*", "~ab*");
    check("a?c k:a*c", "(and ~a?c k:~a*c)");
    check("k:*", "k:exists");
    check("not k:*", "(not k:exists)");
    refuse("*ab", 1, "does not start with a wildcard");
    refuse("k:?b", 3, "does not start with a wildcard");
    refuse("**", 1, "does not start with a wildcard");
    check(&format!("{}*", "a".repeat(63)), &format!("~{}*", "a".repeat(63)));
    refuse(&format!("{}*", "a".repeat(64)), 1, "at most 64 characters");
    check(&"a".repeat(65), &format!("{:?}", "a".repeat(65)));
}

#[test]
fn an_empty_value_asks_for_an_empty_field() {
    check(r#"k:"""#, "k:empty");
    check(r#"not k:"""#, "(not k:empty)");
}

#[test]
fn comparisons_take_numbers() {
    check("k>5", "k:(5 )");
    check("k >= 5", "k:[5 )");
    check("k<-5", "k:( -5)");
    check("k<=5.5", "k:( 5.5]");
    check("k = 9223372036854775807", "k:[9223372036854775807 9223372036854775807]");
    check("k=1e3", "k:[1000.0 1000.0]");
    check(r#""a b">5"#, "a b:(5 )");
    check("__tag__:k>5", "__tag__:k:(5 )");
    check("(k>5)", "k:(5 )");
    refuse("k>abc", 3, "a number after the comparison");
    refuse("k > inf", 5, "a number after the comparison");
    refuse("k=", 3, "a number after the comparison");
    refuse("a=b", 3, "quote the text");
    refuse("k!=5", 3, "write `not key = 5`");
    refuse(">5", 1, "a field name before the sign");
}

#[test]
fn in_takes_two_numbers_in_brackets_of_either_kind() {
    check("k in [1 10]", "k:[1 10]");
    check("k in (1 10]", "k:(1 10]");
    check("k in [1 10)", "k:[1 10)");
    check("k in(-1.5 10)", "k:(-1.5 10)");
    check("k in [ 1   10 ] b", r#"(and k:[1 10] "b")"#);
    check("a in b", r#"(and "a" "in" "b")"#);
    refuse("k IN [1 10]", 3, "lower-case `in`");
    refuse("k in [1 b]", 9, "two numbers");
    refuse("k in (a or b)", 7, "two numbers");
    refuse("k in [1, 10]", 7, "two numbers");
    refuse("k in [1 10", 11, "`]` or `)`");
    refuse("k not in [1 10]", 7, "a field name before lower-case `in`");
}

#[test]
fn reserved_words_stand_in_quotes() {
    for word in ["sort", "asc", "desc", "avg", "sum", "min", "max", "LIMIT"] {
        refuse(word, 1, "quote the reserved word");
        check(&format!("k:{word}"), &format!("k:{word:?}"));
        check(&format!("{word}:v"), &format!(r#"{word}:"v""#));
    }
    refuse("a group by", 3, "quote \"group by\"");
    check("group", r#""group""#);
}

#[test]
fn what_is_no_query_is_refused_with_the_place() {
    refuse("a and", 6, "`key:value`");
    refuse("or a", 1, "a condition before the operator");
    refuse("a or or b", 6, "a condition before the operator");
    refuse("and a", 1, "a condition before the operator");
    refuse("not", 4, "`key:value`");
    refuse("(a", 3, "`)`");
    refuse("a)", 2, "the end");
    refuse("()", 2, "`key:value`");
    refuse("k:", 3, "a value after `:`");
    refuse("k: and)", 7, "the end");
    refuse("k:(v)", 3, "a value after `:`");
    refuse(":v", 1, "a field name before the sign");
    refuse("__tag__:", 9, "a tag name");
    refuse("__tag__:k", 10, "`:value` after the tag name");
    refuse(r#"a "b"#, 3, "a closing `\"`");
    refuse(r#"k:"b | select 1"#, 3, "a closing `\"`");
    refuse("数据 and )", 8, "`key:value`");
}

#[test]
fn sql_needs_a_search_before_the_pipe() {
    let statement = parse("status:500\n | select count(*)").expect("a query");
    assert_eq!(statement.search.text, "status:500");
    let analysis = statement.analysis.expect("there is SQL");
    assert_eq!(analysis.sql, "select count(*)");
    assert_eq!((analysis.at.byte, analysis.at.line, analysis.at.column), (14, 2, 4));
    assert!(parse("| select 1").is_ok_and(|it| it.search.expr == Expr::All));
    refuse("select count(*) from log", 1, "as in `* | select …`");
    refuse("SELECT a", 1, "as in `* | select …`");
    check("select", r#""select""#);
    check("selected a", r#"(and "selected" "a")"#);
    refuse("a | ", 5, "SQL after `|`");
}

#[test]
fn a_search_has_at_most_thirty_conditions_and_bounded_depth() {
    let conditions = |n| vec!["a"; n].join(" ");
    assert!(parse(&conditions(MAX_CONDITIONS)).is_ok());
    refuse(&conditions(MAX_CONDITIONS + 1), 61, "more than 30 conditions");
    let nested = |n| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    check(&nested(MAX_DEPTH), r#""a""#);
    refuse(&nested(MAX_DEPTH + 1), 65, "more than 64 open parentheses");
    refuse(&"(".repeat(100_000), 65, "more than 64 open parentheses");
    check(&format!("{}a", "not ".repeat(100_001)), r#"(not "a")"#);
}

#[test]
fn a_statement_knows_whether_it_has_a_phrase() {
    assert!(parse(r##"a or k:#"b c""##).expect("a query").search.expr.has_phrase());
    assert!(!parse("a or k:b").expect("a query").search.expr.has_phrase());
}

/// Text out of the pieces of the language, so that deep parts of the grammar are reached.
fn query_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("and"),
        Just("or"),
        Just("not"),
        Just("in"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("\""),
        Just("#\""),
        Just("\\"),
        Just(":"),
        Just("="),
        Just(">="),
        Just("<"),
        Just("|"),
        Just("*"),
        Just("?"),
        Just("__tag__"),
        Just("source"),
        Just("5"),
        Just("-1.5"),
        Just("sort"),
        Just("日志"),
        Just("a"),
        Just(" "),
        Just("\u{3000}"),
    ];
    let spaced = (piece, any::<bool>())
        .prop_map(|(piece, blank)| format!("{piece}{}", if blank { " " } else { "" }));
    proptest::collection::vec(spaced, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_at_a_place_inside_it(
        text in prop_oneof![query_text(), any::<String>()]
    ) {
        if let Err(error) = parse(&text) {
            let at = error.position().expect("parse errors have a place");
            prop_assert!(text.is_char_boundary(at.byte) && at.line >= 1 && at.column >= 1);
        }
    }

    #[test]
    fn quoted_text_comes_back_as_it_was(text in any::<String>()) {
        prop_assume!(!text.is_empty());
        let quoted = format!("k:\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let statement = parse(&quoted).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let Expr::Is(condition) = statement.search.expr else { panic!("one condition") };
        prop_assert_eq!(condition.test, Test::Tokens(Pattern::literal(text)));
    }
}
