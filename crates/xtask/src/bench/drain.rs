//! The end with much left to do: the time from SIGTERM to the exit of an agent that has a whole
//! backlog to read, send and have acknowledged.

use super::numbered::{self, LINE_BYTES};
use super::scenario::{Folder, Mode, Sink, Stand, config, finished};
use std::time::{Duration, Instant};
use testkit::process::Signal;

const LIMIT: Duration = Duration::from_secs(120);

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// From the signal to the end of the process.
    pub(super) seconds: f64,
    /// Every line arrived once and in order, and the agent said that nothing is left.
    pub(super) verified: bool,
}

/// One run with `mib` MiB that nobody has read when the signal comes.
pub(super) fn run(stand: &Stand, mib: u64) -> Result<Outcome, String> {
    let logs = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = logs.path().join("app.log");
    let dir = Folder::new(config(&path, Mode::Simple))?;
    let lines = (mib << 20) / LINE_BYTES;
    let (sink, port) = numbered::sink(0..lines, None)?;
    let agent = stand.start(&dir, &format!("http://127.0.0.1:{port}"), Sink::Sls)?;
    agent
        .wait_line("that it watches", LIMIT, |line| line.contains("is watched").then_some(()))
        .map_err(|error| error.to_string())?;
    // It sleeps through the writing, so that none of it is done before the signal.
    agent.signal(Signal::STOP);
    numbered::append(&path, 0..lines).map_err(|error| error.to_string())?;
    agent.signal(Signal::TERM);
    let start = Instant::now();
    agent.signal(Signal::CONT);
    let ended = agent.wait(LIMIT).map_err(|error| error.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Outcome { seconds, verified: ended.status.success() && finished(sink)? == Some(lines) })
}
