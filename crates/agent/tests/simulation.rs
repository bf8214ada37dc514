//! A small number of simulated schedules; `cargo xtask simulate` runs as many as one likes.

#[path = "../simulation/mod.rs"]
mod simulation;

use simulation::run;

/// Schedules in which a file was truncated or renamed between two looks at it.
const ONCE_FAILED: [u64; 11] = [1304, 1331, 1399, 1405, 1656, 1795, 1884, 4113, 6777, 9563, 15490];

#[test]
fn every_byte_that_could_be_collected_arrives_once_and_in_order() {
    agent::log::set_level(agent::log::Level::Error);
    let mut arrived = 0;
    for seed in (1..=40).chain(ONCE_FAILED) {
        let outcome = run(seed, false);
        assert!(outcome.wrong.is_nothing(), "seed {seed}: {:#?}", outcome.said);
        arrived += outcome.arrived;
    }
    assert!(arrived > 1000, "the schedules are about something: {arrived} lines");
}
