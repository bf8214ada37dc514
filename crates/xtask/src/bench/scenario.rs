//! One run of the agent over the log file.

use super::measure::{Usage, usage};
use super::verify::KEYS;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::process::{Program, Running, Signal, resident_bytes};

/// A run that takes longer is broken.
const LIMIT: Duration = Duration::from_secs(300);
/// The pattern of the sidecar example.
const PATTERN: &str = r#"(\S+)\s(\S+)\s\S+\s\S+\s"(\S+)\s(\S+)\s+([^"]+)"\s+(\S+)\s(\S+)\s(\d+)\s(\d+)\s(\S+)\s"([^"]+)"\s.*"#;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    mode: &'static str,
    sink: Sink,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    Null,
    Sls,
}

pub(super) const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "simple-null", mode: "simple", sink: Sink::Null },
    Scenario { name: "simple-sls", mode: "simple", sink: Sink::Sls },
    Scenario { name: "regex-null", mode: "regex", sink: Sink::Null },
    Scenario { name: "regex-sls", mode: "regex", sink: Sink::Sls },
];

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) mb_per_cpu_s: f64,
    pub(super) mb_per_s: f64,
    pub(super) peak_rss_bytes: u64,
    pub(super) verified: bool,
}

/// The agent, the file and what is known of it.
pub(super) struct Stand {
    agent: PathBuf,
    file: PathBuf,
    bytes: u64,
    lines: u64,
}

impl Stand {
    /// Reads the file once, which counts its lines and puts it into the page cache.
    pub(super) fn new(agent: PathBuf, file: PathBuf) -> Result<Self, String> {
        let content =
            std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let lines = content.iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(Self { agent, file, bytes: content.len() as u64, lines })
    }

    /// Resident memory of an agent with one configuration, no file, and TLS set up.
    pub(super) fn idle_rss_bytes(&self) -> Result<u64, String> {
        let dir = Folder::new(config("/nonexistent", "simple"))?;
        let agent = self.start(&dir, "https://127.0.0.1:9", Sink::Sls)?;
        // Not a wait for something: idle is what it is when nothing has happened for a while.
        std::thread::sleep(Duration::from_secs(3));
        resident_bytes(agent.pid()).ok_or_else(|| agent.output().join("\n"))
    }

    /// One run.
    pub(super) fn run(&self, scenario: Scenario) -> Result<Outcome, String> {
        let log_dir = self.file.parent().ok_or("the log file has no folder")?;
        let dir = Folder::new(config(&log_dir.to_string_lossy(), scenario.mode))?;
        let sink = match scenario.sink {
            Sink::Null => None,
            Sink::Sls => Some(self.start_sink(scenario.mode)?),
        };
        let port = sink.as_ref().map_or(9, |(_, port)| *port);
        let start = Instant::now();
        let agent = self.start(&dir, &format!("http://127.0.0.1:{port}"), scenario.sink)?;
        agent
            .wait_line("that it runs the configuration", LIMIT, |line| {
                line.contains("running").then_some(())
            })
            .map_err(|error| error.to_string())?;
        let mut usage_now = Usage::default();
        let mut wall = None;
        let mut sink = sink;
        while wall.is_none() {
            usage_now = usage(agent.pid()).ok_or_else(|| agent.output().join("\n"))?;
            let is_done = match &mut sink {
                None => usage_now.read_bytes >= self.bytes,
                Some((sink, _)) => !sink.is_running(),
            };
            if is_done {
                wall = Some(start.elapsed());
            } else if start.elapsed() > LIMIT {
                return Err(format!("no end after {LIMIT:?}:\n{}", agent.output().join("\n")));
            } else {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        // The end, which belongs to the account: the last batch, and the wait for quiet, which
        // costs no CPU.
        agent.signal(Signal::TERM);
        let mut agent = agent;
        while agent.is_running() {
            // Threads end one after the other and take their account with them.
            usage_now = usage(agent.pid()).map_or(usage_now, |last| last.max(usage_now));
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = agent.wait(LIMIT).map_err(|error| error.to_string())?;
        let verified = match sink {
            None => logs_read(&ended.output) == Some(self.lines),
            Some((sink, _)) => {
                self.is_verified(&sink.wait(LIMIT).map_err(|error| error.to_string())?.stdout)
            }
        };
        let megabytes = self.bytes as f64 / 1e6;
        let wall = wall.unwrap_or_default();
        Ok(Outcome {
            mb_per_cpu_s: megabytes / usage_now.cpu.as_secs_f64(),
            mb_per_s: megabytes / wall.as_secs_f64(),
            peak_rss_bytes: usage_now.peak_rss_bytes,
            verified,
        })
    }

    fn start_sink(&self, mode: &str) -> Result<(Running, u16), String> {
        let exe = std::env::current_exe().map_err(|error| error.to_string())?;
        let sink = Program::at(exe, "sink")
            .args(["bench-sink", mode])
            .arg(&self.file)
            .start()
            .map_err(|error| error.to_string())?;
        let port = sink
            .wait_line("its port", LIMIT, |line| line.strip_prefix("port ")?.parse().ok())
            .map_err(|error| error.to_string())?;
        Ok((sink, port))
    }

    fn is_verified(&self, printed: &[String]) -> bool {
        let outcome = printed.last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let Some(outcome) = outcome else { return false };
        if let Some(reason) = outcome["reason"].as_str() {
            eprintln!("the sink refused: {reason}");
        }
        outcome["verified"] == true && outcome["lines"] == self.lines
    }

    fn start(&self, dir: &Folder, endpoint: &str, sink: Sink) -> Result<Running, String> {
        Program::at(&self.agent, "sidetail-agent")
            .env("SIDETAIL_AGENT_ENDPOINT", endpoint)
            .env("SIDETAIL_AGENT_ACCESS_KEY_ID", "bench")
            .env("SIDETAIL_AGENT_ACCESS_KEY_SECRET", "bench")
            .env("SIDETAIL_AGENT_CONFIG_DIR", dir.path("config"))
            .env("SIDETAIL_AGENT_STATE_DIR", dir.path("state"))
            .env("SIDETAIL_AGENT_DRAIN_SECONDS", "20")
            .env("SIDETAIL_AGENT_SINK", if sink == Sink::Null { "null" } else { "sls" })
            .start()
            .map_err(|error| error.to_string())
    }
}

/// `logs=` of the line with which the agent ends.
fn logs_read(output: &[String]) -> Option<u64> {
    let end = output.iter().rev().find(|line| line.contains(" end: "))?;
    end.split_whitespace().find_map(|word| word.strip_prefix("logs=")?.parse().ok())
}

fn config(log_dir: &str, mode: &str) -> Value {
    let mut detail = json!({
        "logType": "common_reg_log", "logPath": log_dir, "filePattern": "access.log",
        "maxDepth": 0, "topicFormat": "none",
        // The file may be older than the agent; all of it is wanted.
        "advanced": { "tail_size_kb": 104_857_600 }, "tailExisted": true,
    });
    if mode == "regex" {
        detail["regex"] = PATTERN.into();
        detail["key"] = KEYS.to_vec().into();
    }
    json!({
        "configName": "bench", "inputType": "file", "inputDetail": detail,
        "outputDetail": { "projectName": "bench", "logstoreName": "bench" },
    })
}

/// A folder with a configuration, and room for the agent's state.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(config: Value) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = Self(dir);
        for name in ["config", "state"] {
            std::fs::create_dir(folder.path(name)).map_err(|error| error.to_string())?;
        }
        let path = folder.path("config").join("bench.json");
        std::fs::write(path, config.to_string()).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
