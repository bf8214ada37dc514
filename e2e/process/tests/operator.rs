//! The operator and the command line over a real server.

use std::path::Path;
use std::time::Duration;

use sls::api::config::ListConfigs;
use sls::api::index::GetIndex;
use sls::api::machine_group::{GetMachineGroup, ListAppliedConfigs, MachineIdentifyType};
use sls::api::project::GetProject;
use testkit::process::{Ended, Program};
use testkit::{TestServer, eventually};

const PROJECT: &str = "k8s-nginx-sidecar-demo";
const GROUP: &str = "nginx-log-sidecar";
const CONFIG: &str = "nginx-log-access-example";
const ACCESS: &str = include_str!("../../../examples/nginx-sidecar/access.yaml");
const BROKEN: &str = include_str!("../../../examples/nginx-sidecar-broken/access.yaml");
const LIMIT: Duration = Duration::from_secs(60);

struct Scene {
    server: TestServer,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("manifests")).unwrap();
        let server = TestServer::start(&dir.path().join("data")).unwrap();
        Self { server, dir }
    }

    fn manifest(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("manifests").join(name)
    }

    fn operator(&self) -> Program {
        Program::new("sidetail-operator")
            .arg("--manifests")
            .arg(self.dir.path().join("manifests"))
            .args(["--endpoint", &self.server.endpoint()])
            .env("SIDETAIL_OPERATOR_ACCESS_KEY_ID", &self.server.key().id)
            .env("SIDETAIL_OPERATOR_ACCESS_KEY_SECRET", &self.server.key().secret)
    }

    fn once(&self) -> Ended {
        self.operator().arg("--once").start().unwrap().wait(LIMIT).unwrap()
    }

    fn sidetail(&self, args: &[&str]) -> Ended {
        Program::new("sidetail")
            .args(args)
            .env("SIDETAIL_ENDPOINT", self.server.endpoint())
            .env("SIDETAIL_ACCESS_KEY_ID", &self.server.key().id)
            .env("SIDETAIL_ACCESS_KEY_SECRET", &self.server.key().secret)
            .start()
            .unwrap()
            .wait(LIMIT)
            .unwrap()
    }

    fn applied(&self) -> Result<Vec<String>, String> {
        let list = ListAppliedConfigs { group: GROUP.into() };
        let answer = self.server.service().try_call(PROJECT, &list);
        answer.map(|list| list.configs).map_err(|error| error.to_string())
    }
}

#[test]
fn a_broken_manifest_changes_nothing_and_its_correction_is_applied() {
    let scene = Scene::new();
    std::fs::write(scene.manifest("access.yaml"), BROKEN).unwrap();
    let refused = scene.once();
    assert_eq!(refused.status.code(), Some(1));
    let said = refused.output.join("\n");
    assert!(said.contains("access.yaml:22:105"), "{said}");
    assert!(said.contains(r#""response-size", "referer", "user-agent"]"#), "{said}");
    let service = scene.server.service();
    let refusal = service.try_call(PROJECT, &GetProject).unwrap_err();
    assert_eq!(refusal.refusal().unwrap().code, "ProjectNotExist");

    std::fs::write(scene.manifest("access.yaml"), ACCESS).unwrap();
    let applied = scene.once();
    assert_eq!(applied.status.code(), Some(0), "{}", applied.output.join("\n"));
    assert_eq!(scene.applied().unwrap(), [CONFIG]);
    let group = service.call(PROJECT, &GetMachineGroup { group: GROUP.into() });
    assert_eq!(group.machine_identify_type, MachineIdentifyType::Userdefined);
    let index = service.call(PROJECT, &GetIndex { logstore: "nginx-access".into() });
    assert!(index.keys.unwrap().contains_key("status"));
}

#[test]
fn a_running_operator_follows_its_directory_over_a_restart_of_the_server() {
    let mut scene = Scene::new();
    let operator = scene.operator().args(["--poll-interval", "20"]).start().unwrap();
    scene.server.kill();
    std::fs::write(scene.manifest("access.yaml"), ACCESS).unwrap();
    operator
        .wait_line("not ready", LIMIT, |line| line.contains("not ready").then_some(()))
        .unwrap();
    scene.server.restart().unwrap();
    eventually("the configuration is applied", || match scene.applied()?.as_slice() {
        [config] if config == CONFIG => Ok(()),
        other => Err(format!("{other:?}")),
    });
    std::fs::remove_file(scene.manifest("access.yaml")).unwrap();
    let service = scene.server.service();
    eventually("the configuration is gone", || {
        let list = service.try_call(PROJECT, &ListConfigs::default());
        match list.map_err(|error| error.to_string())?.configs.as_slice() {
            [] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(service.try_call(PROJECT, &GetProject).is_ok());
    assert_eq!(operator.terminate(LIMIT).unwrap().status.code(), Some(0));
}

#[test]
fn a_query_from_the_command_line_finds_lines_and_names_what_is_wrong() {
    let scene = Scene::new();
    let made = scene.sidetail(&["project", "create", "prj-a"]);
    assert_eq!(made.status.code(), Some(0), "{}", made.output.join("\n"));
    scene.sidetail(&["logstore", "create", "--project", "prj-a", "app"]);
    assert_eq!(scene.sidetail(&["project", "list"]).stdout, ["prj-a"]);
    assert_eq!(scene.sidetail(&["logstore", "list", "--project", "prj-a"]).stdout, ["app"]);
    // More than one answer holds, in three requests.
    let lines: Vec<String> = (0..250).map(|number| format!("line {number:03} 日志")).collect();
    for part in lines.chunks(100) {
        scene.server.service().put_lines("prj-a", "app", part, None).unwrap();
    }
    let query = |more: &[&str]| {
        let fixed = ["query", "--project", "prj-a", "--logstore", "app", "--from", "-15m"];
        scene.sidetail(&[&fixed, more].concat())
    };
    let mut found = query(&["--limit", "1000", "-o", "raw"]).stdout;
    found.sort();
    assert_eq!(found, lines);
    let one = query(&["-o", "json", "007"]).stdout;
    assert_eq!(one.len(), 1);
    let row: serde_json::Value = serde_json::from_str(&one[0]).unwrap();
    assert_eq!(row["content"], "line 007 日志");
    let absent = scene.sidetail(&["query", "--project", "prj-a", "--logstore", "nope"]);
    assert_eq!(absent.status.code(), Some(3));
    assert!(absent.output.join("\n").contains("LogStoreNotExist"));
    assert_eq!(query(&["--from", "yesterday"]).status.code(), Some(2));
}

#[test]
fn check_and_try_need_no_service() {
    let dir = tempfile::tempdir().unwrap();
    let run =
        |args: &[&str]| Program::new("sidetail").args(args).start().unwrap().wait(LIMIT).unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (broken, access) = (write("broken.yaml", BROKEN), write("access.yaml", ACCESS));
    assert_eq!(run(&["config", "check", &broken]).status.code(), Some(1));
    assert_eq!(run(&["config", "check", &access]).status.code(), Some(0));
    assert_eq!(run(&["config", "check", "/does/not/exist"]).status.code(), Some(3));
    let log = dir.path().join("access.log").display().to_string();
    let path = format!("--path={log}");
    run(&["gen", "--total-count=50", "--logs-per-sec=0", &path]);
    assert!(Path::new(&log).exists());
    let tried = run(&["config", "try", &access, "--sample", &log, "-o", "json", "-n", "50"]);
    assert_eq!(tried.status.code(), Some(0), "{}", tried.output.join("\n"));
    assert_eq!(tried.stdout.len(), 50);
    let first: serde_json::Value = serde_json::from_str(&tried.stdout[0]).unwrap();
    assert_eq!(first["fields"].as_object().unwrap().len(), 11);
}
