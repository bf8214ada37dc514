//! A server with a project, agents with a simple configuration, and files to write.

use serde_json::{Value, json};
use sls::api::config::{LogtailConfig, OutputDetail};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use testkit::{Service, TestAgent, TestServer, eventually};

/// The project of every scene.
pub const PROJECT: &str = "prj-a";
/// Its logstore, with one shard.
pub const LOGSTORE: &str = "app";
/// The machine group, which is also the agents' user-defined id.
pub const GROUP: &str = "sidecar";

/// A running server with [`PROJECT`], [`LOGSTORE`] and a simple configuration for [`GROUP`].
#[derive(Debug)]
pub struct Scene {
    /// The server.
    pub server: TestServer,
    /// A client with the server's key.
    pub service: Service,
    /// Where data and pods are.
    pub dir: tempfile::TempDir,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// Starts the server and provisions it.
    ///
    /// # Panics
    /// When anything of that fails, as everything here does.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = TestServer::start(&dir.path().join("data")).unwrap();
        let service = server.service();
        service.provision(PROJECT, &[LOGSTORE]);
        service.configure(PROJECT, GROUP, config("app-log", json!({})));
        Self { server, service, dir }
    }

    /// An agent of [`GROUP`], not yet started.
    pub fn agent(&self, pod: &str) -> TestAgent {
        TestAgent::new(self.dir.path(), pod, GROUP)
            .service(&self.server.endpoint(), Some(self.server.key()))
    }

    /// The lines of a pod that are stored, in the order of the store.
    pub fn found(&self, pod: &str) -> Result<Vec<String>, String> {
        let query = format!("__tag__:_pod_name_:{pod}");
        let found = self.service.values(PROJECT, LOGSTORE, &query, "content");
        found.map_err(|error| error.to_string())
    }

    /// Waits until at least one copy of each line of a pod is stored; gives back what is there.
    #[track_caller]
    pub fn wait_for(&self, pod: &str, lines: &[String]) -> Vec<String> {
        eventually(&format!("{} lines of {pod}", lines.len()), || {
            let found = self.found(pod)?;
            let known: std::collections::HashSet<_> = found.iter().collect();
            match lines.iter().find(|line| !known.contains(line)) {
                None => Ok(found),
                Some(missing) => Err(format!("{} found, not {missing}", found.len())),
            }
        })
    }
}

/// A configuration for `/var/log/app/*.log`, simple mode unless `detail` says more.
pub fn config(name: &str, detail: Value) -> LogtailConfig {
    let mut input = json!({
        "logType": "common_reg_log", "logPath": "/var/log/app", "filePattern": "*.log",
        "maxDepth": 0, "dockerFile": false, "topicFormat": "none",
    });
    for (key, value) in detail.as_object().unwrap() {
        input[key] = value.clone();
    }
    LogtailConfig {
        config_name: name.into(),
        input_type: "file".into(),
        input_detail: input.as_object().unwrap().clone(),
        output_type: "LogService".into(),
        output_detail: OutputDetail { logstore_name: LOGSTORE.into(), ..Default::default() },
        ..Default::default()
    }
}

/// Numbered lines of a length that varies.
pub fn lines(pod: &str, numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|i| format!("{pod} line {i:06} {}", "x".repeat(i * 7 % 90))).collect()
}

/// Appends lines, one write each, as programs do.
pub fn append(path: &Path, lines: &[String]) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    write_each(&mut file, lines);
}

/// Writes lines, one write each.
pub fn write_each(file: &mut File, lines: &[String]) {
    for line in lines {
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
