use super::*;
use sls::collect::PreciseUnit;
use sls::log_group::LogGroup;

const NOW: LogTime = LogTime { seconds: 1_700_000_000, nanos: None };

fn keys(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn two_fields() -> Parser {
    Parser::regex(RegexParser::new(r"(\S+) (.+)", &keys(&["a", "b"])).unwrap())
}

/// Parses one record; gives the outcome and the logs as `time key=value …`.
fn parse(mut parser: Parser, record: &[u8]) -> (Outcome, Vec<String>) {
    let mut group = LogGroupWriter::new();
    let outcome = parser.record(record, NOW, &mut group);
    let group = LogGroup::parse(group.as_bytes()).unwrap();
    let logs = group
        .logs()
        .map(|log| {
            let fields: Vec<String> = log
                .contents()
                .map(|(key, value)| {
                    format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(value))
                })
                .collect();
            format!("{} {}", log.time, fields.join(" "))
        })
        .collect();
    (outcome, logs)
}

fn check(parser: Parser, record: &str, outcome: Outcome, log: Option<&str>) {
    let expected = log.map(|log| format!("1700000000 {log}")).into_iter().collect::<Vec<_>>();
    assert_eq!(parse(parser, record.as_bytes()), (outcome, expected), "{record}");
}

#[test]
fn simple_mode_keeps_the_record_whole() {
    check(Parser::whole(), "a b", Outcome::Parsed, Some("content=a b"));
    check(Parser::whole(), "", Outcome::Parsed, Some("content="));
    check(Parser::whole(), "a\r", Outcome::Parsed, Some("content=a\r"));
}

#[test]
fn nul_bytes_around_a_record_are_cut_off() {
    check(Parser::whole(), "\0\0a\0b\0", Outcome::Parsed, Some("content=a\0b"));
    check(Parser::whole(), "\0\0", Outcome::Parsed, Some("content="));
}

#[test]
fn a_record_that_does_not_match_is_dropped_or_kept_raw() {
    let fault = Fault::NoMatch;
    check(two_fields(), "x 1", Outcome::Parsed, Some("a=x b=1"));
    check(two_fields(), "x", Outcome::Dropped(fault), None);
    let kept = two_fields().keeping_unparsed();
    check(kept, "x", Outcome::KeptRaw(fault), Some("__raw_log__=x"));
}

#[test]
fn the_whole_record_can_go_along() {
    check(two_fields().with_raw("__raw__"), "x 1", Outcome::Parsed, Some("a=x b=1 __raw__=x 1"));
    check(Parser::whole().with_raw("r"), "x 1", Outcome::Parsed, Some("content=x 1 r=x 1"));
}

#[test]
fn a_field_that_the_configuration_adds_takes_the_place_of_one_of_the_record() {
    let outcome = Outcome::Parsed;
    let raw = Parser::json().with_raw("b");
    check(raw, r#"{"b":1,"a":2}"#, outcome, Some(r#"b={"b":1,"a":2} a=2"#));
    check(two_fields().with_raw("a"), "x 1", outcome, Some("a=x 1 b=1"));
    check(columns(&["a", "b"]).with_raw("b"), "1,2", outcome, Some("a=1 b=1,2"));
    check(Parser::whole().with_raw(CONTENT), "x", outcome, Some("content=x"));
    let key = "a".to_owned();
    let precise = PreciseTime { key, unit: PreciseUnit::Micros };
    let parser = two_fields().with_precise_time(&precise, false);
    check(parser, "x 1", outcome, Some("a=1700000000000000 b=1"));
    check(two_fields().with_offset("b"), "x 1", outcome, Some("a=x b=0"));
}

#[test]
fn what_the_configuration_adds_has_a_name_that_the_service_takes() {
    let (long, cut) = ("n".repeat(200), "n".repeat(128));
    let log = format!("a=x b=1 {cut}=x 1");
    check(two_fields().with_raw(&long), "x 1", Outcome::Parsed, Some(&log));
    let kept = Outcome::KeptRaw(Fault::NoMatch);
    check(two_fields().keeping_unparsed_as(&long), "x", kept, Some(&format!("{cut}=x")));
}

#[test]
fn names_without_a_name_are_those_of_a_whole_record() {
    let regex = RegexParser::new(r"(\S+) (\S+)", &keys(&["", "b"])).unwrap();
    check(Parser::regex(regex), "1 2", Outcome::Parsed, Some("content=1 b=2"));
    check(columns(&["a", ""]), "1,2", Outcome::Parsed, Some("a=1 content=2"));
    check(Parser::json(), r#"{"":1,"content":2}"#, Outcome::Parsed, Some("content=2"));
}

#[test]
fn the_return_of_a_windows_line_is_data_but_for_columns() {
    check(two_fields(), "x 1\r", Outcome::Parsed, Some("a=x b=1\r"));
    let strict = || Parser::regex(RegexParser::new(r"(\S+)", &keys(&["a"])).unwrap());
    check(strict(), "x\r", Outcome::Dropped(Fault::NoMatch), None);
    check(
        strict().keeping_unparsed(),
        "x\r",
        Outcome::KeptRaw(Fault::NoMatch),
        Some("__raw_log__=x\r"),
    );
    check(columns(&["a", "b"]), "1,2\r", Outcome::Parsed, Some("a=1 b=2"));
    check(Parser::json(), "{\"a\":1}\r", Outcome::Parsed, Some("a=1"));
}

#[test]
fn filters_have_to_match_the_whole_field() {
    let filtered = |key: &str, pattern: &str| {
        let mut parser = two_fields();
        parser.set_filter(Filter::field(key, Engine::whole(pattern).unwrap()));
        parser
    };
    check(filtered("a", "x|y"), "x 1", Outcome::Parsed, Some("a=x b=1"));
    check(filtered("a", "x|y"), "xx 1", Outcome::Filtered, None);
    check(filtered("none", ".*"), "x 1", Outcome::Filtered, None);
}

fn columns(keys: &[&str]) -> Parser {
    let names = self::keys(keys);
    Parser::delimiter(&Columns {
        separator: ",",
        quote: '"',
        names: &names,
        overflow: sls::collect::Overflow::Extend,
        accept_short: false,
        partial: false,
    })
}

fn condition(key: &str, pattern: &str) -> Filter {
    Filter::field(key, Engine::whole(pattern).unwrap())
}

fn filtered(mut parser: Parser, filter: Filter) -> Parser {
    parser.set_filter(filter);
    parser
}

fn masked(mut parser: Parser, key: &str) -> Parser {
    let mask = sls::collect::Mask {
        key: key.into(),
        method: sls::collect::MaskMethod::Const("*".into()),
        before: String::new(),
        content: r"\d+".into(),
        all: true,
    };
    parser.add_mask(Mask::new(&mask).unwrap());
    parser
}

#[test]
fn every_way_of_parsing_keeps_or_drops_what_it_refuses() {
    let apsara = || Parser::apsara(TimeZone::UTC, TimeZone::UTC).unwrap();
    for (parser, record, fault) in [
        (Parser::json(), "[1]", Fault::NotObject),
        (Parser::json(), r#"{"a":"#, Fault::NotJson),
        (Parser::json(), r#"{"a":"\x"}"#, Fault::BadEscape),
        (Parser::json(), " ", Fault::Blank),
        (columns(&["a", "b"]), "1", Fault::TooFewColumns),
        (columns(&["a", "b"]), "1,\"2", Fault::BadQuote),
        (apsara(), "a:1", Fault::NoTime),
    ] {
        check(parser.clone(), record, Outcome::Dropped(fault), None);
        let kept = format!("__raw_log__={record}");
        let raw = parser.clone().keeping_unparsed();
        check(raw, record, Outcome::KeptRaw(fault), Some(&kept));
        let kept = format!("line={record}");
        let raw = parser.keeping_unparsed_as("line");
        check(raw, record, Outcome::KeptRaw(fault), Some(&kept));
    }
}

#[test]
fn a_blank_line_among_columns_is_kept_and_counted() {
    let fault = Outcome::KeptRaw(Fault::Blank);
    check(columns(&["a", "b"]), "  ", fault, Some("content=  "));
    check(columns(&["a", "b"]).keeping_unparsed(), "", fault, Some("content="));
}

#[test]
fn every_way_of_parsing_can_take_the_whole_record_along() {
    check(
        Parser::json().with_raw("__raw__"),
        r#"{"a":1}"#,
        Outcome::Parsed,
        Some(r#"a=1 __raw__={"a":1}"#),
    );
    check(columns(&["a"]).with_raw("r"), " 1 ", Outcome::Parsed, Some("a=1 r= 1 "));
}

#[test]
fn a_log_without_fields_is_left_out() {
    check(Parser::json(), "{}", Outcome::Dropped(Fault::Empty), None);
    check(Parser::json().with_raw("r"), "{}", Outcome::Dropped(Fault::Empty), None);
    let kept = Parser::json().keeping_unparsed();
    check(kept, "{}", Outcome::KeptRaw(Fault::Empty), Some("__raw_log__={}"));
    check(Parser::regex(RegexParser::new("x", &[]).unwrap()), "x", Outcome::Filtered, None);
}

#[test]
fn filters_hold_for_every_way_of_parsing() {
    let five = || condition("status", "5..");
    let text = r#"{"status":503,"level":"warn"}"#;
    check(filtered(Parser::json(), five()), text, Outcome::Parsed, Some("status=503 level=warn"));
    check(filtered(Parser::json(), five()), r#"{"status":"50"}"#, Outcome::Filtered, None);
    check(filtered(Parser::json(), five()), r#"{"code":"503"}"#, Outcome::Filtered, None);
    let status = || columns(&["status"]);
    check(filtered(status(), five()), "503", Outcome::Parsed, Some("status=503"));
    check(filtered(status(), five()), "200", Outcome::Filtered, None);
    check(filtered(Parser::whole(), condition("content", "x.*")), "y", Outcome::Filtered, None);
}

#[test]
fn filters_combine() {
    let (a, b) = (|| condition("a", "1"), || condition("b", "2"));
    let check_filter = |filter: Filter, record: &str, keeps: bool| {
        let (outcome, _) = parse(filtered(Parser::json(), filter), record.as_bytes());
        let expected = if keeps { Outcome::Parsed } else { Outcome::Filtered };
        assert_eq!(outcome, expected, "{record}");
    };
    let (both, one) = (r#"{"a":1,"b":2}"#, r#"{"a":1}"#);
    check_filter(Filter::All(vec![a(), b()]), both, true);
    check_filter(Filter::All(vec![a(), b()]), one, false);
    check_filter(Filter::Any(vec![a(), b()]), one, true);
    check_filter(Filter::Any(vec![a(), b()]), r#"{"b":3}"#, false);
    check_filter(Filter::Not(Box::new(b())), both, false);
    check_filter(Filter::Not(Box::new(b())), one, true);
    check_filter(Filter::Not(Box::new(Filter::Any(vec![a(), b()]))), r#"{"c":1}"#, true);
}

#[test]
fn a_raw_log_has_to_pass_the_filter_too_unless_it_is_to_be_shown() {
    let fault = Fault::NoMatch;
    let parser = || filtered(two_fields(), condition("a", "x"));
    check(parser().keeping_unparsed(), "x", Outcome::Dropped(fault), None);
    check(parser().showing_unparsed(), "x", Outcome::KeptRaw(fault), Some("__raw_log__=x"));
    let not = Filter::Not(Box::new(condition("a", "y")));
    let parser = filtered(two_fields(), not).keeping_unparsed();
    check(parser, "x", Outcome::KeptRaw(fault), Some("__raw_log__=x"));
}

#[test]
fn masks_come_after_time_and_filter() {
    let parser = || masked(filtered(two_fields(), condition("b", r"\d+")), "b");
    check(parser(), "x 12", Outcome::Parsed, Some("a=x b=*"));
    check(parser(), "x y", Outcome::Filtered, None);
    let json = masked(masked(Parser::json(), "a"), "none");
    check(json, r#"{"a":"7\n8","b":9}"#, Outcome::Parsed, Some("a=*\n* b=9"));
    let whole = masked(Parser::json().with_raw("r"), "r");
    check(whole, r#"{"r":7}"#, Outcome::Parsed, Some(r#"r={"r":*}"#));
    let raw = masked(two_fields().keeping_unparsed(), RAW_LOG);
    check(raw, "7", Outcome::KeptRaw(Fault::NoMatch), Some("__raw_log__=*"));
    let mut timed = masked(two_fields(), "a");
    assert!(timed.set_time("a", TimeFormat::new("%s", TimeZone::UTC).unwrap()));
    assert_eq!(parse(timed, b"1600000000 1").1, ["1600000000 a=* b=1"]);
}

#[test]
fn of_several_patterns_the_first_that_matches_decides() {
    let parser = || {
        let one = RegexParser::new(r"(\d+) (\S+)", &keys(&["number", "word"])).unwrap();
        let other = RegexParser::new(r"(\S+) (\S+)", &keys(&["word", "more"])).unwrap();
        Parser::several(vec![one, other])
    };
    check(parser(), "1 a", Outcome::Parsed, Some("number=1 word=a"));
    check(parser(), "a b", Outcome::Parsed, Some("word=a more=b"));
    check(parser(), "a", Outcome::Dropped(Fault::NoMatch), None);
    check(
        filtered(parser(), condition("word", "a")),
        "a b",
        Outcome::Parsed,
        Some("word=a more=b"),
    );
}

#[test]
fn the_time_may_come_from_any_field_of_any_record() {
    let mut parser = Parser::json();
    assert!(parser.set_time("t", TimeFormat::new("%s", TimeZone::UTC).unwrap()));
    for (record, log) in [
        (r#"{"a":1,"t":"1600000000"}"#, "1600000000 a=1 t=1600000000"),
        (r#"{"t":1600000001,"a":1}"#, "1600000001 t=1600000001 a=1"),
        (r#"{"\u0074":1600000002}"#, "1600000002 t=1600000002"),
        // Nobody is told of a field that is not there.
        (r#"{"a":1}"#, "1700000000 a=1"),
    ] {
        let parsed = parse(parser.clone(), record.as_bytes());
        assert_eq!(parsed, (Outcome::Parsed, vec![log.to_owned()]));
    }
    let apsara = Parser::apsara(TimeZone::UTC, TimeZone::UTC).unwrap();
    let (outcome, logs) = parse(apsara, b"[1378882630]\ta:1");
    assert_eq!(outcome, Outcome::Parsed);
    assert_eq!(logs, ["1378882630 a=1 microtime=1378882630000000"]);
}

#[test]
fn a_time_that_cannot_be_read_leaves_the_time_of_collection() {
    let timed = || {
        let mut parser = two_fields();
        let format = TimeFormat::new("%s", jiff::tz::TimeZone::UTC).unwrap();
        assert!(parser.set_time("a", format));
        parser
    };
    check(timed(), "x 1", Outcome::ParsedUntimed, Some("a=x b=1"));
    let (outcome, logs) = parse(timed(), b"1600000000 1");
    assert_eq!((outcome, logs[0].as_str()), (Outcome::Parsed, "1600000000 a=1600000000 b=1"));
}
