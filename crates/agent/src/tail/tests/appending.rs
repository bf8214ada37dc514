//! Lines that are appended: when they are noticed, and what becomes of one without its end.

use super::Bench;
use crate::tail::{MAX_LINE_BYTES, Notice, Turn};
use std::fs::{self};
use std::time::Duration;

#[test]
fn appended_lines_arrive_once() {
    let mut bench = Bench::new("a.log");
    assert_eq!(bench.lines(), Vec::<String>::new());
    bench.append("a.log", "1\n2\n");
    bench.append("b.log", "other\n");
    assert_eq!(bench.lines(), ["1", "2"]);
    bench.append("a.log", "3\nunfin");
    assert_eq!(bench.lines(), ["3"]);
    bench.append("a.log", "ished\n");
    assert_eq!(bench.lines(), ["unfinished"]);
}

#[test]
fn a_line_without_its_end_is_taken_after_the_timeout() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nrest");
    assert_eq!(bench.lines(), ["1"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.lines(), ["rest"]);
    bench.append("a.log", "\n2\n");
    assert_eq!(bench.lines(), ["2"], "the newline that came late is no empty line");
}

#[test]
fn a_rest_as_long_as_the_one_before_waits_for_its_own_end() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nabc");
    assert_eq!(bench.lines(), ["1"]);
    bench.pass(Duration::from_secs(60));
    bench.append("a.log", "d\nxyz");
    assert_eq!(bench.lines(), ["abcd"]);
}

#[test]
fn a_line_over_the_limit_comes_in_pieces_and_the_rest_goes_on() {
    let mut bench = Bench::new("a.log");
    let long = "y".repeat(MAX_LINE_BYTES + 10);
    bench.append("a.log", &format!("1\n{long}\n2\n"));
    let lines = bench.lines();
    let lengths: Vec<usize> = lines.iter().map(String::len).collect();
    assert_eq!(lengths, [1, MAX_LINE_BYTES, 10, 1]);
}

#[test]
fn a_late_newline_is_swallowed_after_a_restart_too() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "rest");
    bench.lines();
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.lines(), ["rest"]);
    bench.kill();
    bench.append("a.log", "\n2\n");
    assert_eq!(bench.lines(), ["2"]);
}

#[test]
fn a_notice_is_quicker_than_the_scan() {
    let mut bench = Bench::new("a.log");
    bench.lines();
    bench.append("a.log", "1\n");
    let path = bench.path("a.log");
    let noticed = |bench: &mut Bench, notice: Notice| {
        bench.collector.notice(notice, bench.now);
        while bench.collector.turn(bench.now) == Turn::More {}
        bench.collector.seal_all();
        let (lines, parcels) = bench.arrived();
        bench.acknowledge(parcels);
        lines
    };
    assert_eq!(noticed(&mut bench, Notice::Appeared(path.clone())), ["1"]);
    bench.append("a.log", "2\n");
    assert_eq!(noticed(&mut bench, Notice::Touched(path.clone())), ["2"]);
    bench.append("a.log", "3\n");
    bench.rename("a.log", "a.log.1");
    let to = bench.path("a.log.1");
    let renamed = Notice::Renamed { from: path.clone(), to: to.clone() };
    assert_eq!(noticed(&mut bench, renamed), ["3"]);
    // Created and renamed before anyone looked.
    bench.append("a.log", "4\n");
    bench.rename("a.log", "a.log.2");
    let renamed = Notice::Renamed { from: path.clone(), to: bench.path("a.log.2") };
    bench.work();
    assert_eq!(noticed(&mut bench, renamed), ["4"]);
}

#[test]
fn directories_and_links_are_followed() {
    let mut bench = Bench::new("a.log");
    fs::create_dir_all(bench.path("x/y")).unwrap();
    bench.append("x/y/a.log", "deep\n");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("a.log"), "linked\n").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), bench.path("link")).unwrap();
    std::os::unix::fs::symlink(bench.dir.path(), bench.path("x/circle")).unwrap();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["deep", "linked"]);
}
