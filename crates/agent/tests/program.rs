//! The program as init scripts and probes see it.

mod support;

use std::process::Command;
use std::time::Duration;
use support::{Pod, Service, append, lines};
use testkit::process::Program;

const LIMIT: Duration = Duration::from_secs(60);

fn status(pod: &Pod, script: &std::path::Path) -> (Option<i32>, String) {
    let output = Command::new(script)
        .arg("status")
        .env_clear()
        .env("SIDETAIL_AGENT_STATE_DIR", pod.path("state"))
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_init_script_says_whether_an_agent_runs() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let script = pod.path("ilogtaild");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sidetail-agent"), &script).unwrap();
    assert_eq!(status(&pod, &script), (Some(1), "ilogtail is not running\n".into()));
    let agent = pod.start();
    append(&pod.log("a.log"), &lines(0, 1));
    service.wait_for(&lines(0, 1));
    assert_eq!(status(&pod, &script), (Some(0), "ilogtail is running\n".into()));
    agent.terminate(LIMIT).unwrap();
    assert_eq!(status(&pod, &script).0, Some(1));
}

#[test]
fn two_agents_do_not_share_a_state_directory() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let first = pod.start();
    append(&pod.log("a.log"), &lines(0, 1));
    service.wait_for(&lines(0, 1));
    let second = pod.start().wait(LIMIT).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.output.join("\n").contains("belongs to an agent that runs"));
    first.terminate(LIMIT).unwrap();
}

#[test]
fn a_broken_setting_ends_the_program_with_its_name() {
    let program = Program::at(env!("CARGO_BIN_EXE_sidetail-agent"), "sidetail-agent");
    let ended = program.start().unwrap().wait(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.output.join("\n").contains("SIDETAIL_AGENT_ENDPOINT: is not set"));
}

#[test]
fn a_damaged_checkpoint_is_put_aside_and_said() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    std::fs::write(pod.path("state").join("checkpoint"), "sidetail-checkpoint 1 9 0\n").unwrap();
    append(&pod.log("a.log"), &lines(0, 5));
    let agent = pod.start();
    service.wait_for(&lines(0, 5));
    agent
        .wait_line("the alarm", LIMIT, |line| line.contains("CHECKPOINT_ALARM").then_some(()))
        .unwrap();
    assert!(pod.path("state").join("checkpoint.damaged").exists());
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn metrics_and_probes_are_answered() {
    use std::io::{Read, Write};
    let service = Service::storing();
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_ADMIN_LISTEN", "127.0.0.1:0");
    append(&pod.log("a.log"), &lines(0, 7));
    let agent = pod.start();
    let address = agent
        .wait_line("its address", LIMIT, |line| {
            line.split_once("/metrics on http://").map(|(_, address)| address.trim().to_owned())
        })
        .unwrap();
    let ask = |path: &str| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: agent\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    service.wait_for(&lines(0, 7));
    testkit::eventually("the count of logs", || {
        let metrics = ask("/metrics");
        if metrics.contains("\nsidetail_agent_sent_logs_total 7\n") { Ok(()) } else { Err(metrics) }
    });
    assert!(ask("/livez").starts_with("HTTP/1.1 200 OK"));
    assert!(ask("/none").starts_with("HTTP/1.1 404"));
    agent.terminate(LIMIT).unwrap();
}
