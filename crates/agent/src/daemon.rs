//! `ilogtaild start`, `stop`, `force-stop` and `restart`: an agent in the background, found by
//! the state directory it holds (`agent` 1.4). Needs no shell and no tool of the image.

use crate::snapshot;
use crate::status::{self, Status};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The log of an agent in the background, in its state directory.
pub const LOG_FILE: &str = "ilogtail.LOG";

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An agent that has not come up after this time does not.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// A killed process that is still there after this time is held by the system.
const DEAD_WITHIN: Duration = Duration::from_secs(10);

/// Last lines of the log that are shown when an agent does not come up.
const SHOWN_LINES: usize = 5;

/// What to say, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Outcome {
    fn done(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 0 }
    }

    fn failed(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 1 }
    }
}

/// The agent of one state directory.
#[derive(Clone, Debug)]
pub struct Daemon {
    state_dir: PathBuf,
    log_file: PathBuf,
}

impl Daemon {
    /// The agent whose state is in `state_dir`, and that logs to `log_file`.
    pub fn new(state_dir: &Path, log_file: Option<&Path>) -> Self {
        let log_file = log_file.map_or_else(|| state_dir.join(LOG_FILE), Path::to_owned);
        Self { state_dir: state_dir.to_owned(), log_file }
    }

    fn status(&self) -> Status {
        status::status(&self.state_dir, Path::new("/proc"))
    }

    /// Starts it with the environment of this process, unless it runs, and waits until it is up.
    pub fn start(&self, daemon_argument: &str) -> Outcome {
        if self.status() == Status::Running {
            return Outcome::done("ilogtail is running");
        }
        match self.spawn(daemon_argument) {
            Ok(child) => self.wait_up(child),
            Err(error) => Outcome::failed(format!("ilogtail cannot be started: {error}")),
        }
    }

    fn spawn(&self, daemon_argument: &str) -> io::Result<Child> {
        std::fs::create_dir_all(&self.state_dir)?;
        // What is said before the log is open goes into it too.
        let log = File::options().create(true).append(true).open(&self.log_file)?;
        Command::new(std::env::current_exe()?)
            .arg0("sidetail-agent")
            .arg(daemon_argument)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
    }

    fn wait_up(&self, mut child: Child) -> Outcome {
        let begun = Instant::now();
        loop {
            if let Ok(Some(ended)) = child.try_wait() {
                return Outcome::failed(format!(
                    "ilogtail ended at its start ({ended}); {} says:\n{}",
                    self.log_file.display(),
                    self.last_lines()
                ));
            }
            if self.status() == Status::Running {
                return Outcome::done("ilogtail is running");
            }
            if begun.elapsed() > UP_WITHIN {
                return Outcome::failed("ilogtail does not come up");
            }
            sleep(LOOK_EVERY);
        }
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read(&self.log_file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    /// Asks it to end and waits until it has delivered what there is, which its own deadline
    /// bounds.
    pub fn stop(&self) -> Outcome {
        let Some(pid) = self.running() else { return Outcome::done("ilogtail is not running") };
        if let Err(error) = kill_process(pid, Signal::TERM) {
            return Outcome::failed(format!("ilogtail cannot be stopped: {error}"));
        }
        while self.status() == Status::Running {
            sleep(LOOK_EVERY);
        }
        let left = snapshot::current(&self.state_dir).and_then(|it| it.left_bytes).unwrap_or(0);
        Outcome::done(match left {
            0 => "ilogtail is stopped, everything is delivered".to_owned(),
            left => format!("ilogtail is stopped, {left} bytes are not delivered"),
        })
    }

    /// Kills it.
    pub fn force_stop(&self) -> Outcome {
        let Some(pid) = self.running() else { return Outcome::done("ilogtail is not running") };
        if let Err(error) = kill_process(pid, Signal::KILL) {
            return Outcome::failed(format!("ilogtail cannot be killed: {error}"));
        }
        let begun = Instant::now();
        while self.status() == Status::Running {
            if begun.elapsed() > DEAD_WITHIN {
                return Outcome::failed("ilogtail was killed and is still there");
            }
            sleep(LOOK_EVERY);
        }
        // Whoever should reap it may not, and then its number would still be in use.
        let pid_file = File::options().write(true).open(self.state_dir.join(status::PID_FILE));
        let _ = pid_file.and_then(|file| file.set_len(0));
        Outcome::done("ilogtail is killed; the next start goes on at its checkpoint")
    }

    fn running(&self) -> Option<Pid> {
        let pid = status::running_pid(&self.state_dir, Path::new("/proc"))?;
        Pid::from_raw(i32::try_from(pid).ok()?)
    }
}
