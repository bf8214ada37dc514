//! An agent that nobody has told what to collect: it says so, keeps no application waiting, and
//! never claims that everything is delivered.

mod support;

use std::net::TcpListener;
use std::time::Duration;
use support::{Pod, Service, append, lines};
use testkit::process::Running;

const LIMIT: Duration = Duration::from_secs(60);

/// The exit code of an ended agent and what it has said.
fn end(agent: Running) -> (Option<i32>, String) {
    let ended = agent.terminate(LIMIT).unwrap();
    (ended.status.code(), ended.output.join("\n"))
}

/// An address where nobody listens.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

#[test]
fn an_end_without_an_answer_of_the_config_server_is_none_with_everything_delivered() {
    let service = Service::storing();
    let pod = Pod::new(&service)
        .set("SIDETAIL_AGENT_CONFIG_SERVER", &nobody())
        .set("SIDETAIL_AGENT_DRAIN_SECONDS", "1");
    append(&pod.log("a.log"), &lines(0, 10));
    let agent = pod.start();
    let failed = |line: &str| line.contains("CONFIG_SERVER_ALARM").then_some(());
    agent.wait_line("a heartbeat that fails", LIMIT, failed).unwrap();
    let (code, said) = end(agent);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("the config server has not answered since the start; http://127"),
        "{said}"
    );
}

#[test]
fn a_directory_that_does_not_exist_yet_is_named_and_collected_once_it_does() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    std::fs::remove_dir_all(pod.path("logs")).unwrap();
    let agent = pod.start();
    let name = format!("{} does not exist", pod.path("logs").display());
    agent
        .wait_line("the missing directory", LIMIT, |line| line.contains(&name).then_some(()))
        .unwrap();
    std::fs::create_dir(pod.path("logs")).unwrap();
    append(&pod.log("a.log"), &lines(0, 10));
    service.wait_for(&lines(0, 10));
    let (code, said) = end(agent);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("a.log from byte 0"), "{said}");
}
