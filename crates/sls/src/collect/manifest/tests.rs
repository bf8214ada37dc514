use super::*;
use crate::collect::{CollectConfig, Parser, Problem, Severity, Target, check};

/// Everything said about `text`, printed as a person sees it.
fn said(text: &str) -> String {
    said_with(text, &|_| Vec::new())
}

fn said_with(text: &str, compile: Compile<'_>) -> String {
    let mut said = String::new();
    for document in read(text) {
        for diagnostic in verify(&document, text, &Target::default(), compile).diagnostics {
            said.push_str(&diagnostic.render("c.yaml", text, Colors::Never));
        }
    }
    said
}

/// Stands for the compiler of the `pipeline` crate, which counts groups.
fn count_groups(config: &CollectConfig) -> Vec<Problem> {
    let Parser::Regex { pattern, keys, .. } = &config.parser else { return Vec::new() };
    let groups = crate::collect::groups(pattern).len();
    if groups == keys.len() {
        return Vec::new();
    }
    let what = format!("the pattern has {groups} capture groups for {} names", keys.len());
    vec![Problem::warning("inputDetail.key", what).fix("name every group")]
}

fn resource(text: &str) -> Resource {
    let documents = read(text);
    let Body::Tree(node) = &documents[0].body else { panic!("is readable") };
    match subject(node) {
        Subject::Resource(resource) => *resource,
        other => panic!("is {other:?}"),
    }
}

/// A manifest that is right, with lines added to its spec and taken from it.
fn manifest(spec: &str, detail: &str) -> String {
    format!(
        "\
apiVersion: log.alibabacloud.com/v1alpha1
kind: AliyunLogConfig
metadata:
  name: nginx-access
spec:
{spec}  logtailConfig:
    inputType: file
    configName: nginx-access
    inputDetail:
      logType: common_reg_log
      logPath: /var/log/nginx
      filePattern: access.log
{detail}"
    )
}

const SPEC: &str = "  project: demo\n  logstore: nginx-access\n  machineGroups: [sidecars]\n";

#[test]
fn the_stray_quote_of_the_seed_is_shown_with_the_corrected_line() {
    let text = include_str!("../../../../../examples/nginx-sidecar-broken/access.yaml");
    insta::assert_snapshot!(said_with(text, &count_groups));
    let verdict = verify(&read(text)[0], text, &Target::default(), &count_groups);
    assert!(verdict.is_refused());
    assert_eq!(verdict.config, None);
    let corrected = verdict.diagnostics.iter().map(|diagnostic| diagnostic.corrected_line(text));
    let corrected: Vec<String> = corrected.flatten().collect();
    assert!(corrected[0].ends_with(r#""response-size", "user-agent"]"#));
    assert!(corrected[1].ends_with(r#""response-size", "referer", "user-agent"]"#));
}

#[test]
fn repairing_what_is_said_gives_a_configuration_without_problems() {
    let text = include_str!("../../../../../examples/nginx-sidecar-broken/access.yaml");
    let verdict = verify(&read(text)[0], text, &Target::default(), &count_groups);
    let repair = verdict.diagnostics[1].repair.clone().unwrap();
    let repaired = edits::Edited::new(text, [repair]).text;
    let verdict = verify(&read(&repaired)[0], &repaired, &Target::default(), &count_groups);
    assert_eq!(verdict.diagnostics, []);
    assert!(verdict.config.is_some());
}

#[test]
fn too_few_names_alone_are_a_warning() {
    let text = manifest(
        SPEC,
        "      regex: '(\\S+) (\\S+) (\\d+)'\n      key:\n      - time\n      - ip\n      discardUnmatch: true\n",
    );
    insta::assert_snapshot!(said_with(&text, &count_groups));
    let verdict = verify(&read(&text)[0], &text, &Target::default(), &count_groups);
    assert!(!verdict.is_refused());
    assert!(verdict.config.is_some());
}

#[test]
fn the_corrected_examples_have_nothing_to_be_said_about() {
    assert_eq!(said(include_str!("../../../../../examples/nginx-sidecar/access.yaml")), "");
    assert_eq!(said(include_str!("../../../../../examples/nginx-sidecar/error.yaml")), "");
}

#[test]
fn documents_of_other_kinds_are_passed_over() {
    assert_eq!(said(include_str!("../../../../../examples/nginx-sidecar/job.yaml")), "");
}

#[test]
fn a_misspelt_key_is_shown_with_the_one_that_was_meant() {
    insta::assert_snapshot!(said(&manifest(SPEC, "      maxDept: 3\n")));
}

#[test]
fn names_that_people_take_for_others_are_answered_with_the_right_ones() {
    let spec = "  projectName: demo\n  logstoreName: l\n  ttl: 30\n";
    insta::assert_snapshot!(said(&manifest(spec, "")));
}

#[test]
fn text_that_is_no_yaml_is_explained_at_its_place() {
    let broken = manifest(SPEC, "      key: [\"time\", \"ip]\n");
    insta::assert_snapshot!(said(&broken));
    let twice = manifest(SPEC, "      logPath: /other\n");
    insta::assert_snapshot!(said(&twice));
}

#[test]
fn a_column_counts_characters_and_the_caret_stands_under_wide_ones() {
    let text = manifest(SPEC, "      logSample: 日志, key: [\"日志\", x\"]\n");
    let text = text.replace("logSample: 日志, ", "");
    let text = text.replace("key:", "regex: '(a)(b)'\n      key:");
    insta::assert_snapshot!(said(&text));
}

#[test]
fn explicit_nulls_and_empty_values_mean_that_nothing_was_said() {
    let dump = "  project: \"\"\n  logstore: l1\n  lifeCycle: null\n  machineGroups: null\n  \
                shardCount: null\n  logstoreMode: ''\n  configTags: {}\n";
    let spec = resource(&manifest(dump, "")).spec;
    assert_eq!(spec, Spec { logstore: Some("l1".into()), ..Spec::default() });
}

#[test]
fn every_field_of_the_spec_is_read() {
    let text = manifest(
        "  project: demo\n  logstore: l1\n  machineGroups: [a-1, b-2]\n  shardCount: '4'\n  \
         lifeCycle: 30\n  logstoreHotTTL: 0\n  logstoreMode: query\n  logstoreAutoSplit: false\n  \
         logstoreMaxSplitShard: 8\n  logstoreAppendMeta: true\n  logstoreEnableTracking: yes\n  \
         configTags: {team: shop, n: 1}\n  endpoint: e\n",
        "",
    );
    let resource = resource(&text);
    let said: Vec<&str> = resource.problems.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(said, ["spec.endpoint", "spec.configTags"]);
    let spec = resource.spec;
    assert_eq!((spec.shard_count, spec.life_cycle_days), (Some(4), Some(30)));
    assert_eq!(spec.logstore_hot_ttl_days, None);
    assert_eq!(spec.machine_groups, ["a-1", "b-2"]);
    assert_eq!(spec.config_tags["n"], "1");
    assert_eq!(spec.logstore_enable_tracking, Some(true));
    assert_eq!(resource.metadata.namespace, "default");
}

#[test]
fn a_misspelt_kind_is_answered_and_not_passed_over() {
    let text = manifest(SPEC, "").replace("kind: AliyunLogConfig", "kind: AliyunLogconfig");
    let problems = resource(&text).problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].severity, Severity::Error);
    assert_eq!(problems[0].replacement.as_deref(), Some("AliyunLogConfig"));
}

#[test]
fn a_configuration_without_an_object_around_it_is_recognised() {
    let documents = read("configName: c\ninputDetail: {logType: json_log}\n");
    let Body::Tree(node) = &documents[0].body else { panic!("is readable") };
    assert!(matches!(subject(node), Subject::Config(config) if config.name() == Some("c")));
}

#[test]
fn a_program_gets_the_same_facts() {
    let text = manifest(SPEC, "      maxDept: 3\n");
    let documents = read(&text);
    let Body::Tree(node) = &documents[0].body else { panic!("is readable") };
    let Subject::Resource(resource) = subject(node) else { panic!("is a resource") };
    let checked = check(&resource.config, &resource.target(None));
    let diagnostic = Diagnostic::of_problem(&checked.problems[0], CONFIG_PREFIX, node, &text);
    assert_eq!(
        diagnostic.to_json("c.yaml", &text),
        serde_json::json!({
            "file": "c.yaml", "line": 16, "column": 7, "severity": "warning",
            "field": "spec.logtailConfig.inputDetail.maxDept",
            "message": "spec.logtailConfig.inputDetail.maxDept: unknown key, it has no effect",
            "help": "did you mean `maxDepth`?", "corrected": "      maxDepth: 3",
        })
    );
}

proptest::proptest! {
    #[test]
    fn no_text_is_a_surprise(text in "(apiVersion: log.alibabacloud.com/v1alpha1\n)?[-a-c:\\[\\]{},'\"#&*!|>%? \r\n\t日é]{0,80}") {
        // Every range must lie on the borders of characters, or printing it would panic.
        said(&text);
        for document in read(&text) {
            if let Body::Tree(node) = document.body {
                for path in ["a", "b.c", "a[0]", "c[1].a"] {
                    let _ = &text[node.find(path, crate::collect::Part::Value).range];
                    let _ = &text[node.find(path, crate::collect::Part::Name).range];
                }
            }
        }
    }
}

#[test]
fn an_object_holds_a_classic_configuration() {
    let object = |config: &str| {
        format!(
            "apiVersion: log.alibabacloud.com/v1alpha1\nkind: AliyunLogConfig\nmetadata:\n  name: \
             nginx-access\nspec:\n{SPEC}  logtailConfig:\n    configName: nginx-access\n{config}"
        )
    };
    let pipeline = object(
        "    inputs:\n    - Type: input_file\n      FilePaths: [/a/b.log]\n    flushers:\n    - Type: \
         flusher_sls\n      Logstore: nginx-access\n",
    );
    let said = said(&pipeline);
    assert!(said.contains("c.yaml:11:5"), "{said}");
    assert!(said.contains("spec.logtailConfig.inputs: belongs to a pipeline"), "{said}");
    assert!(said.contains("write `inputType: file` and an `inputDetail`"), "{said}");
    let verdict = |text: &str| verify(&read(text)[0], text, &Target::default(), &|_| Vec::new());
    assert_eq!(verdict(&pipeline).config, None);
    let flat = object("    log_path: /a\n    file_pattern: b.log\n    log_type: json_log\n");
    assert_eq!(verdict(&flat).config, None);
    assert!(self::said(&flat).contains("put it and what belongs to it into `inputDetail`"));
}
