//! `sidetail gen` and `mock_log`: writes logs for demos, tests and benchmarks.

mod args;
mod delimited;
mod java;
mod json;
mod nginx;
mod pace;
mod random;
mod render;
mod target;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rand::SeedableRng;

pub use args::{GenerateArgs, LogType, MockLog, with_two_dashes};
pub use delimited::Delimited;
pub use java::Java;
pub use json::Json;
pub use nginx::{Access, Error as NginxError};
pub use pace::{Due, Pace};
pub use random::Random;
pub use render::{Facts, Number, Render, Rng};
pub use target::{LogFile, Rotation};

use crate::exit::{Exit, Failure};

/// A signal to end is looked at this often while waiting.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// What a run wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records, each written once to every target.
    pub records: u64,
    /// Bytes of those records, counted once.
    pub bytes: u64,
}

/// Writes logs until the count is reached or SIGTERM or SIGINT arrives, then prints the totals to
/// standard error.
pub fn run(args: &GenerateArgs) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|source| Failure::io("cannot listen for signals", source))?;
    }
    let started = Instant::now();
    let totals = write_records(args, &stop)?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = totals.records as f64 / seconds.max(1e-9);
    // Nobody may be left to read it; the records are written all the same.
    let _ = writeln!(
        io::stderr(),
        "wrote {} records, {} bytes in {seconds:.3} s ({rate:.0} records/s)",
        totals.records,
        totals.bytes,
    );
    Ok(Exit::Done)
}

/// Writes records as told, until the count is reached, `stop` is set or a reader of standard
/// output has gone away.
pub fn write_records(args: &GenerateArgs, stop: &AtomicBool) -> Result<Totals, Failure> {
    let mut targets = Targets::open(args)?;
    let mut renderer = renderer(args);
    let mut rng = match args.seed {
        Some(seed) => Rng::seed_from_u64(seed),
        None => Rng::seed_from_u64(rand::random()),
    };
    let mut pace = Pace::new(args.logs_per_sec);
    let mut totals = Totals::default();
    let mut record = Vec::with_capacity(1024);
    let started = Instant::now();
    loop {
        let left = match args.total_count {
            0 => u64::MAX,
            total => total - totals.records,
        };
        if left == 0 || stop.load(Ordering::Relaxed) {
            return Ok(totals);
        }
        let due = match pace.due(started.elapsed()) {
            Due::Now(records) => records.min(left),
            Due::In(wait) => {
                std::thread::sleep(wait.min(LONGEST_WAIT));
                continue;
            }
        };
        for _ in 0..due {
            if stop.load(Ordering::Relaxed) {
                return Ok(totals);
            }
            let sequence = totals.records + 1;
            let facts = Facts {
                unix_millis: time_of(args, totals.records),
                number: args.number_lines.then_some(Number { sequence, pod: &args.pod }),
            };
            record.clear();
            renderer.render(&mut rng, &facts, &mut record);
            if !targets.write(&record)? {
                return Ok(totals);
            }
            totals.records = sequence;
            totals.bytes += record.len() as u64;
        }
    }
}

fn renderer(args: &GenerateArgs) -> Box<dyn Render> {
    match args.log_type {
        LogType::Nginx => Box::new(Access::default()),
        LogType::NginxError => Box::new(NginxError::default()),
        LogType::Java => Box::new(Java::default()),
        LogType::Json => Box::new(Json::default()),
        LogType::Delimited => Box::new(Delimited::default()),
        LogType::Random => {
            Box::new(Random { key_count: args.key_count, item_length_bytes: args.item_length })
        }
    }
}

/// Time of the record that has `index` records before it, in milliseconds.
fn time_of(args: &GenerateArgs, index: u64) -> i64 {
    match args.start_time {
        Some(start) => {
            let rate = if args.logs_per_sec == 0 { 1000 } else { args.logs_per_sec };
            let passed = u128::from(index) * 1000 / u128::from(rate);
            start.as_millisecond().saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
        }
        None => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// All places that get every record.
struct Targets {
    file: Option<LogFile>,
    path: std::path::PathBuf,
    stdout: bool,
    stderr: bool,
}

impl Targets {
    fn open(args: &GenerateArgs) -> Result<Self, Failure> {
        let rotation =
            Rotation { file_size_bytes: args.log_file_size, file_count: args.log_file_count };
        let stderr = args.stderr.unwrap_or(false);
        let stdout = args.stdout.unwrap_or(args.path.is_none() && !stderr);
        let path = args.path.clone().unwrap_or_default();
        let file = match &args.path {
            Some(path) => Some(LogFile::open(path, rotation).map_err(|source| {
                Failure::io(format!("cannot open log file {}", path.display()), source)
            })?),
            None => None,
        };
        Ok(Self { file, path, stdout, stderr })
    }

    /// Writes one record everywhere, with one call for each place. False when the reader of
    /// standard output or standard error is gone, which ends the run without being a failure.
    fn write(&mut self, record: &[u8]) -> Result<bool, Failure> {
        if let Some(file) = &mut self.file {
            file.write(record).map_err(|source| {
                Failure::io(format!("cannot write log file {}", self.path.display()), source)
            })?;
        }
        if self.stdout && !write_stream(io::stdout().lock(), "standard output", record)? {
            return Ok(false);
        }
        if self.stderr && !write_stream(io::stderr().lock(), "standard error", record)? {
            return Ok(false);
        }
        Ok(true)
    }
}

fn write_stream(mut stream: impl Write, name: &str, record: &[u8]) -> Result<bool, Failure> {
    match stream.write_all(record).and_then(|()| stream.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(source) => Err(Failure::io(format!("cannot write to {name}"), source)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    fn args(extra: &[&str], path: &Path) -> GenerateArgs {
        let path = format!("--path={}", path.display());
        let args = ["mock_log", &path, "--logs-per-sec=0"].into_iter().chain(extra.iter().copied());
        MockLog::try_parse_from(args).unwrap().args
    }

    #[test]
    fn a_run_writes_as_many_numbered_lines_as_asked_for_across_rotated_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("access.log");
        let args = args(
            &[
                "--total-count=500",
                "--number-lines",
                "--pod=p-0",
                "--log-file-size=20000",
                "--log-file-count=100",
            ],
            &path,
        );
        let totals = write_records(&args, &AtomicBool::new(false)).unwrap();
        assert_eq!(totals.records, 500);

        let mut files: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        assert!(files.len() > 5);
        assert_eq!(files.iter().map(|text| text.len() as u64).sum::<u64>(), totals.bytes);
        files.iter_mut().for_each(|text| assert!(text.len() <= 20_000 && text.ends_with('\n')));
        let all = files.concat();
        for sequence in 1..=500 {
            let mark = format!("?seq={sequence:06}&pod=p-0");
            assert_eq!(all.matches(&mark).count(), 1, "{mark}");
        }
        assert_eq!(all.lines().count(), 500);
    }

    #[test]
    fn seed_and_start_time_make_the_file_repeatable() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = directory.path().join(name);
            let extra = ["--seed=11", "--start-time=2026-01-02T10:00:00Z", "--total-count=50"];
            write_records(&args(&extra, &path), &AtomicBool::new(false)).unwrap();
            std::fs::read(path).unwrap()
        };
        let first = write("a");
        assert_eq!(first, write("b"));
        assert!(first.starts_with(b"2026-01-02T10:00:00.000Z "));
    }

    #[test]
    fn a_stopped_run_writes_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let args = args(&["--total-count=0"], &directory.path().join("access.log"));
        let totals = write_records(&args, &AtomicBool::new(true)).unwrap();
        assert_eq!(totals, Totals::default());
    }

    #[test]
    fn a_directory_in_the_way_is_named_in_the_failure() {
        let directory = tempfile::tempdir().unwrap();
        let failure =
            write_records(&args(&[], directory.path()), &AtomicBool::new(false)).unwrap_err();
        assert!(failure.to_string().contains(&directory.path().display().to_string()));
    }
}
