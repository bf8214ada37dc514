//! The agent's own log: one line per message to standard error, with a limit on repeats.
//!
//! Written by hand because it is all an agent needs: a general logging framework would cost more
//! memory than the checkpoint.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime};

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
    // Standard error may be closed; there is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// How often the same alarm is written at most.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// Alarms are kept by kind and subject up to this many; beyond it all are forgotten at once.
const REMEMBERED: usize = 1024;

/// When an alarm about a subject was written last, and how often it was raised since.
type Alarms = HashMap<(&'static str, String), (Instant, u64)>;

static ALARMS: Mutex<Option<Alarms>> = Mutex::new(None);

/// Writes a warning with the name of an alarm that users of Logtail know (`agent` 7.1). The same
/// alarm about the same subject is written at most every 30 seconds, with the number of times it
/// was raised in between.
pub fn alarm(name: &'static str, subject: &str, message: fmt::Arguments<'_>) {
    let now = Instant::now();
    let mut guard = ALARMS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let alarms = guard.get_or_insert_with(HashMap::new);
    if alarms.len() >= REMEMBERED {
        alarms.clear();
    }
    let silent = match alarms.get_mut(&(name, subject.to_owned())) {
        Some((last, silent)) if now.duration_since(*last) < REPEAT_AFTER => {
            *silent += 1;
            return;
        }
        Some(known) => std::mem::replace(known, (now, 0)).1,
        None => {
            alarms.insert((name, subject.to_owned()), (now, 0));
            0
        }
    };
    drop(guard);
    let more = if silent > 0 { format!(" ({silent} more since)") } else { String::new() };
    write(Level::Warn, format_args!("{name} {subject}: {message}{more}"));
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
}
