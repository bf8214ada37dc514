//! Whose position is whose, over kills and changes: which file, which configuration, whose
//! checkpoint.

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;
use support::{Pod, Service, append};

const LIMIT: Duration = Duration::from_secs(60);

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// What arrived, in an order of its own.
fn wait_for_all(service: &Service, expected: &[&str]) {
    testkit::eventually("all lines once", || {
        let mut found = service.contents();
        found.sort_unstable();
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn names_that_are_no_utf_8_are_told_apart_over_a_kill() {
    let service = Service::storing();
    let pod = Pod::new(&service);
    // In GBK these are two words; with replacement characters they look the same.
    let logs: [PathBuf; 2] = [b"\xc8\xd5.log", b"\xd4\xc2.log"]
        .map(|name| pod.path("logs").join(OsStr::from_bytes(name)));
    append(&logs[0], &texts(&["day 1"]));
    append(&logs[1], &texts(&["moon 1"]));
    let agent = pod.start();
    wait_for_all(&service, &["day 1", "moon 1"]);
    testkit::eventually("a checkpoint that knows both", || {
        let text = std::fs::read_to_string(pod.path("state").join("checkpoint"));
        let text = text.unwrap_or_default();
        let is_known = |name: &str| text.contains(&format!("{name}.log\"}},\"device\""));
        match is_known(r"\\xc8\\xd5") && is_known(r"\\xd4\\xc2") && !text.contains("\"offset\":0") {
            true => Ok(()),
            false => Err(text),
        }
    });
    agent.kill();
    append(&logs[0], &texts(&["day 2"]));
    append(&logs[1], &texts(&["moon 2"]));
    let agent = pod.start();
    wait_for_all(&service, &["day 1", "day 2", "moon 1", "moon 2"]);
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
    // Exactly once: the service has nothing that it had to leave out.
    assert_eq!(service.stored().iter().map(|batch| batch.logs.len()).sum::<usize>(), 4);
    let (code, ledger) = pod.command(&["ledger"]);
    assert_eq!(code, Some(0));
    for name in [r"/\xc8\xd5.log", r"/\xd4\xc2.log"] {
        assert!(ledger.lines().any(|line| line.ends_with(name)), "{name}: {ledger}");
    }
}
