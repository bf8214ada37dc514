//! What is on record: how far it is safe, and what a restart makes of it.

use super::Bench;
use crate::tail::{LedgerPhase, Turn, Unsaved};
use std::fs::{self};
use std::time::Duration;

#[test]
fn positions_move_only_behind_what_is_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    bench.work();
    let (_, first) = bench.arrived();
    bench.append("a.log", "3\n");
    bench.work();
    let (_, second) = bench.arrived();
    let offset = |bench: &mut Bench| bench.collector.positions(bench.now)[0].offset;
    assert_eq!(offset(&mut bench), 0);
    bench.acknowledge(second);
    assert_eq!(offset(&mut bench), 0);
    bench.acknowledge(first);
    assert_eq!(offset(&mut bench), 6);
}

#[test]
fn a_restart_goes_on_where_it_was_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    assert_eq!(bench.lines().len(), 2);
    bench.append("a.log", "3\n");
    bench.work();
    bench.kill();
    bench.append("a.log", "4\n");
    bench.work();
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines, ["3", "4"]);
    assert_eq!(parcels[0].batch.start, 4, "the span is named as before");
}

#[test]
fn a_restart_sees_that_a_file_was_rewritten_meanwhile() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "first\n");
    assert_eq!(bench.lines(), ["first"]);
    fs::write(bench.path("a.log"), "fresh and long\n").unwrap();
    bench.kill();
    assert_eq!(bench.lines(), ["fresh and long"]);
}

#[test]
fn a_name_from_a_part_of_a_line_is_on_record_before_it_is_used() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "part");
    assert_eq!(bench.lines().len(), 0);
    bench.pass(Duration::from_secs(60));
    while bench.collector.turn(bench.now) == Turn::More {}
    assert_eq!(bench.arrived().0.len(), 0);
    assert_eq!(bench.collector.unsaved(), Unsaved::Files);
    let recorded = bench.collector.positions(bench.now)[0].file;
    bench.kill();
    bench.append("a.log", "ly\n");
    bench.work();
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines, ["partly"]);
    assert_eq!(parcels[0].file, recorded);
}

#[test]
fn what_stands_beside_a_path_that_cannot_be_looked_at_is_not_taken_for_its_past() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    std::thread::sleep(Duration::from_millis(20));
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).unwrap();
    fs::rename(bench.path("a.log"), bench.path("kept")).unwrap();
    std::os::unix::fs::symlink("a.log", bench.path("a.log")).unwrap();
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
    fs::remove_file(bench.path("a.log")).unwrap();
    fs::rename(bench.path("kept"), bench.path("a.log")).unwrap();
    bench.append("a.log", "2\n");
    assert_eq!(bench.lines(), ["2"]);
}

#[test]
fn the_ledger_says_what_is_seen_read_and_acknowledged() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\n");
    bench.work();
    let (_, first) = bench.arrived();
    bench.append("a.log", "3\nrest");
    bench.work();
    let (_, second) = bench.arrived();
    bench.acknowledge(second);
    let ledger = bench.collector.ledger();
    let [account] = &ledger[..] else { panic!("{ledger:?}") };
    assert_eq!((account.seen_bytes, account.read_bytes), (10, 6));
    assert_eq!(format!("{:?}", account.acked), "[4..6]");
    assert_eq!((account.phase, account.generation), (LedgerPhase::Following, 0));
    bench.acknowledge(first);
    assert_eq!(format!("{:?}", bench.collector.ledger()[0].acked), "[0..6]");
}
