//! `ilogtaild status all|active|logstore|logfile|history` (`agent` 1.4): answers from the
//! snapshot on disk. Names and values are those of Logtail's own tool.

use super::{FileLine, MAX_MINUTES, MAX_WINDOWS, StoreLine, Window, store};
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
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 0 }
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
    All {
        index: usize,
    },
    ActiveStores {
        index: usize,
    },
    ActiveFiles {
        index: usize,
        project: &'a str,
        logstore: &'a str,
    },
    Store {
        format: Format,
        index: usize,
        project: &'a str,
        logstore: &'a str,
    },
    File {
        format: Format,
        index: usize,
        project: &'a str,
        logstore: &'a str,
        path: &'a str,
    },
    History {
        first: usize,
        last: usize,
        project: &'a str,
        logstore: &'a str,
        path: Option<&'a str>,
    },
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
        ["all"] => Question::All { index: 1 },
        ["all", index] => Question::All { index: number(index, MAX_MINUTES)? },
        ["active", index] if !of_files => Question::ActiveStores { index: window(index)? },
        ["active", index, project, logstore] => {
            Question::ActiveFiles { index: window(index)?, project, logstore }
        }
        ["logstore", index, project, logstore] => {
            Question::Store { format, index: window(index)?, project, logstore }
        }
        ["logfile", index, project, logstore, path] => {
            Question::File { format, index: window(index)?, project, logstore, path }
        }
        ["history", first, last, project, logstore] => {
            let (first, last) = (window(first)?, window(last)?);
            Question::History { first, last, project, logstore, path: None }
        }
        ["history", first, last, project, logstore, path] => {
            let (first, last) = (window(first)?, window(last)?);
            Question::History { first, last, project, logstore, path: Some(path) }
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
        let window = |index: usize| match index {
            1 => Some(now.window.clone()),
            _ => store::windows(state_dir, index, index).pop(),
        };
        match *self {
            Self::All { index } => {
                Answer::of(now.minutes.get(index - 1).map_or("null", |it| it.status.as_str()))
            }
            Self::ActiveStores { index } => {
                let stores = window(index).map(|window| window.logstores).unwrap_or_default();
                let names: Vec<String> = stores
                    .iter()
                    .filter(|it| it.counts.read_count > 0)
                    .map(|it| format!("{} : {}", it.project, it.logstore))
                    .collect();
                Answer::of(names.join("\n"))
            }
            Self::ActiveFiles { index, project, logstore } => {
                let files = window(index).map(|window| window.logfiles).unwrap_or_default();
                let names: Vec<String> = files
                    .into_iter()
                    .filter(|it| it.project == project && it.logstore == logstore)
                    .map(|it| it.file_path)
                    .collect();
                Answer::of(names.join("\n"))
            }
            Self::Store { format, index, project, logstore } => {
                let found = window(index);
                let line = found.as_ref().and_then(|it| find_store(it, project, logstore));
                one(format, found.as_ref().zip(line).map(|(it, line)| store_values(it, line, zone)))
            }
            Self::File { format, index, project, logstore, path } => {
                let found = window(index);
                let line = found.as_ref().and_then(|it| find_file(it, project, logstore, path));
                let values = found.as_ref().zip(line).map(|(it, line)| {
                    let offset = match format {
                        Format::Line => "file_offset_bytes",
                        Format::Json => "read_offset_bytes",
                    };
                    file_values(it, line, offset, zone)
                });
                one(format, values)
            }
            Self::History { first, last, project, logstore, path } => {
                let windows = store::windows(state_dir, first.min(last), first.max(last));
                Answer::of(history(&windows, project, logstore, path, zone))
            }
        }
    }
}

fn find_store<'a>(window: &'a Window, project: &str, logstore: &str) -> Option<&'a StoreLine> {
    window.logstores.iter().find(|it| it.project == project && it.logstore == logstore)
}

/// The newest file of a path: an older one may have been renamed since.
fn find_file<'a>(
    window: &'a Window,
    project: &str,
    logstore: &str,
    path: &str,
) -> Option<&'a FileLine> {
    let of_path =
        |it: &&FileLine| it.project == project && it.logstore == logstore && it.file_path == path;
    window.logfiles.iter().filter(of_path).max_by_key(|it| it.counts.last_read_time)
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

fn file_values(window: &Window, line: &FileLine, offset: &'static str, zone: &TimeZone) -> Values {
    let counts = &line.counts;
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

fn one(format: Format, values: Option<Values>) -> Answer {
    Answer::of(match (format, values) {
        (_, None) => "null".to_owned(),
        (Format::Line, Some(values)) => {
            let lines: Vec<String> =
                values.iter().map(|(name, value)| format!("{name} : {}", plain(value))).collect();
            lines.join("\n")
        }
        (Format::Json, Some(values)) => {
            let object: Map<String, Value> =
                values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Value::Object(object).to_string()
        }
    })
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

fn history(
    windows: &[Window],
    project: &str,
    logstore: &str,
    path: Option<&str>,
    zone: &TimeZone,
) -> String {
    let (columns, rows): (&[(&str, &str)], Vec<Values>) = match path {
        None => {
            let rows = windows.iter().filter_map(|window| {
                find_store(window, project, logstore).map(|line| store_values(window, line, zone))
            });
            (&STORE_COLUMNS, rows.collect())
        }
        Some(path) => {
            let rows = windows.iter().filter_map(|window| {
                let line = find_file(window, project, logstore, path)?;
                Some(file_values(window, line, "read_offset_bytes", zone))
            });
            (&FILE_COLUMNS, rows.collect())
        }
    };
    let cell = |row: &Values, name: &str| {
        let value = row.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        match (name.ends_with("_time"), value) {
            (true, Some(value)) => readable(value.as_u64().unwrap_or(0), zone),
            (false, Some(value)) => plain(value),
            (_, None) => String::new(),
        }
    };
    let mut table = vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    for row in &rows {
        table.push(columns.iter().map(|(_, name)| cell(row, name)).collect::<Vec<String>>());
    }
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
