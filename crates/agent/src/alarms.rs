//! Alarms under the names that users of Logtail know (`agent` 7.1), aggregated by configuration,
//! type and subject: the first of a kind is written to the log at once, what follows within 30
//! seconds as one line with its number. The snapshot holds them, the metrics count them.
//!
//! The registry is one for the process, because everything may raise an alarm, and nothing that
//! does should have to be handed a place for it.

use crate::log::{self, Level};
use crate::tally::{family, label};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often the same alarm is written at most.
pub const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// Alarms of different kinds kept apart at most; the rest are counted by type only.
const MAX_KINDS: usize = 512;

/// Lines of alarms written in [`REPEAT_AFTER`] at most.
const MAX_LINES: u32 = 100;

/// A message is cut to this.
const MAX_MESSAGE_BYTES: usize = 1024;

/// An alarm as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alarm {
    /// Its name.
    pub alarm_type: String,
    /// The configuration it is about, if any.
    pub config: String,
    /// What it is about: a path, a destination, a file.
    pub subject: String,
    /// The newest message.
    pub alarm_message: String,
    /// How often it was raised since the window began.
    pub alarm_count: u64,
    /// When it was raised last, UNIX seconds.
    pub last_time: u64,
}

/// What identifies alarms of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    name: &'static str,
    config: String,
    subject: String,
}

#[derive(Debug)]
struct State {
    message: String,
    /// In the running window.
    count: u64,
    /// Since it was written last.
    unwritten: u64,
    written: Instant,
    last_seconds: u64,
    level: Level,
}

#[derive(Debug, Default)]
struct Registry {
    kinds: HashMap<Kind, State>,
    totals: BTreeMap<&'static str, u64>,
    lines: u32,
    lines_since: Option<Instant>,
    suppressed: u64,
}

/// What another message of the same kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    /// More of the same, however it is worded.
    More,
    /// Something else, which is written at once.
    News,
}

/// A line to be written.
type Line = (Level, String);

impl Registry {
    fn raise(
        &mut self,
        level: Level,
        kind: Kind,
        message: String,
        repeats: Repeats,
        now: Instant,
    ) -> Option<Line> {
        *self.totals.entry(kind.name).or_default() += 1;
        let last_seconds = unix_seconds();
        if let Some(state) = self.kinds.get_mut(&kind) {
            let is_news = repeats == Repeats::News && state.message != message;
            state.message = message;
            state.count += 1;
            state.last_seconds = last_seconds;
            // One line for several messages is as grave as the gravest of them. News has a line of
            // its own: a warning stays one beside the errors of the same configuration.
            let stands_alone = is_news || state.unwritten == 0;
            state.level = if stands_alone { level } else { state.level.min(level) };
            if !is_news && now.duration_since(state.written) < REPEAT_AFTER {
                state.unwritten += 1;
                return None;
            }
            let line = line(&kind, state, now);
            return self.allow(line, now);
        }
        if self.kinds.len() >= MAX_KINDS {
            self.suppressed += 1;
            return None;
        }
        let mut state =
            State { message, count: 1, unwritten: 0, written: now, last_seconds, level };
        let line = line(&kind, &mut state, now);
        self.kinds.insert(kind, state);
        self.allow(line, now)
    }

    /// Lets a line through unless there were too many.
    fn allow(&mut self, line: Line, now: Instant) -> Option<Line> {
        if self.lines_since.is_none_or(|since| now.duration_since(since) >= REPEAT_AFTER) {
            self.lines_since = Some(now);
            self.lines = 0;
        }
        self.lines += 1;
        if self.lines > MAX_LINES {
            self.suppressed += 1;
            return None;
        }
        Some(line)
    }

    /// Lines about what was raised and not written for long enough.
    fn due(&mut self, now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        for (kind, state) in &mut self.kinds {
            if state.unwritten > 0 && now.duration_since(state.written) >= REPEAT_AFTER {
                lines.push(line(kind, state, now));
            }
        }
        lines.sort_by(|left, right| left.1.cmp(&right.1));
        let mut allowed: Vec<Line> =
            lines.into_iter().filter_map(|line| self.allow(line, now)).collect();
        let suppressed = std::mem::take(&mut self.suppressed);
        if suppressed > 0 {
            let text = format!("{suppressed} more alarms are only counted: see /metrics");
            allowed.push((Level::Warn, text));
        }
        allowed
    }

    /// Everything of the running window, by type, configuration and subject.
    fn window(&self) -> Vec<Alarm> {
        let mut alarms: Vec<Alarm> = self
            .kinds
            .iter()
            .filter(|(_, state)| state.count > 0)
            .map(|(kind, state)| Alarm {
                alarm_type: kind.name.to_owned(),
                config: kind.config.clone(),
                subject: kind.subject.clone(),
                alarm_message: state.message.clone(),
                alarm_count: state.count,
                last_time: state.last_seconds,
            })
            .collect();
        alarms.sort_by(|left, right| {
            let key = |it: &Alarm| (it.alarm_type.clone(), it.config.clone(), it.subject.clone());
            key(left).cmp(&key(right))
        });
        alarms
    }

    fn roll(&mut self) {
        // What was not raised in a whole window is forgotten.
        self.kinds.retain(|_, state| state.count > 0);
        for state in self.kinds.values_mut() {
            state.count = 0;
        }
    }
}

fn line(kind: &Kind, state: &mut State, now: Instant) -> Line {
    let of = if kind.config.is_empty() { String::new() } else { format!("{}: ", kind.config) };
    let more = match state.unwritten {
        0 => String::new(),
        count => format!(" ({count} times since it was written last)"),
    };
    state.unwritten = 0;
    state.written = now;
    (state.level, format!("{} {of}{}: {}{more}", kind.name, kind.subject, state.message))
}

static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Registry>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with<T>(use_it: impl FnOnce(&mut Registry) -> T) -> T {
    use_it(lock().get_or_insert_default())
}

/// Raises an alarm about `subject` of the configuration `config` (empty for none). However often
/// it is raised, it is written every 30 seconds at most.
pub fn raise(
    level: Level,
    name: &'static str,
    config: &str,
    subject: &str,
    message: fmt::Arguments<'_>,
) {
    take(level, name, config, subject, message, Repeats::More);
}

/// Raises an alarm about `subject` whose messages are news each time they differ: someone has
/// changed something and waits for what it does.
pub fn tell(level: Level, name: &'static str, subject: &str, message: fmt::Arguments<'_>) {
    take(level, name, "", subject, message, Repeats::News);
}

fn take(
    level: Level,
    name: &'static str,
    config: &str,
    subject: &str,
    message: fmt::Arguments<'_>,
    repeats: Repeats,
) {
    let mut text = String::new();
    let _ = write!(text, "{message}");
    if text.len() > MAX_MESSAGE_BYTES {
        let mut end = MAX_MESSAGE_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    let kind = Kind { name, config: config.to_owned(), subject: subject.to_owned() };
    let line = with(|registry| registry.raise(level, kind, text, repeats, Instant::now()));
    if let Some((level, line)) = line {
        log::write(level, format_args!("{line}"));
    }
}

/// Writes what was raised and not written for long enough.
pub fn write_due() {
    for (level, line) in with(|registry| registry.due(Instant::now())) {
        log::write(level, format_args!("{line}"));
    }
}

/// Everything raised in the running window.
pub fn window() -> Vec<Alarm> {
    with(|registry| registry.window())
}

/// Begins a new window.
pub fn roll() {
    with(Registry::roll);
}

/// Appends the number of alarms by type in the form that Prometheus reads.
pub fn write_metrics(out: &mut String) {
    let name = "sidetail_agent_alarms_total";
    family(out, name, "counter", "Alarms raised, by type.");
    with(|registry| {
        for (alarm, count) in &registry.totals {
            let _ = writeln!(out, "{name}{{type=\"{}\"}} {count}", label(alarm));
        }
    });
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(subject: &str) -> Kind {
        Kind { name: "X_ALARM", config: "c".into(), subject: subject.into() }
    }

    #[test]
    fn the_first_is_written_at_once_and_the_others_as_one() {
        let mut registry = Registry::default();
        let start = Instant::now();
        let mut raise = |message: &str, after: u64| {
            let now = start + Duration::from_secs(after);
            let line = registry.raise(Level::Warn, kind("/a"), message.into(), Repeats::More, now);
            line.map(|(_, text)| text)
        };
        assert_eq!(raise("one", 0).unwrap(), "X_ALARM c: /a: one");
        assert_eq!(raise("two", 1), None);
        assert_eq!(raise("three", 2), None);
        let due = |registry: &mut Registry, after| {
            registry.due(start + Duration::from_secs(after)).into_iter().map(|(_, text)| text)
        };
        assert_eq!(due(&mut registry, 29).count(), 0);
        let lines: Vec<String> = due(&mut registry, 30).collect();
        assert_eq!(lines, ["X_ALARM c: /a: three (2 times since it was written last)"]);
        let window = registry.window();
        assert_eq!((window.len(), window[0].alarm_count), (1, 3));
        registry.roll();
        assert_eq!(registry.window(), []);
        assert_eq!(registry.totals["X_ALARM"], 3);
    }

    #[test]
    fn another_message_about_a_configuration_is_news() {
        let mut registry = Registry::default();
        let now = Instant::now();
        let mut tell = |message: &str| {
            registry.raise(Level::Error, kind("c"), message.into(), Repeats::News, now).is_some()
        };
        assert_eq!([tell("one"), tell("one"), tell("two"), tell("one")], [true, false, true, true]);
    }

    #[test]
    fn each_message_is_written_with_its_own_severity() {
        let mut registry = Registry::default();
        let start = Instant::now();
        let mut check = |repeats, level, message: &str, after: u64, written: Option<Level>| {
            let now = start + Duration::from_secs(after);
            let line = registry.raise(level, kind("c"), message.into(), repeats, now);
            assert_eq!(line.map(|(level, _)| level), written, "{message} after {after} s");
        };
        // A configuration with an unknown key that is refused for a bad pattern, twice, and then
        // with another one.
        for (key, pattern) in [("key", "pattern"), ("key", "pattern"), ("key 2", "pattern 2")] {
            check(Repeats::News, Level::Warn, key, 0, Some(Level::Warn));
            check(Repeats::News, Level::Error, pattern, 0, Some(Level::Error));
        }
        check(Repeats::News, Level::Warn, "key 2", 1, Some(Level::Warn));
        // What is written as one has the gravest.
        check(Repeats::More, Level::Error, "e", 2, None);
        check(Repeats::More, Level::Warn, "w", 3, None);
        let due = registry.due(start + Duration::from_secs(40));
        assert_eq!(due.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [Level::Error]);
        let mut raise = |level, after: u64| {
            let now = start + Duration::from_secs(after);
            registry.raise(level, kind("c"), "w".into(), Repeats::More, now).map(|line| line.0)
        };
        assert_eq!(raise(Level::Warn, 80), Some(Level::Warn), "the error was written before");
    }

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let mut registry = Registry::default();
        let now = Instant::now();
        let written = (0..1000)
            .filter_map(|number| {
                let kind = kind(&format!("/{number}"));
                registry.raise(Level::Warn, kind, "m".into(), Repeats::More, now)
            })
            .count();
        assert_eq!(written, MAX_LINES as usize);
        assert_eq!(registry.kinds.len(), MAX_KINDS);
        assert_eq!(registry.totals["X_ALARM"], 1000);
        let due = registry.due(now + REPEAT_AFTER);
        assert_eq!(due[0].1, "900 more alarms are only counted: see /metrics");
    }
}
