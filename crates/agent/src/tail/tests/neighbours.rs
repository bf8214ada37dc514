//! Files that stand beside a log, have a name that begins with its name, and begin like it: they are
//! logs of their own, and what is not selected is nobody's.

use super::{Bench, compiled, plan};
use crate::tail::Turn;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

/// What programs write at the start of every log: far more than identity is told by.
fn banner() -> String {
    (0..200).map(|number| format!("{number:03} a banner that is the same each time\n")).collect()
}

/// Lines that arrive in so many seconds.
fn lines_within(bench: &mut Bench, seconds: usize) -> Vec<String> {
    (0..seconds).flat_map(|_| bench.lines()).collect()
}

#[track_caller]
fn check_own(pattern: &str, log: &str, neighbour: &str, beginning: &str) {
    let mut bench = Bench::new(pattern);
    let count = beginning.lines().count();
    bench.append(log, beginning);
    assert_eq!(bench.lines().len(), count, "{log}");
    bench.append(neighbour, beginning);
    let mut found = bench.lines();
    bench.append(neighbour, "its own\n");
    found.extend(lines_within(&mut bench, 8));
    assert_eq!(found.len(), count + 1, "{neighbour} beside {log}");
    assert_eq!(found.last().unwrap(), "its own");
    bench.append(log, "more\n");
    bench.append(neighbour, "more of its own\n");
    let mut found = bench.lines();
    found.sort();
    assert_eq!(found, ["more", "more of its own"]);
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
}

#[test]
fn a_file_that_begins_like_its_neighbour_is_collected_whatever_its_name() {
    for beginning in ["job started\n", &banner()] {
        check_own("*", "job1", "job10", beginning);
        check_own("*", "job1", "job1.1", beginning);
        check_own("*.log*", "a.log", "a.log.wf", beginning);
        check_own("*.log*", "a.log", "a.log2", beginning);
        check_own("*.log*", "a.log", "a.log.2", beginning);
        check_own("*.log*", "a.log", "a.log.1x", beginning);
    }
}

/// The original grows past it before it goes on.
#[test]
fn what_was_taken_for_a_copy_is_read_from_its_start_when_it_goes_on() {
    let mut bench = Bench::new("*.log*");
    bench.append("a.log", &banner());
    bench.lines();
    bench.append("a.log.2", &banner());
    assert_eq!(bench.lines().len(), 0, "so far it is one");
    bench.append("a.log", "of the first\n");
    assert_eq!(bench.lines(), ["of the first"]);
    bench.append("a.log.2", "2\n");
    assert_eq!(bench.lines().len(), 201);
    bench.append("a.log.2", "3\n");
    assert_eq!(bench.lines(), ["3"]);
}

#[test]
fn a_few_bytes_that_are_equal_are_no_copy_while_nobody_cuts_the_original() {
    let mut bench = Bench::new("*.log*");
    bench.append("a.log", "started\n");
    assert_eq!(bench.lines(), ["started"]);
    bench.append("a.log.2", "started\n");
    assert_eq!(lines_within(&mut bench, 8), ["started"]);
    bench.append("a.log", "1\n");
    bench.append("a.log.3", "started\n");
    assert_eq!(lines_within(&mut bench, 8), ["1", "started"]);
}

#[test]
fn a_short_copy_that_was_seen_before_the_original_was_cut_is_not_sent() {
    let mut bench = Bench::new("*.log*");
    bench.append("a.log", "started\n");
    assert_eq!(bench.lines(), ["started"]);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    // The clock of the bench goes ahead of that of the files.
    let copy = File::options().append(true).open(bench.path("a.log.1")).unwrap();
    let now = Duration::from_nanos(bench.now.wall_nanos);
    copy.set_modified(std::time::UNIX_EPOCH + now).unwrap();
    bench.work();
    // Written between the copy and the cut, and read.
    bench.append("a.log", "2\n");
    bench.work();
    File::create(bench.path("a.log")).unwrap();
    assert_eq!(bench.lines(), ["2"]);
    bench.append("a.log", "started\n");
    assert_eq!(lines_within(&mut bench, 8), ["started"]);
}

const NEIGHBOURS: [&str; 7] = [
    "a.log.secret-note",
    "a.log.wf",
    "a.log.lck",
    "a.log~",
    "a.log.1.swp",
    "a.log2",
    "a.log.1.excluded.1",
];

#[test]
fn what_is_begun_beside_a_log_that_is_renamed_is_not_shipped() {
    for restarts in [false, true] {
        let mut bench = Bench::new("a.log");
        bench.append("a.log", "1\n");
        assert_eq!(bench.lines(), ["1"]);
        for name in NEIGHBOURS {
            std::thread::sleep(Duration::from_millis(5));
            bench.append(name, "password=hunter2\n");
        }
        bench.append("a.log", "2\n");
        bench.rename("a.log", "a.log.1");
        std::thread::sleep(Duration::from_millis(5));
        bench.append("a.log", "3\n");
        if restarts {
            bench.kill();
        }
        assert_eq!(bench.lines(), ["2", "3"]);
        fs::remove_file(bench.path("a.log")).unwrap();
        bench.kill();
        assert_eq!(bench.lines().len(), 0, "without a log");
    }
}

#[test]
fn what_begins_like_a_truncated_log_is_not_shipped_as_its_copy() {
    for restarts in [false, true] {
        let mut bench = Bench::new("a.log");
        bench.append("a.log", "started\n");
        assert_eq!(bench.lines(), ["started"]);
        for name in NEIGHBOURS {
            bench.append(name, "started\npassword=hunter2\n");
        }
        File::create(bench.path("a.log")).unwrap();
        if restarts {
            bench.kill();
        }
        assert_eq!(bench.lines().len(), 0);
        for name in NEIGHBOURS {
            bench.append(name, "more\n");
        }
        bench.append("a.log", "2\n");
        assert_eq!(bench.lines(), ["2"]);
    }
}

#[track_caller]
fn check_refused(exclude: &str, other: Option<&str>, expected: &[&str]) {
    let mut bench = Bench::new("a.log");
    bench.plans = vec![compiled(bench.dir.path(), "c1", "a.log", exclude)];
    if let Some(pattern) = other {
        bench.plans.push(plan(bench.dir.path(), "c2", pattern));
    }
    bench.configure();
    bench.append("a.log", "1\n");
    bench.lines();
    std::thread::sleep(Duration::from_millis(5));
    bench.append("a.log.20", "beside\n");
    std::thread::sleep(Duration::from_millis(5));
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "2\n");
    let mut found = bench.lines();
    found.sort_by_key(|line| line == "2");
    assert_eq!(found, expected);
}

#[test]
fn a_rotated_name_that_is_excluded_or_anothers_is_not_taken() {
    check_refused("", None, &["beside", "2"]);
    let exclude = r#", "advanced": {"blacklist": {"filename_blacklist": ["*.20"]}}"#;
    check_refused(exclude, None, &["2"]);
    // The other configuration has it, once.
    check_refused("", Some("a.log.2*"), &["beside", "2"]);
}

#[test]
fn what_was_found_at_the_path_of_the_log_is_no_copy_however_it_begins() {
    let mut bench = Bench::new("a.log*");
    bench.append("a.log", "1\n2\n");
    assert_eq!(bench.lines(), ["1", "2"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "");
    assert_eq!(bench.lines(), [] as [&str; 0]);
    bench.rename("a.log.1", "a.log.2");
    bench.rename("a.log", "a.log.1");
    assert_eq!(bench.lines(), [] as [&str; 0]);
    // Who has it open writes to it just now, and it is gone soon.
    bench.append("a.log.1", "1\n");
    let written = SystemTime::UNIX_EPOCH + Duration::from_nanos(bench.now.wall_nanos);
    let file = File::options().write(true).open(bench.path("a.log.1")).unwrap();
    file.set_modified(written).unwrap();
    bench.pass(Duration::from_secs(2));
    while bench.collector.turn(bench.now) == Turn::More {}
    fs::remove_file(bench.path("a.log.1")).unwrap();
    assert_eq!(bench.lines(), ["1"]);
}
