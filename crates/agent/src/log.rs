//! The agent's own log: one line per message to standard error, or to a file of bounded size.
//!
//! Written by hand because it is all an agent needs: a general logging framework would cost more
//! memory than the checkpoint.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is lost or cannot be done.
    Error = 1,
    /// Something needs attention but goes on.
    Warn = 2,
    /// What the agent does.
    Info = 3,
    /// Details for finding faults.
    Debug = 4,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Shows messages up to this level.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// The level named `text`, in the words of other agents too.
pub fn level_named(text: &str) -> Option<Level> {
    Some(match text.to_ascii_lowercase().as_str() {
        "fatal" | "critical" | "error" => Level::Error,
        "warn" | "warning" => Level::Warn,
        "info" => Level::Info,
        "debug" | "trace" => Level::Debug,
        _ => return None,
    })
}

/// Writes one message. Use the macros.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let word = match level {
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
    };
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    let line = format!("{now:.3} {word:5} {message}\n");
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    if file.as_mut().is_none_or(|file| file.write(&line).is_err()) {
        // Standard error may be closed; there is nobody left to tell.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// Size at which a log file is renamed and a new one begun.
const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

static FILE: Mutex<Option<LogFile>> = Mutex::new(None);

/// The agent's own log on disk: the file and one older one.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let file = File::options().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.bytes >= MAX_FILE_BYTES {
            let mut older = self.path.clone().into_os_string();
            older.push(".1");
            std::fs::rename(&self.path, older)?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// Writes to this file from now on.
///
/// # Errors
/// When it cannot be opened; messages go where they went before.
pub fn write_to(path: &Path) -> io::Result<()> {
    let opened = LogFile::open(path)?;
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    Ok(())
}

/// Opens the file again under its name, after someone has renamed it.
pub fn reopen() {
    let path = {
        let file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map(|file| file.path.clone())
    };
    if let Some(path) = path
        && let Err(error) = write_to(&path)
    {
        crate::warn!("{} cannot be opened again: {error}", path.display());
    }
}

/// Raises an alarm about `subject` that is not about one configuration. See [`crate::alarms`].
pub fn alarm(name: &'static str, subject: &str, message: fmt::Arguments<'_>) {
    crate::alarms::raise(Level::Warn, name, "", subject, message);
}

/// An error message.
#[macro_export]
macro_rules! error {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Error, format_args!($($arg)*)) };
}

/// A warning.
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($arg)*)) };
}

/// A message about what the agent does.
#[macro_export]
macro_rules! info {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($arg)*)) };
}

/// A message for finding faults.
#[macro_export]
macro_rules! debug {
    ($($arg:tt)*) => { $crate::log::write($crate::log::Level::Debug, format_args!($($arg)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_names_of_other_agents() {
        assert_eq!(level_named("WARNING"), Some(Level::Warn));
        assert_eq!(level_named("trace"), Some(Level::Debug));
        assert_eq!(level_named("loud"), None);
    }

    #[test]
    fn a_log_file_keeps_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own/agent.log");
        let mut file = LogFile::open(&path).unwrap();
        file.write("old\n").unwrap();
        file.bytes = MAX_FILE_BYTES;
        file.write("new\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::read_to_string(path.with_extension("log.1")).unwrap(), "old\n");
    }
}
