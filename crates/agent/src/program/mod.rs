//! The life of the process: settings, state directory, threads, signals, the end.

mod collecting;
mod keeping;
mod talking;

use crate::checkpoint::{Loaded, load};
use crate::mailbox::Mailbox;
use crate::metrics::Metrics;
use crate::settings::{
    DEFAULT_STATE_DIR, Given, READ_WHOLE_MARGIN, Settings, SettingsError, ThisMachine, memory_limit,
};
use crate::status;
use crate::tail::{READ_BYTES, Setup};
use crate::{info, log, warn};
use jiff::tz::TimeZone;
use pipeline::batch::BatchLimits;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

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
    #[error("CA file {path} cannot be read: {source}")]
    CaFile { path: PathBuf, source: io::Error },
    #[error("no connection to the service can be prepared: {0}")]
    Client(#[from] sls_client::ClientError),
    #[error("the system refuses what an agent needs: {0}")]
    System(#[from] io::Error),
}

/// Runs the program called `name` with `args` until it ends.
pub fn run(name: &str, args: &[String], env: BTreeMap<String, String>) -> ExitCode {
    let is_init_script = status::NAMES.contains(&name);
    match args.first().map(String::as_str) {
        Some("status") => return answer_status(&env),
        None if !is_init_script => {}
        Some("--version" | "-V") => {
            say(&format!("sidetail-agent {}", env!("CARGO_PKG_VERSION")));
            return ExitCode::from(EXIT_DRAINED);
        }
        Some("--help" | "-h") => {
            say(USAGE);
            return ExitCode::from(EXIT_DRAINED);
        }
        _ => {
            log::write(log::Level::Error, format_args!("{USAGE}"));
            return ExitCode::from(EXIT_SETTINGS);
        }
    }
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

const USAGE: &str = "\
usage: sidetail-agent            collect, as the environment says
       sidetail-agent status     say whether an agent runs (exit code 0, 1 or 2)
       sidetail-agent --version

All settings are environment variables; docs/operate/agent.md lists them.";

/// Standard output is for answers to questions on the command line only.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn answer_status(env: &BTreeMap<String, String>) -> ExitCode {
    let dir = env.get("SIDETAIL_AGENT_STATE_DIR").map_or(DEFAULT_STATE_DIR, String::as_str);
    let status = status::status(Path::new(dir), Path::new("/proc"));
    say(status.line());
    ExitCode::from(status.exit_code())
}

fn start(env: BTreeMap<String, String>) -> Result<u8, StartError> {
    // First of all: a pod may be told to end before it has begun.
    let signals = keeping::signals()?;
    let uname = rustix::system::uname();
    let given = Given {
        env,
        hostname: uname.nodename().to_string_lossy().into_owned(),
        address: own_address(),
        memory_limit: memory_limit(&ThisMachine),
        machine: &ThisMachine,
    };
    let settings = Settings::read(&given)?;
    log::set_level(settings.log_level);
    info!("sidetail-agent {} starts", env!("CARGO_PKG_VERSION"));
    for origin in &settings.origins {
        info!("{origin}");
    }
    for warning in &settings.warnings {
        warn!("{warning}");
    }
    let _lock = take_state_dir(&settings.state_dir)?;
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
        scan_every: settings.scan,
        path_prefix: settings.path_prefix.clone(),
        labels: settings.labels.clone(),
        read_whole_after_nanos: now.wall_nanos.saturating_sub(READ_WHOLE_MARGIN.as_nanos() as u64),
        restored: loaded.entries,
        metrics: Arc::clone(&metrics),
    };
    let to_collector = Mailbox::new()?;
    let to_keeper = Mailbox::new()?;
    let (parcels, parcels_out) = tokio::sync::mpsc::unbounded_channel();
    let drain = settings.drain;
    let checkpoint = settings.checkpoint.clone();
    let talk = talking::Talk::new(settings, Arc::clone(&metrics), to_collector.clone())?;
    thread::Builder::new().name("talk".into()).spawn(move || talk.run(parcels_out))?;
    let collect =
        collecting::Collecting { messages: to_collector.clone(), keeper: to_keeper.clone() };
    thread::Builder::new().name("collect".into()).spawn(move || collect.run(setup, parcels))?;
    let keeper = keeping::Keeper {
        signals,
        messages: to_keeper,
        collector: to_collector,
        checkpoint,
        drain,
    };
    Ok(keeper.run(&metrics))
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
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(StartError::InUse { path: dir.to_owned() });
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
        warn!(
            "CHECKPOINT_ALARM {}: {problem}; it is kept as {} and files are followed as new",
            path.display(),
            aside.display()
        );
    } else {
        info!("{} positions from {}", loaded.entries.len(), path.display());
    }
    Ok(loaded)
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
