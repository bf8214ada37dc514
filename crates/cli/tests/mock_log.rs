//! The generator as a process: called by its other name, ended by a signal.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn mock_log_writes_whole_lines_until_sigterm_and_prints_the_totals() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("mock_log");
    symlink(env!("CARGO_BIN_EXE_sidetail"), &program).unwrap();
    let log = directory.path().join("nginx/access.log");
    let child = Command::new(&program)
        .args(["--log-type=nginx", "--stdout=false", "--stderr=false"])
        .arg(format!("--path={}", log.display()))
        .args(["--total-count=1000000000", "--logs-per-sec=1000"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();

    let deadline = Instant::now() + Duration::from_secs(30);
    while std::fs::metadata(&log).map_or(0, |facts| facts.len()) < 10_000 {
        assert!(Instant::now() < deadline, "no lines after 30 s");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    let written = std::fs::read_to_string(&log).unwrap();
    assert!(written.ends_with('\n'));
    let totals = String::from_utf8(output.stderr).unwrap();
    let expected =
        format!("wrote {} records, {} bytes in ", written.lines().count(), written.len());
    assert!(totals.starts_with(&expected), "{totals}");
}
