//! Room and turns: what is stuck, large or many keeps nobody else from being read.

use super::{Bench, lines_of, plan};
use crate::tail::{READ_BYTES, Turn};
use std::time::Duration;

#[test]
fn without_room_nothing_is_read_and_nothing_is_lost() {
    let mut bench = Bench::with_budget("a.log", 1 << 20);
    let line = "x".repeat(1023);
    let text = format!("{line}\n").repeat(4096);
    bench.append("a.log", &text);
    bench.pass(Duration::from_secs(1));
    while bench.collector.turn(bench.now) == Turn::More {}
    assert!(matches!(bench.collector.turn(bench.now), Turn::NoRoom { .. }));
    let used = bench.collector.budget.used_bytes();
    assert!(used <= (1 << 20) + READ_BYTES, "{used}");
    let mut found = 0;
    while found < 4096 {
        let (lines, parcels) = bench.arrived();
        assert!(!lines.is_empty(), "an acknowledgement makes room");
        found += lines.len();
        bench.acknowledge(parcels);
        bench.work();
    }
    assert_eq!(found, 4096);
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines.len(), 0);
    bench.acknowledge(parcels);
    assert_eq!(bench.collector.budget.used_bytes(), 0);
}

#[test]
fn a_configuration_whose_batches_are_stuck_does_not_stop_the_others() {
    let mut bench = Bench::with_budget("a.log", 2 << 20);
    bench.plans.push(plan(bench.dir.path(), "c2", "b.log"));
    bench.configure();
    let text = format!("{}\n", "x".repeat(1023)).repeat(8192);
    bench.append("b.log", &text);
    // Batches of b.log are never acknowledged.
    bench.work();
    let (lines, stuck) = bench.arrived();
    assert!(!lines.is_empty() && lines.len() < 8192, "{}", lines.len());
    bench.append("a.log", &text);
    let mut found = 0;
    for _ in 0..100 {
        bench.work();
        let (lines, parcels) = bench.arrived();
        assert!(parcels.iter().all(|parcel| parcel.account != stuck[0].account));
        found += lines.len();
        bench.acknowledge(parcels);
    }
    assert_eq!(found, 8192);
    bench.acknowledge(stuck);
    assert!(!bench.lines().is_empty(), "and it goes on when it is not stuck any more");
}

#[test]
fn a_large_backlog_does_not_keep_a_quiet_file_waiting() {
    let mut bench = Bench::new("*.log");
    bench.append("big.log", &lines_of(&"z".repeat(99), 40_000));
    bench.append("small.log", "quiet\n");
    bench.pass(Duration::from_secs(1));
    for _ in 0..2 {
        bench.collector.turn(bench.now);
    }
    bench.pass(Duration::from_secs(1));
    bench.collector.turn(bench.now);
    let (lines, _) = bench.arrived();
    assert!(lines.contains(&"quiet".to_owned()));
    assert!(lines.len() < 40_000, "the backlog is not over yet");
}

#[test]
fn more_files_than_descriptors_are_followed() {
    let mut bench = Bench::new("*.log");
    bench.collector.setup.max_open_files = 4;
    let mut names = Vec::new();
    for round in 0..3 {
        for file in 0..20 {
            names.push(format!("{round}-{file}.log"));
        }
        // The old ones too, of which most have been closed for the new ones.
        for name in &names {
            bench.append(name, &format!("{round} {name}\n"));
        }
        let mut lines = bench.lines();
        lines.extend(bench.lines());
        assert_eq!(lines.len(), names.len(), "{lines:?}");
    }
    for file in 0..20 {
        bench.append(&format!("3-{file}.log"), "1\n");
    }
    assert_eq!(bench.lines().len(), 20);
    let open = bench.collector.tails.values().filter(|tail| tail.handle.is_some()).count();
    assert!(open < names.len(), "{open} files are open");
}
