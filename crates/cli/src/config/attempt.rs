//! `sidetail config try`: runs a configuration over a log file and shows what comes out.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pipeline::batch::{Batch, BatchLimits, FileStream, Now, Outlet, Rest, Unfinished};
use pipeline::parse::{LogTime, Outcome, RAW_LOG};
use pipeline::plan::Plan;
use pipeline::tags::{AgentLabels, FileLabels, LabelledFile};
use serde_json::{Map, Value, json};
use sls::collect::manifest::{self, Colors};
use sls::collect::{CollectConfig, Parser};
use sls::log_group::{LogGroup, LogGroupWriter};

use super::explain::explain;
use super::{read_text, verify};
use crate::exit::{Exit, Failure};
use crate::moment::show_moment;
use crate::table::Table;

/// Which configuration to try on which lines.
#[derive(Debug, Clone, Args)]
pub struct TryArgs {
    /// Manifest with the configuration.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Log file to run it over.
    #[arg(long, value_name = "LOGFILE")]
    sample: PathBuf,

    /// Name of the configuration, when the manifest has several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Records to show at most.
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    limit: usize,

    /// Form of the output.
    #[arg(long, short, value_enum, default_value = "table")]
    output: TryOutput,

    /// Cut no cell of the table.
    #[arg(long)]
    wide: bool,
}

/// Forms of output of `config try`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TryOutput {
    /// A table for people.
    Table,
    /// One JSON object for each record, on a line of its own.
    Json,
}

/// As much of the sample is looked at.
const LARGEST_SAMPLE_BYTES: usize = 16 << 20;
/// Widest cell of the table.
const CELL_COLUMNS: usize = 40;

/// One record and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tried {
    /// Line of the sample in which it begins, from 1.
    line: usize,
    /// Its time, when its fields give one.
    unix_seconds: Option<i64>,
    /// Its fields, or why it has none.
    fields: Result<Vec<(String, String)>, String>,
    /// The record itself.
    text: String,
}

/// What became of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Trial {
    records: Vec<Tried>,
    /// Records that a filter left out.
    filtered: u64,
}

/// Runs the configuration and prints. Problems are found when a record does not parse.
pub(super) fn run(args: &TryArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let text = read_text(&args.file)?;
    let Some(config) = find_config(args, &text)? else { return Ok(Exit::ProblemsFound) };
    let Some(mut plan) = pipeline::plan::compile(&config, &TimeZone::system()).plan else {
        return Err(Failure::Usage(format!("configuration {} cannot be compiled", config.name)));
    };
    // A sample may be of any age.
    plan.parser.set_max_age(None);
    let sample = read_sample(&args.sample)?;
    let trial = run_plan(&config, plan, &sample, Timestamp::now());
    let printed = match args.output {
        TryOutput::Table => {
            let cell_columns = if args.wide { usize::MAX } else { CELL_COLUMNS };
            out.write_all(table(&trial, args.limit, cell_columns).as_bytes())
        }
        TryOutput::Json => trial
            .records
            .iter()
            .take(args.limit)
            .try_for_each(|tried| writeln!(out, "{}", to_json(tried))),
    };
    printed.map_err(|source| Failure::io("cannot write to standard output", source))?;
    let failed = trial.records.iter().filter(|tried| tried.fields.is_err()).count();
    let parsed = trial.records.len() - failed;
    let _ = writeln!(
        std::io::stderr(),
        "{parsed} of {} records parsed, {failed} failed, {} filtered",
        trial.records.len() as u64 + trial.filtered,
        trial.filtered
    );
    Ok(if failed > 0 { Exit::ProblemsFound } else { Exit::Done })
}

/// The configuration that is meant. `None` when it is refused, which has been said.
fn find_config(args: &TryArgs, text: &str) -> Result<Option<CollectConfig>, Failure> {
    let file = args.file.display().to_string();
    let colors = if std::io::stderr().is_terminal() { Colors::Always } else { Colors::Never };
    let mut refused = false;
    let mut found = Vec::new();
    for (number, document) in manifest::read(text).iter().enumerate() {
        let verdict = verify(document, text, &file, number);
        let refuses = verdict.is_refused();
        let wanted = args.name.as_ref().zip(verdict.config.as_ref());
        if wanted.is_some_and(|(name, config)| config.name != *name) {
            continue;
        }
        for diagnostic in &verdict.diagnostics {
            let _ = writeln!(std::io::stderr(), "{}", diagnostic.render(&file, text, colors));
        }
        refused |= refuses;
        found.extend(verdict.config);
    }
    if found.is_empty() && refused {
        return Ok(None);
    }
    let names: Vec<&str> = found.iter().map(|config| config.name.as_str()).collect();
    match names.as_slice() {
        [] => Err(Failure::Usage(match &args.name {
            Some(name) => format!("{file} has no configuration named {name}"),
            None => format!("{file} has no configuration"),
        })),
        [_] => Ok(found.pop()),
        names => Err(Failure::Usage(format!(
            "{file} has several configurations; choose one with --name: {}",
            names.join(", ")
        ))),
    }
}

fn read_sample(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let failed = |source| Failure::io(format!("cannot read sample {}", path.display()), source);
    let mut sample = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    std::io::Read::read_to_end(
        &mut std::io::Read::take(file, LARGEST_SAMPLE_BYTES as u64),
        &mut sample,
    )
    .map_err(failed)?;
    Ok(sample)
}

/// Makes every record a batch of its own, so that its bytes are known.
#[derive(Default)]
struct Each(Vec<Batch>);

impl Outlet for Each {
    fn fresh(&mut self) -> LogGroupWriter {
        LogGroupWriter::new()
    }

    fn full(&mut self, batch: Batch) {
        self.0.push(batch);
    }
}

fn run_plan(config: &CollectConfig, mut plan: Plan, sample: &[u8], now: Timestamp) -> Trial {
    // A record that fails is wanted too, whatever the configuration does with it.
    plan.parser = plan.parser.showing_unparsed();
    let file = LabelledFile { path: b"", inode: 0 };
    let labels = FileLabels::new(&AgentLabels::default(), &plan.labels, file, 0);
    let mut stream = FileStream::new(labels, 0, Unfinished::No);
    let limits = BatchLimits { max_logs: 1, ..BatchLimits::default() };
    let wall = LogTime { seconds: now.as_second().try_into().unwrap_or(0), nanos: None };
    let mut each = Each::default();
    let now = Now { wall, clock: Instant::now() };
    let fed = stream.feed(sample, Rest::IsRecord, &mut plan, &limits, now, &mut each);
    each.0.extend(stream.seal());
    let mut trial = Trial { filtered: fed.filtered, ..Trial::default() };
    let mut line = 1;
    let mut counted = 0;
    for batch in &each.0 {
        let (start, end) = (batch.start as usize, batch.end as usize);
        line += newlines(&sample[counted..start]);
        counted = start;
        let Ok(group) = LogGroup::parse(batch.group.as_bytes()) else { continue };
        let Some(log) = group.logs().next() else { continue };
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let text = lossy(sample[start..end].trim_ascii_end());
        let fields: Vec<(String, String)> =
            log.contents().map(|(key, value)| (lossy(key), lossy(value))).collect();
        let failed = fields.iter().any(|(key, _)| key == RAW_LOG);
        let fields = match &config.parser {
            _ if !failed => Ok(fields),
            Parser::Regex { pattern, keys, .. } => Err(explain(pattern, keys, &text)),
            _ => {
                let record = sample[start..end].trim_ascii_end();
                Err(match plan.parser.record(record, wall, &mut LogGroupWriter::new()) {
                    Outcome::KeptRaw(fault) => fault.describe().to_owned(),
                    _ => "does not parse".to_owned(),
                })
            }
        };
        let unix_seconds = config.time.as_ref().map(|_| i64::from(log.time));
        trial.records.push(Tried { line, unix_seconds, fields, text });
    }
    trial
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn table(trial: &Trial, limit: usize, cell_columns: usize) -> String {
    let shown = || trial.records.iter().take(limit);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in shown().filter_map(|tried| tried.fields.as_ref().ok()).flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let timed = trial.records.iter().any(|tried| tried.unix_seconds.is_some());
    let mut titles = vec!["line"];
    if timed {
        titles.push("__time__");
    }
    titles.extend(&names);
    let mut table = Table::new(titles);
    let mut failures = String::new();
    for tried in shown() {
        match &tried.fields {
            Ok(fields) => {
                let mut row = vec![tried.line.to_string()];
                if timed {
                    let seconds = tried.unix_seconds.unwrap_or_default();
                    row.push(show_moment(seconds, &TimeZone::system()));
                }
                row.extend(names.iter().map(|name| {
                    let value = fields.iter().rev().find(|(key, _)| key == name);
                    value.map(|(_, value)| value.clone()).unwrap_or_default()
                }));
                table.rows.push(row);
            }
            Err(reason) => {
                let text = crate::table::visible(&tried.text);
                failures.push_str(&format!("line {}: {reason}\n  {text}\n", tried.line));
            }
        }
    }
    let mut text = if table.rows.is_empty() { String::new() } else { table.render(cell_columns) };
    if !failures.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("failed:\n");
        text.push_str(&failures);
    }
    text
}

fn to_json(tried: &Tried) -> Value {
    let mut object = json!({"line": tried.line});
    if let Some(seconds) = tried.unix_seconds {
        object["__time__"] = seconds.into();
    }
    match &tried.fields {
        Ok(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
            object["fields"] = Value::Object(fields.collect::<Map<_, _>>());
        }
        Err(reason) => {
            object["error"] = reason.as_str().into();
            object["text"] = tried.text.as_str().into();
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(text: &str, sample: &str) -> Trial {
        let documents = manifest::read(text);
        let config = verify(&documents[0], text, "a.yaml", 0).config.expect("is right");
        let plan = pipeline::plan::compile(&config, &TimeZone::UTC).plan.expect("compiles");
        run_plan(&config, plan, sample.as_bytes(), Timestamp::UNIX_EPOCH)
    }

    const ACCESS: &str = include_str!("../../../../examples/nginx-sidecar/access.yaml");

    const SAMPLE: &str = "\
2026-01-02T10:00:00.000Z 10.0.0.1 - - \"GET /日志?a=1 HTTP/1.1\" 0.012 512 200 5316 \"-\" \"curl/8.8.0\" \"-\"
not an access line
2026-01-02T10:00:01.000Z 10.0.0.2 - - \"POST /pay HTTP/1.1\" 0.230 90 5xx 17 \"-\" \"okhttp/4.12.0\" \"-\"
2026-01-02T10:00:02.000Z 10.0.0.3 - - \"GET / HTTP/2.0\" 0.001 88 304 0 \"-\" \"Mozilla/5.0 (X11)\" \"-\"
";

    #[test]
    fn the_fields_of_each_line_are_shown_and_failures_with_their_reason() {
        insta::assert_snapshot!(table(&trial(ACCESS, SAMPLE), 20, 24));
    }

    #[test]
    fn a_program_gets_fields_or_the_reason() {
        let trial = trial(ACCESS, SAMPLE);
        let lines: Vec<usize> = trial.records.iter().map(|tried| tried.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
        assert_eq!(to_json(&trial.records[0])["fields"]["user-agent"], "curl/8.8.0");
        assert!(to_json(&trial.records[2])["error"].as_str().unwrap().contains("\"status\""));
    }

    #[test]
    fn simple_mode_and_a_last_line_without_end_work_too() {
        let error = include_str!("../../../../examples/nginx-sidecar/error.yaml");
        let trial = trial(error, "first\nsecond");
        let fields: Vec<_> = trial.records.into_iter().map(|tried| tried.fields.unwrap()).collect();
        assert_eq!(fields[1], [("content".to_owned(), "second".to_owned())]);
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn a_record_that_another_way_of_parsing_refuses_is_shown_with_its_reason() {
        let error = include_str!("../../../../examples/nginx-sidecar/error.yaml");
        let text = error.replace("logType: common_reg_log", "logType: json_log");
        let trial = trial(&text, "{\"a\":1}\n{\"a\":\"\\x\"}\n");
        assert_eq!(trial.records[0].fields, Ok(vec![("a".to_owned(), "1".to_owned())]));
        assert_eq!(
            trial.records[1].fields,
            Err("a JSON string has an escape that means nothing".to_owned())
        );
    }

    #[test]
    fn a_record_of_several_lines_is_counted_by_its_first() {
        let error = include_str!("../../../../examples/nginx-sidecar/error.yaml");
        let text = error.replace(
            "      dockerFile: false\n",
            "      dockerFile: false\n      logBeginRegex: '\\d+ .*'\n",
        );
        let trial = trial(&text, "1 a\n  b\n  c\n2 d\n");
        let lines: Vec<usize> = trial.records.iter().map(|tried| tried.line).collect();
        assert_eq!(lines, [1, 4]);
    }
}
