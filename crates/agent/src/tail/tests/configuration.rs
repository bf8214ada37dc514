//! Changes of the configurations that files are followed for.

use super::{Bench, compiled};
use crate::tail::LedgerPhase;

#[test]
fn a_new_plan_keeps_the_position() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.plans[0].destinations[0].logstore = "other".into();
    bench.configure();
    bench.work();
    let (lines, parcels) = bench.arrived();
    assert_eq!(lines, ["2"]);
    assert_eq!(parcels[0].destinations[0].logstore, "other");
}

#[test]
fn a_renamed_configuration_keeps_the_position() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.plans[0].name = "c2".into();
    bench.append("a.log", "2\n");
    bench.configure();
    assert_eq!(bench.lines(), ["2"]);
    bench.kill();
    bench.append("a.log", "3\n");
    assert_eq!(bench.lines(), ["3"]);
}

#[test]
fn a_removed_configuration_stops_and_goes_on_when_it_comes_back() {
    let mut bench = Bench::new("a.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    let plans = std::mem::take(&mut bench.plans);
    bench.configure();
    bench.append("a.log", "2\n");
    assert_eq!(bench.lines().len(), 0);
    bench.plans = plans;
    bench.configure();
    assert_eq!(bench.lines(), ["2"]);
}

#[test]
fn what_is_deselected_by_a_change_is_read_no_further_and_goes_on_when_it_is_selected_again() {
    let mut bench = Bench::new("*.log");
    bench.append("a.log", "a1\n");
    bench.append("noisy.log", "n1\n");
    let mut lines = bench.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["a1", "n1"]);
    let before = bench.plans.clone();
    bench.plans = vec![compiled(
        bench.dir.path(),
        "c1",
        "*.log",
        r#", "advanced": {"blacklist": {"filename_blacklist": ["noisy.log"]}}"#,
    )];
    bench.append("noisy.log", "n2\n");
    bench.configure();
    bench.append("a.log", "a2\n");
    bench.append("noisy.log", "n3\n");
    assert_eq!(bench.lines(), ["a2"]);
    let ledger = bench.collector.ledger();
    let noisy = ledger.iter().find(|it| it.path.ends_with("noisy.log")).unwrap();
    assert_eq!((noisy.phase, noisy.seen_bytes), (LedgerPhase::Deselected, 3));
    assert_eq!(format!("{:?}", noisy.acked), "[0..3]");
    assert_eq!(bench.collector.left().left_bytes, 0, "nothing of it is missing");
    // Neither a restart nor a rename after the change brings it back.
    bench.kill();
    assert_eq!(bench.lines().len(), 0);
    bench.plans = before;
    bench.configure();
    assert_eq!(bench.lines(), ["n2", "n3"]);
}

#[test]
fn a_file_that_was_renamed_before_its_pattern_changed_is_read_to_its_end() {
    let mut bench = Bench::new("*.log");
    bench.append("a.log", "1\n");
    assert_eq!(bench.lines(), ["1"]);
    bench.append("a.log", "2\n");
    bench.rename("a.log", "a.log.1");
    bench.plans = vec![compiled(bench.dir.path(), "c1", "b.log", "")];
    bench.configure();
    assert_eq!(bench.lines(), ["2"]);
}
