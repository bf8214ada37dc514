//! Files that were there before anyone looked: an old one is not read from its start.

use super::{Bench, lines_of};
use std::fs::{self, File};
use std::time::Duration;

#[test]
fn an_old_file_is_read_from_near_its_end_once_it_changes() {
    let mut bench = Bench::new("old.log");
    let line = "o".repeat(99);
    fs::write(bench.path("old.log"), lines_of(&line, 20_000)).unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    bench.now.wall_nanos += 7_200_000_000_000;
    let file = File::options().write(true).open(bench.path("old.log")).unwrap();
    file.set_modified(old).unwrap();
    bench.plans[0].name = "again".to_owned();
    let now = bench.now;
    bench.begin_again(now);
    bench.configure();
    assert_eq!(bench.lines().len(), 0, "it is old and does not change");
    bench.append("old.log", "new\n");
    let lines = bench.lines();
    assert_eq!(lines.last().unwrap(), "new");
    assert_eq!(lines.len(), 1024 * 1024 / 100 + 1, "one MiB, from the next line start on");
    assert!(lines[0].len() == 99);
}

#[test]
fn an_old_file_that_grows_by_more_than_its_tail_loses_nothing_new() {
    let mut bench = Bench::new("old.log");
    fs::write(bench.path("old.log"), lines_of(&"o".repeat(99), 100)).unwrap();
    bench.plans[0].tail_bytes = Some(500);
    let file = File::options().write(true).open(bench.path("old.log")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(36_000)).unwrap();
    let mut now = bench.now;
    now.wall_nanos += 7_200_000_000_000;
    bench.begin_again(now);
    bench.collector.setup.read_whole_after_nanos = now.wall_nanos;
    bench.now = now;
    bench.configure();
    assert_eq!(bench.lines().len(), 0, "it sleeps");
    // An edit of the configuration does not wake it.
    bench.configure();
    assert_eq!(bench.lines().len(), 0);
    bench.append("old.log", &lines_of(&"n".repeat(99), 50));
    let lines = bench.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with('n')).count(), 50);
}

#[test]
fn a_directory_that_comes_later_may_hold_old_files_and_new_ones() {
    let mut bench = Bench::new("*.log");
    assert_eq!(bench.lines().len(), 0);
    fs::create_dir(bench.path("late")).unwrap();
    fs::write(bench.path("late/old.log"), "old\n").unwrap();
    let file = File::options().write(true).open(bench.path("late/old.log")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(36_000)).unwrap();
    bench.collector.setup.read_whole_after_nanos = bench.now.wall_nanos + 3_600_000_000_000;
    assert_eq!(bench.lines().len(), 0, "it is as old as the rule wants it");
    bench.append("late/new.log", "new\n");
    assert_eq!(bench.lines(), ["new"], "its directory is known by now");
}
