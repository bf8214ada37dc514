//! What the agent may not read keeps nobody waiting, and is not said to be delivered.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use support::{Pod, Service, append, lines};
use testkit::process::{Program, Running};

const LIMIT: Duration = Duration::from_secs(60);

/// Starts the agent as somebody to whom permissions apply.
fn start(pod: &Pod) -> Running {
    if !rustix::process::geteuid().is_root() {
        return pod.start();
    }
    for name in ["", "state"] {
        fs::set_permissions(pod.path(name), Permissions::from_mode(0o777)).unwrap();
    }
    let args = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let program = Program::at("/usr/bin/setpriv", "sidetail-agent");
    let program = program.args(args).args([env!("CARGO_BIN_EXE_sidetail-agent")]);
    let settings = pod.settings().iter();
    let program = settings.fold(program, |program, (name, value)| program.env(name, value));
    program.start().unwrap()
}

#[test]
fn what_may_not_be_read_makes_the_exit_code_3_and_is_named() {
    let service = Service::storing();
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "600");
    append(&pod.log("a.log"), &lines(0, 10));
    append(&pod.log("secret.log"), &["1234".to_owned()]);
    fs::create_dir(pod.log("closed")).unwrap();
    for name in ["secret.log", "closed"] {
        fs::set_permissions(pod.log(name), Permissions::from_mode(0o000)).unwrap();
    }
    pod.configure("all", r#""filePattern": "*.log", "maxDepth": 2"#);
    let agent = start(&pod);
    service.wait_for(&lines(0, 10));
    let ended = agent.terminate(LIMIT).unwrap();
    let said = ended.output.join("\n");
    assert_eq!(ended.status.code(), Some(3), "{said}");
    for words in [
        "2 files and directories with 5 bytes or more were not read",
        "not read: config:p1/all phase:unreadable seen:5 read:0 acked:- missing:5 ",
        &format!("path:{}", pod.log("secret.log").display()),
        &format!("path:{}", pod.log("closed").display()),
        "left_bytes=5 ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let (_, ledger) = pod.command(&["ledger"]);
    assert!(ledger.contains("phase:unreadable seen:5 "), "{ledger}");
    fs::set_permissions(pod.log("closed"), Permissions::from_mode(0o755)).unwrap();
}
