//! The agent is killed: every line is there after its restart. Lines may come twice; how many is
//! printed, since exactly-once is a promise of the store that is still to come.
#![allow(clippy::print_stdout, reason = "the number of duplicates is worth reading")]

use process_tests::scene::{GROUP, PROJECT, Scene, append, config, lines};
use serde_json::json;
use std::time::Duration;
use testkit::lines::Account;

#[track_caller]
fn check_all_there(scene: &Scene, pod: &str, expected: &[String]) {
    let found = scene.wait_for(pod, expected);
    let account = Account::of(expected.to_vec(), found);
    assert_eq!(account.lost, []);
    println!("{pod}: {} lines, {} of them double", account.written, account.duplicated_count());
}

#[test]
fn an_agent_killed_in_mid_file_goes_on_where_the_acks_ended() {
    let scene = Scene::new();
    let agent = scene.agent("pod-0");
    let file = agent.path("/var/log/app/a.log");
    let all = lines("pod-0", 0..4000);
    append(&file, &all[..1000]);
    let mut running = agent.start().unwrap();
    for part in 1..4 {
        scene.wait_for("pod-0", &all[..part * 1000 - 500]);
        append(&file, &all[part * 1000..(part + 1) * 1000]);
        running.kill();
        running = agent.start().unwrap();
    }
    check_all_there(&scene, "pod-0", &all);
    assert!(running.terminate(Duration::from_secs(60)).unwrap().status.success());
}

#[test]
fn an_agent_killed_in_mid_rotation_reads_the_old_and_the_new_file() {
    let scene = Scene::new();
    let agent = scene.agent("pod-0");
    let file = agent.path("/var/log/app/a.log");
    let all = lines("pod-0", 0..3000);
    append(&file, &all[..1000]);
    let running = agent.start().unwrap();
    scene.wait_for("pod-0", &all[..900]);
    // The tail of the old file is written, the file renamed and a new one begun while the agent
    // is dead.
    running.kill();
    append(&file, &all[1000..1500]);
    std::fs::rename(&file, file.with_extension("log.1")).unwrap();
    append(&file, &all[1500..2000]);
    let running = agent.start().unwrap();
    // And once more with the agent alive until just after the rename.
    scene.wait_for("pod-0", &all[..1600]);
    append(&file, &all[2000..2500]);
    std::fs::rename(&file, file.with_extension("log.2")).unwrap();
    running.kill();
    append(&file, &all[2500..]);
    let running = agent.start().unwrap();
    check_all_there(&scene, "pod-0", &all);
    assert!(running.terminate(Duration::from_secs(60)).unwrap().status.success());
}

#[test]
fn a_truncated_file_is_read_from_its_new_start() {
    let scene = Scene::new();
    let agent = scene.agent("pod-0");
    let file = agent.path("/var/log/app/a.log");
    let all = lines("pod-0", 0..1500);
    append(&file, &all[..1000]);
    let running = agent.start().unwrap();
    scene.wait_for("pod-0", &all[..1000]);
    // copytruncate: the content is copied away and the file cut to nothing.
    std::fs::copy(&file, file.with_extension("log.1")).unwrap();
    std::fs::OpenOptions::new().write(true).truncate(true).open(&file).unwrap();
    append(&file, &all[1000..]);
    check_all_there(&scene, "pod-0", &all);
    assert!(running.terminate(Duration::from_secs(60)).unwrap().status.success());
}

#[test]
fn a_configuration_with_a_wrong_pattern_does_not_stop_the_others() {
    let scene = Scene::new();
    let broken = json!({ "filePattern": "b.log", "regex": "(\\d+", "key": ["number"] });
    scene.service.configure(PROJECT, GROUP, config("broken-pattern", broken));
    let agent = scene.agent("pod-0");
    let file = agent.path("/var/log/app/a.log");
    let all = lines("pod-0", 0..300);
    append(&file, &all);
    let running = agent.start().unwrap();
    check_all_there(&scene, "pod-0", &all);
    // It says which configuration, and why.
    running
        .wait_line("what is wrong with the configuration", Duration::from_secs(30), |line| {
            (line.contains("broken-pattern") && line.contains("regex")).then_some(())
        })
        .unwrap();
    assert!(running.terminate(Duration::from_secs(60)).unwrap().status.success());
}
