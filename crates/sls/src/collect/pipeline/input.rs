//! `inputs`: one `input_file`.

use super::super::checked::{
    Exclusions, FileInput, Framing, PathRule, Places, TagRules, UnmatchedLines,
};
use super::super::input::{
    Of, add_position, checked_depth, read_close_unused, read_delay_alarm, read_delay_skip,
    read_encoding, read_exclusion_list, read_flush_timeout, read_gzip_history, read_rotation_queue,
    read_tail, without_slash,
};
use super::super::parsing::{LineKeys, read_multiline};
use super::super::raw::Fields;
use super::super::{Problem, options};
use super::set_tag;

/// The most paths in one input.
const MAX_PATHS: usize = 10;

/// What the input says.
pub(super) struct Input {
    pub(super) files: FileInput,
    pub(super) framing: Framing,
    pub(super) tags: TagRules,
}

pub(super) fn read(top: &Fields<'_>, places: &mut Places) -> Option<Input> {
    let inputs = top.items(&["inputs"]);
    let Some((_, input)) = inputs.first() else {
        if top.find(&["inputs"]).is_none() {
            top.report(
                Problem::error("inputs", "is missing")
                    .fix("give one input of `Type: input_file` with its `FilePaths`"),
            );
        }
        return None;
    };
    if let Some((_, second)) = inputs.get(1) {
        top.report(
            Problem::error(second.place(), "is one input too many")
                .fix("write one configuration for each input, or several `FilePaths`"),
        );
    }
    match input.text(&["Type"]) {
        Some((_, kind)) if kind == "input_file" => {}
        Some((key, kind)) => {
            input.report(
                Problem::error(input.path(key), format!("`{kind}` is not supported"))
                    .fix("use `input_file`"),
            );
            return None;
        }
        None => input.report(
            Problem::error(input.path("Type"), "is missing").fix("write `Type: input_file`"),
        ),
    }
    input.check_keys(&[options::INPUT_FILE]);
    Some(Input {
        files: read_files(input, places),
        framing: read_framing(input, places),
        tags: read_tags(input),
    })
}

fn read_files(input: &Fields<'_>, places: &mut Places) -> FileInput {
    let depth = match input.integer(&["MaxDirSearchDepth"]) {
        None => 0,
        Some((key, depth)) => checked_depth(input, key, depth),
    };
    let (key, texts) = input.texts(&["FilePaths"]).unwrap_or(("FilePaths", Vec::new()));
    if texts.is_empty() {
        input.report(
            Problem::error(input.path(key), "is missing")
                .fix("name the files, for example [/var/log/nginx/access.log]"),
        );
    }
    if texts.len() > MAX_PATHS {
        input.report(
            Problem::error(input.path(key), format!("{} paths are too many", texts.len()))
                .fix(format!("use at most {MAX_PATHS}")),
        );
    }
    let paths = texts.iter().enumerate().filter_map(|(index, text)| {
        let field = input.path(&format!("{key}[{index}]"));
        read_path(text, depth).map_err(|problem| input.report(problem(field))).ok()
    });
    let paths: Vec<PathRule> = paths.collect();
    for (classic, own) in [
        ("logPath", "FilePaths"),
        ("filePattern", "FilePaths"),
        ("maxDepth", "MaxDirSearchDepth"),
        ("fileEncoding", "FileEncoding"),
    ] {
        places.0.insert(format!("inputDetail.{classic}"), input.path(own));
    }
    FileInput {
        paths,
        encoding: read_encoding(input, &["FileEncoding"]),
        // A filter processor says that.
        blank_non_utf8: false,
        tail_bytes: read_tail(input, &["TailSizeKB"]),
        tail_existing: input.flag(&["TailingAllMatchedFiles"]).unwrap_or(false),
        gzip_history: read_gzip_history(input, "ReadingGzipHistory", || {
            let named = texts.iter().enumerate();
            named.map(|(at, it)| (input.path(&format!("{key}[{at}]")), it.clone())).collect()
        }),
        exclude: Exclusions {
            dirs: read_exclusion_list(input, &["ExcludeDirs"], Of::Path),
            file_names: read_exclusion_list(input, &["ExcludeFiles"], Of::Name),
            file_paths: read_exclusion_list(input, &["ExcludeFilePaths"], Of::Path),
        },
        flush_timeout: read_flush_timeout(input, &["FlushTimeoutSecs"]),
        delay_alarm_bytes: read_delay_alarm(input, &["ReadDelayAlertThresholdBytes"]),
        delay_skip_bytes: read_delay_skip(input, &["ReadDelaySkipThresholdBytes"]),
        rotation_queue: read_rotation_queue(input, "RotatorQueueSize"),
        close_unused: read_close_unused(input, "CloseUnusedReaderIntervalSec"),
        preserved_depth: input
            .integer(&["PreservedDirDepth"])
            .and_then(|(_, depth)| u32::try_from(depth).ok()),
        shared: input.flag(&["AllowingIncludedByMultiConfigs"]).unwrap_or(false),
    }
}

/// Cuts `/DIRECTORY/PATTERN` or `/DIRECTORY/**/PATTERN`.
fn read_path(text: &str, depth: u32) -> Result<PathRule, impl FnOnce(String) -> Problem + use<>> {
    let refuse = |what: &'static str, fix: &'static str| {
        let what = format!("`{text}` {what}");
        Err(move |field: String| Problem::error(field, what).fix(fix))
    };
    if !text.starts_with('/') {
        return refuse(
            "is not an absolute path",
            "start it with `/`, as the agent's container sees it",
        );
    }
    let (dir, pattern) = text.rsplit_once('/').unwrap_or_default();
    if pattern.is_empty() || pattern == "**" {
        return refuse("names no file", "end it with a file name, or a pattern such as `*.log`");
    }
    let (dir, max_depth) = match dir.strip_suffix("/**") {
        Some(dir) => (dir, depth),
        None => (dir, 0),
    };
    if dir.split('/').any(|component| component == "**") {
        return refuse(
            "has `**` in the middle",
            "write `**` once, right before the file name, or `*` for one level",
        );
    }
    Ok(PathRule { dir: without_slash(dir), pattern: pattern.to_owned(), max_depth })
}

fn read_framing(input: &Fields<'_>, places: &mut Places) -> Framing {
    let multiline = input.inner(&["Multiline"]);
    multiline.check_keys(&[options::MULTILINE]);
    for (classic, own) in [
        ("logBeginRegex", "StartPattern"),
        ("logContinueRegex", "ContinuePattern"),
        ("logEndRegex", "EndPattern"),
    ] {
        places.0.insert(format!("inputDetail.{classic}"), multiline.path(own));
    }
    match multiline.text(&["Mode"]) {
        None => {}
        Some((_, mode)) if mode == "custom" => {}
        Some((_, mode)) if mode == "JSON" => return Framing::Json,
        Some((_, mode)) if mode == "whole_file" => return Framing::WholeFile,
        Some((key, mode)) => multiline.report(
            Problem::error(multiline.path(key), format!("`{mode}` is not a mode"))
                .fix("write `custom`, `JSON` or `whole_file`"),
        ),
    }
    let unmatched = match multiline.text(&["UnmatchedContentTreatment"]) {
        None => UnmatchedLines::SingleLine,
        Some((_, text)) if text == "single_line" => UnmatchedLines::SingleLine,
        Some((_, text)) if text == "discard" => UnmatchedLines::Discard,
        Some((key, text)) => {
            multiline.report(
                Problem::error(multiline.path(key), format!("`{text}` is not known"))
                    .fix("write `single_line` or `discard`"),
            );
            UnmatchedLines::SingleLine
        }
    };
    let quiet = multiline.flag(&["IgnoringUnmatchWarning"]).unwrap_or(false);
    let keys = LineKeys([&["StartPattern"], &["ContinuePattern"], &["EndPattern"]]);
    read_multiline(&multiline, &keys, unmatched, quiet)
}

fn read_tags(input: &Fields<'_>) -> TagRules {
    let mut tags = TagRules::default();
    let names = input.inner(&["Tags"]);
    names.check_keys(&[options::TAGS]);
    set_tag(&names, "FilePathTagKey", &mut tags.path, Some("__path__"));
    set_tag(&names, "FileInodeTagKey", &mut tags.inode, Some("__inode__"));
    set_tag(input, "FileOffsetKey", &mut tags.offset_field, Some("__file_offset__"));
    if input.flag(&["AppendingLogPositionMeta"]) == Some(true) {
        add_position(&mut tags);
    }
    tags
}
