//! `/etc/init.d/ilogtaild status`: whether an agent runs (`agent` 1.4). A probe asks this every
//! few seconds, so it reads two small files and starts nothing.

use std::fs;
use std::path::Path;

/// What there is to say about the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    Running,
    /// There is none.
    Absent,
    /// It has ended and its parent has not noticed.
    Zombie,
}

impl Status {
    /// The exit code that init scripts use.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Absent => 1,
            Self::Zombie => 2,
        }
    }

    /// The line that is printed.
    pub fn line(self) -> &'static str {
        match self {
            Self::Running => "ilogtail is running",
            Self::Absent => "ilogtail is not running",
            Self::Zombie => "ilogtail is a zombie",
        }
    }
}

/// The file in which a running agent keeps its process id and start time.
pub const PID_FILE: &str = "agent.pid";

/// What a running agent writes into its [`PID_FILE`].
pub fn pid_line(pid: u32, proc_dir: &Path) -> String {
    let start = process(pid, proc_dir).map_or_else(String::new, |(_, start)| start);
    format!("{pid} {start}\n")
}

/// Looks for the agent whose state is in `state_dir`.
pub fn status(state_dir: &Path, proc_dir: &Path) -> Status {
    look(state_dir, proc_dir).map_or(Status::Absent, |(_, status)| status)
}

/// The process id of the agent whose state is in `state_dir`, if it runs.
pub fn running_pid(state_dir: &Path, proc_dir: &Path) -> Option<u32> {
    look(state_dir, proc_dir).filter(|(_, status)| *status == Status::Running).map(|(pid, _)| pid)
}

fn look(state_dir: &Path, proc_dir: &Path) -> Option<(u32, Status)> {
    let text = fs::read_to_string(state_dir.join(PID_FILE)).ok()?;
    let mut words = text.split_whitespace();
    let pid = words.next()?.parse().ok()?;
    match process(pid, proc_dir)? {
        // Another process may have got the number since.
        (_, start) if words.next().is_some_and(|known| known != start) => None,
        ('Z' | 'X', _) => Some((pid, Status::Zombie)),
        _ => Some((pid, Status::Running)),
    }
}

/// State and start time of a process.
fn process(pid: u32, proc_dir: &Path) -> Option<(char, String)> {
    let stat = fs::read_to_string(proc_dir.join(pid.to_string()).join("stat")).ok()?;
    // The name of the program stands in parentheses and may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let start = fields.nth(18)?.to_owned();
    Some((state, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROC: &str = "/proc";

    fn check(pid_file: Option<&str>, expected: Status) {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = pid_file {
            fs::write(dir.path().join(PID_FILE), text).unwrap();
        }
        assert_eq!(status(dir.path(), Path::new(PROC)), expected, "{pid_file:?}");
    }

    #[test]
    fn a_living_process_with_the_same_start_is_the_agent() {
        let own = std::process::id();
        check(Some(&pid_line(own, Path::new(PROC))), Status::Running);
        check(Some(&format!("{own} 1\n")), Status::Absent);
        check(Some("4294967295 1\n"), Status::Absent);
        check(Some("x"), Status::Absent);
        check(None, Status::Absent);
    }

    #[test]
    fn a_zombie_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(PID_FILE), "7 99").unwrap();
        fs::create_dir(dir.path().join("7")).unwrap();
        let fields = "0 ".repeat(18);
        fs::write(dir.path().join("7/stat"), format!("7 (a b) c) Z {fields}99 0\n")).unwrap();
        assert_eq!(status(dir.path(), dir.path()), Status::Zombie);
    }
}
