//! Another collector on the same file in the same run, for a ratio that the machine falls out of.
//!
//! The command is run by a shell, with `{file}` in it replaced by the path of the log file. It
//! counts until the process ends by itself or, having read as much as the file is long, uses no
//! more CPU; then it is asked to end.

use super::corpus::Corpus;
use super::measure::{Usage, usage};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A peer that takes longer is not measured to its end.
const LIMIT: Duration = Duration::from_secs(600);
/// A process that has read everything and used no CPU for so long is done.
const QUIET: Duration = Duration::from_secs(1);

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) mb_per_cpu_s: f64,
    pub(super) mb_per_s: f64,
    pub(super) peak_rss_bytes: u64,
}

/// Runs `template` over the log file.
pub(super) fn run(template: &str, corpus: &Corpus) -> Result<Outcome, String> {
    let line = template.replace("{file}", &corpus.path.to_string_lossy());
    // The shell gives its place to the command, so that its account is the command's.
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec {line}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{line}: {error}"))?;
    let start = Instant::now();
    let mut last = Usage::default();
    let mut busy_at = start;
    let ended = loop {
        if child.try_wait().map_err(|error| error.to_string())?.is_some() {
            break true;
        }
        let Some(now) = usage(child.id()) else { continue };
        if now.cpu > last.cpu + Duration::from_millis(2) {
            busy_at = Instant::now();
            last = now.max(last);
        }
        let has_read = last.read_bytes >= corpus.bytes;
        if (has_read && busy_at.elapsed() >= QUIET) || start.elapsed() > LIMIT {
            break false;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if !ended {
        end(&mut child);
    }
    if last.cpu.is_zero() {
        return Err(format!("`{line}` ended before it used any CPU; does it run by itself?"));
    }
    let megabytes = corpus.bytes as f64 / 1e6;
    Ok(Outcome {
        mb_per_cpu_s: megabytes / last.cpu.as_secs_f64(),
        mb_per_s: megabytes / busy_at.duration_since(start).as_secs_f64().max(1e-9),
        peak_rss_bytes: last.peak_rss_bytes,
    })
}

fn end(child: &mut Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(5) {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_over_the_file_is_measured_and_one_that_does_nothing_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, b"some words\n".repeat(4_000_000)).unwrap();
        let bytes = std::fs::metadata(&path).unwrap().len();
        let corpus = Corpus { path, bytes, records: 0 };
        let outcome = run("sha256sum {file}", &corpus).unwrap();
        assert!(outcome.mb_per_cpu_s > 0.0 && outcome.peak_rss_bytes > 0);
        assert!(run("true", &corpus).unwrap_err().contains("before it used any CPU"));
    }
}
