//! The agent's side of the scripted service: a folder for it, its settings, and what is written
//! into its logs.

use super::{KEY, Service};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::process::{Program, Running};

/// A folder with logs, configurations and state, and the settings of an agent for it.
pub(crate) struct Pod {
    dir: tempfile::TempDir,
    settings: BTreeMap<String, String>,
}

impl Pod {
    /// A pod that sends to `service` and collects `*.log` in its folder `logs` in simple mode.
    pub(crate) fn new(service: &Service) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["logs", "configs", "state"] {
            std::fs::create_dir(dir.path().join(name)).expect("an empty directory");
        }
        let pod = Self { dir, settings: BTreeMap::new() };
        let pod = pod
            .set("SIDETAIL_AGENT_ENDPOINT", &service.endpoint())
            .set("SIDETAIL_AGENT_CONFIG_SERVER", "none")
            .set("SIDETAIL_AGENT_ACCESS_KEY_ID", KEY.0)
            .set("SIDETAIL_AGENT_ACCESS_KEY_SECRET", KEY.1)
            .set("SIDETAIL_AGENT_LOG", "debug")
            // A test does not wait for a service to recover.
            .set("SIDETAIL_AGENT_LONGEST_PAUSE_SECONDS", "0.1")
            .set("SIDETAIL_AGENT_BATCH_SECONDS", "0.05")
            .set("ALIYUN_LOGTAIL_USER_DEFINED_ID", "group-1")
            .set("ALIYUN_LOG_ENV_TAGS", "_pod_name_")
            .set("_pod_name_", "pod-1");
        let pod = pod.with_dirs();
        pod.configure("all", "\"filePattern\": \"*.log\"");
        pod
    }

    fn with_dirs(self) -> Self {
        let (configs, state) = (self.path("configs"), self.path("state"));
        self.set("SIDETAIL_AGENT_CONFIG_DIR", &configs.to_string_lossy())
            .set("SIDETAIL_AGENT_STATE_DIR", &state.to_string_lossy())
    }

    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes a configuration.
    pub(crate) fn unconfigure(&self, name: &str) {
        std::fs::remove_file(self.path("configs").join(format!("{name}.json")))
            .expect("it is there");
    }

    /// Runs the program with arguments instead of collecting; gives its exit code and what it
    /// printed to standard output.
    pub(crate) fn command(&self, args: &[&str]) -> (Option<i32>, String) {
        let ended = self.start_as("sidetail-agent", args).wait(Duration::from_secs(60));
        let ended = ended.expect("it ends");
        (ended.status.code(), ended.stdout.join("\n"))
    }

    /// Writes a configuration; `detail` is put into its `inputDetail`. It goes to the logstore of
    /// its name.
    pub(crate) fn configure(&self, name: &str, detail: &str) {
        let text = format!(
            r#"{{"configName": "{name}", "inputType": "file",
                "inputDetail": {{"logType": "common_reg_log", "logPath": "{}", {detail}}},
                "outputDetail": {{"projectName": "p1", "logstoreName": "{name}"}}}}"#,
            self.path("logs").display()
        );
        std::fs::write(self.path("configs").join(format!("{name}.json")), text).expect("a file");
    }

    /// Writes a configuration as a whole document.
    pub(crate) fn write_config(&self, name: &str, document: &str) {
        std::fs::write(self.path("configs").join(name), document).expect("a file");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path("logs").join(name)
    }

    pub(crate) fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    pub(crate) fn start(&self) -> Running {
        self.start_as("sidetail-agent", &[])
    }

    /// Starts the agent and waits until it watches: what was renamed before that is nobody's.
    pub(crate) fn start_watching(&self) -> Running {
        let agent = self.start();
        let is_it = |line: &str| line.contains("is watched").then_some(());
        agent.wait_line("that it watches", Duration::from_secs(60), is_it).expect("it does");
        agent
    }

    /// Starts the agent under another name, with arguments.
    pub(crate) fn start_as(&self, name: &str, args: &[&str]) -> Running {
        let path = self.path(name);
        if !path.exists() {
            // A long run keeps the program that it began with, whatever is built meanwhile.
            let program = match std::env::var_os("SIDETAIL_BIN_DIR") {
                Some(dir) => PathBuf::from(dir).join("sidetail-agent"),
                None => env!("CARGO_BIN_EXE_sidetail-agent").into(),
            };
            std::os::unix::fs::symlink(program, &path).expect("a link");
        }
        let program = Program::at(path, name).args(args);
        let program =
            self.settings.iter().fold(program, |program, (name, value)| program.env(name, value));
        program.start().expect("the agent was built with this test")
    }
}

/// Lines with a number each, and enough text that some are long.
pub(crate) fn lines(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("line {number} {}", "x".repeat(number % 200))).collect()
}

/// Appends lines to a file in one write.
pub(crate) fn append(path: &Path, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(path).expect("a file to write");
    file.write_all(text.as_bytes()).expect("room on the disk");
}
