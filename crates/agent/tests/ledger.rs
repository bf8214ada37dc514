//! `sidetail-agent ledger` answers as soon as there is something to say.

mod support;

use std::time::Duration;
use support::{Pod, Service, append, lines};

const LIMIT: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_for(pod: &Pod, what: &str) -> String {
    testkit::eventually(what, || {
        let (code, ledger) = pod.command(&["ledger"]);
        match code == Some(0) && ledger.contains(what) {
            true => Ok(ledger),
            false => Err(ledger),
        }
    })
}

/// The period of the snapshots does not matter for the first ones.
#[test]
fn the_ledger_is_there_as_soon_as_everything_is_watched() {
    let service = Service::storing();
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_SNAPSHOT_SECONDS", "3600");
    append(&pod.log("a.log"), &lines(0, 50));
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    let agent = pod.start_watching();
    wait_for(&pod, &format!("phase:following seen:{size} "));
    wait_for(&pod, &format!("read:{size} acked:0-{size} missing:0 "));
    agent.terminate(LIMIT).unwrap();
}

#[test]
fn without_a_snapshot_the_ledger_is_told_from_the_checkpoint() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    let (code, said) = pod.command(&["ledger"]);
    assert_eq!(code, Some(1), "nobody knows anything: {said}");
    append(&pod.log("a.log"), &lines(0, 50));
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    let agent = pod.start_watching();
    service.wait_for(&lines(0, 50));
    agent.terminate(LIMIT).unwrap();
    std::fs::remove_dir_all(pod.path("state").join("snapshot")).unwrap();
    let ledger = wait_for(&pod, &format!("phase:recorded seen:{size} "));
    assert!(ledger.contains(&format!("read:{size} acked:0-{size} missing:0 ")), "{ledger}");
}
