//! The server is killed or away: nothing acked is lost, nothing else either, and the agent does
//! not grow.

use process_tests::scene::{LOGSTORE, PROJECT, Scene, append, lines};
use sls_client::CredentialSource;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use testkit::Service;
use testkit::process::resident_bytes;

#[test]
fn what_was_acked_before_a_kill_is_there_after_the_restart() {
    let mut scene = Scene::new();
    let (acked, all_acked) = mpsc::channel();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let acked = acked.clone();
            let stop = &stop;
            let endpoint = scene.server.endpoint();
            let key = scene.server.key().clone();
            scope.spawn(move || {
                let service = Service::new(&endpoint, CredentialSource::Static(key));
                for batch in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let batch = lines(&format!("sender-{sender}-{batch}"), 0..20);
                    if service.put_lines(PROJECT, LOGSTORE, &batch, None).is_ok() {
                        let _ = acked.send(batch);
                    }
                }
            });
        }
        for _ in 0..3 {
            // Let some batches through, then kill in the middle of others.
            let mut seen = Vec::new();
            while seen.len() < 25 {
                seen.push(
                    all_acked.recv_timeout(Duration::from_secs(60)).expect("batches are acked"),
                );
            }
            scene.server.kill();
            scene.server.restart().unwrap();
            for batch in seen {
                acked.send(batch).unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    drop(acked);
    let acked: Vec<String> = all_acked.into_iter().flatten().collect();
    assert!(acked.len() >= 500, "only {} lines were acked", acked.len());
    let found = scene.service.values(PROJECT, LOGSTORE, "*", "content").unwrap();
    let found: HashSet<_> = found.into_iter().collect();
    let lost: Vec<_> = acked.iter().filter(|line| !found.contains(*line)).collect();
    assert!(lost.is_empty(), "{} acked lines are lost, such as {}", lost.len(), lost[0]);
}

#[test]
fn four_agents_lose_nothing_when_the_server_is_killed_under_them() {
    let mut scene = Scene::new();
    let pods = ["pod-0", "pod-1", "pod-2", "pod-3"];
    let agents: Vec<_> = pods.iter().map(|pod| scene.agent(pod)).collect();
    let files: Vec<_> = agents.iter().map(|agent| agent.path("/var/log/app/a.log")).collect();
    let running: Vec<_> = agents.iter().map(|agent| agent.start().unwrap()).collect();
    for round in 0..3 {
        for (pod, file) in pods.iter().zip(&files) {
            append(file, &lines(pod, round * 500..round * 500 + 250));
        }
        // Some of it has arrived, some is on its way.
        testkit::eventually("some lines", || {
            let found = scene.found(pods[round])?;
            if found.len() > round * 500 { Ok(()) } else { Err(format!("{}", found.len())) }
        });
        for (pod, file) in pods.iter().zip(&files) {
            append(file, &lines(pod, round * 500 + 250..round * 500 + 500));
        }
        scene.server.kill();
        scene.server.restart().unwrap();
    }
    for pod in pods {
        scene.wait_for(pod, &lines(pod, 0..1500));
    }
    for agent in running {
        let ended = agent.terminate(Duration::from_secs(60)).unwrap();
        assert!(ended.status.success(), "{}", ended.output.join("\n"));
    }
}

#[test]
fn an_agent_waits_for_a_server_that_is_away_without_growing_and_keeps_the_order() {
    let mut scene = Scene::new();
    // A budget far below what will be written, so that only not reading can keep it.
    let agent = scene.agent("pod-0").set("SIDETAIL_AGENT_MEMORY_BYTES", "2097152");
    let file = agent.path("/var/log/app/a.log");
    let expected: Vec<_> =
        lines("pod-0", 0..3000).iter().map(|line| format!("{line} {}", "y".repeat(3000))).collect();
    append(&file, &expected[..100]);
    let running = agent.start().unwrap();
    scene.wait_for("pod-0", &expected[..100]);

    scene.server.kill();
    let away = Instant::now();
    let mut written = 100;
    let mut resident = Vec::new();
    while away.elapsed() < Duration::from_secs(30) {
        let next = (written + 40).min(expected.len());
        append(&file, &expected[written..next]);
        written = next;
        resident.extend(resident_bytes(running.pid()));
        std::thread::sleep(Duration::from_millis(250));
    }
    append(&file, &expected[written..]);
    let (first, last) = (resident[resident.len() / 4], resident[resident.len() - 1]);
    assert!(
        last <= first + (2 << 20),
        "grew from {first} to {last} bytes while the server was away"
    );

    scene.server.restart().unwrap();
    let mut found = scene.wait_for("pod-0", &expected);
    found.dedup();
    assert_eq!(found.len(), expected.len());
    let moved = found.iter().zip(&expected).position(|(found, written)| found != written);
    assert_eq!(moved, None, "the first line that is not where it was written");
    assert!(running.terminate(Duration::from_secs(60)).unwrap().status.success());
}
