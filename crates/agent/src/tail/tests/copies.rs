//! Copies of followed files, as `copytruncate` leaves them, over real files.

use super::Bench;
use crate::tail::Turn;
use std::fs::{self, File};
use std::time::Duration;

#[test]
fn a_copy_beside_a_file_is_not_taken_for_its_past() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.copy")).unwrap();
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
}

#[test]
fn what_was_not_read_before_a_truncation_is_read_from_the_copy() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    assert_eq!(bench.lines(), ["1", "2"]);
    bench.append("a.log", "3\n");
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "4\n");
    assert_eq!(bench.lines(), ["3", "4"]);
    assert_eq!(bench.collector.setup.metrics.lost_possible_bytes.get(), 0);
    bench.append("a.log", "5\n");
    bench.kill();
    assert_eq!(bench.lines(), ["5"]);
}

#[test]
fn what_was_truncated_while_nobody_looked_is_read_from_the_copy() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    assert_eq!(bench.lines(), ["1", "2"]);
    bench.append("a.log", "3\n");
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "4\n");
    bench.kill();
    assert_eq!(bench.lines(), ["3", "4"]);
}

#[test]
fn a_copy_that_matches_is_not_sent_again() {
    let mut bench = Bench::new("a.log*");
    // More than two files that are no copies have in common: the copy is the older file here.
    let long = "1".repeat(600);
    bench.append("a.log", &format!("{long}\n2\n"));
    assert_eq!(bench.lines(), [&long[..], "2"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    assert_eq!(bench.lines().len(), 0);
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
    File::create(bench.path("a.log")).unwrap();
    assert_eq!(bench.lines().len(), 0);
    // The next one is written over the first.
    bench.append("a.log", &format!("{long}\n4\n"));
    assert_eq!(bench.lines(), [&long[..], "4"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    assert_eq!(bench.lines().len(), 0);
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
}

#[test]
fn a_copy_that_was_begun_with_and_not_read_is_taken_by_the_truncated_file() {
    let mut bench = Bench::new("a.log*");
    bench.append("a.log.1", "0\n");
    assert_eq!(bench.lines(), ["0"]);
    // More than two files that are no copies have in common: the copy is the older file here.
    let long = "1".repeat(600);
    bench.append("a.log", &format!("{long}\n2\n"));
    assert_eq!(bench.lines(), [&long[..], "2"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    // The next checkpoint takes long, and what is in the copy waits for it.
    for _ in 0..2 {
        bench.pass(Duration::from_secs(1));
        while bench.collector.turn(bench.now) == Turn::More {}
    }
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
    assert_eq!(bench.lines().len(), 0);
}

#[test]
fn a_file_is_no_copy_because_it_begins_with_the_same_byte() {
    let mut bench = Bench::new("a.log*");
    bench.append("a.log", "1");
    bench.lines();
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log.1", "12\n");
    assert_eq!(bench.lines(), ["12"]);
}

#[test]
fn a_copy_that_is_open_and_has_no_name_any_more_is_no_content_of_its_own() {
    let mut bench = Bench::new("a.log*");
    bench.append("a.log.1", "0\n");
    assert_eq!(bench.lines(), ["0"]);
    // More than two files that are no copies have in common: the copy is the older file here.
    let long = "1".repeat(600);
    bench.append("a.log", &format!("{long}\n2\n"));
    assert_eq!(bench.lines(), [&long[..], "2"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    bench.pass(Duration::from_secs(1));
    while bench.collector.turn(bench.now) == Turn::More {}
    File::create(bench.path("a.log")).unwrap();
    fs::remove_file(bench.path("a.log.1")).unwrap();
    assert_eq!(bench.lines().len(), 0);
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
}

#[test]
fn a_copy_over_another_content_that_has_no_name_any_more_is_no_content_of_its_own() {
    let mut bench = Bench::new("a.log*");
    bench.append("a.log.1", "what the copy before it had\n");
    assert_eq!(bench.lines().len(), 1);
    // More than two files that are no copies have in common: the copy is the older file here.
    let long = "1".repeat(600);
    bench.append("a.log", &format!("{long}\n2\n"));
    assert_eq!(bench.lines(), [&long[..], "2"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    File::create(bench.path("a.log")).unwrap();
    fs::remove_file(bench.path("a.log.1")).unwrap();
    assert_eq!(bench.lines().len(), 0);
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
}

#[test]
fn a_copy_over_a_file_of_the_last_run_is_known_for_what_it_is_after_the_next_start() {
    let mut bench = Bench::new("a.log*");
    bench.append("a.log", "what no service has so far\n");
    File::create(bench.path("a.log.1")).unwrap();
    bench.work();
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    File::create(bench.path("a.log")).unwrap();
    bench.kill();
    assert_eq!(bench.lines(), ["what no service has so far"]);
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
}

/// Lets a file be copied and truncated while its directory cannot be looked into, for longer than
/// its successor waits; `meanwhile` something happens, and then the directory is back.
fn copy_out_of_sight(meanwhile: impl FnOnce(&mut Bench)) {
    let mut bench = Bench::new("a.log");
    fs::create_dir(bench.path("sub")).unwrap();
    bench.append("sub/a.log", "line 1\n");
    assert_eq!(bench.lines(), ["line 1"]);
    bench.append("sub/a.log", "line 2\n");
    fs::copy(bench.path("sub/a.log"), bench.path("sub/a.log.1")).unwrap();
    File::create(bench.path("sub/a.log")).unwrap();
    let away = tempfile::tempdir().unwrap();
    fs::rename(bench.path("sub"), away.path().join("sub")).unwrap();
    File::create(bench.path("sub")).unwrap();
    for _ in 0..6 {
        assert_eq!(bench.lines().len(), 0);
    }
    assert_eq!(bench.collector.setup.metrics.truncations.get(), 1, "it waits no longer");
    meanwhile(&mut bench);
    fs::remove_file(bench.path("sub")).unwrap();
    fs::rename(away.path().join("sub"), bench.path("sub")).unwrap();
    bench.append("sub/a.log", "line 3\n");
    assert_eq!(bench.lines(), ["line 2", "line 3"]);
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
}

#[test]
fn a_copy_that_could_not_be_seen_for_long_is_read_on_when_it_can() {
    copy_out_of_sight(|_| {});
}

#[test]
fn a_copy_that_could_not_be_seen_for_long_is_read_on_after_a_start() {
    copy_out_of_sight(Bench::kill);
}
