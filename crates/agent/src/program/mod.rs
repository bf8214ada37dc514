//! The life of the process: settings, state directory, threads, signals, the end.

mod call;
mod collecting;
mod crash;
mod ending;
mod info_file;
mod keeping;
mod reporting;
mod talking;

use crate::checkpoint::{Entry, Loaded, decode, load};
use crate::daemon::{Daemon, LOG_FILE, Outcome};
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::settings::{
    DEFAULT_STATE_DIR, Given, READ_WHOLE_MARGIN, Settings, SettingsError, ThisMachine, memory_limit,
};
use crate::snapshot::{self, LedgerLine, insight};
use crate::status;
use crate::tail::{MAX_OPEN_FILES, READ_BYTES, Setup};
use crate::{dead_letter, info, log, warn};
use call::{Call, LedgerFormat, call_of};
use ending::{Ending, Times};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pipeline::batch::BatchLimits;
use reporting::{Reporter, Shared};
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use talking::Ears;
use tokio::sync::Notify;

/// From saying that it has ended to the end of the process.
const LAST_STEP_TAKES: Duration = Duration::from_secs(5);

/// Everything was delivered.
pub const EXIT_DRAINED: u8 = 0;
/// The program could not do its work.
pub const EXIT_FAILED: u8 = 1;
/// A setting cannot be used.
pub const EXIT_SETTINGS: u8 = 2;
/// The time for the end was over before everything was delivered.
pub const EXIT_LEFT: u8 = 3;

/// Why the program ends before it has begun.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(
        "state directory {path} cannot be used: {source}; set SIDETAIL_AGENT_STATE_DIR to a \
         directory that can be written and outlives the container"
    )]
    StateDir { path: PathBuf, source: io::Error },
    #[error("state directory {path} belongs to an agent that runs; give each its own")]
    InUse { path: PathBuf },
    #[error("checkpoint {path} cannot be read: {source}")]
    Checkpoint { path: PathBuf, source: io::Error },
    #[error("SIDETAIL_AGENT_LOG_FILE {path} cannot be written: {source}")]
    LogFile { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Connect(#[from] crate::send::ConnectError),
    #[error("the system refuses what an agent needs: {0}")]
    System(#[from] io::Error),
}

/// Runs the program called `name` with `args` until it ends.
pub fn run(name: &str, args: &[String], mut env: BTreeMap<String, String>) -> ExitCode {
    let call = match call_of(name, args) {
        Ok(call) => call,
        Err(why) => {
            log::write(log::Level::Error, format_args!("{why}"));
            return ExitCode::from(EXIT_SETTINGS);
        }
    };
    let state_dir =
        env.get("SIDETAIL_AGENT_STATE_DIR").map_or(DEFAULT_STATE_DIR, String::as_str).to_owned();
    let state_dir = Path::new(&state_dir);
    let daemon = || {
        let log_file = env.get("SIDETAIL_AGENT_LOG_FILE").map(Path::new);
        Daemon::new(state_dir, log_file)
    };
    let (text, code) = match call {
        Call::Collect { linger } => {
            if let Some(linger) = linger {
                env.insert("SIDETAIL_AGENT_LINGER_SECONDS".into(), linger.as_secs().to_string());
            }
            return collect(env);
        }
        Call::Daemon => {
            // Leaves the session of whoever started it; a group leader already has its own.
            let _ = rustix::process::setsid();
            let default = || state_dir.join(LOG_FILE).to_string_lossy().into_owned();
            env.entry("SIDETAIL_AGENT_LOG_FILE".into()).or_insert_with(default);
            return collect(env);
        }
        Call::Status => {
            let status = status::status(state_dir, Path::new("/proc"));
            (status.line().to_owned(), status.exit_code())
        }
        Call::Insight(words) => {
            let answer = insight::answer(state_dir, &words, &local_zone());
            if answer.code == EXIT_DRAINED
                && let Some(snapshot) = snapshot::current(state_dir)
            {
                let is_fresh = (wall_seconds() as u64) < snapshot.written + FRESH_SECONDS;
                if !is_fresh || !is_running(state_dir) {
                    say_whence(state_dir, "snapshot", snapshot.written);
                }
            }
            (answer.text, answer.code)
        }
        Call::Ledger(format) => {
            let settings = Settings::read(&given(env.clone()));
            let default = |_| state_dir.join("checkpoint");
            let checkpoint = settings.map_or_else(default, |settings| settings.checkpoint);
            ledger(state_dir, &checkpoint, format)
        }
        Call::DeadLetters(words) => {
            let settings = || Settings::read(&given(env.clone()));
            return ExitCode::from(dead_letter::command(&words, state_dir, settings));
        }
        Call::Start => outcome(daemon().start(call::DAEMON)),
        Call::Stop => outcome(daemon().stop()),
        Call::ForceStop => outcome(daemon().force_stop()),
        Call::Restart => {
            let stopped = daemon().stop();
            if stopped.code == 0 { outcome(daemon().start(call::DAEMON)) } else { outcome(stopped) }
        }
        Call::InsightUsage => (insight::USAGE.to_owned(), EXIT_DRAINED),
        Call::Usage => (USAGE.to_owned(), EXIT_DRAINED),
        Call::Version => (format!("sidetail-agent {}", env!("CARGO_PKG_VERSION")), EXIT_DRAINED),
    };
    // Standard output is for answers to questions on the command line only; whoever has closed
    // it wants the exit code.
    let _ = writeln!(io::stdout(), "{text}");
    ExitCode::from(code)
}

const USAGE: &str = "\
usage: sidetail-agent              collect, as the environment says
       sidetail-agent start        the same in the background; also stop, force-stop, restart
       sidetail-agent status       say whether an agent runs (exit code 0, 1 or 2)
       sidetail-agent status all|active|logstore|logfile|history …
                                   what it has done; `ilogtaild -h` explains
       sidetail-agent ledger [--format=line|json]
                                   bytes of each file: seen, read, acknowledged
       sidetail-agent dead-letters list|show|replay|remove
                                   look at what the service would not take, and send it again
       sidetail-agent --version

All settings are environment variables; docs/operate/agent.md lists them. Under the names
ilogtaild, loongcollectord and run_logtail.sh it answers as those do.";

fn outcome(outcome: Outcome) -> (String, u8) {
    (outcome.text, outcome.code)
}

/// The ledger of the last snapshot, or, where there is none, what the checkpoint knows. Since when
/// it is so goes to standard error.
fn ledger(state_dir: &Path, checkpoint: &Path, format: LedgerFormat) -> (String, u8) {
    let (lines, from, seconds) = if let Some(snapshot) = snapshot::current(state_dir) {
        (snapshot.ledger, "snapshot", snapshot.written)
    } else if let Some((entries, seconds)) = read_checkpoint(checkpoint) {
        (entries.into_iter().map(LedgerLine::from).collect(), "checkpoint", seconds)
    } else {
        let text = format!("there is no snapshot in {}", state_dir.display());
        return (text, insight::EXIT_QUERY);
    };
    say_whence(state_dir, from, seconds);
    let text = match format {
        LedgerFormat::Json => serde_json::to_string(&lines).unwrap_or_default(),
        LedgerFormat::Line => {
            let lines: Vec<String> = lines.iter().map(LedgerLine::line).collect();
            lines.join("\n")
        }
    };
    (text, EXIT_DRAINED)
}

/// A snapshot is written more often than that, unless a setting says otherwise.
const FRESH_SECONDS: u64 = 60;

fn is_running(state_dir: &Path) -> bool {
    status::running_pid(state_dir, Path::new("/proc")).is_some()
}

/// Says where an answer is from, since when it is so, and when no agent runs any more that could know
/// better: to standard error, so that the answer is what programs expect.
fn say_whence(state_dir: &Path, from: &str, seconds: u64) {
    let time = Timestamp::from_second(seconds as i64).unwrap_or_default();
    let ago = (wall_seconds() as u64).saturating_sub(seconds);
    let _ = writeln!(io::stderr(), "as the {from} of {time} knows it, {ago} s ago");
    if !is_running(state_dir) {
        let _ = writeln!(io::stderr(), "the agent is not running: this is what it knew last");
    }
}

/// The entries of a checkpoint, and when it was written, UNIX seconds.
fn read_checkpoint(path: &Path) -> Option<(Vec<Entry>, u64)> {
    let entries = decode(&std::fs::read(path).ok()?).ok()?;
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    let seconds = written.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Some((entries, seconds))
}

fn collect(env: BTreeMap<String, String>) -> ExitCode {
    match start(env) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            log::write(log::Level::Error, format_args!("{error}"));
            ExitCode::from(if matches!(error, StartError::Settings(_)) {
                EXIT_SETTINGS
            } else {
                EXIT_FAILED
            })
        }
    }
}

fn given(env: BTreeMap<String, String>) -> Given<'static> {
    let uname = rustix::system::uname();
    Given {
        env,
        hostname: uname.nodename().to_string_lossy().into_owned(),
        address: own_address(),
        memory_limit: memory_limit(&ThisMachine),
        machine: &ThisMachine,
    }
}

fn start(env: BTreeMap<String, String>) -> Result<u8, StartError> {
    // First of all: a pod may be told to end before it has begun.
    let signals = keeping::Signals::new()?;
    let settings = Settings::read(&given(env))?;
    log::set_level(settings.log_level);
    if let Some(path) = &settings.log_file {
        log::write_to(path).map_err(|source| StartError::LogFile { path: path.clone(), source })?;
    }
    info!("sidetail-agent {} starts", env!("CARGO_PKG_VERSION"));
    for origin in &settings.origins {
        info!("{origin}");
    }
    for warning in &settings.warnings {
        warn!("{warning}");
    }
    let pid_file = take_state_dir(&settings.state_dir)?;
    crash::tell_of_the_last(&settings.state_dir);
    crash::note_the_next(&settings.state_dir);
    let loaded = load_checkpoint(&settings.checkpoint)?;
    let metrics = Arc::new(Metrics::default());
    let now = collecting::moment();
    let setup = Setup {
        limits: BatchLimits {
            max_bytes: settings.batch_bytes,
            max_logs: settings.batch_logs,
            max_age: settings.batch_age,
        },
        budget_bytes: settings.memory_bytes,
        read_bytes: READ_BYTES,
        max_open_files: max_open_files(),
        max_bytes_per_second: settings.max_bytes_per_second,
        scan_every: settings.scan,
        path_prefix: settings.path_prefix.clone(),
        labels: settings.labels.clone(),
        read_whole_after_nanos: now.wall_nanos.saturating_sub(READ_WHOLE_MARGIN.as_nanos() as u64),
        restored: loaded.entries,
        metrics: Arc::clone(&metrics),
    };
    let to_collector = Mailbox::new()?;
    let to_keeper = Mailbox::new()?;
    let (tasks, tasks_out) = tokio::sync::mpsc::unbounded_channel();
    let ending = Ending::new(Times {
        linger: settings.linger,
        drain: settings.drain,
        tombstone: settings.tombstone_drain,
    });
    let checkpoint = settings.checkpoint.clone();
    let (cornerstone, tombstone) = (settings.cornerstone.clone(), settings.tombstone.clone());
    let report = Shared::default();
    let reporter =
        Reporter::new(&settings.state_dir, Arc::clone(&report), &metrics, wall_seconds() as u64);
    info_file::write(&settings, wall_seconds());
    let (report_every, reload) = (settings.snapshot, Arc::new(Notify::new()));
    let hurry = Arc::new(Notify::new());
    let ears = Ears { report, reload: Arc::clone(&reload), ending: Arc::clone(&hurry) };
    let talk = talking::Talk::new(settings, Arc::clone(&metrics), to_collector.clone(), ears)?;
    thread::Builder::new().name("talk".into()).spawn(move || talk.run(tasks_out))?;
    let collect =
        collecting::Collecting { messages: to_collector.clone(), keeper: to_keeper.clone() };
    thread::Builder::new().name("collect".into()).spawn(move || collect.run(setup, tasks))?;
    let keeper = keeping::Keeper {
        signals,
        messages: to_keeper,
        collector: to_collector,
        checkpoint,
        ending,
        cornerstone,
        tombstone,
        reporter,
        report_every,
        reload,
        hurry,
    };
    let code = keeper.run(&metrics);
    // Whoever should reap this process may not: what is over must not look like a zombie. The
    // file stays, because another agent may have it open already.
    let _ = pid_file.set_len(0);
    Ok(code)
}

/// The address that a connection to the outside would have. Nothing is sent.
fn own_address() -> String {
    let address = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    address.map_or_else(|_| "127.0.0.1".to_owned(), |address| address.ip().to_string())
}

/// Makes the state directory and keeps other agents out of it as long as the file lives.
fn take_state_dir(dir: &Path) -> Result<File, StartError> {
    let unusable = |source| StartError::StateDir { path: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(unusable)?;
    let path = dir.join(status::PID_FILE);
    let mut file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
    let begun = Instant::now();
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        // Whoever has emptied the file is on its last step: `restart` need not fail on it.
        let is_ending = file.metadata().is_ok_and(|it| it.len() == 0);
        if !is_ending || begun.elapsed() > LAST_STEP_TAKES {
            return Err(StartError::InUse { path: dir.to_owned() });
        }
        thread::sleep(Duration::from_millis(5));
    }
    let line = status::pid_line(std::process::id(), Path::new("/proc"));
    file.set_len(0).map_err(unusable)?;
    file.write_all(line.as_bytes()).map_err(unusable)?;
    Ok(file)
}

fn load_checkpoint(path: &Path) -> Result<Loaded, StartError> {
    let loaded =
        load(path).map_err(|source| StartError::Checkpoint { path: path.to_owned(), source })?;
    if let Some((problem, aside)) = &loaded.problem {
        log::alarm(
            "CHECKPOINT_ALARM",
            &path.to_string_lossy(),
            format_args!(
                "{problem}; it is kept as {} and files are followed as new",
                aside.display()
            ),
        );
    } else {
        info!("{} positions from {}", loaded.entries.len(), path.display());
    }
    Ok(loaded)
}

/// Four fifths of the descriptors that the system grants are for log files.
fn max_open_files() -> usize {
    let granted = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    granted.map_or(MAX_OPEN_FILES, |granted| (granted as usize / 5 * 4).clamp(16, MAX_OPEN_FILES))
}

/// Seconds since the epoch.
fn wall_seconds() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}

fn local_zone() -> TimeZone {
    TimeZone::system()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_is_waited_for_only_when_its_agent_is_on_its_last_step() {
        let dir = tempfile::tempdir().unwrap();
        let held = take_state_dir(dir.path()).unwrap();
        let second = take_state_dir(dir.path());
        assert!(matches!(second, Err(StartError::InUse { .. })), "it runs");
        held.set_len(0).unwrap();
        let ends = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        take_state_dir(dir.path()).unwrap();
        ends.join().unwrap();
    }
}
