//! Raw to checked: which files are read, and what of them goes into tags.

use super::Problem;
use super::checked::{Encoding, Exclusions, FileInput, PathRule, TagRules};
use super::options;
use super::raw::Fields;
use std::time::Duration;

/// How long an unfinished line waits; the spec gives 60 s for current agents.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
/// `maxDepth` at most, and when nothing is said.
pub(super) const MAX_DEPTH: i64 = 1000;
/// The most of a file's end that `tail_size_kb` may ask for.
const MAX_TAIL_KB: i64 = 104_857_600;
/// Unread bytes of a file that raise an alarm.
const DELAY_ALARM_BYTES: u64 = 200 * 1024 * 1024;
/// What relative paths are relative to (`agent` 2.2).
const INSTALL_DIR: &str = "/usr/local/ilogtail";

pub(super) fn read(detail: &Fields<'_>, advanced: &Fields<'_>) -> FileInput {
    let dir = read_dir(detail);
    let pattern = read_pattern(detail);
    let max_depth = match detail.integer(&["maxDepth", "max_depth"]) {
        None | Some((_, -1)) => MAX_DEPTH as u32,
        Some((key, depth)) => checked_depth(detail, key, depth),
    };
    let tail_existing = ["tailExisted", "tail_existed"];
    FileInput {
        preserved_depth: read_preserved_depth(detail, &dir),
        paths: vec![PathRule { dir, pattern: pattern.clone(), max_depth }],
        encoding: read_encoding(detail, &["fileEncoding", "file_encoding"]),
        blank_non_utf8: detail.flag(&["discardNonUtf8", "discard_none_utf8"]).unwrap_or(false),
        tail_bytes: read_tail(advanced, &["tail_size_kb"])
            .or_else(|| read_tail(detail, &["tailLimit", "tail_limit"])),
        tail_existing: detail
            .flag(&tail_existing)
            .or_else(|| advanced.flag(&["tail_existed"]))
            .unwrap_or(false),
        gzip_history: read_gzip_history(advanced, "read_gzip_history", || {
            vec![(detail.path("filePattern"), pattern.clone())]
        }),
        exclude: read_exclusions(detail, advanced),
        flush_timeout: read_flush_timeout(detail, &["readerFlushTimeout", "reader_flush_timeout"]),
        delay_alarm_bytes: read_delay_alarm(detail, &["delayAlarmBytes", "delay_alarm_bytes"]),
        delay_skip_bytes: read_delay_skip(detail, &["delaySkipBytes", "delay_skip_bytes"]),
        rotation_queue: read_rotation_queue(advanced, "max_rotate_queue_size"),
        close_unused: read_close_unused(advanced, "close_unused_reader_interval"),
        shared: advanced.flag(&["force_multiconfig"]).unwrap_or(false),
    }
}

pub(super) fn read_tags(advanced: &Fields<'_>) -> TagRules {
    let mut tags = TagRules::default();
    if advanced.flag(&["enable_log_position_meta"]) == Some(true) {
        add_position(&mut tags);
    }
    tags
}

/// The inode and offset under the names they have always had.
pub(super) fn add_position(tags: &mut TagRules) {
    tags.inode.get_or_insert_with(|| "__inode__".to_owned());
    tags.offset_field.get_or_insert_with(|| "__file_offset__".to_owned());
}

fn read_dir(detail: &Fields<'_>) -> String {
    let Some((key, path)) = detail.text(&["logPath", "log_path"]) else {
        detail.report(
            Problem::error(detail.path("logPath"), "is missing")
                .fix("name the directory of the log files, for example /var/log/nginx"),
        );
        return String::new();
    };
    let mut dir = path.clone();
    if !path.starts_with('/') {
        let what = format!("`{path}` is not an absolute path");
        let fix = "start it with `/`, as the agent's container sees it";
        if key == "logPath" {
            detail.report(Problem::error(detail.path(key), what).fix(fix));
        } else {
            // The agent's own files have always meant this.
            dir = format!("{INSTALL_DIR}/{}", path.trim_start_matches("./"));
            let what = format!("{what} and taken as `{dir}`");
            detail.report(Problem::warning(detail.path(key), what).fix(fix));
        }
    }
    if dir.contains("**") {
        detail.report(
            Problem::warning(detail.path(key), format!("`**` in `{path}` means the same as `*`"))
                .fix("name the directory and set `maxDepth`"),
        );
        while dir.contains("**") {
            dir = dir.replace("**", "*");
        }
    }
    without_slash(&dir)
}

/// A directory without the slashes behind it.
pub(super) fn without_slash(dir: &str) -> String {
    match dir.trim_end_matches('/') {
        "" => "/".to_owned(),
        dir => dir.to_owned(),
    }
}

fn read_pattern(detail: &Fields<'_>) -> String {
    let Some((key, pattern)) = detail.text(&["filePattern", "file_pattern"]) else {
        detail.report(
            Problem::error(detail.path("filePattern"), "is missing")
                .fix("name the file, or a pattern such as `*.log`"),
        );
        return String::new();
    };
    if pattern.contains('/') {
        detail.report(
            Problem::error(detail.path(key), format!("`{pattern}` contains `/`"))
                .fix("put the directory into `logPath`"),
        );
    }
    pattern
}

pub(super) fn checked_depth(fields: &Fields<'_>, key: &str, depth: i64) -> u32 {
    if !(0..=MAX_DEPTH).contains(&depth) {
        fields.report(
            Problem::error(fields.path(key), format!("{depth} is out of range"))
                .fix(format!("use 0 to {MAX_DEPTH}")),
        );
    }
    depth.clamp(0, MAX_DEPTH) as u32
}

fn read_preserved_depth(detail: &Fields<'_>, dir: &str) -> Option<u32> {
    let forgets = detail.flag(&["preserve"]) == Some(false);
    let depth = match detail.integer(&["preserveDepth", "preserve_depth"]) {
        None => 1,
        Some((_, depth @ 1..=3)) => depth as u32,
        Some((key, depth)) => {
            let taken = depth.clamp(1, 3);
            if forgets {
                let what = format!("{depth} is out of range and taken as {taken}");
                detail.report(Problem::warning(detail.path(key), what).fix("use 1 to 3"));
            }
            taken as u32
        }
    };
    // With wildcards the depth has no meaning.
    (forgets && !dir.contains(['*', '?'])).then_some(depth)
}

/// Whether compressed files are read. Whoever names them and does not say so is told; `patterns`
/// gives what is named, and where.
pub(super) fn read_gzip_history<'a>(
    fields: &Fields<'a>,
    key: &'a str,
    patterns: impl FnOnce() -> Vec<(String, String)>,
) -> bool {
    let reads = fields.flag(&[key]).unwrap_or(false);
    for (field, pattern) in patterns() {
        if pattern.ends_with(".gz") && !reads {
            let what = format!("`{pattern}` names compressed files, which are not read");
            fields.report(Problem::warning(field, what).fix(format!("set `{key}: true`")));
        }
    }
    reads
}

pub(super) fn read_encoding<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Encoding {
    match fields.text(spellings) {
        None => Encoding::Utf8,
        Some((_, text)) if text.eq_ignore_ascii_case("gbk") => Encoding::Gbk,
        Some((_, text)) if ["utf8", "utf-8"].iter().any(|it| text.eq_ignore_ascii_case(it)) => {
            Encoding::Utf8
        }
        Some((key, text)) => {
            fields.report(
                Problem::warning(fields.path(key), format!("`{text}` is read as `utf8`"))
                    .fix("write `utf8` or `gbk`"),
            );
            Encoding::Utf8
        }
    }
}

pub(super) fn read_tail<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Option<u64> {
    let (key, kib) = fields.integer(spellings)?;
    if (0..=MAX_TAIL_KB).contains(&kib) {
        return Some(kib as u64 * 1024);
    }
    fields.report(
        Problem::error(fields.path(key), format!("{kib} is out of range"))
            .fix(format!("use 0 to {MAX_TAIL_KB}")),
    );
    None
}

pub(super) fn read_flush_timeout<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Duration {
    fields.number_from(spellings, 0).map_or(FLUSH_TIMEOUT, Duration::from_secs)
}

pub(super) fn read_delay_alarm<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> u64 {
    fields.number_from(spellings, 0).filter(|bytes| *bytes > 0).unwrap_or(DELAY_ALARM_BYTES)
}

pub(super) fn read_delay_skip<'a>(fields: &Fields<'a>, spellings: &[&'a str]) -> Option<u64> {
    fields.number_from(spellings, 0).filter(|bytes| *bytes > 0)
}

pub(super) fn read_rotation_queue<'a>(fields: &Fields<'a>, key: &'a str) -> Option<u32> {
    let limit = fields.number_from(&[key], 1)?;
    Some(u32::try_from(limit).unwrap_or(u32::MAX))
}

pub(super) fn read_close_unused<'a>(fields: &Fields<'a>, key: &'a str) -> Option<Duration> {
    fields.number_from(&[key], 1).map(Duration::from_secs)
}

fn read_exclusions(detail: &Fields<'_>, advanced: &Fields<'_>) -> Exclusions {
    let lists = advanced.inner(&["blacklist"]);
    lists.check_keys(&[options::BLACKLIST]);
    let mut dirs =
        read_exclusion_list(detail, &["dirPatternBlackList", "dir_pattern_black_list"], Of::Path);
    dirs.extend(read_exclusion_list(&lists, &["dir_blacklist"], Of::Path));
    Exclusions {
        dirs,
        file_names: read_exclusion_list(&lists, &["filename_blacklist"], Of::Name),
        file_paths: read_exclusion_list(&lists, &["filepath_blacklist"], Of::Path),
    }
}

/// What an exclusion is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A file's name, so that it has no slash.
    Name,
    /// An absolute path.
    Path,
}

pub(super) fn read_exclusion_list<'a>(
    fields: &Fields<'a>,
    spellings: &[&'a str],
    of: Of,
) -> Vec<String> {
    let Some((key, texts)) = fields.texts(spellings) else { return Vec::new() };
    for (index, text) in texts.iter().enumerate() {
        let field = fields.path(&format!("{key}[{index}]"));
        if of == Of::Name && text.contains('/') {
            fields.report(
                Problem::error(field, format!("`{text}` contains `/`"))
                    .fix("use the list of file paths for paths"),
            );
        } else if of == Of::Path && !text.starts_with('/') {
            fields.report(
                Problem::error(field, format!("`{text}` is not an absolute path"))
                    .fix("start it with `/`"),
            );
        }
    }
    texts
}
