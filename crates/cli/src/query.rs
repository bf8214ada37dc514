//! `sidetail query`: asks a logstore and prints the rows.

use std::io::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sls::api::get_logs::{GetLogs, LogsAnswer, LogsQuery, Progress, Row};

use crate::exit::{Exit, Failure};
use crate::moment::{parse_moment, show_moment};
use crate::service::{Service, ServiceArgs};
use crate::table::Table;

/// What to ask.
#[derive(Debug, Clone, Args)]
pub struct QueryArgs {
    #[command(flatten)]
    service: ServiceArgs,

    /// Project that the logstore is in.
    #[arg(long, short, env = "SIDETAIL_PROJECT", value_name = "NAME")]
    project: String,

    /// Logstore to ask.
    #[arg(long, short, env = "SIDETAIL_LOGSTORE", value_name = "NAME")]
    logstore: String,

    /// Begin of the time range: -15m, -2h, epoch seconds, RFC 3339, or "2026-01-02 10:00".
    #[arg(long, default_value = "-15m", allow_hyphen_values = true, value_name = "TIME")]
    from: String,

    /// End of the time range, not part of it.
    #[arg(long, default_value = "now", allow_hyphen_values = true, value_name = "TIME")]
    to: String,

    /// Form of the output: a table, one JSON object on each line, or the bare text of each line.
    #[arg(long, short, value_enum, default_value = "table")]
    output: QueryOutput,

    /// Newest rows first.
    #[arg(long)]
    reverse: bool,

    /// Rows to print at most.
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    limit: usize,

    /// Cut no cell of the table.
    #[arg(long)]
    wide: bool,

    /// `search | SQL`; everything when it is left out.
    #[arg(default_value = "*")]
    query: String,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryOutput {
    /// A table for people.
    Table,
    /// One JSON object on each line.
    Json,
    /// The text of each line: its field `content`, or all values.
    Raw,
}

/// Rows in one answer at most (`sls-api` 2.3).
const PAGE_ROWS: usize = 100;
/// How often an incomplete answer is asked for again, and the pause before, as the official
/// clients do it.
const MORE_TRIES: usize = 5;
const TRY_PAUSE: Duration = Duration::from_millis(500);
/// Widest cell of a table.
const CELL_COLUMNS: usize = 48;

/// Asks and prints.
pub fn run(args: &QueryArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (now, zone) = (Timestamp::now(), TimeZone::system());
    let moment = |text: &str| {
        parse_moment(text, now, &zone).map_err(|error| Failure::Usage(error.to_string()))
    };
    // The end is not part of the range; "now" means with what arrived in this second.
    let end = if args.to == "now" { now.as_second() + 1 } else { moment(&args.to)? };
    let range = (moment(&args.from)?, end);
    let service = Service::open(&args.service, |name| std::env::var(name).ok())?;
    let found = fetch(args, range, &|query| {
        let call = GetLogs { logstore: args.logstore.clone(), query: query.clone() };
        service.call(&args.project, &call, || {
            format!("query logstore {} of project {}", args.logstore, args.project)
        })
    })?;
    let written = match args.output {
        QueryOutput::Table => out.write_all(table(&found, &zone, args.wide).as_bytes()),
        QueryOutput::Json => write_json(&found.rows, out),
        QueryOutput::Raw => write_raw(&found.rows, out),
    };
    match written.and_then(|()| out.flush()) {
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(Failure::io("cannot write to standard output", error));
        }
        _ => {}
    }
    let _ = writeln!(std::io::stderr(), "{}", summary(&found));
    Ok(Exit::Done)
}

/// All rows of a query.
#[derive(Debug, Clone, PartialEq, Default)]
struct Found {
    rows: Vec<Row>,
    /// Columns in the order of an SQL result; empty for a search.
    columns: Vec<String>,
    scanned_rows: u64,
    complete: Option<Progress>,
}

/// Asks page by page. `ask` makes one call.
fn fetch(
    args: &QueryArgs,
    (from, to): (i64, i64),
    ask: &dyn Fn(&LogsQuery) -> Result<LogsAnswer, Failure>,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    while found.rows.len() < args.limit {
        let want = (args.limit - found.rows.len()).min(PAGE_ROWS);
        let query = LogsQuery {
            from,
            to,
            query: args.query.clone(),
            line: Some(want as i64),
            offset: Some(found.rows.len() as i64),
            reverse: Some(args.reverse),
            ..LogsQuery::default()
        };
        let answer = complete(&query, ask)?;
        found.scanned_rows = found.scanned_rows.max(answer.meta.processed_rows);
        found.complete = Some(answer.meta.progress);
        let count = answer.data.len();
        found.rows.extend(answer.data);
        if answer.meta.has_sql {
            // An SQL result has its own LIMIT and comes in one piece.
            found.columns = answer.meta.keys;
            found.rows.truncate(args.limit);
            break;
        }
        if count < want {
            break;
        }
    }
    Ok(found)
}

/// Asks again while the answer is incomplete, a few times.
fn complete(
    query: &LogsQuery,
    ask: &dyn Fn(&LogsQuery) -> Result<LogsAnswer, Failure>,
) -> Result<LogsAnswer, Failure> {
    let mut answer = ask(query)?;
    for _ in 0..MORE_TRIES {
        if answer.meta.progress == Progress::Complete {
            break;
        }
        std::thread::sleep(TRY_PAUSE);
        answer = ask(query)?;
    }
    Ok(answer)
}

fn summary(found: &Found) -> String {
    let mut words = match found.rows.len() {
        0 => "no rows".to_owned(),
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    };
    if found.scanned_rows > 0 {
        words.push_str(&format!(", {} looked at", found.scanned_rows));
    }
    if found.complete == Some(Progress::Incomplete) {
        words.push_str("; incomplete: the service ran out of time, narrow the time range");
    }
    words
}

/// Columns as people look for them: the time, the fields of the line, then its tags.
fn columns(found: &Found) -> Vec<String> {
    if !found.columns.is_empty() {
        return found.columns.clone();
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in found.rows.iter().flat_map(|row| &row.0) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let rank = |name: &str| match name {
        "__time__" => 0,
        _ if name.starts_with("__tag__:") => 2,
        // Of no use in a table; `-o json` has them.
        "__source__" | "__topic__" | "__time_ns_part__" => 3,
        _ => 1,
    };
    names.sort_by_key(|name| rank(name));
    names.retain(|name| rank(name) < 3);
    names.into_iter().map(str::to_owned).collect()
}

fn table(found: &Found, zone: &TimeZone, wide: bool) -> String {
    if found.rows.is_empty() {
        return String::new();
    }
    let columns = columns(found);
    let mut table = Table::new(columns.iter().map(|name| {
        name.strip_prefix("__tag__:").unwrap_or(if name == "__time__" { "time" } else { name })
    }));
    for row in &found.rows {
        let cell = |name: &String| {
            let value = row.get(name).unwrap_or_default();
            match value.parse() {
                Ok(seconds) if name == "__time__" => show_moment(seconds, zone),
                _ => value.to_owned(),
            }
        };
        table.rows.push(columns.iter().map(cell).collect());
    }
    table.render(if wide { usize::MAX } else { CELL_COLUMNS })
}

fn write_json(rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    for row in rows {
        let members = row.0.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        writeln!(out, "{}", Value::Object(members.collect::<Map<_, _>>()))?;
    }
    Ok(())
}

fn write_raw(rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    for row in rows {
        match row.get("content").or_else(|| row.get("__raw_log__")) {
            Some(content) => writeln!(out, "{content}")?,
            None => {
                let fields = row.0.iter().filter(|(name, _)| !name.starts_with("__"));
                let values: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
                writeln!(out, "{}", values.join(" "))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use clap::Parser;
    use sls::api::get_logs::LogsMeta;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: QueryArgs,
    }

    fn args(extra: &[&str]) -> QueryArgs {
        let fixed = ["query", "--endpoint=http://x", "--project=p", "--logstore=l"];
        Command::try_parse_from(fixed.iter().chain(extra)).unwrap().args
    }

    fn row(pairs: &[(&str, &str)]) -> Row {
        Row(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_relative_begin_is_no_flag() {
        let args = args(&["--from", "-15m", "--limit", "5", "--reverse", "not status: 200"]);
        assert_eq!((args.from.as_str(), args.limit, args.reverse), ("-15m", 5, true));
        assert_eq!(args.query, "not status: 200");
    }

    #[test]
    fn pages_are_asked_for_until_the_limit_or_the_end() {
        for (limit, total, expected) in
            [(250, 1000, vec![100, 100, 50]), (250, 130, vec![100, 100]), (5, 3, vec![5])]
        {
            let asked = RefCell::new(Vec::new());
            let ask = |query: &LogsQuery| {
                let (line, offset) = (query.line.unwrap() as usize, query.offset.unwrap() as usize);
                asked.borrow_mut().push(line);
                let data = vec![row(&[("a", "b")]); line.min(total - offset.min(total))];
                Ok(LogsAnswer { meta: LogsMeta::default(), data })
            };
            let found = fetch(&args(&[&format!("--limit={limit}")]), (0, 1), &ask).unwrap();
            assert_eq!(found.rows.len(), limit.min(total));
            assert_eq!(*asked.borrow(), expected);
        }
    }

    #[test]
    fn an_sql_result_is_asked_for_once_and_keeps_its_columns() {
        let ask = |_: &LogsQuery| {
            let keys = vec!["b".to_owned(), "a".to_owned()];
            let meta = LogsMeta { has_sql: true, keys, ..LogsMeta::default() };
            Ok(LogsAnswer { meta, data: vec![row(&[("a", "1"), ("b", "2")]); 100] })
        };
        let found = fetch(&args(&["--limit=1000", "* | select 1"]), (0, 1), &ask).unwrap();
        assert_eq!(found.rows.len(), 100);
        let table = table(&found, &TimeZone::UTC, false);
        assert!(table.starts_with("b  a\n"), "{table}");
    }

    #[test]
    fn a_table_begins_with_the_time_and_ends_with_the_tags() {
        let found = Found {
            rows: vec![
                row(&[
                    ("__time__", "1767348000"),
                    ("__source__", "10.0.0.1"),
                    ("__tag__:_pod_name_", "nginx-0"),
                    ("method", "GET"),
                    ("url", "/日志"),
                ]),
                row(&[("__time__", "1767348001"), ("method", "POST")]),
            ],
            ..Found::default()
        };
        insta::assert_snapshot!(table(&found, &TimeZone::UTC, false), @r"
        time                 method  url    _pod_name_
        ───────────────────  ──────  ─────  ──────────
        2026-01-02 10:00:00  GET     /日志  nginx-0
        2026-01-02 10:00:01  POST
        ");
    }

    #[test]
    fn programs_get_one_object_on_each_line_and_the_text_as_it_was() {
        let rows =
            [row(&[("content", "a \"b\"\tc"), ("__time__", "1")]), row(&[("x", "1"), ("y", "2")])];
        let mut out = Vec::new();
        write_json(&rows, &mut out).unwrap();
        write_raw(&rows, &mut out).unwrap();
        let expected = "{\"content\":\"a \\\"b\\\"\\tc\",\"__time__\":\"1\"}\n{\"x\":\"1\",\"y\":\"2\"}\na \"b\"\tc\n1 2\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
