use super::*;
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
fn filters_have_to_match_the_whole_field() {
    let filtered = |key: &str, pattern: &str| {
        let mut parser = two_fields();
        parser.add_filter(key, Engine::whole(pattern).unwrap());
        parser
    };
    check(filtered("a", "x|y"), "x 1", Outcome::Parsed, Some("a=x b=1"));
    check(filtered("a", "x|y"), "xx 1", Outcome::Filtered, None);
    check(filtered("none", ".*"), "x 1", Outcome::Filtered, None);
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
