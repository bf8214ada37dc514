//! What an object asks of the service: the pure translation of a spec (`kubernetes` 1.2, 1.5).

use std::collections::BTreeMap;

use sls::api::config::{LogtailConfig, OutputDetail};
use sls::api::index::{Index, KeyIndex, LineIndex, TextKey, default_token};
use sls::api::logstore::LogstoreFields;
use sls::collect::{CollectConfig, Parser};

use crate::crd::{Applied, Resource};

/// What holds for objects that do not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Project of objects that name none.
    pub project: Option<String>,
    /// Days that the logs of a new logstore are kept.
    pub life_cycle_days: i64,
    /// Group of objects that name none.
    pub machine_group: Option<String>,
}

/// What an object asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The project.
    pub project: String,
    /// The logstore, if it has to be made.
    pub logstore: LogstoreFields,
    /// Its name.
    pub logstore_name: String,
    /// Its index, if it has none.
    pub index: Index,
    /// The configuration.
    pub config: LogtailConfig,
    /// The groups that run it.
    pub groups: Vec<String>,
}

impl Desired {
    /// What is in the service when all of it is there.
    pub fn applied(&self) -> Applied {
        Applied {
            project: self.project.clone(),
            logstore: self.logstore_name.clone(),
            config_name: self.config.config_name.clone(),
            machine_groups: self.groups.clone(),
        }
    }
}

/// Translates an object with its checked configuration.
pub fn desired(resource: &Resource, config: &CollectConfig, defaults: &Defaults) -> Desired {
    let spec = &resource.spec;
    let mode = spec.logstore_mode.clone().unwrap_or_else(|| "standard".to_owned());
    let analytics = mode == "standard";
    let mut groups = spec.machine_groups.clone();
    if groups.is_empty() {
        groups.extend(defaults.machine_group.clone());
    }
    let mut seen = std::collections::BTreeSet::new();
    groups.retain(|group| seen.insert(group.clone()));
    Desired {
        project: config.project().to_owned(),
        logstore: LogstoreFields {
            logstore_name: Some(config.logstore().to_owned()),
            ttl: Some(spec.life_cycle_days.unwrap_or(defaults.life_cycle_days).clamp(1, 7300)),
            // Nothing, and numbers out of range, as the vendor's code takes them.
            shard_count: Some(match spec.shard_count {
                None | Some(..=0) => 2,
                Some(count) => count.min(10),
            }),
            auto_split: Some(spec.logstore_auto_split.unwrap_or(true)),
            max_split_shard: Some(spec.logstore_max_split_shard.unwrap_or(32).clamp(1, 256)),
            enable_tracking: Some(spec.logstore_enable_tracking.unwrap_or(false)),
            append_meta: Some(spec.logstore_append_meta.unwrap_or(true)),
            telemetry_type: spec.logstore_telemetry_type.clone().filter(|kind| kind != "None"),
            hot_ttl: spec.logstore_hot_ttl_days,
            mode: Some(mode),
            encrypt_conf: spec.logstore_encrypt_conf.clone(),
            ..LogstoreFields::default()
        },
        logstore_name: config.logstore().to_owned(),
        index: index(config, analytics),
        config: logtail_config(resource, config),
        groups,
    }
}

/// The configuration as the service keeps it: what the user wrote, unknown keys included.
fn logtail_config(resource: &Resource, config: &CollectConfig) -> LogtailConfig {
    let raw = &resource.config.0;
    let detail = raw.get("inputDetail").or_else(|| raw.get("input_detail"));
    LogtailConfig {
        config_name: config.name.clone(),
        input_type: "file".to_owned(),
        input_detail: detail.and_then(|detail| detail.as_object()).cloned().unwrap_or_default(),
        output_type: "LogService".to_owned(),
        output_detail: OutputDetail {
            logstore_name: config.logstore().to_owned(),
            ..OutputDetail::default()
        },
        log_sample: config.sample.clone(),
        ..LogtailConfig::default()
    }
}

/// Fields that every agent may send, tagged and bare (`kubernetes` 1.5.5).
const POD_FIELDS: &[&str] = &[
    "_container_ip_",
    "_container_name_",
    "_image_name_",
    "_namespace_",
    "_pod_name_",
    "_pod_uid_",
    "_pod_ip_",
    "_node_name_",
    "_node_ip_",
];

/// The index of a new logstore: full text, the usual tags, and every field that the configuration
/// names, so that `field: value` finds it. All are text: whether a field is a number only its
/// owner knows.
fn index(config: &CollectConfig, analytics: bool) -> Index {
    let mut names: Vec<String> =
        ["__tag__:__hostname__", "__tag__:__path__", "_source_"].map(str::to_owned).to_vec();
    for field in POD_FIELDS {
        names.push(format!("__tag__:{field}"));
        names.push((*field).to_owned());
    }
    match &config.parser {
        Parser::Whole => names.push("content".to_owned()),
        Parser::Regex { keys, .. } | Parser::Delimiter { keys, .. } => {
            names.extend(keys.iter().filter(|key| !key.is_empty()).cloned());
        }
        Parser::Json | Parser::Apsara { .. } => {}
    }
    let key = TextKey { token: default_token(), doc_value: analytics, ..TextKey::default() };
    let keys: BTreeMap<_, _> =
        names.into_iter().map(|name| (name, KeyIndex::Text(key.clone()))).collect();
    Index {
        line: Some(LineIndex { token: default_token(), ..LineIndex::default() }),
        keys: Some(keys),
        ..Index::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::read_objects;
    use crate::source::Manifest;

    fn of(text: &str) -> Desired {
        let manifest = Manifest { origin: "a.yaml".into(), text: Ok(text.to_owned()) };
        let defaults = Defaults {
            project: Some("fallback".into()),
            life_cycle_days: 180,
            machine_group: Some("default-group".into()),
        };
        let object = &read_objects(&[manifest], defaults.project.as_deref()).objects[0];
        let config = object.config.as_ref().unwrap_or_else(|| panic!("{:?}", object.diagnostics));
        desired(&object.resource, config, &defaults)
    }

    #[test]
    fn the_access_log_example_is_translated() {
        let desired = of(include_str!("../../../examples/nginx-sidecar/access.yaml"));
        assert_eq!(desired.project, "k8s-nginx-sidecar-demo");
        assert_eq!(desired.groups, ["nginx-log-sidecar"]);
        assert_eq!(desired.config.config_name, "nginx-log-access-example");
        assert_eq!(desired.config.output_detail.logstore_name, "nginx-access");
        assert_eq!(desired.config.input_detail["filePattern"], "access.log");
        let keys = desired.index.keys.unwrap();
        for key in ["status", "response-size", "user-agent", "__tag__:_pod_name_", "_pod_name_"] {
            assert!(matches!(&keys[key], KeyIndex::Text(text) if text.doc_value), "{key}");
        }
    }

    #[test]
    fn what_is_not_said_has_the_defaults_of_the_documentation() {
        let text = include_str!("../../../examples/nginx-sidecar/error.yaml");
        let text = text.replace("  project: k8s-nginx-sidecar-demo\n", "");
        let text = text.replace("  machineGroups:\n  - nginx-log-sidecar\n", "");
        let desired = of(&text);
        assert_eq!(desired.project, "fallback");
        assert_eq!(desired.groups, ["default-group"]);
        let logstore = desired.logstore;
        assert_eq!((logstore.ttl, logstore.shard_count), (Some(180), Some(2)));
        assert_eq!((logstore.auto_split, logstore.max_split_shard), (Some(true), Some(32)));
        assert_eq!(logstore.mode.as_deref(), Some("standard"));
    }

    #[test]
    fn what_is_said_wins_and_numbers_out_of_range_are_pulled_in() {
        let text = include_str!("../../../examples/nginx-sidecar/error.yaml").replace(
            "  logstore: nginx-error\n",
            "  logstore: nginx-error\n  lifeCycle: 7\n  shardCount: 99\n  logstoreMode: query\n",
        );
        let desired = of(&text);
        assert_eq!((desired.logstore.ttl, desired.logstore.shard_count), (Some(7), Some(10)));
        let keys = desired.index.keys.unwrap();
        assert!(matches!(&keys["content"], KeyIndex::Text(text) if !text.doc_value));
    }
}
