//! Other programs as steps of a chore: say what runs, pass its output on, count its tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Tests that a step ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// A command in `dir`, from words.
pub(crate) fn command(dir: &Path, words: &[&str]) -> Command {
    let (program, args) = words.split_first().expect("a command has a name");
    let mut command = Command::new(program);
    command.args(args).current_dir(dir);
    command
}

/// Runs a command with its output passed on, and fails when it does.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<Counts, String> {
    println!("\n▶ {what}");
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| {
            format!("{what}: {:?} cannot be started: {error}", command.get_program())
        })?;
    let counts = child.stdout.take().map_or(Counts::default(), pass_on);
    let status = child.wait().map_err(|error| format!("{what}: {error}"))?;
    let seconds = start.elapsed().as_secs_f32();
    if status.success() {
        println!("✓ {what} ({seconds:.0} s)");
        Ok(counts)
    } else {
        Err(format!("✗ {what} failed with {status} after {seconds:.0} s"))
    }
}

/// Copies output to ours, counting tests on the way.
fn pass_on(pipe: impl Read) -> Counts {
    let mut counts = Counts::default();
    let mut out = std::io::stdout().lock();
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        counts.add(counted(&String::from_utf8_lossy(&line)));
        // A closed terminal must not end the step.
        let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
    }
    counts
}

/// The tests that a summary line of a runner in use tells of.
fn counted(line: &str) -> Counts {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(0);
    match words.as_slice() {
        // cargo test
        ["test", "result:", _, _, "passed;", _, "failed;", ..] => {
            Counts { passed: number(3), failed: number(5) }
        }
        // node --test
        ["ℹ" | "#", "pass", _] => Counts { passed: number(2), failed: 0 },
        ["ℹ" | "#", "fail", _] => Counts { passed: 0, failed: number(2) },
        // vitest
        ["Tests", _, "passed", ..] => Counts { passed: number(1), failed: 0 },
        ["Tests", _, "failed", "|", _, "passed", ..] => {
            Counts { passed: number(4), failed: number(1) }
        }
        // our own
        [_, "passed,", _, "failed"] => Counts { passed: number(0), failed: number(2) },
        _ => Counts::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, passed: usize, failed: usize) {
        assert_eq!(counted(line), Counts { passed, failed }, "{line}");
    }

    #[test]
    fn the_summaries_of_all_runners_are_counted() {
        check("test result: ok. 23 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out", 23, 0);
        check("test result: FAILED. 2 passed; 1 failed; 0 ignored", 2, 1);
        check("ℹ pass 3", 3, 0);
        check("# fail 2", 0, 2);
        check("      Tests  12 passed (12)", 12, 0);
        check("      Tests  1 failed | 11 passed (12)", 11, 1);
        check("7 passed, 1 failed", 7, 1);
        check("anything else 3 passed", 0, 0);
    }
}
