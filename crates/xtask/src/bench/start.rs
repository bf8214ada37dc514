//! A cold start: from the start of the agent's process to the moment when every configured path is
//! watched, which is when a Job lets its application begin.

use super::scenario::{Folder, Mode, Sink, Stand, config};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);
/// Time between two looks at what it prints.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// What came out, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) median_millis: f64,
    pub(super) most_millis: f64,
}

/// Starts an agent with one configuration and one file, `runs` times.
pub(super) fn run(stand: &Stand, runs: usize) -> Result<Outcome, String> {
    let fail = |error: std::io::Error| error.to_string();
    let logs = tempfile::tempdir().map_err(fail)?;
    std::fs::write(logs.path().join("app.log"), "a line\n").map_err(fail)?;
    let dir = Folder::new(config(&logs.path().join("*.log"), Mode::Regex))?;
    let mut found = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        let agent = stand.start(&dir, "http://127.0.0.1:9", Sink::Null)?;
        while !agent.output().iter().any(|line| line.contains("is watched")) {
            if start.elapsed() > LIMIT {
                return Err(agent.output().join("\n"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        found.push(start.elapsed().as_secs_f64() * 1e3);
        agent.terminate(LIMIT).map_err(|error| error.to_string())?;
    }
    found.sort_by(f64::total_cmp);
    Ok(Outcome { median_millis: found[runs / 2], most_millis: found[runs - 1] })
}
