//! Real programs: start, watch what they print, signal, kill, collect.

use crate::patience::wait_until;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A program of this workspace about to be started.
#[derive(Debug)]
pub struct Program {
    name: String,
    command: Command,
    quiet: bool,
}

/// A program that cannot be started or did not do what was expected in time.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The binary is not there.
    #[error("{path} cannot be started: {source}; build it with `cargo build --bins`")]
    Start {
        /// Where it was looked for.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It did not print or end in time.
    #[error("{name} did not {what} within {limit:?}; it printed:\n{output}")]
    Late {
        /// Which program.
        name: String,
        /// What was awaited.
        what: String,
        /// For how long.
        limit: Duration,
        /// Everything it printed so far.
        output: String,
    },
}

impl Program {
    /// The binary `name` of this workspace, with an environment that holds nothing but `PATH`,
    /// so that the caller's settings cannot leak into a test.
    pub fn new(name: &str) -> Self {
        Self::at(bin_dir().join(name), name)
    }

    /// A program at any path, shown as `name`.
    pub fn at(path: impl Into<PathBuf>, name: &str) -> Self {
        let mut command = Command::new(path.into());
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { name: name.to_owned(), command, quiet: false }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Throws its outputs away instead of keeping them: for programs that print without end.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Starts it with both outputs captured, in a process group of its own, so that a Ctrl-C in
    /// the terminal reaches only the caller, who ends its programs in the right order.
    ///
    /// # Errors
    /// [`ProcessError::Start`] when the binary is missing.
    pub fn start(mut self) -> Result<Running, ProcessError> {
        let path = PathBuf::from(self.command.get_program());
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(if self.quiet { Stdio::null() } else { Stdio::piped() })
            .stderr(if self.quiet { Stdio::null() } else { Stdio::piped() })
            .process_group(0)
            .spawn()
            .map_err(|source| ProcessError::Start { path, source })?;
        let output = Output::default();
        let readers = [
            child.stdout.take().map(|pipe| output.read(Stream::Out, pipe)),
            child.stderr.take().map(|pipe| output.read(Stream::Err, pipe)),
        ];
        Ok(Running {
            name: self.name,
            child,
            output,
            readers: readers.into_iter().flatten().collect(),
        })
    }
}

static BIN_DIR: OnceLock<PathBuf> = OnceLock::new();

/// Says where the workspace's binaries are, for callers that have just built them. The first
/// call counts.
pub fn set_bin_dir(dir: PathBuf) {
    let _ = BIN_DIR.set(dir);
}

/// Where the workspace's binaries are: what [`set_bin_dir`] said, else `SIDETAIL_BIN_DIR`, else
/// the folder above a test's own.
pub fn bin_dir() -> PathBuf {
    if let Some(dir) = BIN_DIR.get() {
        return dir.clone();
    }
    if let Some(dir) = std::env::var_os("SIDETAIL_BIN_DIR") {
        return dir.into();
    }
    let exe = std::env::current_exe().unwrap_or_default();
    let dir = exe.parent().map(PathBuf::from).unwrap_or_default();
    if dir.ends_with("deps") { dir.parent().map(PathBuf::from).unwrap_or_default() } else { dir }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// The lines a program has printed, in the order they came in.
#[derive(Clone, Debug, Default)]
struct Output(Arc<Mutex<Vec<(Stream, String)>>>);

impl Output {
    fn read(&self, stream: Stream, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = self.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(&line).into_owned();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push((stream, line));
            }
        })
    }

    fn lines(&self, wanted: Option<Stream>) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .filter(|(stream, _)| wanted.is_none_or(|wanted| *stream == wanted))
            .map(|(_, line)| line.clone())
            .collect()
    }
}

/// A started program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    output: Output,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Both outputs so far, line by line.
    pub fn output(&self) -> Vec<String> {
        self.output.lines(None)
    }

    /// Standard output so far, line by line.
    pub fn stdout(&self) -> Vec<String> {
        self.output.lines(Some(Stream::Out))
    }

    /// Waits for a line of either output from which `find` takes a value.
    ///
    /// # Errors
    /// [`ProcessError::Late`] with all that was printed instead.
    pub fn wait_line<T>(
        &self,
        what: &str,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let look = || self.output().iter().find_map(|line| find(line)).ok_or_else(String::new);
        wait_until(limit, look).map_err(|_| self.late(&format!("print {what}"), limit))
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal; nothing happens when it has ended.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it at once, as a crash or the OOM killer would (`kill -9`).
    pub fn kill(mut self) -> Vec<String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_readers();
        self.output()
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// [`ProcessError::Late`] when it goes on.
    pub fn terminate(self, limit: Duration) -> Result<Ended, ProcessError> {
        self.signal(Signal::TERM);
        self.wait(limit)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`ProcessError::Late`] when it goes on; it is killed then.
    pub fn wait(mut self, limit: Duration) -> Result<Ended, ProcessError> {
        let ended = wait_until(limit, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(String::new()),
            Err(error) => Err(error.to_string()),
        });
        match ended {
            Ok(status) => {
                self.join_readers();
                Ok(Ended { status, output: self.output(), stdout: self.stdout() })
            }
            Err(_) => Err(self.late("end", limit)),
        }
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    fn late(&self, what: &str, limit: Duration) -> ProcessError {
        ProcessError::Late {
            name: self.name.clone(),
            what: what.to_owned(),
            limit,
            output: self.output().join("\n"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            for line in self.output() {
                // Reaches the report of the failing test.
                eprintln!("[{}] {line}", self.name);
            }
        }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// Both outputs.
    pub output: Vec<String>,
    /// Standard output alone.
    pub stdout: Vec<String>,
}

/// Resident memory of a process in bytes, from `/proc`; `None` when it is gone.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}
