//! Raw to checked: the envelope and which files are read.

use super::checked::{Checked, CollectConfig, Encoding, Exclusions, FileInput, Unmatched};
use super::raw::{Fields, RawCollectConfig, Target};
use super::{Problem, Severity, keys, parsing};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::time::Duration;

/// Default of `reader_flush_timeout`; the spec gives 60 s for current agents.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
/// `maxDepth` at most, and when nothing is said.
const MAX_DEPTH: i64 = 1000;
/// The most of a file's end that `tail_size_kb` may ask for.
const MAX_TAIL_KB: i64 = 104_857_600;

/// Checks a configuration; see the module. `target` fills in what the object leaves out.
pub fn check(raw: &RawCollectConfig, target: &Target) -> Checked {
    let problems = RefCell::new(Vec::new());
    let config = read(raw, target, &problems);
    let problems = problems.into_inner();
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    Checked { config: if refused { None } else { config }, problems }
}

/// Goes on after every problem, so that all are found; what cannot be known is a placeholder,
/// which `check` throws away.
fn read(
    raw: &RawCollectConfig,
    target: &Target,
    problems: &RefCell<Vec<Problem>>,
) -> Option<CollectConfig> {
    let top = Fields::new(&raw.0, "", problems);
    top.warn_unknown(keys::ENVELOPE);
    let name = read_name(&top);
    let (project, logstore) = read_target(&top, target);
    let sample = top.text(&["logSample", "log_sample"]).map(|(_, text)| text);
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
            return None;
        }
        Some((key, kind)) => top.report(
            Problem::error(key, format!("`{kind}` is not an input type")).fix("write `file`"),
        ),
    }
    let Some(detail) = top.object(&["inputDetail", "input_detail"]) else {
        if top.find(&["inputDetail", "input_detail"]).is_none() {
            top.report(
                Problem::error("inputDetail", "is missing")
                    .fix("give `logPath`, `filePattern` and `logType`"),
            );
        }
        return None;
    };
    let spelling =
        if raw.0.contains_key("input_detail") { "input_detail." } else { "inputDetail." };
    let detail = Fields::new(detail, spelling, problems);
    detail.warn_unknown(keys::INPUT_DETAIL);
    let input = read_input(&detail);
    let framing = parsing::read_framing(&detail);
    let parser = parsing::read_parser(&detail);
    Some(CollectConfig {
        name,
        project,
        logstore,
        input,
        time: parsing::read_time(&detail, advanced(&detail), &parser),
        nanoseconds: advanced(&detail)
            .get("enable_timestamp_nanosecond")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        precise_time: parsing::read_precise_time(advanced(&detail), &detail),
        framing,
        parser,
        topic: parsing::read_topic(&detail),
        filters: parsing::read_filters(&detail),
        unmatched: match detail.flag(&["discardUnmatch", "discard_unmatch"]) {
            Some(false) => Unmatched::KeepRaw,
            _ => Unmatched::Drop,
        },
        raw_field: detail.flag(&["enableRawLog", "raw_log"]).unwrap_or(false).then(|| {
            advanced(&detail)
                .get("raw_log_tag")
                .and_then(Value::as_str)
                .unwrap_or("__raw__")
                .to_owned()
        }),
        sample,
    })
}

fn read_name(top: &Fields<'_>) -> String {
    let Some((key, name)) = top.text(&["configName", "config_name"]) else {
        top.report(Problem::error("configName", "is missing").fix("repeat `metadata.name` here"));
        return String::new();
    };
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
    name
}

fn read_target(top: &Fields<'_>, target: &Target) -> (String, String) {
    let none = Map::new();
    let output = top.object(&["outputDetail", "output_detail"]).unwrap_or(&none);
    let text = |keys: [&str; 2]| {
        keys.iter()
            .find_map(|key| output.get(*key)?.as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let project = text(["projectName", "project_name"]).or_else(|| target.project.clone());
    let logstore = text(["logstoreName", "logstore_name"]).or_else(|| target.logstore.clone());
    for (what, value) in [("projectName", &project), ("logstoreName", &logstore)] {
        if value.is_none() {
            top.report(
                Problem::error(format!("outputDetail.{what}"), "is missing")
                    .fix("say where the logs go"),
            );
        }
    }
    (project.unwrap_or_default(), logstore.unwrap_or_default())
}

fn advanced<'a>(detail: &Fields<'a>) -> &'a Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    detail.object(&["advanced"]).unwrap_or(&NONE)
}

fn read_input(detail: &Fields<'_>) -> FileInput {
    let dir = match detail.text(&["logPath", "log_path"]) {
        None => {
            detail.report(
                Problem::error(detail.path("logPath"), "is missing")
                    .fix("name the directory of the log files, for example /var/log/nginx"),
            );
            String::new()
        }
        Some((key, path)) => {
            if !path.starts_with('/') {
                detail.report(
                    Problem::error(detail.path(key), format!("`{path}` is not an absolute path"))
                        .fix("start it with `/`, as the agent's container sees it"),
                );
            } else if path.contains("**") {
                detail.report(
                    Problem::error(detail.path(key), format!("`{path}` contains `**`"))
                        .fix("name the directory and set `maxDepth`"),
                );
            }
            match path.trim_end_matches('/') {
                "" => "/".to_owned(),
                path => path.to_owned(),
            }
        }
    };
    let pattern = match detail.text(&["filePattern", "file_pattern"]) {
        None => {
            detail.report(
                Problem::error(detail.path("filePattern"), "is missing")
                    .fix("name the file, or a pattern such as `*.log`"),
            );
            String::new()
        }
        Some((key, pattern)) => {
            if pattern.contains('/') {
                detail.report(
                    Problem::error(detail.path(key), format!("`{pattern}` contains `/`"))
                        .fix("put the directory into `logPath`"),
                );
            }
            pattern
        }
    };
    let max_depth = match detail.integer(&["maxDepth", "max_depth"]) {
        None | Some((_, -1)) => MAX_DEPTH,
        Some((key, depth)) if !(0..=MAX_DEPTH).contains(&depth) => {
            detail.report(
                Problem::error(detail.path(key), format!("{depth} is out of range"))
                    .fix(format!("use 0 to {MAX_DEPTH}")),
            );
            MAX_DEPTH
        }
        Some((_, depth)) => depth,
    };
    if detail.flag(&["dockerFile", "docker_file"]) == Some(true) {
        detail.report(
            Problem::warning(
                detail.path("dockerFile"),
                "true has no effect in a sidecar, which reads the shared volume itself",
            )
            .fix("set it to false"),
        );
    }
    FileInput {
        dir,
        pattern,
        max_depth: max_depth as u32,
        encoding: match detail.text(&["fileEncoding", "file_encoding"]) {
            Some((_, text)) if text.eq_ignore_ascii_case("gbk") => Encoding::Gbk,
            _ => Encoding::Utf8,
        },
        blank_non_utf8: detail.flag(&["discardNonUtf8", "discard_none_utf8"]).unwrap_or(false),
        tail_bytes: read_tail(detail),
        tail_existing: detail.flag(&["tailExisted", "tail_existed"]).unwrap_or_else(|| {
            advanced(detail).get("tail_existed").and_then(Value::as_bool).unwrap_or(false)
        }),
        exclude: read_exclusions(detail),
        flush_timeout: match detail.integer(&["readerFlushTimeout", "reader_flush_timeout"]) {
            Some((_, seconds)) if seconds >= 0 => Duration::from_secs(seconds as u64),
            _ => FLUSH_TIMEOUT,
        },
    }
}

fn read_tail(detail: &Fields<'_>) -> Option<u64> {
    let kib = advanced(detail).get("tail_size_kb")?;
    match kib.as_i64() {
        Some(kib) if (0..=MAX_TAIL_KB).contains(&kib) => Some(kib as u64 * 1024),
        _ => {
            detail.report(
                Problem::error(
                    detail.path("advanced.tail_size_kb"),
                    format!("{kib} is out of range"),
                )
                .fix(format!("use 0 to {MAX_TAIL_KB}")),
            );
            None
        }
    }
}

fn read_exclusions(detail: &Fields<'_>) -> Exclusions {
    let list = |key: &str| -> Vec<String> {
        let items = advanced(detail).get("blacklist").and_then(|list| list.get(key));
        let mut texts = Vec::new();
        for (index, item) in items.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let field = detail.path(&format!("advanced.blacklist.{key}[{index}]"));
            let is_name = key == "filename_blacklist";
            match item.as_str() {
                Some(text) if is_name && text.contains('/') => detail.report(
                    Problem::error(field, format!("`{text}` contains `/`"))
                        .fix("use `filepath_blacklist` for paths"),
                ),
                Some(text) if !is_name && !text.starts_with('/') => detail.report(
                    Problem::error(field, format!("`{text}` is not an absolute path"))
                        .fix("start it with `/`"),
                ),
                Some(text) => texts.push(text.to_owned()),
                None => detail.report(Problem::error(field, format!("{item} is not a text"))),
            }
        }
        texts
    };
    Exclusions {
        dirs: list("dir_blacklist"),
        file_names: list("filename_blacklist"),
        file_paths: list("filepath_blacklist"),
    }
}
