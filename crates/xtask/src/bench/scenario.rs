//! One run of the agent over a log file.

use super::corpus::{Corpus, Kind};
use super::measure::{Usage, usage};
use super::verify::{COLUMNS, Expect};
use crate::access_log::FIELDS;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::process::{Program, Running, Signal, resident_bytes};

/// This program, also when a build has put another in its place meanwhile.
pub(super) const OWN_PROGRAM: &str = "/proc/self/exe";
/// A run that takes longer is broken.
const LIMIT: Duration = Duration::from_secs(300);
/// The pattern of the sidecar example.
const PATTERN: &str = r#"(\S+)\s(\S+)\s\S+\s\S+\s"(\S+)\s(\S+)\s+([^"]+)"\s+(\S+)\s(\S+)\s(\d+)\s(\d+)\s(\S+)\s"([^"]+)"\s.*"#;

/// The pattern with a choice in it, which only the general engine can run.
const GENERAL_PATTERN: &str = r#"(.*?)\s(\S+)\s\S+\s\S+\s"(\S+)\s(\S+)\s+([^"]+)"\s+(\S+)\s(\S+)\s(\d+)\s(\d+)\s(\S+)\s"([^"]+)"\s.*"#;
/// How a record of the Java log begins.
const BEGIN_PATTERN: &str = r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{3} .*";

/// How records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Simple,
    Regex,
    RegexGeneral,
    Json,
    Delimiter,
    Multiline,
}

pub(super) const MODES: [Mode; 6] =
    [Mode::Simple, Mode::Regex, Mode::RegexGeneral, Mode::Json, Mode::Delimiter, Mode::Multiline];

impl Mode {
    /// Its name in results and on the command line of the sink.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Regex => "regex",
            Self::RegexGeneral => "regex-general",
            Self::Json => "json",
            Self::Delimiter => "delimiter",
            Self::Multiline => "multiline",
        }
    }

    /// The mode of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        MODES.into_iter().find(|mode| mode.name() == name)
    }

    /// What it is measured on.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Simple | Self::Regex | Self::RegexGeneral => Kind::Access,
            Self::Json => Kind::Json,
            Self::Delimiter => Kind::Delimited,
            Self::Multiline => Kind::Java,
        }
    }

    /// What its logs must be.
    pub(super) fn expect(self) -> Expect {
        match self {
            Self::Simple => Expect::Simple,
            Self::Regex | Self::RegexGeneral => Expect::Regex,
            Self::Json => Expect::Json,
            Self::Delimiter => Expect::Delimited,
            Self::Multiline => Expect::Multiline,
        }
    }

    /// The part of a configuration that says so.
    fn detail(self) -> Value {
        match self {
            Self::Simple => json!({ "logType": "common_reg_log" }),
            Self::Regex => json!({ "logType": "common_reg_log", "regex": PATTERN, "key": FIELDS }),
            Self::RegexGeneral => {
                json!({ "logType": "common_reg_log", "regex": GENERAL_PATTERN, "key": FIELDS })
            }
            Self::Json => json!({ "logType": "json_log" }),
            Self::Delimiter => json!({
                "logType": "delimiter_log", "separator": "|", "quote": "\"", "key": COLUMNS,
            }),
            Self::Multiline => {
                // Nothing ends the last record: without this the sink waits a minute for it.
                json!({
                    "logType": "common_reg_log", "logBeginRegex": BEGIN_PATTERN,
                    "readerFlushTimeout": 1,
                })
            }
        }
    }
}

/// Where the logs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    /// Nowhere: the encoded log group is dropped.
    Null,
    /// To a loopback endpoint.
    Sls,
}

impl Sink {
    /// Its name in results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Sls => "sls",
        }
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) mb_per_cpu_s: f64,
    pub(super) mb_per_s: f64,
    pub(super) peak_rss_bytes: u64,
    pub(super) verified: bool,
}

/// The agent and what it is measured on.
pub(super) struct Stand {
    pub(super) agent: PathBuf,
}

impl Stand {
    /// Resident memory of an agent with one configuration, no file, and TLS set up.
    pub(super) fn idle_rss_bytes(&self) -> Result<u64, String> {
        let dir = Folder::new(config(Path::new("/nonexistent/x"), Mode::Simple))?;
        let agent = self.start(&dir, "https://127.0.0.1:9", Sink::Sls)?;
        // Not a wait for something: idle is what it is when nothing has happened for a while.
        std::thread::sleep(Duration::from_secs(3));
        resident_bytes(agent.pid()).ok_or_else(|| agent.output().join("\n"))
    }

    /// One run over a log file.
    pub(super) fn run(&self, corpus: &Corpus, mode: Mode, sink: Sink) -> Result<Outcome, String> {
        let dir = Folder::new(config(&corpus.path, mode))?;
        let mut endpoint = match sink {
            Sink::Null => None,
            Sink::Sls => Some(self.start_sink(corpus, mode)?),
        };
        let port = endpoint.as_ref().map_or(9, |(_, port)| *port);
        let start = Instant::now();
        let mut agent = self.start(&dir, &format!("http://127.0.0.1:{port}"), sink)?;
        agent
            .wait_line("that it runs the configuration", LIMIT, |line| {
                line.contains("running").then_some(())
            })
            .map_err(|error| error.to_string())?;
        let mut usage_now = Usage::default();
        let wall = loop {
            usage_now = usage(agent.pid())
                .map(|last| last.max(usage_now))
                .ok_or_else(|| agent.output().join("\n"))?;
            let is_done = match &mut endpoint {
                None => usage_now.read_bytes >= corpus.bytes,
                Some((sink, _)) => !sink.is_running(),
            };
            if is_done {
                break start.elapsed();
            } else if start.elapsed() > LIMIT {
                return Err(format!("no end after {LIMIT:?}:\n{}", agent.output().join("\n")));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        // The end, which belongs to the account: the last batch, and the wait for quiet, which
        // costs no CPU.
        agent.signal(Signal::TERM);
        while agent.is_running() {
            // Threads end one after the other and take their account with them.
            usage_now = usage(agent.pid()).map_or(usage_now, |last| last.max(usage_now));
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = agent.wait(LIMIT).map_err(|error| error.to_string())?;
        let verified = match endpoint {
            None => logs_read(&ended.output) == Some(corpus.records),
            Some((sink, _)) => finished(sink)? == Some(corpus.records),
        };
        let megabytes = corpus.bytes as f64 / 1e6;
        Ok(Outcome {
            mb_per_cpu_s: megabytes / usage_now.cpu.as_secs_f64(),
            mb_per_s: megabytes / wall.as_secs_f64(),
            peak_rss_bytes: usage_now.peak_rss_bytes,
            verified,
        })
    }

    fn start_sink(&self, corpus: &Corpus, mode: Mode) -> Result<(Running, u16), String> {
        let sink = Program::at(OWN_PROGRAM, "sink")
            .args(["bench-sink", mode.name()])
            .arg(&corpus.path)
            .start()
            .map_err(|error| error.to_string())?;
        let port = sink
            .wait_line("its port", LIMIT, |line| line.strip_prefix("port ")?.parse().ok())
            .map_err(|error| error.to_string())?;
        Ok((sink, port))
    }

    /// Starts the agent with the configurations of `dir`.
    pub(super) fn start(
        &self,
        dir: &Folder,
        endpoint: &str,
        sink: Sink,
    ) -> Result<Running, String> {
        Program::at(&self.agent, "sidetail-agent")
            .env("SIDETAIL_AGENT_ENDPOINT", endpoint)
            .env("SIDETAIL_AGENT_ACCESS_KEY_ID", "bench")
            .env("SIDETAIL_AGENT_ACCESS_KEY_SECRET", "bench")
            .env("SIDETAIL_AGENT_CONFIG_DIR", dir.path("config"))
            // An absent one would be waited for at the end.
            .env("SIDETAIL_AGENT_CONFIG_SERVER", "none")
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

/// Waits for the end of a sink; gives how many records it took when all of them were right.
pub(super) fn finished(sink: Running) -> Result<Option<u64>, String> {
    let printed = sink.wait(LIMIT).map_err(|error| error.to_string())?.stdout;
    let outcome = printed.last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let Some(outcome) = outcome else { return Ok(None) };
    if let Some(reason) = outcome["reason"].as_str() {
        eprintln!("the sink refused: {reason}");
    }
    Ok(outcome["records"].as_u64().filter(|_| outcome["verified"] == true))
}

/// The configuration for `file`, which may be a pattern.
pub(super) fn config(file: &Path, mode: Mode) -> Value {
    let mut detail = mode.detail();
    detail["logPath"] = file.parent().unwrap_or(Path::new("/")).to_string_lossy().into();
    detail["filePattern"] = file.file_name().unwrap_or_default().to_string_lossy().into();
    detail["maxDepth"] = 0.into();
    detail["topicFormat"] = "none".into();
    // The file may be older than the agent; all of it is wanted.
    detail["advanced"] = json!({ "tail_size_kb": 104_857_600 });
    detail["tailExisted"] = true.into();
    json!({
        "configName": "bench", "inputType": "file", "inputDetail": detail,
        "outputDetail": { "projectName": "bench", "logstoreName": "bench" },
    })
}

/// A folder with a configuration, and room for the agent's state.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new(config: Value) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = Self(dir);
        for name in ["config", "state"] {
            std::fs::create_dir(folder.path(name)).map_err(|error| error.to_string())?;
        }
        let path = folder.path("config").join("bench.json");
        std::fs::write(path, config.to_string()).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
