use super::*;
use serde_json::{Value, json};

fn raw(value: Value) -> RawCollectConfig {
    serde_json::from_value(value).unwrap()
}

fn target() -> Target {
    Target { project: Some("p".into()), logstore: Some("l".into()), ..Target::default() }
}

/// A configuration that is right, with `inputDetail` overlaid by `detail`.
fn config(detail: Value) -> RawCollectConfig {
    let mut base = json!({
        "logType": "common_reg_log", "logPath": "/var/log/nginx", "filePattern": "access.log",
        "dockerFile": false,
    });
    for (key, value) in detail.as_object().unwrap() {
        base[key] = value.clone();
    }
    raw(json!({ "inputType": "file", "configName": "nginx-access", "inputDetail": base }))
}

fn check_problems(raw: &RawCollectConfig, expected: &[&str]) {
    let checked = check(raw, &target());
    let found: Vec<String> = checked
        .problems
        .iter()
        .map(|problem| match problem.severity {
            Severity::Error => format!("error: {problem}"),
            Severity::Warning => format!("warning: {problem}"),
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(checked.config.is_none(), checked.errors().next().is_some());
}

fn checked(detail: Value) -> CollectConfig {
    let checked = check(&config(detail), &target());
    assert_eq!(checked.problems, []);
    checked.config.unwrap()
}

#[test]
fn the_error_log_of_the_seed_is_simple_mode() {
    let config = checked(json!({}));
    assert_eq!(config.parser, Parser::Whole);
    assert_eq!(config.framing, Framing::Line);
    assert_eq!((config.project(), config.logstore()), ("p", "l"));
    assert_eq!(config.input.paths[0].dir, "/var/log/nginx");
    assert_eq!(config.topic, Topic::Path);
    assert_eq!(config.unmatched, Unmatched::Drop);
    assert_eq!(config.time, None);
}

#[test]
fn a_begin_pattern_that_matches_everything_means_single_lines() {
    assert_eq!(checked(json!({ "logBeginRegex": ".*" })).framing, Framing::Line);
    let begin = json!({ "logBeginRegex": r"\d+-\d+.*" });
    assert_eq!(checked(begin).framing, lines_joined(Some(r"\d+-\d+.*"), None, None));
}

fn lines_joined(begin: Option<&str>, proceed: Option<&str>, end: Option<&str>) -> Framing {
    let owned = |pattern: Option<&str>| pattern.map(str::to_owned);
    let (begin, proceed, end) = (owned(begin), owned(proceed), owned(end));
    Framing::Multiline { begin, proceed, end, unmatched: UnmatchedLines::SingleLine, quiet: false }
}

#[test]
fn lines_are_joined_by_patterns_for_the_first_the_continued_and_the_last_one() {
    let framing = |detail| checked(detail).framing;
    assert_eq!(framing(json!({ "logEndRegex": "e" })), lines_joined(None, None, Some("e")));
    assert_eq!(
        framing(json!({ "log_begin_reg": "b", "log_end_reg": "e" })),
        lines_joined(Some("b"), None, Some("e"))
    );
    assert_eq!(
        framing(json!({ "log_continue_reg": "c", "log_end_reg": "e" })),
        lines_joined(None, Some("c"), Some("e"))
    );
    assert!(matches!(
        framing(json!({ "logBeginRegex": "b", "discardUnmatch": true })),
        Framing::Multiline { unmatched: UnmatchedLines::Discard, .. }
    ));
    assert_eq!(framing(json!({ "logType": "json_log" })), Framing::Json);
}

#[test]
fn patterns_for_lines_that_have_no_effect_are_a_warning() {
    check_problems(
        &config(json!({ "logContinueRegex": "c" })),
        &["warning: inputDetail.logContinueRegex: alone has no effect, because it does not say \
           where a record starts or ends; add `logBeginRegex` or `logEndRegex`"],
    );
    let three =
        config(json!({ "log_begin_reg": "b", "log_continue_reg": "c", "log_end_reg": "e" }));
    check_problems(
        &three,
        &["warning: inputDetail.log_end_reg: has no effect beside patterns for the first and the \
           continued lines; remove one of the three"],
    );
    let framing = check(&three, &target()).config.unwrap().framing;
    assert_eq!(framing, lines_joined(Some("b"), Some("c"), None));
}

#[test]
fn the_precision_of_times_is_read_from_the_advanced_settings() {
    let plain = checked(json!({}));
    assert_eq!((plain.nanoseconds, plain.precise_time), (false, None));
    let config = checked(json!({
        "timeFormat": "%m-%d", "timeKey": "t",
        "advanced": {
            "enable_timestamp_nanosecond": true, "specified_year": 2021,
            "enable_precise_timestamp": true, "precise_timestamp_unit": "us",
        },
    }));
    assert!(config.nanoseconds);
    assert_eq!(config.time.unwrap().year, Some(2021));
    let key = "precise_timestamp".to_owned();
    assert_eq!(config.precise_time, Some(PreciseTime { key, unit: PreciseUnit::Micros }));
    check_problems(
        &super::tests::config(json!({
            "timeFormat": "%m-%d", "timeKey": "t",
            "advanced": {
                "specified_year": 21, "enable_precise_timestamp": true,
                "precise_timestamp_unit": "s",
            },
        })),
        &[
            "warning: inputDetail.advanced.specified_year: 21 is not a year from 1970 to 2105, \
             it has no effect; write the year, or 0 for the current one",
            "warning: inputDetail.advanced.precise_timestamp_unit: `s` is not a unit, so it is \
             milliseconds; write `ms`, `us` or `ns`",
        ],
    );
}

#[test]
fn the_stray_quote_of_the_seed_is_named_with_what_was_meant() {
    let keys = ["time", "ip", "response-size", "ser-agent\""];
    check_problems(
        &config(json!({ "regex": "(.*)", "key": keys })),
        &["error: inputDetail.key[3]: field name `ser-agent\"` contains a quote; \
           the quotes of the list do not pair up here; write \"user-agent\""],
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    let broken = raw(json!({
        "inputType": "flie",
        "configName": "Bad Name",
        "inputDetail": {
            "logType": "json_lgo", "logpath": "/x", "filePattern": "a/b.log", "maxDepth": 5000,
            "filterKey": ["a", "b"], "filterRegex": [".*"], "enableRawLog": "maybe",
            "timeFormat": "%s", "adjustTimezone": true, "logTimezone": "Berlin",
        },
    }));
    check_problems(
        &broken,
        &[
            "error: configName: `Bad Name` is not a configuration name; use 2 to 128 characters \
             of a-z, 0-9, - and _, with a letter or digit at both ends",
            "error: inputType: `flie` is not an input type; write `file`",
            "warning: inputDetail.logpath: unknown key, it has no effect; did you mean `logPath`?",
            "error: inputDetail.logPath: is missing; name the directory of the log files, for \
             example /var/log/nginx",
            "error: inputDetail.filePattern: `a/b.log` contains `/`; put the directory into `logPath`",
            "error: inputDetail.maxDepth: 5000 is out of range; use 0 to 1000",
            "error: inputDetail.logType: `json_lgo` is not a log type; use `common_reg_log`, \
             `json_log`, `delimiter_log` or `apsara_log`",
            "error: inputDetail.logTimezone: `Berlin` is not a time zone; write it as GMT+08:00",
            "error: inputDetail.filterKey: 2 keys for 1 patterns in `filterRegex`; write one \
             pattern for each key",
            "error: inputDetail.enableRawLog: `\"maybe\"` is a text; write true or false",
        ],
    );
}

#[test]
fn an_empty_object_says_all_that_it_needs() {
    let checked = check(&RawCollectConfig::default(), &Target::default());
    let fields: Vec<_> = checked.errors().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "configName",
            "outputDetail.projectName",
            "outputDetail.logstoreName",
            "inputType",
            "inputDetail"
        ]
    );
}

#[test]
fn null_empty_and_absent_mean_the_same() {
    let detail = json!({
        "maxDepth": null, "topicFormat": "", "filterKey": [], "regex": null, "key": [],
        "timeFormat": "", "advanced": null,
    });
    assert_eq!(checked(detail), checked(json!({})));
}

#[test]
fn the_agents_own_spelling_is_understood() {
    let snake = raw(json!({
        "config_name": "nginx-access", "input_type": "file",
        "output_detail": { "project_name": "p", "logstore_name": "l" },
        "input_detail": {
            "log_type": "common_reg_log", "log_path": "/var/log/nginx/", "file_pattern": "access.log",
            "docker_file": false, "regex": [r"(\S+) (\S+)"], "keys": ["a, b"], "timeformat": "%s",
            "time_key": "a",
        },
    }));
    let mut camel = checked(
        json!({ "regex": r"(\S+) (\S+)", "key": ["a", "b"], "timeFormat": "%s", "timeKey": "a" }),
    );
    let checked = check(&snake, &Target::default());
    assert_eq!(checked.problems, []);
    let config = checked.config.unwrap();
    let shown = |field| config.places.shown(field);
    assert_eq!(shown("inputDetail.key[1]"), "input_detail.keys[1]");
    assert_eq!(shown("inputDetail.regex"), "input_detail.regex");
    camel.places = config.places.clone();
    assert_eq!(config, camel);
}

#[test]
fn the_time_comes_from_the_group_called_time() {
    let config = checked(json!({
        "regex": r"(\S+) (\S+)", "key": ["Time", "ip"], "timeFormat": "%d/%b/%Y:%H:%M:%S",
        "adjustTimezone": true, "logTimezone": "GMT-03:30",
    }));
    assert_eq!(
        config.time,
        Some(TimeRule {
            key: "Time".into(),
            format: "%d/%b/%Y:%H:%M:%S".into(),
            zone_offset_seconds: Some(-(3 * 3600 + 30 * 60)),
            year: None,
        })
    );
}

#[test]
fn docker_files_are_a_warning_in_a_sidecar() {
    check_problems(
        &config(json!({ "dockerFile": true })),
        &["warning: inputDetail.dockerFile: true has no effect in a sidecar, which reads the \
           shared volume itself; remove it"],
    );
}

#[test]
fn a_pattern_without_names_and_names_without_a_pattern_are_refused() {
    check_problems(
        &config(json!({ "regex": r"(\d+)" })),
        &[
            r"error: inputDetail.key: is missing, while `regex` is (\d+); name a field for each capture group of the pattern",
        ],
    );
    check_problems(
        &config(json!({ "key": ["a"] })),
        &[
            "error: inputDetail.regex: is missing, while `key` names fields; write a pattern with a capture group for each key",
        ],
    );
}

#[test]
fn exclusions_are_checked_one_by_one() {
    let config = config(json!({ "advanced": { "tail_size_kb": -1, "blacklist": {
        "dir_blacklist": ["/ok", "relative"], "filename_blacklist": ["*.gz", "a/b"],
    } } }));
    check_problems(
        &config,
        &[
            "error: inputDetail.advanced.tail_size_kb: -1 is out of range; use 0 to 104857600",
            "error: inputDetail.advanced.blacklist.dir_blacklist[1]: `relative` is not an absolute path; start it with `/`",
            "error: inputDetail.advanced.blacklist.filename_blacklist[1]: `a/b` contains `/`; use the list of file paths for paths",
        ],
    );
}

/// The agent's own flat form of a configuration.
fn flat(more: Value) -> RawCollectConfig {
    let mut base = json!({
        "enable": true, "version": 3, "project_name": "p", "category": "l", "region": "r",
        "aliuid": "1", "endpoint_list": [], "log_type": "common_reg_log", "log_path": "/v",
        "file_pattern": "a.log", "local_storage": true,
    });
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    raw(base)
}

#[test]
fn the_agents_own_files_have_everything_in_one_object() {
    let named = Target { name: Some("c1".into()), ..Target::default() };
    let checked = check(&flat(json!({ "regex": ["(.*)"], "keys": ["content"] })), &named);
    assert_eq!(checked.problems, []);
    let config = checked.config.unwrap();
    assert_eq!((config.name.as_str(), config.project(), config.logstore()), ("c1", "p", "l"));
    assert_eq!(config.destinations[0].region.as_deref(), Some("r"));
    assert_eq!(config.parser, Parser::Whole);
    assert_eq!(config.places.shown("inputDetail.regex"), "regex");
    assert_eq!(config.places.shown("inputDetail.filePattern"), "file_pattern");
    for off in [json!({ "enable": false }), json!({ "version": -1 })] {
        let checked = check(&flat(off), &named);
        assert_eq!((checked.config, checked.is_off), (None, true));
    }
}

#[test]
fn relative_paths_of_the_agents_own_files_are_below_its_directory() {
    let named = Target { name: Some("c1".into()), ..Target::default() };
    let checked = check(&flat(json!({ "log_path": "./logs/" })), &named);
    assert_eq!(checked.config.unwrap().input.paths[0].dir, "/usr/local/ilogtail/logs");
    assert_eq!(checked.problems[0].field, "log_path");
    check_problems(
        &config(json!({ "logPath": "logs" })),
        &["error: inputDetail.logPath: `logs` is not an absolute path; start it with `/`, as the \
           agent's container sees it"],
    );
}

#[test]
fn several_patterns_are_tried_in_turn() {
    let named = Target { name: Some("c1".into()), ..Target::default() };
    let several = json!({ "regex": [r"(\d+) (.*)", "(.*)"], "keys": ["n,rest", "rest"] });
    let config = check(&flat(several), &named).config.unwrap();
    let rule = |pattern: &str, keys: &[&str]| RegexRule {
        pattern: pattern.into(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    assert_eq!(
        config.parser,
        Parser::Regex {
            pattern: r"(\d+) (.*)".into(),
            keys: vec!["n".into(), "rest".into()],
            alternatives: vec![rule("(.*)", &["rest"])],
        }
    );
    let uneven = json!({ "regex": ["(a)", "(b)"], "keys": ["x"] });
    let checked = check(&flat(uneven), &named);
    assert_eq!(
        checked.problems[0].to_string(),
        "keys: 1 lists of names for 2 patterns in `regex`; write the names of each pattern in one \
         text, joined by commas"
    );
}

#[test]
fn what_agents_in_use_accept_is_not_refused() {
    // Values that are wrong or from another world, and keys that do nothing here.
    let checked = check(
        &config(json!({
            "priority": 9, "shardHashKey": ["__topic__", "level"], "mergeType": "file",
            "compressType": "snappy", "fileEncoding": "utf16", "preserve": false,
            "preserveDepth": 7, "delaySkipBytes": -1, "maxSendRate": -1, "localStorage": true,
            "enableTag": true, "customizedFields": {}, "dockerIncludeEnv": {}, "plugin": {},
            "logPath": "/v/**", "readerFlushTimeout": -1,
            "sensitive_keys": [
                { "key": "a", "type": "sha" },
                { "key": "pw", "type": "md5", "regex_begin": "b", "regex_content": "c" },
            ],
            "advanced": {
                "exactly_once_concurrency": 2, "k8s": { "K8sPodRegex": "^a$" },
                "search_checkpoint_dir_depth": 1, "specified_year": -1,
            },
        })),
        &target(),
    );
    let config = checked.config.unwrap();
    assert_eq!(config.priority, 0);
    assert_eq!(config.destinations[0].shard_hash, [ShardHashKey::Topic]);
    assert_eq!(config.input.paths[0].dir, "/v/*");
    assert_eq!(config.input.preserved_depth, None);
    assert_eq!(config.masks.len(), 1);
    let mut fields: Vec<_> = checked.problems.iter().map(|it| it.field.as_str()).collect();
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(
        fields,
        [
            "inputDetail.advanced.k8s",
            "inputDetail.compressType",
            "inputDetail.delaySkipBytes",
            "inputDetail.fileEncoding",
            "inputDetail.logPath",
            "inputDetail.mergeType",
            "inputDetail.preserveDepth",
            "inputDetail.priority",
            "inputDetail.readerFlushTimeout",
            "inputDetail.sensitive_keys[0].regex_begin",
            "inputDetail.sensitive_keys[0].regex_content",
            "inputDetail.sensitive_keys[0].type",
            "inputDetail.shardHashKey[1]",
        ]
    );
}

#[test]
fn who_names_compressed_files_is_told_how_they_are_read() {
    let said = |more: Value| {
        let mut detail = json!({ "filePattern": "a.log-*.gz" });
        detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let checked = check(&config(detail), &target());
        let said = checked.problems.first().map(ToString::to_string);
        (checked.config.unwrap().input.gzip_history, said)
    };
    let told = "inputDetail.filePattern: `a.log-*.gz` names compressed files, which are not read; \
                set `read_gzip_history: true`";
    assert_eq!(said(json!({})), (false, Some(told.to_owned())));
    assert_eq!(said(json!({ "advanced": { "read_gzip_history": true } })), (true, None));
}

#[test]
fn how_logs_are_sent_is_read() {
    let raw = config(json!({
        "compressType": "zstd", "shardHashKey": ["__source__"], "mergeType": "logstore",
        "maxSendRate": 1000, "sendRateExpire": 7, "priority": 1, "delayAlarmBytes": 5,
        "delaySkipBytes": 6,
        "advanced": {
            "batch_send_interval": 3, "max_rotate_queue_size": 9,
            "close_unused_reader_interval": 8, "enable_log_position_meta": true,
        },
    }));
    let checked = check(&raw, &target());
    let config = checked.config.unwrap();
    let destination = &config.destinations[0];
    assert_eq!(destination.compression, Some(crate::compress::Compression::Zstd));
    assert_eq!(destination.merge, MergeBy::Logstore);
    assert_eq!(destination.max_rate, Some(SendRate { bytes_per_second: 1000, until: Some(7) }));
    assert_eq!(destination.batch.max_age, Some(std::time::Duration::from_secs(3)));
    assert_eq!((config.input.delay_alarm_bytes, config.input.delay_skip_bytes), (5, Some(6)));
    assert_eq!(config.input.rotation_queue, Some(9));
    assert_eq!(config.tags.inode.as_deref(), Some("__inode__"));
    assert_eq!(config.tags.offset_field.as_deref(), Some("__file_offset__"));
}

#[test]
fn every_key_of_the_table_is_known_in_both_spellings() {
    let mut detail = serde_json::Map::new();
    for key in options::INPUT_DETAIL {
        detail.insert(key.name.to_owned(), Value::Null);
        detail.insert(key.agent.to_owned(), Value::Null);
    }
    let checked = check(&config(Value::Object(detail)), &target());
    assert!(checked.problems.iter().all(|problem| problem.part == Part::Value));
}
