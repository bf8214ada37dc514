//! Changes of the configurations that files are followed for.

use super::Bench;

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
