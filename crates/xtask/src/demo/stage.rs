//! The processes of the demo and what can be done with them.

use super::account::{self, Written};
use crate::workspace::root;
use sls::api::get_logs::Row;
use sls_client::KeyPair;
use std::path::Path;
use std::time::Duration;
use testkit::TestAgent;
use testkit::lines::Account;
use testkit::patience::wait_until;
use testkit::process::{Program, Running, bin_dir};
use testkit::server::{TestServer, free_port};
use testkit::service::Service;

pub(crate) const PROJECT: &str = "k8s-nginx-sidecar-demo";
pub(crate) const ACCESS: &str = "nginx-access";
pub(super) const ERROR: &str = "nginx-error";
pub(super) const PODS: [&str; 2] = ["nginx-log-sidecar-demo-0", "nginx-log-sidecar-demo-1"];

/// The user-defined id of the example's sidecar, which is its machine group.
const GROUP: &str = "nginx-log-sidecar";
/// Where the example's pods write.
const LOG_DIR: &str = "/var/log/nginx";
/// The console's usual port; another one is taken when it is not free.
const PORT: u16 = 8100;
/// Any single step of the demo is broken when it takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Everything that runs, and the folder it runs in.
pub(crate) struct Stage {
    pods: Vec<Pod>,
    operator: Option<Running>,
    server: TestServer,
    service: Service,
    dir: tempfile::TempDir,
}

struct Pod {
    agent: TestAgent,
    writers: Vec<Running>,
    process: Running,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Stage {
    /// A server over an empty folder.
    pub(super) fn new() -> Result<Self, String> {
        let dir = tempfile::Builder::new().prefix("sidetail-demo-").tempdir().map_err(text)?;
        for folder in ["manifests", "pods"] {
            std::fs::create_dir(dir.path().join(folder)).map_err(text)?;
        }
        // The writer's name in the example's image is another name of our command line.
        std::os::unix::fs::symlink(bin_dir().join("sidetail"), dir.path().join("mock_log"))
            .map_err(text)?;
        let free = std::net::TcpListener::bind(("127.0.0.1", PORT)).is_ok();
        let port = if free { PORT } else { free_port() };
        let server = TestServer::start_on(&dir.path().join("server"), port).map_err(text)?;
        let service = server.service();
        Ok(Self { pods: Vec::new(), operator: None, server, service, dir })
    }

    /// A stage on which lines are already found, for the browser test.
    pub(crate) fn with_lines() -> Result<Self, String> {
        testkit::process::set_bin_dir(crate::workspace::bin_dir());
        let mut stage = Self::new()?;
        stage.apply_manifests()?;
        stage.start_pods()?;
        stage.first_line()?;
        Ok(stage)
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    pub(crate) fn key(&self) -> &KeyPair {
        self.server.key()
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn operator(&self) -> Program {
        Program::new("sidetail-operator")
            .arg("--manifests")
            .arg(self.dir.path().join("manifests"))
            .args(["--endpoint", &self.server.endpoint()])
            .env("SIDETAIL_OPERATOR_ACCESS_KEY_ID", &self.key().id)
            .env("SIDETAIL_OPERATOR_ACCESS_KEY_SECRET", &self.key().secret)
    }

    /// Gives the operator the example's sample with its mistakes; gives back what it says.
    pub(super) fn refuse_broken_manifest(&self) -> Result<String, String> {
        self.copy_manifests("examples/nginx-sidecar-broken")?;
        let ended =
            self.operator().arg("--once").start().and_then(|run| run.wait(LIMIT)).map_err(text)?;
        let said = ended.output.join("\n");
        if ended.status.success() {
            return Err(format!("the operator accepted the broken manifest:\n{said}"));
        }
        match self.service.try_call(PROJECT, &sls::api::project::GetProject) {
            Err(error) if error.refusal().is_some_and(|r| r.code == "ProjectNotExist") => Ok(said),
            Err(error) => Err(text(error)),
            Ok(_) => Err(format!(
                "the operator refused the manifest and yet applied part of it:\n{said}"
            )),
        }
    }

    /// Gives the operator the corrected manifests and leaves it running; gives back what it says.
    pub(super) fn apply_manifests(&mut self) -> Result<String, String> {
        self.copy_manifests("examples/nginx-sidecar")?;
        let operator = self.operator().start().map_err(text)?;
        let groups = sls::api::machine_group::ListAppliedConfigs { group: GROUP.into() };
        let applied = wait_until(LIMIT, || match self.service.try_call(PROJECT, &groups) {
            Ok(applied) if applied.configs.len() == 2 => Ok(()),
            Ok(applied) => Err(format!("applied so far: {:?}", applied.configs)),
            Err(error) => Err(text(error)),
        });
        let said = operator.output().join("\n");
        applied.map_err(|reason| format!("the manifests were not applied: {reason}\n{said}"))?;
        self.operator = Some(operator);
        Ok(said)
    }

    fn copy_manifests(&self, example: &str) -> Result<(), String> {
        let from = root().join(example);
        let to = self.dir.path().join("manifests");
        for entry in std::fs::read_dir(&to).map_err(text)?.flatten() {
            if entry.path().is_file() {
                std::fs::remove_file(entry.path()).map_err(text)?;
            }
        }
        for entry in
            std::fs::read_dir(&from).map_err(|error| format!("{example}: {error}"))?.flatten()
        {
            if entry.path().extension().is_some_and(|extension| extension == "yaml") {
                std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(text)?;
            }
        }
        Ok(())
    }

    /// Starts both pods: agent and writers.
    pub(super) fn start_pods(&mut self) -> Result<(), String> {
        for name in PODS {
            let agent = TestAgent::new(&self.dir.path().join("pods"), name, GROUP)
                .service(&self.server.endpoint(), Some(self.key()));
            let access = self.writer(&agent, "access.log", "nginx", "100");
            let error = self.writer(&agent, "error.log", "nginx-error", "20");
            let writers = vec![access.start().map_err(text)?, error.start().map_err(text)?];
            let process = agent.start().map_err(text)?;
            self.pods.push(Pod { agent, writers, process });
        }
        Ok(())
    }

    /// The example's writer with its arguments; the line numbers are for the account at the end.
    fn writer(&self, agent: &TestAgent, file: &str, kind: &str, logs_per_sec: &str) -> Program {
        let path = agent.path(&format!("{LOG_DIR}/{file}"));
        Program::at(self.dir.path().join("mock_log"), "mock_log")
            .arg(format!("--log-type={kind}"))
            .args(["--stdout=false", "--stderr=true"])
            .arg(format!("--path={}", path.display()))
            .args(["--total-count=1000000000", &format!("--logs-per-sec={logs_per_sec}")])
            .args(["--number-lines", &format!("--pod={}", agent.pod)])
            .quiet()
    }

    /// Waits until any line is found by a query.
    pub(super) fn first_line(&self) -> Result<Row, String> {
        wait_until(LIMIT, || {
            let rows = self.service.rows(PROJECT, ACCESS, "*").map_err(text)?;
            rows.into_iter().next().ok_or_else(|| "no row".into())
        })
        .map_err(|reason| format!("no line was found in {LIMIT:?}: {reason}{}", self.agents_said()))
    }

    /// Waits until `count` lines are found, some of each pod in each logstore.
    pub(super) fn wait_for_lines(&self, count: usize) -> Result<(), String> {
        wait_until(LIMIT, || {
            let mut found = 0;
            for logstore in [ACCESS, ERROR] {
                for pod in PODS {
                    let query = format!("__tag__:_pod_name_:{pod}");
                    let rows = self.service.rows(PROJECT, logstore, &query).map_err(text)?;
                    if rows.is_empty() {
                        return Err(format!("no line of {pod} in {logstore}"));
                    }
                    found += rows.len();
                }
            }
            if found >= count { Ok(()) } else { Err(format!("{found} lines")) }
        })
        .map_err(|reason| format!("{reason} after {LIMIT:?}{}", self.agents_said()))
    }

    /// What `sidetail query` prints.
    pub(super) fn sample_query(&self) -> Result<String, String> {
        let ended = Program::new("sidetail")
            .args(["query", "--endpoint", &self.server.endpoint()])
            .args(["--project", PROJECT, "--logstore", ACCESS])
            .args(["--from", "-15m", "--limit", "5", "--reverse", "not status: 200"])
            .env("SIDETAIL_ACCESS_KEY_ID", &self.key().id)
            .env("SIDETAIL_ACCESS_KEY_SECRET", &self.key().secret)
            .start()
            .and_then(|run| run.wait(LIMIT))
            .map_err(text)?;
        if ended.status.success() {
            Ok(ended.stdout.join("\n"))
        } else {
            Err(ended.output.join("\n"))
        }
    }

    /// Stops the writers, lets the agents drain, and compares the files with what is found.
    pub(super) fn finish(mut self) -> Result<Account, String> {
        let mut written = Vec::new();
        for pod in self.pods.drain(..) {
            for writer in pod.writers {
                writer.terminate(LIMIT).map_err(text)?;
            }
            let ended = pod.process.terminate(LIMIT).map_err(text)?;
            if !ended.status.success() {
                return Err(format!(
                    "an agent ended with {}:\n{}",
                    ended.status,
                    ended.output.join("\n")
                ));
            }
            written.push(Written {
                pod: pod.agent.pod.clone(),
                access: pod.agent.path(&format!("{LOG_DIR}/access.log")),
                error: pod.agent.path(&format!("{LOG_DIR}/error.log")),
            });
        }
        let account = account::settle(&self.service, &written)?;
        if let Some(operator) = self.operator.take() {
            operator.terminate(LIMIT).map_err(text)?;
        }
        self.server.stop().map_err(text)?;
        Ok(account)
    }

    fn agents_said(&self) -> String {
        self.pods
            .iter()
            .map(|pod| format!("\n--- {}\n{}", pod.agent.pod, pod.process.output().join("\n")))
            .collect()
    }
}
