//! What a search finds, feature by feature, and against the definition of the language.

use super::*;
use crate::parse::parse;
use crate::rules::{JsonRule, KeyKind, KeyRule, LeafKind, LeafRule, LineRule, TextRule};
use crate::sample::{SamplePiece, SampleRow, row};

mod against_definition;
mod paging;

/// A full-text index with the default delimiters, and one field of every kind.
fn rules() -> IndexRules {
    let text = TextRule::with_default_delimiters();
    let leaf = |kind| LeafRule { kind, alias: None, doc_value: true };
    let json = JsonRule {
        text: text.clone(),
        json_keys: [
            ("size".to_owned(), leaf(LeafKind::Long)),
            ("a.ratio".to_owned(), leaf(LeafKind::Double)),
            ("id".to_owned(), leaf(LeafKind::Text(TextRule::default()))),
        ]
        .into(),
        index_all: true,
        max_depth: Some(2),
    };
    let sensitive = TextRule { case_sensitive: true, ..text.clone() };
    let keys = [
        ("agent", KeyKind::Text(text.clone())),
        ("host", KeyKind::Text(TextRule { tokens: vec![' '], ..text.clone() })),
        ("method", KeyKind::Text(sensitive)),
        ("trace", KeyKind::Text(TextRule::default())),
        ("note", KeyKind::Text(TextRule { chn: true, ..text.clone() })),
        ("status", KeyKind::Long),
        ("took", KeyKind::Double),
        ("json", KeyKind::Json(json)),
        ("file info", KeyKind::Text(text.clone())),
    ];
    IndexRules {
        line: Some(LineRule { text, ..LineRule::default() }),
        keys: keys.into_iter().map(|(name, kind)| (name.into(), KeyRule::new(kind))).collect(),
    }
}

fn request(query: &str) -> Request {
    let statement = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    Request::new(statement, store::TimeRange::ALL)
}

/// Checks which of the rows the query finds, by their numbers.
fn check(rules: &IndexRules, rows: &[SampleRow], query: &str, found: &[i64]) {
    let numbered: Vec<_> = (0..).zip(rows).map(|(number, row)| at_second(row, number)).collect();
    for without_column in [&[][..], &["agent", "status", "json", "plain", "__tag__:path"]] {
        let piece = SamplePiece::new(&numbered, 3, without_column);
        let result = search_in(&[piece], rules, &request(query), &Limits::none())
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        let numbers: Vec<_> =
            result.rows.iter().map(|row| row.time_nanos / 1_000_000_000).collect();
        assert_eq!(numbers, found, "{query}, no column for {without_column:?}");
        assert_eq!(result.progress, Progress::Complete);
    }
}

fn at_second(row: &SampleRow, second: i64) -> SampleRow {
    let mut row = row.clone();
    row.row.time_nanos = second * 1_000_000_000;
    row
}

/// Checks what is said about a query that does not fit the rules.
fn refuse(rules: &IndexRules, query: &str, message: &str) {
    let error = search_in::<SamplePiece>(&[], rules, &request(query), &Limits::none())
        .err()
        .unwrap_or_else(|| panic!("{query} is accepted"));
    assert_eq!(error.to_string(), message, "{query}");
    assert!(error.is_askers());
}

fn web_rows() -> Vec<SampleRow> {
    vec![
        row(0, &[("method", "GET"), ("status", "200"), ("plain", "/request/path-2?a=b")])
            .topic("nginx")
            .source("192.0.2.1")
            .tag("path", "/var/log/a.log"),
        row(0, &[("method", "POST"), ("status", "500"), ("agent", "Mozilla Linux; Chrome/1")])
            .topic("nginx access")
            .source("192.0.2.10"),
        row(
            0,
            &[("method", "get"), ("status", "x"), ("plain", "error: Disk full"), ("took", "0.5")],
        ),
        row(0, &[("agent", ""), ("plain", "disk error"), ("host", "www.yl.mock.com")]),
    ]
}

fn check_web(query: &str, found: &[i64]) {
    check(&rules(), &web_rows(), query, found);
}

#[test]
fn blank_and_star_find_every_row() {
    check_web("", &[0, 1, 2, 3]);
    check_web("*", &[0, 1, 2, 3]);
}

#[test]
fn a_word_is_a_token_of_any_field() {
    check_web("error", &[2, 3]);
    check_web("ERROR", &[2, 3]);
    check_web("err", &[]);
    check_web("disk full", &[2]);
    check_web("Linux", &[1]);
    check_web("nothing", &[]);
}

#[test]
fn a_word_follows_the_rules_of_each_field() {
    // `method` minds case, `host` is cut at blanks only, `trace` not at all.
    check_web("GET", &[0]);
    check_web("get", &[2]);
    check_web("www.yl.mock.com", &[3]);
    let rows = [row(0, &[("trace", "a b")]), row(0, &[("plain", "a b")])];
    check(&rules(), &rows, "a", &[1]);
    check(&rules(), &rows, r#""a b""#, &[0, 1]);
    check(&rules(), &[row(0, &[("trace", "/a/b")])], "/a/b", &[0]);
}

#[test]
fn words_do_not_look_at_numbers() {
    check_web("500", &[]);
    check_web("status:500", &[1]);
}

#[test]
fn words_look_at_tags_topic_and_source_as_a_whole() {
    check_web("nginx", &[0]);
    check_web("192.0.2.1", &[0]);
    check_web("/var/log/a.log", &[0]);
    check_web("a.log", &[]);
}

#[test]
fn the_words_of_a_text_may_be_in_different_fields() {
    let rows = [row(0, &[("a", "x y"), ("agent", "z")]), row(0, &[("a", "x"), ("b", "z")])];
    check(&rules(), &rows, "x z", &[0, 1]);
    check(&rules(), &rows, r#""z x""#, &[0, 1]);
    check(&rules(), &rows, r#""z y""#, &[0]);
}

#[test]
fn included_and_excluded_keys_bound_where_words_are_looked_for() {
    let rows = [row(0, &[("a", "x")]), row(0, &[("b", "x")]), row(0, &[("agent", "x")])];
    let mut included = rules();
    included.line.as_mut().expect("a line index").include_keys = vec!["a".into()];
    check(&included, &rows, "x", &[0]);
    let mut excluded = rules();
    excluded.line.as_mut().expect("a line index").exclude_keys = vec!["a".into(), "agent".into()];
    check(&excluded, &rows, "x", &[1]);
    check(&excluded, &rows, "agent:x", &[2]);
}

#[test]
fn without_a_line_index_words_look_at_text_fields_only() {
    let rules = IndexRules { line: None, ..rules() };
    check(&rules, &web_rows(), "error", &[]);
    check(&rules, &web_rows(), "linux", &[1]);
    check(&rules, &web_rows(), r#""chrome linux""#, &[1]);
    check(&rules, &web_rows(), "192.0.2.10", &[1]);
    let numbers = IndexRules {
        line: None,
        keys: [("status".to_owned(), KeyRule::new(KeyKind::Long))].into(),
    };
    refuse(
        &numbers,
        "a",
        "line 1, column 1: the logstore has no full text index; name an indexed field, as in \
         `key:value`",
    );
}

#[test]
fn key_and_value_look_at_one_field() {
    check_web("agent:linux", &[1]);
    check_web("agent:error", &[]);
    check_web("method:GET", &[0]);
    check_web("method:get", &[2]);
    check_web(r#"agent:"Linux Chrome""#, &[1]);
    check_web(r#"agent:"Chrome Linux""#, &[1]);
    check_web("agent : linux", &[1]);
    check(&rules(), &[row(0, &[("file info", "apsara x")])], r#""file info":apsara"#, &[0]);
    check(&rules(), &[row(0, &[("agent", "a"), ("agent", "b")])], "agent:a agent:b", &[0]);
}

#[test]
fn a_value_of_delimiters_alone_asks_for_the_field() {
    check_web("agent:/", &[1, 3]);
}

#[test]
fn wildcards_match_within_a_token() {
    check_web("err*", &[2, 3]);
    check_web("d?sk", &[2, 3]);
    check_web("agent:Moz*", &[1]);
    check_web("host:www.yl.mo*k.com", &[3]);
    check_web("host:www.yl.mo?k.com", &[3]);
    check_web("host:yl*", &[]);
    check_web("host:*", &[3]);
    check(
        &rules(),
        &[row(0, &[("trace", "cn*")]), row(0, &[("trace", "cnx")])],
        r#"trace:"cn*""#,
        &[0],
    );
}

#[test]
fn chinese_is_found_by_any_part_where_it_is_cut() {
    let rows = [
        row(0, &[("note", "查询日志服务"), ("agent", "查询日志服务")]),
        row(0, &[("note", "日志, 服务"), ("agent", "日志")]),
    ];
    check(&rules(), &rows, "note:日志", &[0, 1]);
    check(&rules(), &rows, "note:日志服务", &[0]);
    check(&rules(), &rows, "agent:日志", &[1]);
    check(&rules(), &rows, "agent:查询日志服务", &[0]);
    check(&rules(), &rows, "note:询", &[0]);
    check(&rules(), &rows, "询日", &[0]);
}

#[test]
fn a_phrase_is_its_tokens_and_its_very_text() {
    check_web(r##"#"disk error""##, &[3]);
    check_web(r##"#"Error: Disk""##, &[2]);
    check_web(r##"#"rror: disk""##, &[]);
    check_web(r##"agent:#"mozilla linux""##, &[1]);
    check_web(r##"agent:#"linux mozilla""##, &[]);
    check_web(r##"#"disk error" or #"error: disk""##, &[2, 3]);
}

#[test]
fn a_field_can_be_there_missing_or_empty() {
    check_web("agent:*", &[1, 3]);
    check_web("not agent:*", &[0, 2]);
    check_web(r#"agent:"""#, &[3]);
    check_web(r#"not agent:"""#, &[0, 1, 2]);
    check_web("status:*", &[0, 1, 2]);
    check_web("__tag__:path:*", &[0]);
    check_web(r#"__topic__:"""#, &[2, 3]);
}

#[test]
fn ranges_compare_numbers() {
    check_web("status >= 200", &[0, 1]);
    check_web("status>200", &[1]);
    check_web("status<500", &[0]);
    check_web("status = 500", &[1]);
    check_web("status in [200 500)", &[0]);
    check_web("status in (200 500]", &[1]);
    check_web("took < 1", &[2]);
    check_web("took : 0.50", &[2]);
    // What is no number is not indexed.
    check_web("not status > -1000000", &[2, 3]);
}

#[test]
fn reserved_fields_are_one_token_whatever_the_case() {
    check_web("__topic__:nginx", &[0]);
    check_web("__topic__:NGINX", &[0]);
    check_web("__topic__:nginx*", &[0, 1]);
    check_web("__source__:192.0.2.*", &[0, 1]);
    check_web("source:192.0.2.1", &[0]);
    check_web("__tag__:path:/var/log/a.log", &[0]);
    check_web(r#""__tag__:path":/var/log/*"#, &[0]);
    let mut own = rules();
    let text = TextRule::with_default_delimiters();
    own.keys.insert("__tag__:path".into(), KeyRule::new(KeyKind::Text(text)));
    check(&own, &web_rows(), "__tag__:path:log", &[0]);
    check(&own, &web_rows(), "log", &[0]);
}

#[test]
fn leaves_of_json_are_fields() {
    let rows = [
        row(0, &[("json", r#"{"a":{"b":"x y","ratio":0.5},"size":12,"id":"A B","ok":true}"#)]),
        row(0, &[("json", r#"{"a":{"b":"y","c":{"d":"x"}},"size":"7"}"#)]),
        row(0, &[("json", "no json: x")]),
    ];
    let check = |query: &str, found: &[i64]| check(&rules(), &rows, query, found);
    check("json.a.b:x", &[0]);
    check("json.a.b:y", &[0, 1]);
    check("json.a.b:*", &[0, 1]);
    check("not json.a.b:*", &[2]);
    check("json.size > 10", &[0]);
    check("json.size in [1 20]", &[0, 1]);
    check("json.a.ratio:0.5", &[0]);
    check("json.id:A", &[]);
    check(r#"json.id:"a b""#, &[0]);
    check("json.ok:true", &[0]);
    check("json.a:*", &[]);
    check("json:ratio", &[0]);
    check("x", &[0, 1, 2]);
    refuse(
        &rules(),
        "json.a.c.d:x",
        "line 1, column 1: key (json.a.c.d) is not config as key value config; add an index for \
         the field, or search for the value alone",
    );
}

#[test]
fn operators_combine_conditions() {
    check_web("error or linux", &[1, 2, 3]);
    check_web("error not full", &[3]);
    check_web("error and not full", &[3]);
    check_web("not error", &[0, 1]);
    check_web("not disk full", &[0, 1, 3]);
    check_web("(method:GET or method:POST) not status in [200 299]", &[1]);
    check_web("(not error) status:*", &[0, 1]);
    check_web("not (error or linux)", &[0]);
    check_web("* not error", &[0, 1]);
    check_web("not *", &[]);
}

#[test]
fn a_field_of_the_user_may_be_named_like_a_column_of_the_store() {
    let rows = [row(0, &[("__seq__", "x"), ("__rest__", "y")]), row(0, &[("a", "x")])];
    check(&rules(), &rows, "x", &[0, 1]);
    check(&rules(), &rows, "y", &[0]);
    let text = TextRule::with_default_delimiters();
    let keys = [("__seq__".to_owned(), KeyRule::new(KeyKind::Text(text)))].into();
    check(&IndexRules { line: None, keys }, &rows, "__seq__:x", &[0]);
}

#[test]
fn what_does_not_fit_the_index_is_refused() {
    refuse(
        &rules(),
        "a or plain:x",
        "line 1, column 6: key (plain) is not config as key value config; add an index for the \
         field, or search for the value alone",
    );
    refuse(
        &rules(),
        "agent>5",
        "line 1, column 1: field agent is indexed as text: a range needs a long or double index; \
         search for the text with `:`",
    );
    refuse(
        &rules(),
        "status:5*",
        "line 1, column 1: field status is indexed as long: wildcards need text; write a range, \
         as in `status in [200 299]`",
    );
    refuse(
        &rules(),
        "took:x",
        "line 1, column 1: field took is indexed as double: `x` is no number",
    );
    refuse(
        &rules(),
        "* | select 1",
        "line 1, column 5: sql analysis is not built yet; remove the part from `|` on to search",
    );
}

#[test]
fn terms_tell_what_to_highlight() {
    let rows = SamplePiece::new(&web_rows(), 2, &[]);
    let query = r#"/Error/x agent:"Linux Chr" status:500 not no or host:ww*"#;
    let result = search_in(&[rows], &rules(), &request(query), &Limits::none()).expect("a page");
    let terms: Vec<_> = result.terms.iter().map(|(key, term)| format!("{key}={term}")).collect();
    assert_eq!(terms, ["=Error", "=x", "agent=Linux", "agent=Chr", "status=500", "host=ww*"]);
    assert_eq!(result.where_query, query);
}

#[test]
fn rows_come_back_as_they_were_written() {
    let rows = [row(5, &[("z", "1"), ("a", "2"), ("z", "3")])
        .topic("t")
        .source("s")
        .tag("k", "v")
        .tag("b", "w")];
    for query in ["z:*", "1"] {
        let mut rules = rules();
        let text = TextRule::with_default_delimiters();
        rules.keys.insert("z".into(), KeyRule::new(KeyKind::Text(text)));
        let piece = SamplePiece::new(&rows, 1, &["a", "__tag__:b"]);
        let result = search_in(&[piece], &rules, &request(query), &Limits::none()).expect("rows");
        assert_eq!(result.rows, [rows[0].row.clone()]);
        assert_eq!(result.keys, ["z", "a"]);
    }
}

#[test]
fn the_topic_of_the_request_is_compared_as_it_is() {
    let piece = SamplePiece::new(&web_rows(), 3, &[]);
    for (topic, query, count) in
        [("nginx", "*", 1), ("Nginx", "*", 0), ("", "*", 2), ("nginx", "linux", 0)]
    {
        let request = Request { topic: Some(topic.into()), ..request(query) };
        let result = search_in(std::slice::from_ref(&piece), &rules(), &request, &Limits::none());
        assert_eq!(result.expect("a page").rows.len(), count, "{topic} {query}");
    }
}

#[test]
fn a_histogram_counts_what_the_search_finds() {
    let rows: Vec<_> =
        (0..100).map(|secs| row(secs, &[("a", if secs % 2 == 0 { "x" } else { "y" })])).collect();
    let piece = SamplePiece::new(&rows, 7, &[]);
    let range = store::TimeRange { from_nanos: 10_000_000_000, to_nanos: 70_000_000_000 };
    let request = Request { range, ..request("x") };
    let histogram = histogram_of(&[piece], &rules(), &request, &Limits::none()).expect("counts");
    assert_eq!(histogram.count, 30);
    assert_eq!(histogram.buckets.len(), 60);
    assert!(histogram.buckets.iter().all(|it| it.count == u64::from(it.from_secs % 2 == 0)));
    assert_eq!((histogram.progress, histogram.processed_rows), (Progress::Complete, 60));
}

#[test]
fn a_histogram_counts_a_phrase_as_its_words() {
    let piece = SamplePiece::new(&web_rows(), 3, &[]);
    let range = store::TimeRange { from_nanos: 0, to_nanos: 1_000_000_000 };
    let request = Request { range, ..request(r##"#"disk error""##) };
    let histogram = histogram_of(&[piece], &rules(), &request, &Limits::none()).expect("counts");
    assert_eq!(histogram.count, 2);
}

#[test]
fn an_empty_time_range_is_refused() {
    let range = store::TimeRange { from_nanos: 5, to_nanos: 5 };
    let request = Request { range, ..request("*") };
    let error = search_in::<SamplePiece>(&[], &rules(), &request, &Limits::none());
    assert!(matches!(error, Err(QueryError::EmptyTimeRange { .. })));
    let error = histogram_of::<SamplePiece>(&[], &rules(), &request, &Limits::none());
    assert!(matches!(error, Err(QueryError::EmptyTimeRange { .. })));
}
