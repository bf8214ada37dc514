//! A real agent beside a folder that stands for a pod's shared volume.

use crate::process::{ProcessError, Program, Running};
use std::path::{Path, PathBuf};

/// A pod: a folder for its file system, and what the downward API would tell the agent.
#[derive(Clone, Debug)]
pub struct TestAgent {
    /// Root of the pod's files; a configuration's `/var/log/x` is `<root>/var/log/x`.
    pub root: PathBuf,
    /// Pod name, the tag `_pod_name_`.
    pub pod: String,
    /// User-defined id, by which machine groups know the agent.
    pub user_defined_id: String,
    binary: Option<PathBuf>,
    settings: Vec<(String, String)>,
}

impl TestAgent {
    /// A pod whose files are below `dir/pod`, with the environment of the sidecar example.
    pub fn new(dir: &Path, pod: &str, user_defined_id: &str) -> Self {
        let root = dir.join(pod);
        let state = dir.join(format!("{pod}-state"));
        let agent = Self {
            root: root.clone(),
            pod: pod.into(),
            user_defined_id: user_defined_id.into(),
            binary: None,
            settings: Vec::new(),
        };
        agent
            .set("ALIYUN_LOGTAIL_USER_ID", "1000000000000000")
            .set("ALIYUN_LOGTAIL_USER_DEFINED_ID", user_defined_id)
            .set(
                "ALIYUN_LOGTAIL_CONFIG",
                "/etc/ilogtail/conf/cn-hangzhou-internet/ilogtail_config.json",
            )
            .set("ALIYUN_LOG_ENV_TAGS", "_pod_name_|_pod_ip_|_namespace_|_node_name_|_node_ip_")
            .set("_pod_name_", pod)
            .set("_pod_ip_", "127.0.0.1")
            .set("_namespace_", "default")
            .set("_node_name_", "node-1")
            .set("_node_ip_", "127.0.0.1")
            .set("SIDETAIL_AGENT_PATH_PREFIX", &root.to_string_lossy())
            .set("SIDETAIL_AGENT_STATE_DIR", &state.to_string_lossy())
    }

    /// Sets an environment variable of the agent.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Runs the agent at `path` instead of the one beside the test.
    #[must_use]
    pub fn binary(self, path: &Path) -> Self {
        Self { binary: Some(path.into()), ..self }
    }

    /// Sends to the service at `endpoint`, which is its config server too.
    #[must_use]
    pub fn service(self, endpoint: &str, key: Option<&sls_client::KeyPair>) -> Self {
        let agent = self.set("SIDETAIL_AGENT_ENDPOINT", endpoint);
        match key {
            None => agent,
            Some(key) => agent
                .set("SIDETAIL_AGENT_ACCESS_KEY_ID", &key.id)
                .set("SIDETAIL_AGENT_ACCESS_KEY_SECRET", &key.secret),
        }
    }

    /// Where `path` of a configuration is on this machine; its folder is made.
    pub fn path(&self, path: &str) -> PathBuf {
        let path = self.root.join(path.trim_start_matches('/'));
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)
                .unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        }
        path
    }

    /// Starts the agent.
    ///
    /// # Errors
    /// When the binary is missing.
    pub fn start(&self) -> Result<Running, ProcessError> {
        let mut program = match &self.binary {
            None => Program::new("sidetail-agent"),
            Some(path) => Program::at(path, "sidetail-agent"),
        };
        for (name, value) in &self.settings {
            program = program.env(name, value);
        }
        program.start()
    }
}
