//! The end: everything is read and acknowledged, or it is said what is left.

use super::Bench;
use crate::tail::{Report, Turn};
use std::fs::{self};
use std::time::Duration;

#[test]
fn a_drain_ends_when_everything_is_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\nrest");
    bench.work();
    bench.collector.drain(bench.now.clock + Duration::from_secs(25), bench.now);
    let (mut lines, mut parcels) = bench.arrived();
    for _ in 0..40 {
        bench.pass(Duration::from_millis(100));
        while bench.collector.turn(bench.now) == Turn::More {}
        assert_eq!(bench.collector.drained(bench.now), None, "nothing is acknowledged yet");
        let (more, new) = bench.arrived();
        lines.extend(more);
        parcels.extend(new);
    }
    assert_eq!(lines, ["1", "rest"]);
    bench.acknowledge(parcels);
    bench.collector.turn(bench.now);
    assert_eq!(bench.collector.drained(bench.now), Some(Report::default()));
    assert_eq!(bench.collector.positions(bench.now)[0].offset, 6);
}

#[test]
fn a_drain_does_not_wait_for_what_may_come_into_an_empty_successor() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    fs::rename(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    bench.append("a.log", "");
    assert_eq!(bench.lines().len(), 0);
    bench.collector.drain(bench.now.clock + Duration::from_secs(600), bench.now);
    let is_over = (0..100).any(|_| {
        bench.pass(Duration::from_millis(100));
        bench.lines();
        bench.collector.drained(bench.now) == Some(Report::default())
    });
    assert!(is_over);
}

#[test]
fn a_drain_that_takes_too_long_says_what_is_left() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    bench.work();
    bench.collector.drain(bench.now.clock + Duration::from_secs(5), bench.now);
    bench.pass(Duration::from_secs(5));
    while bench.collector.turn(bench.now) == Turn::More {}
    let left = Report { left_bytes: 4, left_files: 1, ..Report::default() };
    assert_eq!(bench.collector.drained(bench.now), Some(left));
}

#[test]
fn a_drain_waits_until_it_is_known_what_to_collect() {
    let mut bench = Bench::new("a.log");
    let now = bench.now;
    bench.begin_again(now);
    bench.append("a.log", "1\n");
    bench.collector.drain(bench.now.clock + Duration::from_secs(25), bench.now);
    bench.work();
    bench.work();
    assert_eq!(bench.collector.drained(bench.now), None);
    bench.configure();
    bench.collector.configured();
    assert_eq!(bench.lines(), ["1"]);
    bench.work();
    assert_eq!(bench.collector.drained(bench.now), Some(Report::default()));
}
