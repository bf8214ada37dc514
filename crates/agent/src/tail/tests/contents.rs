//! The contents of one file: renamed, truncated, rewritten and deleted. What order they come in and
//! what is a copy of what, other tests ask.

use super::Bench;
use crate::files::Files;
use crate::tail::LedgerPhase;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::Duration;

#[test]
fn a_renamed_file_that_matches_is_not_read_again() {
    let mut bench = Bench::new("a.log*");
    for round in 0..4 {
        bench.append("a.log", &format!("{round}\n"));
        assert_eq!(bench.lines(), [round.to_string()]);
        if round == 1 {
            bench.rename("a.log.1", "a.log.2");
        }
        if round < 2 {
            bench.rename("a.log", "a.log.1");
        }
    }
}

#[test]
fn a_truncated_file_is_read_from_the_start() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "one long line\nanother\n");
    assert_eq!(bench.lines().len(), 2);
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "new\n");
    assert_eq!(bench.lines(), ["new"]);
    bench.append("a.log", "newer\n");
    assert_eq!(bench.lines(), ["newer"]);
}

#[test]
fn a_file_that_grew_past_its_old_size_after_truncation_is_read_from_the_start() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "short\n");
    assert_eq!(bench.lines(), ["short"]);
    fs::write(bench.path("a.log"), "completely different and longer\nmore\n").unwrap();
    assert_eq!(bench.lines(), ["completely different and longer", "more"]);
}

#[test]
fn another_content_gets_another_id() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "one\n");
    bench.work();
    let (_, first) = bench.arrived();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "2\n");
    // It is on record before it is sent.
    bench.work();
    bench.work();
    let (lines, second) = bench.arrived();
    assert_eq!(lines, ["2"]);
    assert_ne!(first[0].file, second[0].file);
    assert_eq!(first[0].lane, second[0].lane, "they still go one after the other");
    assert_eq!(second[0].batch.start, 0);
}

#[test]
fn a_deleted_file_is_read_to_its_end() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    let mut file = OpenOptions::new().append(true).open(bench.path("a.log")).unwrap();
    fs::remove_file(bench.path("a.log")).unwrap();
    file.write_all(b"2\n").unwrap();
    assert_eq!(bench.lines(), ["2"]);
    bench.append("a.log", "3\n");
    file.write_all(b"still here\n").unwrap();
    let mut lines = bench.lines();
    lines.sort();
    assert_eq!(lines, ["3", "still here"]);
    bench.pass(Duration::from_secs(601));
    bench.work();
    assert_eq!(bench.collector.tails.len(), 1, "the deleted one is closed");
}

#[test]
fn the_ledger_keeps_what_a_truncation_may_have_taken() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n2\nunread");
    bench.lines();
    File::create(bench.path("a.log")).unwrap();
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
    let ledger = bench.collector.ledger();
    let [old, new] = &ledger[..] else { panic!("{ledger:?}") };
    assert_eq!(old.phase, LedgerPhase::Over);
    assert_eq!(format!("{:?}", old.possibly_lost), "[4..10]");
    assert_eq!((new.generation, new.possibly_lost.len()), (1, 0));
    assert_eq!(bench.collector.setup.metrics.lost_possible_bytes.get(), 6);
}

#[test]
fn what_was_seen_of_a_deleted_file_says_nothing_about_the_one_with_its_inode() {
    let mut bench = Bench::new("*.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    let path = bench.path("a.log");
    let mut stale = bench.collector.files.look(&path).unwrap();
    stale.facts.born_nanos = stale.facts.born_nanos.map(|born| born - 1_000_000_000);
    let id = *bench.collector.sources.keys().next().unwrap();
    let (gone, now) = (bench.path("gone.log"), bench.now);
    bench.collector.seen(id, &gone, &stale, now);
    assert_eq!(bench.lines(), Vec::<String>::new());
    bench.append("a.log", "2\n");
    assert_eq!(bench.lines(), ["2"]);
    let ledger = bench.collector.ledger();
    assert!(ledger.into_iter().all(|file| file.phase == LedgerPhase::Following));
}
