//! A pipeline and its classic twin are the same configuration; what has no twin is refused.

use crate::collect::{
    CollectConfig, EnvTags, Filter, Framing, MaskMethod, Parser, Places, RawCollectConfig,
    Severity, Target, Topic, Unmatched, UnmatchedLines, check,
};
use serde_json::{Value, json};

fn target() -> Target {
    Target { name: Some("app".into()), project: Some("p".into()), logstore: Some("l".into()) }
}

fn of(value: Value) -> Result<CollectConfig, Vec<String>> {
    let raw: RawCollectConfig = serde_json::from_value(value).unwrap();
    let checked = check(&raw, &target());
    let problems = checked.problems.iter().map(|problem| match problem.severity {
        Severity::Error => format!("error: {problem}"),
        Severity::Warning => format!("warning: {problem}"),
    });
    let problems: Vec<String> = problems.collect();
    if problems.is_empty() { Ok(checked.config.unwrap()) } else { Err(problems) }
}

/// A pipeline that reads `/v/a.log`, with parts replaced.
fn pipeline(parts: Value) -> Value {
    let mut whole = json!({
        "global": { "TopicType": "default" },
        "inputs": [{ "Type": "input_file", "FilePaths": ["/v/a.log"] }],
        "flushers": [{ "Type": "flusher_sls", "Project": "p", "Logstore": "l" }],
    });
    for (key, value) in parts.as_object().unwrap() {
        whole[key] = value.clone();
    }
    whole
}

fn input(parts: Value) -> Value {
    let mut input = json!({ "Type": "input_file", "FilePaths": ["/v/a.log"] });
    for (key, value) in parts.as_object().unwrap() {
        input[key] = value.clone();
    }
    pipeline(json!({ "inputs": [input] }))
}

fn processors(list: Value) -> Value {
    pipeline(json!({ "processors": list }))
}

/// Checks that a pipeline is what the classic `detail` is, but for the places.
#[track_caller]
fn check_twins(detail: Value, pipeline: Value) {
    let mut classic = json!({
        "logType": "common_reg_log", "logPath": "/v", "filePattern": "a.log", "maxDepth": 0,
    });
    for (key, value) in detail.as_object().unwrap() {
        classic[key] = value.clone();
    }
    let without_places = |value| {
        let config: CollectConfig = of(value).unwrap();
        CollectConfig { places: Places::default(), ..config }
    };
    let classic = json!({ "inputType": "file", "inputDetail": classic });
    assert_eq!(without_places(pipeline), without_places(classic));
}

#[track_caller]
fn check_problems(pipeline: Value, expected: &[&str]) {
    assert_eq!(of(pipeline).unwrap_err(), expected);
}

fn regex(parts: Value) -> Value {
    let mut parser = json!({
        "Type": "processor_parse_regex_native", "SourceKey": "content",
        "Regex": r"(\S+) (\S+)", "Keys": ["time", "msg"],
    });
    for (key, value) in parts.as_object().unwrap() {
        parser[key] = value.clone();
    }
    parser
}

fn classic_regex(parts: Value) -> Value {
    let mut detail = json!({ "regex": r"(\S+) (\S+)", "key": ["time", "msg"] });
    for (key, value) in parts.as_object().unwrap() {
        detail[key] = value.clone();
    }
    detail
}

#[test]
fn a_bare_input_is_simple_mode() {
    check_twins(json!({}), pipeline(json!({})));
    check_twins(json!({}), processors(json!([])));
}

#[test]
fn files_are_the_same_in_both_formats() {
    let below = json!({ "FilePaths": ["/v/**/a.log"], "MaxDirSearchDepth": 7 });
    check_twins(json!({ "maxDepth": 7 }), input(below));
    check_twins(
        json!({ "logPath": "/", "filePattern": "x*" }),
        input(json!({ "FilePaths": ["/x*"] })),
    );
    check_twins(
        json!({
            "fileEncoding": "gbk", "tailExisted": true, "readerFlushTimeout": 5,
            "discardNonUtf8": false,
            "advanced": {
                "tail_size_kb": 10, "force_multiconfig": true,
                "blacklist": {
                    "dir_blacklist": ["/v/x"], "filename_blacklist": ["*.gz"],
                    "filepath_blacklist": ["/v/**/b"],
                },
            },
        }),
        input(json!({
            "FileEncoding": "gbk", "TailSizeKB": 10, "TailingAllMatchedFiles": true,
            "FlushTimeoutSecs": 5, "ExcludeDirs": ["/v/x"], "ExcludeFiles": ["*.gz"],
            "ExcludeFilePaths": ["/v/**/b"], "AllowingIncludedByMultiConfigs": true,
        })),
    );
    check_twins(
        json!({
            "delayAlarmBytes": 5, "delaySkipBytes": 6, "preserve": false, "preserveDepth": 2,
            "advanced": {
                "max_rotate_queue_size": 7, "close_unused_reader_interval": 8,
                "read_gzip_history": true, "enable_log_position_meta": true,
            },
        }),
        input(json!({
            "ReadDelayAlertThresholdBytes": 5, "ReadDelaySkipThresholdBytes": 6,
            "PreservedDirDepth": 2, "RotatorQueueSize": 7, "CloseUnusedReaderIntervalSec": 8,
            "ReadingGzipHistory": true, "AppendingLogPositionMeta": true,
        })),
    );
}

#[test]
fn records_of_several_lines_are_the_same_in_both_formats() {
    check_twins(
        json!({ "logBeginRegex": r"\d+.*" }),
        input(json!({ "Multiline": { "StartPattern": r"\d+.*" } })),
    );
    check_twins(
        json!({ "log_continue_reg": "c", "log_end_reg": "e", "discardUnmatch": true }),
        input(json!({ "Multiline": {
            "Mode": "custom", "ContinuePattern": "c", "EndPattern": "e",
            "UnmatchedContentTreatment": "discard",
        } })),
    );
    let modes = |mode: &str| of(input(json!({ "Multiline": { "Mode": mode } }))).unwrap().framing;
    assert_eq!(modes("JSON"), Framing::Json);
    assert_eq!(modes("whole_file"), Framing::WholeFile);
    let quiet = json!({ "Multiline": { "EndPattern": "e", "IgnoringUnmatchWarning": true } });
    let framing = of(input(quiet)).unwrap().framing;
    let unmatched = UnmatchedLines::SingleLine;
    let end = Some("e".to_owned());
    assert_eq!(
        framing,
        Framing::Multiline { begin: None, proceed: None, end, unmatched, quiet: true }
    );
}

#[test]
fn parsers_are_the_same_in_both_formats() {
    check_twins(classic_regex(json!({})), processors(json!([regex(json!({}))])));
    check_twins(
        classic_regex(json!({ "discardUnmatch": false, "enableRawLog": true })),
        processors(json!([regex(json!({
            "KeepingSourceWhenParseFail": true, "CopingRawLog": true,
            "KeepingSourceWhenParseSucceed": true, "RenamedSourceKey": "__raw__",
        }))])),
    );
    let mut json_mode = input(json!({ "Multiline": { "Mode": "JSON" } }));
    json_mode["processors"] =
        json!([{ "Type": "processor_parse_json_native", "SourceKey": "content" }]);
    check_twins(json!({ "logType": "json_log" }), json_mode);
    for (extend, treatment) in [(true, "extend"), (false, "keep")] {
        check_twins(
            json!({
                "logType": "delimiter_log", "separator": "\\t", "quote": "'",
                "key": ["a", "b"], "autoExtend": extend, "acceptNoEnoughKeys": true,
            }),
            processors(json!([{
                "Type": "processor_parse_delimiter_native", "SourceKey": "content",
                "Separator": "\\t", "Quote": "'", "Keys": ["a", "b"],
                "OverflowedFieldsTreatment": treatment,
            }])),
        );
    }
    check_twins(
        json!({ "logType": "apsara_log", "adjustTimezone": true, "logTimezone": "GMT-01:30" }),
        processors(json!([{
            "Type": "processor_parse_apsara_native", "SourceKey": "content",
            "Timezone": "GMT-01:30",
        }])),
    );
}

#[test]
fn time_filters_and_masks_are_the_same_in_both_formats() {
    let time = json!({
        "Type": "processor_parse_timestamp_native", "SourceKey": "time", "SourceFormat": "%s",
        "SourceTimezone": "GMT+08:00", "SourceYear": 2021,
    });
    let filter = json!({
        "Type": "processor_filter_regex_native", "FilterKey": ["msg", "time"],
        "FilterRegex": ["a.*", "b"], "DiscardingNonUTF8": true,
    });
    let mask = json!({
        "Type": "processor_desensitize_native", "SourceKey": "msg", "Method": "const",
        "ReplacingString": "***", "ContentPatternBeforeReplacedString": "pw=",
        "ReplacedContentPattern": "[^,]+",
    });
    let detail = classic_regex(json!({
        "timeFormat": "%s", "adjustTimezone": true, "logTimezone": "GMT+08:00",
        "filterKey": ["msg", "time"], "filterRegex": ["a.*", "b"], "discardNonUtf8": true,
        "sensitive_keys": [{
            "key": "msg", "type": "const", "const": "***", "regex_begin": "pw=",
            "regex_content": "[^,]+", "all": true,
        }],
        "advanced": { "specified_year": 2021 },
    }));
    let parser = regex(json!({}));
    check_twins(detail.clone(), processors(json!([parser, time, filter, mask])));
    // Time has nothing to do with the others, so that it may stand anywhere.
    check_twins(detail, processors(json!([parser, filter, mask, time])));
}

#[test]
fn filter_expressions_are_trees_in_both_formats() {
    let tree = json!({ "operator": "or", "operands": [
        { "key": "a", "exp": "1", "type": "regex" },
        { "operator": "not", "operands": [{ "key": "b", "exp": "2" }] },
    ] });
    check_twins(
        json!({ "advanced": { "filter_expression": tree } }),
        processors(json!([{ "Type": "processor_filter_regex_native", "ConditionExp": tree }])),
    );
    let pipeline =
        processors(json!([{ "Type": "processor_filter_regex_native", "ConditionExp": tree }]));
    let config = of(pipeline).unwrap();
    let Some(Filter::Any(operands)) = &config.filter else { panic!("{:?}", config.filter) };
    assert!(matches!(operands[1], Filter::Not(_)));
    assert_eq!(
        config.places.shown("inputDetail.filterRegex[1]"),
        "processors[0].ConditionExp.operands[1].operands[0].exp"
    );
    let wrong = json!({ "operator": "nor", "operands": [
        { "operator": "and", "operands": [{ "key": "a", "exp": "1" }] },
        { "exp": "2", "type": "glob" },
    ] });
    check_problems(
        processors(json!([{ "Type": "processor_filter_regex_native", "ConditionExp": wrong }])),
        &[
            "error: processors[0].ConditionExp.operands[0].operands: 1 usable operands for `and`; \
             give it two operands or more, each an object",
            "error: processors[0].ConditionExp.operands[1].key: is missing; write `key` and \
             `exp`, or `operator` and `operands`",
            "error: processors[0].ConditionExp.operands[1].type: `glob` is not a kind of \
             condition; write `regex`",
            "error: processors[0].ConditionExp.operator: `nor` is not an operator; write `and`, \
             `or` or `not`",
        ],
    );
}

#[test]
fn topics_are_the_same_in_both_formats() {
    let topic = |global: Value| pipeline(json!({ "global": global }));
    for (classic, global) in [
        ("none", json!({})),
        ("none", json!({ "TopicType": "none" })),
        ("default", json!({ "TopicType": "default" })),
        ("group_topic", json!({ "TopicType": "machine_group_topic" })),
        ("customized://x y", json!({ "TopicType": "custom", "TopicFormat": "x y" })),
        ("/v/(.*)", json!({ "TopicType": "filepath", "TopicFormat": "/v/(.*)" })),
    ] {
        check_twins(json!({ "topicFormat": classic }), topic(global));
    }
    let group = json!({ "TopicType": "machine_group_topic", "TopicFormat": "g" });
    assert_eq!(of(topic(group)).unwrap().topic, Topic::Fixed("g".into()));
    check_problems(
        topic(json!({ "TopicType": "custom" })),
        &["error: global.TopicFormat: is missing beside `TopicType: custom`; give the topic"],
    );
}

#[test]
fn tags_are_renamed_and_left_out() {
    let mut pipeline = input(json!({ "Tags": { "FilePathTagKey": "log.path" } }));
    pipeline["global"]["PipelineMetaTagKey"] =
        json!({ "HOST_NAME": "host", "AGENT_TAG": "", "HOST_ID": "" });
    pipeline["global"]["AgentEnvMetaTagKey"] =
        json!({ "POD": "pod", "NODE": "__default__", "ZONE": "" });
    let tags = of(pipeline).unwrap().tags;
    assert_eq!(tags.path.as_deref(), Some("log.path"));
    assert_eq!((tags.hostname.as_deref(), tags.user_defined_id), (Some("host"), None));
    let env = [("POD", "pod"), ("NODE", "NODE")];
    let env = env.map(|(from, to)| (from.to_owned(), to.to_owned())).into_iter().collect();
    assert_eq!(tags.env, EnvTags::Only(env));
}

#[test]
fn several_paths_and_destinations_are_one_configuration() {
    let mut pipeline = input(json!({
        "FilePaths": ["/a/**/x.log", "/b/*/y.log"], "MaxDirSearchDepth": 3,
    }));
    pipeline["flushers"] = json!([
        { "Type": "flusher_sls", "Project": "p1", "Logstore": "l" },
        { "Type": "flusher_sls", "Project": "p2", "Logstore": "l", "Region": "r" },
    ]);
    let config = of(pipeline).unwrap();
    let paths: Vec<_> = config
        .input
        .paths
        .iter()
        .map(|path| (path.dir.as_str(), path.pattern.as_str(), path.max_depth))
        .collect();
    assert_eq!(paths, [("/a", "x.log", 3), ("/b/*", "y.log", 0)]);
    let projects: Vec<_> = config.destinations.iter().map(|it| it.project.as_str()).collect();
    assert_eq!(projects, ["p1", "p2"]);
    assert_eq!(config.destinations[1].region.as_deref(), Some("r"));
}

#[test]
fn what_does_not_map_is_refused_with_what_would() {
    let bare = |kind: &str| json!({ "Type": kind, "SourceKey": "content" });
    check_problems(
        pipeline(json!({
            "inputs": [{ "Type": "input_container_stdio" }],
            "flushers": [{ "Type": "flusher_kafka" }],
        })),
        &[
            "error: flushers[0].Type: `flusher_kafka` is not supported; use `flusher_sls`",
            "error: inputs[0].Type: `input_container_stdio` is not supported; use `input_file`",
        ],
    );
    let checked = of(processors(json!([{ "Type": "processor_split_char" }]))).unwrap_err();
    assert!(
        checked[0].starts_with(
            "error: processors[0].Type: `processor_split_char` is not supported; \
             `processor_parse_regex_native`, "
        ),
        "{checked:?}"
    );
    check_problems(
        processors(json!([regex(json!({})), bare("processor_parse_json_native")])),
        &["error: processors[1].Type: `processor_parse_json_native` is a second parser, which \
             is not supported; let one parser make all fields"],
    );
    check_problems(
        processors(json!([regex(json!({ "SourceKey": "msg" }))])),
        &["error: processors[0].SourceKey: `msg` cannot be parsed; only whole records can; \
           write `content`"],
    );
    let filter = json!({
        "Type": "processor_filter_regex_native", "FilterKey": ["content"], "FilterRegex": ["a"],
    });
    check_problems(
        processors(json!([filter, bare("processor_parse_json_native")])),
        &["error: processors[1].Type: stands after `processor_filter_regex_native`, which would \
             work on unparsed records; put the parser first"],
    );
    let mask = json!({
        "Type": "processor_desensitize_native", "SourceKey": "content", "Method": "md5",
        "ContentPatternBeforeReplacedString": "a", "ReplacedContentPattern": "b",
    });
    check_problems(
        processors(json!([mask, filter])),
        &["error: processors[1].Type: looks at `content`, which was made unreadable before; \
             put the filter before `processor_desensitize_native`"],
    );
    let config = of(processors(json!([mask]))).unwrap();
    assert_eq!(config.masks[0].method, MaskMethod::Md5);
    assert!(config.masks[0].all);
    assert_eq!(config.parser, Parser::Whole);
}

#[test]
fn paths_are_checked_one_by_one() {
    let many: Vec<String> = (0..11).map(|number| format!("/v/{number}")).collect();
    check_problems(
        input(json!({ "FilePaths": many })),
        &["error: inputs[0].FilePaths: 11 paths are too many; use at most 10"],
    );
    check_problems(
        input(json!({ "FilePaths": ["v/a", "/v/", "/**/v/a", "/v/**"] })),
        &[
            "error: inputs[0].FilePaths[0]: `v/a` is not an absolute path; start it with `/`, as \
             the agent's container sees it",
            "error: inputs[0].FilePaths[1]: `/v/` names no file; end it with a file name, or a \
             pattern such as `*.log`",
            "error: inputs[0].FilePaths[2]: `/**/v/a` has `**` in the middle; write `**` once, \
             right before the file name, or `*` for one level",
            "error: inputs[0].FilePaths[3]: `/v/**` names no file; end it with a file name, or a \
             pattern such as `*.log`",
        ],
    );
}

#[test]
fn an_empty_pipeline_says_all_that_it_needs() {
    check_problems(
        json!({ "processors": [] }),
        &[
            "error: flushers: is missing; give a flusher of `Type: flusher_sls` with `Project` and \
             `Logstore`",
            "error: inputs: is missing; give one input of `Type: input_file` with its `FilePaths`",
        ],
    );
}

#[test]
fn unknown_keys_and_keys_without_effect_are_reported_and_not_fatal() {
    let given = input(json!({ "TailSize": 1, "EnableContainerDiscovery": true }));
    let raw: RawCollectConfig = serde_json::from_value(given).unwrap();
    let checked = check(&raw, &target());
    let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "inputs[0].TailSize: unknown key, it has no effect; did you mean `TailSizeKB`?",
            "inputs[0].EnableContainerDiscovery: true has no effect in a sidecar, which reads the \
             shared volume itself; remove it",
        ]
    );
    assert!(checked.config.is_some());
}

#[test]
fn what_does_not_parse_can_be_kept_under_a_name() {
    let keep = json!({ "KeepingSourceWhenParseFail": true });
    let config = of(processors(json!([regex(keep)]))).unwrap();
    assert_eq!(config.unmatched, Unmatched::KeepAs("content".into()));
    assert_eq!(config.raw_field, None);
}

#[test]
fn a_pipeline_can_be_off() {
    let raw = serde_json::from_value(pipeline(json!({ "enable": false }))).unwrap();
    let checked = check(&raw, &target());
    assert_eq!((checked.config, checked.is_off), (None, true));
}
