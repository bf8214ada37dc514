//! `ilogtaild status all|active|logstore|logfile|history` (`agent` 1.4): answers from the
//! snapshot on disk. Names and values are those of Logtail's own tool.

use super::{FileLine, MAX_MINUTES, MAX_WINDOWS, StoreLine, Window, store};
use crate::files::escaped;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::path::Path;

/// The arguments are not a question.
pub const EXIT_ARGUMENTS: u8 = 10;
/// There is no snapshot to answer from.
pub const EXIT_QUERY: u8 = 1;

/// The questions, for people.
pub const USAGE: &str = "\
logtail insight, version 1.0.0 (sidetail-agent)
usage: ilogtaild status                                              whether an agent runs
       ilogtaild status all [index]                                  state of a minute, 1 to 60
       ilogtaild status active [--logstore] index                    logstores with data
       ilogtaild status active --logfile index project logstore      files with data
       ilogtaild status logstore [--format=line|json] index project logstore
       ilogtaild status logfile [--format=line|json] index project logstore fileFullPath
       ilogtaild status history beginIndex endIndex project logstore [fileFullPath]

index is the number of a window of ten minutes from 1, the running one, to 60; of `all`, the
number of a minute. `history` shows the windows from beginIndex to endIndex.";

/// An answer: what is printed, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For standard output, without the last newline.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Answer {
    fn of(text: String) -> Self {
        Self { text, code: 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Line,
    Json,
}

/// Answers the words behind `status`, of which there is at least one.
pub fn answer(state_dir: &Path, words: &[String], zone: &TimeZone) -> Answer {
    parse(words).map_or_else(
        |why| Answer { text: format!("{why}\n{USAGE}"), code: EXIT_ARGUMENTS },
        |question| question.answer(state_dir, zone),
    )
}

#[derive(Debug, PartialEq, Eq)]
enum Question<'a> {
    Minute { index: usize },
    ActiveStores { index: usize },
    ActiveFiles { index: usize, project: &'a str, logstore: &'a str },
    One { format: Format, index: usize, of: Subject<'a> },
    History { first: usize, last: usize, of: Subject<'a> },
}

/// What is asked about: a logstore, or a file that goes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subject<'a> {
    project: &'a str,
    logstore: &'a str,
    path: Option<&'a str>,
}

fn parse(words: &[String]) -> Result<Question<'_>, String> {
    let (mut format, mut of_files) = (Format::Line, false);
    let mut plain: Vec<&str> = Vec::new();
    for word in words {
        match word.as_str() {
            "--format=line" => format = Format::Line,
            "--format=json" => format = Format::Json,
            "--logstore" => of_files = false,
            "--logfile" => of_files = true,
            other if other.starts_with("--") => return Err(format!("unknown option {other}")),
            other => plain.push(other),
        }
    }
    let number = |text: &str, most: usize| {
        let number = text.parse().ok().filter(|index| (1..=most).contains(index));
        number.ok_or_else(|| format!("`{text}` is not an index from 1 to {most}"))
    };
    let window = |text: &str| number(text, MAX_WINDOWS);
    Ok(match plain[..] {
        ["all"] => Question::Minute { index: 1 },
        ["all", index] => Question::Minute { index: number(index, MAX_MINUTES)? },
        ["active", index] if !of_files => Question::ActiveStores { index: window(index)? },
        ["active", index, project, logstore] => {
            Question::ActiveFiles { index: window(index)?, project, logstore }
        }
        ["logstore", index, project, logstore] => {
            let of = Subject { project, logstore, path: None };
            Question::One { format, index: window(index)?, of }
        }
        ["logfile", index, project, logstore, path] => {
            let of = Subject { project, logstore, path: Some(path) };
            Question::One { format, index: window(index)?, of }
        }
        ["history", first, last, project, logstore, ref path @ ..] if path.len() <= 1 => {
            let of = Subject { project, logstore, path: path.first().copied() };
            Question::History { first: window(first)?, last: window(last)?, of }
        }
        _ => return Err(format!("`status {}` is not a question", words.join(" "))),
    })
}

impl Question<'_> {
    fn answer(&self, state_dir: &Path, zone: &TimeZone) -> Answer {
        let Some(now) = store::current(state_dir) else {
            let text = format!(
                "there is no snapshot in {}: no agent has run with this state directory",
                state_dir.join(store::DIR).display()
            );
            return Answer { text, code: EXIT_QUERY };
        };
        let windows = |first: usize, last: usize| store::windows(state_dir, first, last);
        let window = |index: usize| windows(index, index).pop().unwrap_or_default();
        Answer::of(match *self {
            Self::Minute { index } => {
                now.minutes.get(index - 1).map_or("null", |it| it.status.as_str()).to_owned()
            }
            Self::ActiveStores { index } => {
                let stores = window(index).logstores.into_iter();
                let active = stores.filter(|it| it.counts.read_count > 0);
                lines(active.map(|it| format!("{} : {}", it.project, it.logstore)))
            }
            Self::ActiveFiles { index, project, logstore } => {
                let files = window(index).logfiles.into_iter();
                let active = files.filter(|it| it.project == project && it.logstore == logstore);
                lines(active.map(|it| it.file_path))
            }
            Self::One { format, index, of } => one(format, of.values(&window(index), format, zone)),
            Self::History { first, last, of } => {
                history(&windows(first.min(last), first.max(last)), of, zone)
            }
        })
    }
}

impl Subject<'_> {
    /// What a window tells about it; `None` when it does not come up there.
    fn values(&self, window: &Window, format: Format, zone: &TimeZone) -> Option<Values> {
        let Self { project, logstore, path } = *self;
        let Some(path) = path else {
            let of_store = |it: &&StoreLine| it.project == project && it.logstore == logstore;
            let line = window.logstores.iter().find(of_store)?;
            return Some(store_values(window, line, zone));
        };
        let of_path = |it: &&FileLine| {
            it.project == project
                && it.logstore == logstore
                && (it.file_path == path || it.file_path == escaped(path))
        };
        // The newest file of the path: an older one may have been renamed since.
        let files = window.logfiles.iter().filter(of_path);
        let line = files.max_by_key(|it| it.counts.last_read_time)?;
        Some(file_values(window, line, format, zone))
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

type Values = Vec<(&'static str, Value)>;

fn readable(seconds: u64, zone: &TimeZone) -> String {
    let time = Timestamp::from_second(i64::try_from(seconds).unwrap_or(0)).unwrap_or_default();
    time.to_zoned(zone.clone()).strftime("%y-%m-%d %H:%M:%S").to_string()
}

fn times(window: &Window, zone: &TimeZone) -> Values {
    vec![
        ("time_begin_readable", json!(readable(window.time_begin, zone))),
        ("time_end_readable", json!(readable(window.time_end, zone))),
        ("time_begin", json!(window.time_begin)),
        ("time_end", json!(window.time_end)),
    ]
}

fn average_delay(counts: &super::StoreCounts) -> u64 {
    counts.delay_bytes_sum.checked_div(counts.read_count).unwrap_or(0)
}

fn store_values(window: &Window, line: &StoreLine, zone: &TimeZone) -> Values {
    let counts = &line.counts;
    let newest = if line.send_queue_size > 0 { counts.last_read_time } else { 0 };
    let mut values = times(window, zone);
    values.extend([
        ("project", json!(line.project)),
        ("logstore", json!(line.logstore)),
        ("status", json!(line.status())),
        ("config", json!(line.config)),
        ("read_bytes", json!(counts.read_bytes)),
        ("parse_success_lines", json!(counts.parse_success_lines)),
        ("parse_fail_lines", json!(counts.parse_fail_lines)),
        ("last_read_time", json!(counts.last_read_time)),
        ("read_count", json!(counts.read_count)),
        ("avg_delay_bytes", json!(average_delay(counts))),
        ("max_unsend_time", json!(newest)),
        ("min_unsend_time", json!(line.min_unsend_time)),
        ("max_send_success_time", json!(counts.max_send_success_time)),
        ("send_queue_size", json!(line.send_queue_size)),
        ("send_network_error_count", json!(counts.send_network_error_count)),
        ("send_network_quota_count", json!(counts.send_network_quota_count)),
        ("send_network_discard_count", json!(counts.send_network_discard_count)),
        ("send_success_count", json!(counts.send_success_count)),
        ("send_block_flag", json!(line.send_block_flag)),
        ("sender_valid_flag", json!(line.sender_valid_flag)),
    ]);
    values
}

fn file_values(window: &Window, line: &FileLine, format: Format, zone: &TimeZone) -> Values {
    let counts = &line.counts;
    let offset = match format {
        Format::Line => "file_offset_bytes",
        Format::Json => "read_offset_bytes",
    };
    let mut values = times(window, zone);
    values.extend([
        ("project", json!(line.project)),
        ("logstore", json!(line.logstore)),
        ("status", json!(line.status())),
        ("config", json!(line.config)),
        ("file_path", json!(line.file_path)),
        ("file_dev", json!(line.file_dev)),
        ("file_inode", json!(line.file_inode)),
        ("file_size_bytes", json!(line.file_size_bytes)),
        (offset, json!(line.read_offset_bytes)),
        ("read_bytes", json!(counts.read_bytes)),
        ("parse_success_lines", json!(counts.parse_success_lines)),
        ("parse_fail_lines", json!(counts.parse_fail_lines)),
        ("last_read_time", json!(counts.last_read_time)),
        ("read_count", json!(counts.read_count)),
        ("avg_delay_bytes", json!(average_delay(counts))),
    ]);
    values
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn one(format: Format, values: Option<Values>) -> String {
    match (format, values) {
        (_, None) => "null".to_owned(),
        (Format::Line, Some(values)) => {
            lines(values.iter().map(|(name, value)| format!("{name} : {}", plain(value))))
        }
        (Format::Json, Some(values)) => {
            let object: Map<String, Value> =
                values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Value::Object(object).to_string()
        }
    }
}

/// Columns of `history`: the heading and the value that stands below.
const STORE_COLUMNS: [(&str, &str); 18] = [
    ("begin_time", "time_begin_readable"),
    ("status", "status"),
    ("read", "read_bytes"),
    ("parse_success", "parse_success_lines"),
    ("parse_fail", "parse_fail_lines"),
    ("last_read_time", "last_read_time"),
    ("read_count", "read_count"),
    ("avg_delay", "avg_delay_bytes"),
    ("send_queue", "send_queue_size"),
    ("network_error", "send_network_error_count"),
    ("quota_error", "send_network_quota_count"),
    ("discard_error", "send_network_discard_count"),
    ("send_success", "send_success_count"),
    ("send_block", "send_block_flag"),
    ("send_valid", "sender_valid_flag"),
    ("max_unsend", "max_unsend_time"),
    ("min_unsend", "min_unsend_time"),
    ("max_send_success", "max_send_success_time"),
];

const FILE_COLUMNS: [(&str, &str); 12] = [
    ("begin_time", "time_begin_readable"),
    ("status", "status"),
    ("read", "read_bytes"),
    ("parse_success", "parse_success_lines"),
    ("parse_fail", "parse_fail_lines"),
    ("last_read_time", "last_read_time"),
    ("read_count", "read_count"),
    ("avg_delay", "avg_delay_bytes"),
    ("device", "file_dev"),
    ("inode", "file_inode"),
    ("file_size", "file_size_bytes"),
    ("read_offset", "read_offset_bytes"),
];

fn history(windows: &[Window], of: Subject<'_>, zone: &TimeZone) -> String {
    let columns: &[(&str, &str)] = match of.path {
        None => &STORE_COLUMNS,
        Some(_) => &FILE_COLUMNS,
    };
    let rows = windows.iter().filter_map(|window| of.values(window, Format::Json, zone));
    let cell = |row: &Values, name: &str| {
        let value = row.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        match (name.ends_with("_time"), value) {
            (true, Some(value)) => readable(value.as_u64().unwrap_or(0), zone),
            (false, Some(value)) => plain(value),
            (_, None) => String::new(),
        }
    };
    let mut table: Vec<Vec<String>> =
        vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    table.extend(rows.map(|row| columns.iter().map(|(_, name)| cell(&row, name)).collect()));
    aligned(&table)
}

/// Columns to the right, as wide as their widest cell.
fn aligned(table: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (at, row) in table.iter().enumerate() {
        let newline = if at > 0 { "\n" } else { "" };
        let _ = write!(out, "{newline}");
        for (column, cell) in row.iter().enumerate() {
            let width = table.iter().map(|row| row[column].len()).max().unwrap_or(0);
            let gap = if column > 0 { " " } else { "" };
            let _ = write!(out, "{gap}{cell:>width$}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
