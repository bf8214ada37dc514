//! From the write of a line to the query that finds it, over a real agent and a real server.

use super::scenario::Stand;
use serde_json::json;
use std::io::Write;
use std::time::{Duration, Instant};
use testkit::agent::TestAgent;
use testkit::process::ProcessError;
use testkit::server::TestServer;

const PROJECT: &str = "bench-latency";
const LOGSTORE: &str = "lines";
/// Time between two looks for a line.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(20);

/// What came out, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) median_millis: f64,
    pub(super) p99_millis: f64,
    /// From the start of the agent's process to the line that says a configuration runs, with the
    /// configuration already kept from the last run.
    pub(super) agent_start_millis: f64,
}

/// Writes `lines` lines one after the other and waits for each.
pub(super) fn run(stand: &Stand, lines: usize) -> Result<Outcome, String> {
    let fail = |error: ProcessError| error.to_string();
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = TestServer::start(&dir.path().join("server")).map_err(fail)?;
    let service = server.service();
    service.provision(PROJECT, &[LOGSTORE]);
    let config = json!({
        "configName": "lines", "inputType": "file",
        "inputDetail": {
            "logType": "common_reg_log", "logPath": "/var/log/app", "filePattern": "*.log",
            "topicFormat": "none",
        },
        "outputType": "LogService",
        "outputDetail": { "projectName": PROJECT, "logstoreName": LOGSTORE },
    });
    let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
    service.configure(PROJECT, "bench", config);
    let pod = TestAgent::new(dir.path(), "pod", "bench")
        .binary(&stand.agent)
        .service(&server.endpoint(), Some(server.key()));
    let mut file =
        std::fs::File::create(pod.path("/var/log/app/a.log")).map_err(|error| error.to_string())?;
    let runs = |line: &str| line.contains("running").then_some(());
    let agent = pod.start().map_err(fail)?;
    agent.wait_line("that it runs the configuration", LIMIT, runs).map_err(fail)?;
    agent.terminate(LIMIT).map_err(fail)?;
    let start = Instant::now();
    let agent = pod.start().map_err(fail)?;
    agent.wait_line("that it runs the configuration", LIMIT, runs).map_err(fail)?;
    let agent_start_millis = start.elapsed().as_secs_f64() * 1e3;
    let mut found = Vec::with_capacity(lines);
    for number in 0..lines {
        // Not in step with the agent's timers.
        std::thread::sleep(Duration::from_millis(20 + (number as u64 * 37) % 90));
        let word = format!("needle{number:06}");
        writeln!(file, "line with {word} in it").map_err(|error| error.to_string())?;
        let written = Instant::now();
        while service.rows(PROJECT, LOGSTORE, &word).map_err(|error| error.to_string())?.is_empty()
        {
            if written.elapsed() > LIMIT {
                return Err(format!("{word} is not found:\n{}", agent.output().join("\n")));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        found.push(written.elapsed().as_secs_f64() * 1e3);
    }
    found.sort_by(f64::total_cmp);
    let at = |share: f64| found[((found.len() - 1) as f64 * share).round() as usize];
    Ok(Outcome { median_millis: at(0.5), p99_millis: at(0.99), agent_start_millis })
}
