//! The `AliyunLogConfig` object (`kubernetes` 1.1 to 1.3): what stands around a configuration.
//!
//! Absent, `null`, `""` and `[]` mean the same. Keys that nobody knows are kept and reported.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::Problem;
use super::super::raw::{Fields, RawCollectConfig, Target};
use super::Node;

/// Group and version of the object.
const API_VERSION: &str = "log.alibabacloud.com/v1alpha1";
/// Kind of the object.
const KIND: &str = "AliyunLogConfig";

/// What a document is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// An `AliyunLogConfig`.
    Resource(Box<Resource>),
    /// A configuration without an object around it.
    Config(RawCollectConfig),
    /// Something else, such as a Job beside the configuration in the same file.
    Other {
        /// Its kind, if it says one.
        kind: Option<String>,
    },
}

/// An `AliyunLogConfig` as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Who it is.
    pub metadata: Metadata,
    /// What it asks for beside the configuration.
    pub spec: Spec,
    /// The object `spec.logtailConfig`; empty when it is missing.
    pub config: RawCollectConfig,
    /// What is wrong with everything but the configuration. Fields are paths in the document.
    pub problems: Vec<Problem>,
}

/// The part of Kubernetes' object metadata that matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Name of the object; empty when it is missing.
    pub name: String,
    /// Namespace; `default` when none is given.
    pub namespace: String,
    /// When the object was made, as the API server writes it (RFC 3339, so it sorts as text).
    pub creation_timestamp: Option<String>,
    /// Counts changes of the spec.
    pub generation: Option<i64>,
    /// Free settings for tools.
    pub annotations: BTreeMap<String, String>,
}

/// `spec` without `logtailConfig`. `None` and empty mean that the default applies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spec {
    /// Project to use or create.
    pub project: Option<String>,
    /// Logstore to use or create; required.
    pub logstore: Option<String>,
    /// `standard` or `query`.
    pub logstore_mode: Option<String>,
    /// Shards of a new logstore; 1 to 10.
    pub shard_count: Option<i64>,
    /// Whether shards split under load.
    pub logstore_auto_split: Option<bool>,
    /// How far they split; 1 to 256.
    pub logstore_max_split_shard: Option<i64>,
    /// Days that logs of a new logstore are kept; 1 to 3650.
    pub life_cycle_days: Option<i64>,
    /// Days in hot storage.
    pub logstore_hot_ttl_days: Option<i64>,
    /// `None` or `Metrics`.
    pub logstore_telemetry_type: Option<String>,
    /// Add client address and receive time.
    pub logstore_append_meta: Option<bool>,
    /// Web tracking.
    pub logstore_enable_tracking: Option<bool>,
    /// Passed through.
    pub logstore_encrypt_conf: Option<Value>,
    /// `ChargeByFunction` or `ChargeByDataIngest`.
    pub logstore_metering_mode: Option<String>,
    /// Groups the configuration is applied to, every one of them.
    pub machine_groups: Vec<String>,
    /// Tags of the configuration.
    pub config_tags: BTreeMap<String, String>,
    /// Ready-made logstore of a product.
    pub product_code: Option<String>,
    /// Language of its dashboards.
    pub product_lang: Option<String>,
    /// Account of another owner.
    pub uid: Option<String>,
    /// Service in another region.
    pub endpoint: Option<String>,
}

impl Resource {
    /// Where the configuration's logs go when it does not say so itself. What is missing in the
    /// spec is a problem of the spec and gets a stand-in here, so that it is not reported twice.
    pub fn target(&self, default_project: Option<&str>) -> Target {
        let project = self.spec.project.as_deref().or(default_project).unwrap_or("unnamed");
        let logstore = self.spec.logstore.as_deref().unwrap_or("unnamed");
        let (project, logstore) = (Some(project.to_owned()), Some(logstore.to_owned()));
        Target { project, logstore, ..Target::default() }
    }
}

/// Path of the configuration in an `AliyunLogConfig`, with its dot.
pub const CONFIG_PREFIX: &str = "spec.logtailConfig.";

const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

const SPEC: &[&str] = &[
    "project",
    "logstore",
    "logtailConfig",
    "uid",
    "endpoint",
    "logstoreMode",
    "shardCount",
    "logstoreAutoSplit",
    "logstoreMaxSplitShard",
    "lifeCycle",
    "logstoreHotTTL",
    "logstoreTelemetryType",
    "logstoreAppendMeta",
    "logstoreEnableTracking",
    "logstoreEncryptConf",
    "logstoreMeteringMode",
    "machineGroups",
    "configTags",
    "productCode",
    "productLang",
];

/// Keys that the vendor's service knows and ours does not act on.
const UNSUPPORTED: &[&str] =
    &["uid", "endpoint", "configTags", "productCode", "productLang", "logstoreMeteringMode"];

/// Names that people write for others (`kubernetes` 1.2): too far away for a typing mistake.
const MISTAKEN: &[(&str, &str)] = &[
    ("ttl", "lifeCycle"),
    ("projectName", "project"),
    ("logstoreName", "logstore"),
    ("machineGroup", "machineGroups"),
];

/// Says what a document is about. A document that means to be an `AliyunLogConfig` is taken for
/// one even when it is wrong about it, so that it is answered instead of passed over.
pub fn subject(document: &Node) -> Subject {
    let value = document.to_json();
    let Value::Object(object) = value else { return Subject::Other { kind: None } };
    let kind = document.text("kind");
    let group = document.text("apiVersion").unwrap_or_default();
    let meant = group.starts_with("log.alibabacloud.com/")
        || kind.is_some_and(|kind| strsim::damerau_levenshtein(kind, KIND) <= 3);
    if meant {
        return Subject::Resource(Box::new(read_resource(&object)));
    }
    let config = RawCollectConfig(object);
    if kind.is_none() && config.looks_like_one() {
        return Subject::Config(config);
    }
    Subject::Other { kind: kind.map(str::to_owned) }
}

fn read_resource(object: &Map<String, Value>) -> Resource {
    let problems = RefCell::new(Vec::new());
    let top = Fields::new(object, "", &problems);
    top.warn_unknown(TOP);
    for (key, wanted) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        match top.text(&[key]) {
            Some((_, given)) if given == wanted => {}
            Some((_, given)) => top.report(
                Problem::error(key, format!("`{given}` is not known"))
                    .fix(format!("write `{wanted}`"))
                    .replacement(wanted),
            ),
            None => {
                top.report(Problem::error(key, "is missing").fix(format!("write `{wanted}`")));
            }
        }
    }
    let metadata = read_metadata(&top, &problems);
    let none = Map::new();
    let given = top.object(&["spec"]);
    if given.is_none() && top.find(&["spec"]).is_none() {
        top.report(
            Problem::error("spec", "is missing")
                .fix("give `project`, `logstore`, `machineGroups` and `logtailConfig`"),
        );
    }
    let fields = Fields::new(given.unwrap_or(&none), "spec.", &problems);
    let spec = read_spec(&fields);
    let config = fields.object(&["logtailConfig"]).cloned();
    if given.is_some() {
        warn_unknown(&fields, &problems);
        check_spec(&fields, &spec, &metadata, config.as_ref());
    }
    let config = RawCollectConfig(config.unwrap_or_default());
    Resource { metadata, spec, config, problems: problems.into_inner() }
}

fn read_metadata(top: &Fields<'_>, problems: &RefCell<Vec<Problem>>) -> Metadata {
    let none = Map::new();
    let fields = Fields::new(top.object(&["metadata"]).unwrap_or(&none), "metadata.", problems);
    let text = |key| fields.text(&[key]).map(|(_, text)| text);
    let name = text("name").unwrap_or_default();
    if name.is_empty() {
        fields.report(Problem::error("metadata.name", "is missing").fix("name the object"));
    }
    Metadata {
        name,
        namespace: text("namespace").unwrap_or_else(|| "default".to_owned()),
        creation_timestamp: text("creationTimestamp"),
        generation: fields.integer(&["generation"]).map(|(_, number)| number),
        annotations: texts_of(fields.object(&["annotations"])),
    }
}

fn texts_of(object: Option<&Map<String, Value>>) -> BTreeMap<String, String> {
    object
        .into_iter()
        .flatten()
        .map(|(key, value)| match value {
            Value::String(text) => (key.clone(), text.clone()),
            other => (key.clone(), other.to_string()),
        })
        .collect()
}

fn read_spec(fields: &Fields<'_>) -> Spec {
    let text = |key| fields.text(&[key]).map(|(_, text)| text);
    let number = |key| fields.integer(&[key]).map(|(_, number)| number);
    let flag = |key| fields.flag(&[key]);
    Spec {
        project: text("project"),
        logstore: text("logstore"),
        logstore_mode: text("logstoreMode"),
        shard_count: number("shardCount"),
        logstore_auto_split: flag("logstoreAutoSplit"),
        logstore_max_split_shard: number("logstoreMaxSplitShard"),
        life_cycle_days: number("lifeCycle"),
        logstore_hot_ttl_days: number("logstoreHotTTL").filter(|days| *days != 0),
        logstore_telemetry_type: text("logstoreTelemetryType"),
        logstore_append_meta: flag("logstoreAppendMeta"),
        logstore_enable_tracking: flag("logstoreEnableTracking"),
        logstore_encrypt_conf: fields.object(&["logstoreEncryptConf"]).cloned().map(Value::Object),
        logstore_metering_mode: text("logstoreMeteringMode"),
        machine_groups: fields
            .texts(&["machineGroups"])
            .map(|(_, groups)| groups.into_iter().filter(|group| !group.is_empty()).collect())
            .unwrap_or_default(),
        config_tags: texts_of(fields.object(&["configTags"])),
        product_code: text("productCode"),
        product_lang: text("productLang"),
        uid: text("uid"),
        endpoint: text("endpoint"),
    }
}

fn check_spec(
    fields: &Fields<'_>,
    spec: &Spec,
    metadata: &Metadata,
    config: Option<&Map<String, Value>>,
) {
    match &spec.logstore {
        None => fields.report(
            Problem::error("spec.logstore", "is missing").fix("name the logstore for the logs"),
        ),
        Some(name) if !is_name(name, 2..=63) => fields.report(
            Problem::error("spec.logstore", format!("`{name}` is not a logstore name")).fix(
                "use 2 to 63 characters of a-z, 0-9, - and _, with a letter or digit at both ends",
            ),
        ),
        Some(_) => {}
    }
    if spec.project.is_none() {
        fields.report(
            Problem::warning(
                "spec.project",
                "is missing, so the operator's default project is used",
            )
            .fix("name the project for the logs"),
        );
    }
    if let Some(name) = &spec.project
        && (!is_name(name, 3..=63) || name.contains('_'))
    {
        fields.report(
            Problem::error("spec.project", format!("`{name}` is not a project name")).fix(
                "use 3 to 63 characters of a-z, 0-9 and -, with a letter or digit at both ends",
            ),
        );
    }
    for (index, group) in spec.machine_groups.iter().enumerate() {
        if !is_name(group, 3..=128) {
            fields.report(
                Problem::error(
                    format!("spec.machineGroups[{index}]"),
                    format!("`{group}` is not a machine group name"),
                )
                .fix("use 3 to 128 characters of a-z, 0-9, - and _, as in the sidecar's ALIYUN_LOGTAIL_USER_DEFINED_ID"),
            );
        }
    }
    if spec.machine_groups.is_empty() {
        fields.report(
            Problem::warning(
                "spec.machineGroups",
                "is missing, so no sidecar gets the configuration",
            )
            .fix("list the ALIYUN_LOGTAIL_USER_DEFINED_ID of the sidecars"),
        );
    }
    for key in UNSUPPORTED {
        if fields.find(&[*key]).is_some() {
            fields.report(
                Problem::warning(format!("spec.{key}"), "is not supported yet and has no effect")
                    .fix("remove it, or leave it for later"),
            );
        }
    }
    check_ranges(spec, fields);
    match config {
        None if fields.find(&["logtailConfig"]).is_none() => fields.report(
            Problem::error("spec.logtailConfig", "is missing")
                .fix("give `inputType`, `configName` and `inputDetail`"),
        ),
        None => {}
        Some(config) => {
            check_form(fields, config);
            if let Some(name) = config.get("configName").and_then(Value::as_str)
                && !name.is_empty()
                && !metadata.name.is_empty()
                && name != metadata.name
            {
                fields.report(
                    Problem::warning(
                        "spec.logtailConfig.configName",
                        format!(
                            "`{name}` differs from `metadata.name`, which is `{}`",
                            metadata.name
                        ),
                    )
                    .fix("give both the same name, so that the one can be found by the other"),
                );
            }
        }
    }
}

/// The service keeps what the object has under `inputDetail`, so other ways to write a
/// configuration have nothing that could be kept.
fn check_form(fields: &Fields<'_>, config: &Map<String, Value>) {
    if ["inputDetail", "input_detail"].iter().any(|key| config.contains_key(*key)) {
        return;
    }
    let has = |keys: &[&'static str]| keys.iter().copied().find(|key| config.contains_key(*key));
    let refuse = |key: &str, what: &str, fix: &str| {
        fields.report(Problem::error(format!("{CONFIG_PREFIX}{key}"), what).fix(fix));
    };
    if let Some(key) = has(&["inputs", "processors", "flushers"]) {
        refuse(
            key,
            "belongs to a pipeline, and an AliyunLogConfig holds a classic configuration",
            "write `inputType: file` and an `inputDetail`, or give the pipeline to the agents as a \
             file of its own",
        );
    } else if let Some(key) = has(&["log_path", "logPath", "log_type", "logType"]) {
        refuse(
            key,
            "stands outside of `inputDetail`, where it has no effect",
            "put it and what belongs to it into `inputDetail`, and write `inputType: file`",
        );
    }
}

fn warn_unknown(fields: &Fields<'_>, problems: &RefCell<Vec<Problem>>) {
    let before = problems.borrow().len();
    fields.warn_unknown(SPEC);
    // A mistaken name is worth more than the nearest one by letters.
    for problem in &mut problems.borrow_mut()[before..] {
        let name = problem.field.trim_start_matches("spec.");
        if let Some((_, meant)) = MISTAKEN.iter().find(|(mistaken, _)| *mistaken == name) {
            problem.fix = Some(format!("did you mean `{meant}`?"));
            problem.replacement = Some((*meant).to_owned());
        }
    }
}

fn check_ranges(spec: &Spec, fields: &Fields<'_>) {
    // Numbers out of range are pulled into it by the vendor's code (`kubernetes` 1.2), so that
    // objects in use stay valid; the user hears of it.
    for (key, value, low, high) in [
        ("shardCount", spec.shard_count, 1, 10),
        ("lifeCycle", spec.life_cycle_days, 1, 7300),
        ("logstoreMaxSplitShard", spec.logstore_max_split_shard, 1, 256),
    ] {
        if let Some(value) = value
            && !(low..=high).contains(&value)
        {
            fields.report(
                Problem::warning(
                    format!("spec.{key}"),
                    format!("{value} is out of range and taken as {}", value.clamp(low, high)),
                )
                .fix(format!("use {low} to {high}")),
            );
        }
    }
    if let Some(mode) = &spec.logstore_mode
        && !["standard", "query"].contains(&mode.as_str())
    {
        fields.report(
            Problem::error("spec.logstoreMode", format!("`{mode}` is not a mode"))
                .fix("use `standard` or `query`"),
        );
    }
}

fn is_name(name: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    let edge = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    length.contains(&name.len())
        && name.chars().all(|letter| edge(Some(letter)) || letter == '-' || letter == '_')
        && edge(name.chars().next())
        && edge(name.chars().next_back())
}
