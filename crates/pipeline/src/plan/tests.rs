use super::*;
use crate::parse::LogTime;
use sls::collect::{RawCollectConfig, Target, check as check_config};
use sls::log_group::{LogGroup, LogGroupWriter};

fn checked(detail: &str) -> CollectConfig {
    let text = format!(
        r#"{{"configName": "nginx", "inputType": "file",
            "inputDetail": {{"logPath": "/var/log", "filePattern": "a.log", {detail}}},
            "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#
    );
    let raw = RawCollectConfig::from_json(&text).unwrap();
    let checked = check_config(&raw, &Target::default());
    checked.config.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn compiled(detail: &str) -> Compiled {
    compile(&checked(detail), &TimeZone::UTC)
}

fn check(detail: &str, runs: bool, expected: &[&str]) {
    let compiled = compiled(detail);
    let shown: Vec<String> = compiled.problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected, "{detail}");
    assert_eq!(compiled.plan.is_some(), runs, "{detail}");
}

#[test]
fn a_simple_configuration_has_no_problems() {
    check(r#""logType": "common_reg_log""#, true, &[]);
    let plan = compiled(r#""logType": "common_reg_log", "maxDepth": 0"#).plan.unwrap();
    assert_eq!((plan.project.as_str(), plan.logstore.as_str()), ("p", "l"));
    assert_eq!(plan.discover.starts().next().unwrap().0, "/var/log");
}

#[test]
fn a_wrong_pattern_is_reported_where_it_stands() {
    check(
        r#""logType": "common_reg_log", "regex": "(\\S+) (\\d+", "key": ["a", "b"]"#,
        false,
        &[
            "inputDetail.regex: the pattern is not valid: missing closing parenthesis at character 10; \
           correct the pattern there; it is read as Perl reads it",
        ],
    );
}

#[test]
fn more_groups_than_names_run_with_a_warning() {
    check(
        r#""logType": "common_reg_log", "regex": "(\\S+) ([^)]+) (?:x)(\\d+)", "key": ["a", "b"]"#,
        true,
        &[
            "inputDetail.key: the pattern has 3 capture groups for 2 names; group 3 `(\\d+)` and those \
           after it become no field; name every group, or write `(?:…)` for a group that is no field",
        ],
    );
}

#[test]
fn fewer_groups_than_names_run_with_a_warning() {
    check(
        r#""logType": "common_reg_log", "regex": "(\\S+) \\d+", "key": ["a", "b"]"#,
        true,
        &[
            "inputDetail.key: the pattern has 1 capture groups for 2 names; `b` has no group, so no \
           line can match; put every part that is a field into parentheses, or remove the names \
           too many",
        ],
    );
}

#[test]
fn a_time_field_that_is_not_there_is_a_warning() {
    check(
        r#""logType": "common_reg_log", "regex": "(\\S+) (\\d+)", "key": ["a", "b"],
           "timeKey": "when", "timeFormat": "%s""#,
        true,
        &["inputDetail.timeKey: no field is named `when`, so logs get the time of collection; \
           name the field that holds the time"],
    );
}

#[test]
fn all_problems_are_listed_together() {
    let compiled = compiled(
        r#""logType": "common_reg_log", "regex": "(", "key": ["a"], "logBeginRegex": "[",
           "topicFormat": "/(x/.*""#,
    );
    let fields: Vec<&str> = compiled.problems.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(
        fields,
        ["inputDetail.regex", "inputDetail.logBeginRegex", "inputDetail.topicFormat"]
    );
    assert!(compiled.plan.is_none());
}

#[test]
fn every_log_type_runs() {
    check(r#""logType": "json_log""#, true, &[]);
    check(r#""logType": "delimiter_log", "separator": ",", "key": ["a", "b"]"#, true, &[]);
    check(r#""logType": "apsara_log""#, true, &[]);
    check(
        r#""logType": "common_reg_log", "regex": ["(\\d+)", "(.*)"], "keys": ["a", "b"]"#,
        true,
        &[],
    );
}

#[test]
fn a_condition_that_never_holds_is_a_warning() {
    let filter = |expression: &str| {
        format!(
            r#""logType": "delimiter_log", "separator": ",", "key": ["a"], "autoExtend": false,
               "advanced": {{"filter_expression": {expression}}}"#
        )
    };
    check(
        &filter(r#"{"operator": "not", "operands": [{"key": "z", "exp": "1", "type": "regex"}]}"#),
        true,
        &["inputDetail.advanced.filter_expression.operands[0].key: no field is named `z`, so \
           this never holds; use one of the names in `key`"],
    );
    check(
        &filter(r#"{"key": "a", "exp": "(", "type": "regex"}"#),
        false,
        &["inputDetail.advanced.filter_expression.exp: the pattern is not valid: missing closing \
           parenthesis at character 1; correct the pattern there; it is read as Perl reads it"],
    );
}

#[test]
fn a_mask_that_is_no_pattern_is_a_warning_and_the_others_hold() {
    let detail = r#""logType": "json_log", "sensitive_keys": [
        {"key": "a", "type": "md5", "regex_begin": "x", "regex_content": "["},
        {"key": "a", "type": "const", "const": "*", "regex_begin": "p=", "regex_content": "\\w+"},
        {"key": "a", "type": "md5", "regex_begin": "(", "regex_content": "x"}]"#;
    check(
        detail,
        true,
        &[
            "inputDetail.sensitive_keys[0]: the pattern is not valid: missing terminating ] for \
             character class at character 1; this mask has no effect; correct `regex_begin` and \
             `regex_content`; both are patterns alone",
            "inputDetail.sensitive_keys[2]: the pattern is not valid: missing closing parenthesis \
             at character 1; this mask has no effect; correct `regex_begin` and \
             `regex_content`; both are patterns alone",
        ],
    );
    assert_eq!(log(detail, r#"{"a":"p=secret"}"#), ["a=p=*"]);
}

/// The fields of the one log that a configuration makes of a record.
fn log(detail: &str, record: &str) -> Vec<String> {
    let mut plan = compiled(detail).plan.unwrap();
    let mut group = LogGroupWriter::new();
    let now = LogTime { seconds: 1_700_000_000, nanos: None };
    plan.parser.record(record.as_bytes(), now, &mut group);
    let group = LogGroup::parse(group.as_bytes()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let log = group.logs().next().unwrap();
    log.contents().map(|(key, value)| format!("{}={}", text(key), text(value))).collect()
}

#[test]
fn the_keys_of_the_classic_format_decide_on_the_fields() {
    for (detail, record, expected) in [
        // Simple mode, and what is spelt like it.
        (r#""logType": "common_reg_log""#, "a b", &["content=a b"][..]),
        (
            r#""logType": "common_reg_log", "regex": "(.*)", "key": ["content"]"#,
            "a",
            &["content=a"],
        ),
        (
            r#""logType": "common_reg_log", "regex": "(\\S+) (\\S+)", "key": ["a", "b"],
               "enableRawLog": true"#,
            "1 2",
            &["a=1", "b=2", "__raw__=1 2"],
        ),
        (
            r#""logType": "common_reg_log", "regex": "(\\d+)", "key": ["a"],
               "discardUnmatch": false"#,
            "x",
            &["__raw_log__=x"],
        ),
        (
            r#""logType": "common_reg_log", "regex": ["(\\d+)", "(.*)"], "keys": ["n", "text"]"#,
            "x",
            &["text=x"],
        ),
        (
            r#""logType": "json_log", "advanced": {"raw_log_tag": "r"}, "enableRawLog": true"#,
            r#"{"a":1.5}"#,
            &["a=1.5", r#"r={"a":1.5}"#],
        ),
        (
            r#""logType": "delimiter_log", "separator": "\\t", "quote": "'", "key": ["a", "b"]"#,
            "'1\t2'\t3\t4",
            &["a=1\t2", "b=3", "__column2__=4"],
        ),
        (
            r#""logType": "delimiter_log", "separator": "||", "key": ["a", "b"],
               "autoExtend": false"#,
            "1||2||3||4",
            &["a=1", "b=2", "__column2__=||3||4"],
        ),
        (
            r#""logType": "delimiter_log", "separator": ",", "key": ["a", "_", "c"],
               "acceptNoEnoughKeys": true, "advanced": {"extract_partial_fields": true}"#,
            "1,2",
            &["a=1"],
        ),
        (
            r#""logType": "apsara_log""#,
            "[2023-11-14 22:13:20.5]\t[INFO]\tk:v",
            &["__LEVEL__=INFO", "k=v", "microtime=1700000000500000"],
        ),
        // Filters come before masks.
        (
            r#""logType": "json_log", "filterKey": ["a"], "filterRegex": ["\\d+"],
               "sensitive_keys": [{"key": "a", "type": "const", "const": "x",
                                   "regex_begin": "1", "regex_content": "2", "all": true}]"#,
            r#"{"a":"1212"}"#,
            &["a=1x1x"],
        ),
    ] {
        assert_eq!(log(detail, record), expected, "{detail}");
    }
}

/// The time that a configuration reads from a record, on 14 November 2023; `None` is the time of
/// collection.
#[track_caller]
fn check_time(detail: &str, record: &str, expected: Option<&str>) {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let mut plan = compile(&checked(detail), &zone).plan.unwrap();
    plan.parser.set_max_age(None);
    let now = LogTime { seconds: 1_700_000_000, nanos: None };
    let mut group = LogGroupWriter::new();
    plan.parser.record(record.as_bytes(), now, &mut group);
    let group = LogGroup::parse(group.as_bytes()).unwrap();
    let time = group.logs().next().unwrap().time;
    let found = (time != now.seconds).then_some(i64::from(time));
    let expected = expected.map(|it| it.parse::<jiff::Timestamp>().unwrap().as_second());
    assert_eq!(found, expected, "{detail}");
}

#[test]
fn the_keys_of_the_classic_format_decide_on_the_time() {
    let regex = r#""logType": "common_reg_log", "regex": "(\\S+) (\\S+)", "key": ["a", "TIME"]"#;
    let iso = r#""timeFormat": "%Y-%m-%dT%H:%M:%S""#;
    let record = "1 2023-11-14T10:20:30Z";
    // The field is called `time` if nothing else is said, and its zone is the agent's.
    check_time(regex, record, None);
    check_time(&format!("{regex}, {iso}"), record, Some("2023-11-14T10:20:30+02:00"));
    // A zone counts only where it is asked for.
    let zone = r#""logTimezone": "GMT-03:30""#;
    check_time(&format!("{regex}, {iso}, {zone}"), record, Some("2023-11-14T10:20:30+02:00"));
    check_time(
        &format!(r#"{regex}, {iso}, {zone}, "adjustTimezone": true"#),
        record,
        Some("2023-11-14T10:20:30-03:30"),
    );
    check_time(
        &format!(r#"{regex}, {zone}, "adjustTimezone": true, "timeFormat": "%s""#),
        "1 1600000000",
        Some("2020-09-13T12:26:40Z"),
    );
    let json = format!(r#""logType": "json_log", {iso}"#);
    let object = r#"{"time":"2023-11-14T10:20:30"}"#;
    check_time(&format!(r#"{json}, "timeKey": "time""#), object, Some("2023-11-14T10:20:30+02:00"));
    check_time(&format!(r#"{json}, "timeKey": "other""#), object, None);
    check_time(&json, object, None);
    let columns = r#""logType": "delimiter_log", "separator": ",", "key": ["a", "b"]"#;
    let syslog = r#""timeKey": "b", "timeFormat": "%b %d %H:%M:%S""#;
    let record = "1,Nov 14 10:20:30";
    check_time(&format!("{columns}, {syslog}"), record, Some("2023-11-14T10:20:30+02:00"));
    check_time(
        &format!(r#"{columns}, {syslog}, "advanced": {{"specified_year": 2021}}"#),
        record,
        Some("2021-11-14T10:20:30+02:00"),
    );
    let apsara = r#""logType": "apsara_log""#;
    let record = "[2023-11-14 10:20:30.5]\tk:v";
    check_time(apsara, record, Some("2023-11-14T10:20:30+02:00"));
    check_time(
        &format!(r#"{apsara}, {zone}, "adjustTimezone": true"#),
        record,
        Some("2023-11-14T10:20:30-03:30"),
    );
}

#[test]
fn the_topic_of_apsara_logs_is_the_path_without_suffix() {
    let topic = |detail: &str| {
        let plan = compiled(detail).plan.unwrap();
        String::from_utf8(plan.labels.topic(b"/v/a.log.1").0).unwrap()
    };
    assert_eq!(topic(r#""logType": "apsara_log""#), "/v/a");
    assert_eq!(topic(r#""logType": "json_log""#), "/v/a.log.1");
    assert_eq!(topic(r#""logType": "apsara_log", "topicFormat": "none""#), "");
}
