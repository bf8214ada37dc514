//! Many files that grow slowly: what an agent costs beside an application that writes a hundred
//! logs, in cores and memory.

use super::measure::{Usage, usage};
use super::scenario::{Folder, Mode, OWN_PROGRAM, Sink, Stand, config, finished};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::process::{Program, Signal};

const FILES: usize = 100;
/// Lines of each file in a second.
const RATE: u64 = 100;
/// Bytes of a line, newline included.
const LINE_BYTES: usize = 216;
const LIMIT: Duration = Duration::from_secs(60);

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    /// CPU seconds of the agent for each second.
    pub(super) cores: f64,
    pub(super) peak_rss_bytes: u64,
    /// Every line arrived once.
    pub(super) verified: bool,
}

/// Writes to all files for `seconds` while a real agent reads them.
pub(super) fn run(stand: &Stand, seconds: u64) -> Result<Outcome, String> {
    let fail = |error: std::io::Error| error.to_string();
    let logs = tempfile::tempdir().map_err(fail)?;
    let dir = Folder::new(config(&logs.path().join("*.log"), Mode::Json))?;
    let total = seconds * RATE * FILES as u64;
    let sink = Program::at(OWN_PROGRAM, "sink")
        .args(["bench-sink", "sequence", &total.to_string()])
        .start()
        .map_err(|error| error.to_string())?;
    let port: u16 = sink
        .wait_line("its port", LIMIT, |line| line.strip_prefix("port ")?.parse().ok())
        .map_err(|error| error.to_string())?;
    let mut agent = stand.start(&dir, &format!("http://127.0.0.1:{port}"), Sink::Sls)?;
    agent
        .wait_line("that it runs the configuration", LIMIT, |line| {
            line.contains("running").then_some(())
        })
        .map_err(|error| error.to_string())?;
    let before = usage(agent.pid()).ok_or_else(|| agent.output().join("\n"))?;
    let start = Instant::now();
    write(logs.path(), seconds, start).map_err(fail)?;
    let took = start.elapsed();
    let after = usage(agent.pid()).ok_or_else(|| agent.output().join("\n"))?;
    agent.signal(Signal::TERM);
    let mut end = Usage::default();
    while agent.is_running() {
        end = usage(agent.pid()).map_or(end, |last| last.max(end));
        std::thread::sleep(Duration::from_millis(5));
    }
    let verified = finished(sink)? == Some(total);
    Ok(Outcome {
        cores: (after.cpu - before.cpu).as_secs_f64() / took.as_secs_f64(),
        peak_rss_bytes: after.peak_rss_bytes.max(end.peak_rss_bytes),
        verified,
    })
}

/// One line to each file in turn, evenly over the time.
fn write(dir: &Path, seconds: u64, start: Instant) -> std::io::Result<()> {
    let mut files = (0..FILES)
        .map(|number| File::create(dir.join(format!("app-{number:03}.log"))))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sequence = 0;
    for round in 0..seconds * RATE {
        let due = start + Duration::from_micros(round * 1_000_000 / RATE);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for file in &mut files {
            file.write_all(line(sequence).as_bytes())?;
            sequence += 1;
        }
    }
    Ok(())
}

/// A line whose first field is its number.
fn line(sequence: u64) -> String {
    let head = format!(
        "{{\"seq\":{sequence},\"level\":\"info\",\"service\":\"orders\",\"status\":{},\
         \"latency_ms\":{},\"trace_id\":\"{:032x}\",\"message\":\"",
        [200, 200, 200, 404][(sequence % 4) as usize],
        sequence % 977,
        u128::from(sequence).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
    );
    let filler = LINE_BYTES.saturating_sub(head.len() + 3);
    format!("{head}{}\"}}\n", "request handled ".repeat(8)[..filler].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_object_of_the_stated_size() {
        for sequence in [0, 1, 999_999] {
            let line = line(sequence);
            assert_eq!(line.len(), LINE_BYTES);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["seq"], sequence);
        }
    }
}
