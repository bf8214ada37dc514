//! Raw to checked: which format it is, and the object around a classic configuration.

use super::checked::{
    BatchRule, Checked, CollectConfig, Destination, MergeBy, Places, PreciseTime, PreciseUnit,
    SendRate, ShardHashKey, Unmatched,
};
use super::raw::{Fields, RawCollectConfig, Target};
use super::{Problem, Severity, filtering, input, options, parsing, pipeline};
use crate::compress::Compression;
use std::cell::RefCell;
use std::time::Duration;

/// Checks a configuration; see the module. `target` fills in what the object leaves out.
pub fn check(raw: &RawCollectConfig, target: &Target) -> Checked {
    let problems = RefCell::new(Vec::new());
    let top = Fields::new(&raw.0, "", &problems);
    let (config, is_off) = match raw.format() {
        Format::Pipeline => pipeline::read(&top, target),
        Format::Classic => read_classic(&top, target),
        Format::Agent => read_agent_form(&top, target),
    };
    let problems = problems.into_inner();
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let config = config.filter(|_| !refused && !is_off);
    Checked { config, is_off: is_off && !refused, problems }
}

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `inputType` and `inputDetail`, in either spelling.
    Classic,
    /// The agent's own files: everything of `inputDetail` in the object itself.
    Agent,
    /// `inputs`, `processors` and `flushers`.
    Pipeline,
}

impl RawCollectConfig {
    fn format(&self) -> Format {
        let has = |key: &&str| self.0.contains_key(*key);
        if ["inputDetail", "input_detail"].iter().any(has) {
            Format::Classic
        } else if ["inputs", "flushers", "processors"].iter().any(has) {
            Format::Pipeline
        } else if ["log_path", "log_type", "file_pattern"].iter().any(has) {
            Format::Agent
        } else {
            Format::Classic
        }
    }

    /// Whether this could be meant as a configuration.
    #[cfg(feature = "manifest")]
    pub(super) fn looks_like_one(&self) -> bool {
        ["inputDetail", "input_detail"].iter().any(|key| self.0.contains_key(*key))
            || self.format() != Format::Classic
    }
}

/// Goes on after every problem, so that all are found; what cannot be known is a placeholder,
/// which `check` throws away.
fn read_classic(top: &Fields<'_>, target: &Target) -> (Option<CollectConfig>, bool) {
    top.check_keys(&[options::ENVELOPE]);
    let is_off = top.flag(&["enable"]) == Some(false);
    let name = read_name(top, target);
    let output = top.inner(&["outputDetail", "output_detail"]);
    output.check_keys(&[options::OUTPUT_DETAIL]);
    let own = |keys: [&'static str; 2]| output.text(&keys).map(|(_, text)| text);
    let destination = Destination {
        region: own(["region", "region"]),
        endpoint: own(["endpoint", "endpoint"]),
        ..read_place(
            top,
            target,
            own(["projectName", "project_name"]),
            own(["logstoreName", "logstore_name"]),
            ["outputDetail.projectName", "outputDetail.logstoreName"],
        )
    };
    match top.text(&["inputType", "input_type"]) {
        None => {
            top.report(Problem::error("inputType", "is missing").fix("write `inputType: file`"));
        }
        Some((_, kind)) if kind == "file" => {}
        Some((key, kind)) if kind == "plugin" => {
            top.report(
                Problem::error(
                    key,
                    "`plugin` inputs read container output, which a sidecar cannot see",
                )
                .fix("write `inputType: file` and collect the files of the shared volume"),
            );
            return (None, is_off);
        }
        Some((key, kind)) => top.report(
            Problem::error(key, format!("`{kind}` is not an input type")).fix("write `file`"),
        ),
    }
    let keys = ["inputDetail", "input_detail"];
    if top.object(&keys).is_none() {
        if top.find(&keys).is_none() {
            top.report(
                Problem::error("inputDetail", "is missing")
                    .fix("give `logPath`, `filePattern` and `logType`"),
            );
        }
        return (None, is_off);
    }
    let detail = top.inner(&keys);
    detail.check_keys(&[options::INPUT_DETAIL]);
    let sample = top.text(&["logSample", "log_sample"]).map(|(_, text)| text);
    (Some(read_detail(&detail, name, destination, sample)), is_off)
}

/// The form of `user_log_config.json` and of local files like it.
fn read_agent_form(top: &Fields<'_>, target: &Target) -> (Option<CollectConfig>, bool) {
    top.check_keys(&[options::AGENT_FORM, options::ENVELOPE, options::INPUT_DETAIL]);
    let is_off = top.flag(&["enable"]) == Some(false)
        || top.integer(&["version"]).is_some_and(|(_, version)| version == -1);
    let name = read_name(top, target);
    let own = |key: &'static str| top.text(&[key]).map(|(_, text)| text);
    let destination = Destination {
        region: own("region"),
        endpoint: own("defaultEndpoint"),
        ..read_place(
            top,
            target,
            own("project_name"),
            own("category"),
            ["project_name", "category"],
        )
    };
    let sample = top.text(&["logSample", "log_sample"]).map(|(_, text)| text);
    (Some(read_detail(top, name, destination, sample)), is_off)
}

fn read_detail(
    detail: &Fields<'_>,
    name: String,
    mut destination: Destination,
    sample: Option<String>,
) -> CollectConfig {
    let advanced = detail.inner(&["advanced"]);
    advanced.check_keys(&[options::ADVANCED]);
    read_sending(detail, &advanced, &mut destination);
    let mut places = places(detail);
    let input = input::read(detail, &advanced);
    let framing = parsing::read_framing(detail);
    let parser = parsing::read_parser(detail, &advanced);
    CollectConfig {
        name,
        destinations: vec![destination],
        input,
        time: parsing::read_time(detail, &advanced, &parser),
        nanoseconds: advanced.flag(&["enable_timestamp_nanosecond"]).unwrap_or(false),
        precise_time: read_precise_time(&advanced),
        framing,
        parser,
        topic: parsing::read_topic(detail),
        tags: input::read_tags(&advanced),
        filter: filtering::read_classic(detail, &advanced, &mut places),
        masks: filtering::read_sensitive_keys(detail),
        unmatched: match parsing::drops_unmatched(detail) {
            true => Unmatched::Drop,
            false => Unmatched::KeepRaw,
        },
        raw_field: detail.flag(&["enableRawLog", "raw_log"]).unwrap_or(false).then(|| {
            advanced.text(&["raw_log_tag"]).map_or_else(|| "__raw__".to_owned(), |(_, name)| name)
        }),
        priority: read_priority(detail, "priority"),
        sample,
        places,
    }
}

/// Only spellings that differ from the camelCase one need a place.
fn places(detail: &Fields<'_>) -> Places {
    let mut places = Places::default();
    if detail.place() != "inputDetail" {
        places.0.insert("inputDetail".to_owned(), detail.place().to_owned());
    }
    for key in options::INPUT_DETAIL {
        if key.agent != key.name && !detail.has(key.name) && detail.has(key.agent) {
            places.0.insert(format!("inputDetail.{}", key.name), detail.path(key.agent));
        }
    }
    places
}

fn read_name(top: &Fields<'_>, target: &Target) -> String {
    let Some((key, name)) = top.text(&["configName", "config_name"]) else {
        return target.name.clone().unwrap_or_else(|| {
            let fix = "repeat `metadata.name` here";
            top.report(Problem::error("configName", "is missing").fix(fix));
            String::new()
        });
    };
    check_name(top, key, &name);
    name
}

pub(super) fn check_name(top: &Fields<'_>, key: &str, name: &str) {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inside = |c: char| edge(Some(c)) || c == '-' || c == '_';
    if !(2..=128).contains(&name.chars().count())
        || !name.chars().all(inside)
        || !edge(name.chars().next())
        || !edge(name.chars().last())
    {
        top.report(Problem::error(key, format!("`{name}` is not a configuration name")).fix(
            "use 2 to 128 characters of a-z, 0-9, - and _, with a letter or digit at both ends",
        ));
    }
}

/// Project and logstore, which are needed; `fields` are their paths.
pub(super) fn read_place(
    top: &Fields<'_>,
    target: &Target,
    project: Option<String>,
    logstore: Option<String>,
    fields: [&str; 2],
) -> Destination {
    let project = project.or_else(|| target.project.clone());
    let logstore = logstore.or_else(|| target.logstore.clone());
    for (field, value) in fields.into_iter().zip([&project, &logstore]) {
        if value.is_none() {
            top.report(Problem::error(field, "is missing").fix("say where the logs go"));
        }
    }
    Destination {
        project: project.unwrap_or_default(),
        logstore: logstore.unwrap_or_default(),
        ..Destination::default()
    }
}

fn read_sending(detail: &Fields<'_>, advanced: &Fields<'_>, destination: &mut Destination) {
    destination.compression = read_compression(detail, &["compressType"]);
    destination.shard_hash = read_shard_hash(detail, &["shardHashKey", "shard_hash_key"]);
    destination.max_rate = read_rate(
        detail,
        &["maxSendRate", "max_send_rate"],
        &["sendRateExpire", "send_rate_expire"],
    );
    destination.batch = BatchRule {
        max_age: advanced
            .number_from(&["batch_send_interval"], 0)
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        ..BatchRule::default()
    };
    destination.merge = match detail.text(&["mergeType", "merge_type"]) {
        Some((_, text)) if text == "logstore" => MergeBy::Logstore,
        None => MergeBy::Topic,
        Some((_, text)) if text == "topic" => MergeBy::Topic,
        Some((key, text)) => {
            let what = format!("`{text}` is not known, so `topic` holds");
            detail.report(
                Problem::warning(detail.path(key), what).fix("write `topic` or `logstore`"),
            );
            MergeBy::Topic
        }
    };
}

pub(super) fn read_compression<'a>(
    fields: &Fields<'a>,
    spellings: &[&'a str],
) -> Option<Compression> {
    let (key, text) = fields.text(spellings)?;
    match text.to_ascii_lowercase().as_str() {
        "lz4" => Some(Compression::Lz4),
        "zstd" => Some(Compression::Zstd),
        "none" => Some(Compression::None),
        _ => {
            let what = format!("`{text}` is not known, so the agent's own compression is used");
            fields.report(
                Problem::warning(fields.path(key), what).fix("write `lz4`, `zstd` or `none`"),
            );
            None
        }
    }
}

pub(super) fn read_shard_hash<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Vec<ShardHashKey> {
    let Some((key, texts)) = fields.texts(spellings) else { return Vec::new() };
    let known = |(index, text): (usize, &String)| match text.as_str() {
        "__topic__" => Some(ShardHashKey::Topic),
        "__hostname__" => Some(ShardHashKey::Hostname),
        "__source__" => Some(ShardHashKey::Source),
        _ => {
            let field = fields.path(&format!("{key}[{index}]"));
            fields.report(
                Problem::warning(field, format!("`{text}` cannot choose a shard"))
                    .fix("use `__topic__`, `__hostname__` and `__source__`"),
            );
            None
        }
    };
    texts.iter().enumerate().filter_map(known).collect()
}

pub(super) fn read_rate<'a>(
    fields: &Fields<'a>,
    rate: &[&'a str],
    until: &[&'a str],
) -> Option<SendRate> {
    let (_, rate) = fields.integer(rate)?;
    let until = fields.integer(until).map(|(_, seconds)| seconds).filter(|seconds| *seconds > 0);
    let bytes_per_second = u64::try_from(rate).ok().filter(|rate| *rate > 0)?;
    Some(SendRate { bytes_per_second, until })
}

pub(super) fn read_priority<'a>(fields: &Fields<'a>, key: &'a str) -> u8 {
    match fields.integer(&[key]) {
        None => 0,
        Some((_, priority @ 0..=3)) => priority as u8,
        Some((_, priority)) => {
            let what = format!("{priority} is out of range and taken as 0");
            fields.report(Problem::warning(fields.path(key), what).fix("use 0 to 3"));
            0
        }
    }
}

fn read_precise_time(advanced: &Fields<'_>) -> Option<PreciseTime> {
    if advanced.flag(&["enable_precise_timestamp"]) != Some(true) {
        return None;
    }
    let unit = match advanced.text(&["precise_timestamp_unit"]) {
        None => PreciseUnit::Millis,
        Some((_, text)) if text == "ms" => PreciseUnit::Millis,
        Some((_, text)) if text == "us" => PreciseUnit::Micros,
        Some((_, text)) if text == "ns" => PreciseUnit::Nanos,
        Some((key, text)) => {
            let what = format!("`{text}` is not a unit, so it is milliseconds");
            advanced
                .report(Problem::warning(advanced.path(key), what).fix("write `ms`, `us` or `ns`"));
            PreciseUnit::Millis
        }
    };
    let key = advanced
        .text(&["precise_timestamp_key"])
        .map_or_else(|| "precise_timestamp".to_owned(), |(_, key)| key);
    Some(PreciseTime { key, unit })
}
