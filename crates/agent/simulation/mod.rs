//! A deterministic simulation of the collecting core: the real collector, checkpoint, lanes and
//! retry rules over a file system, a network, a service and clocks that a seed moves.
//!
//! One seed is one schedule of writes, rotations, faults, kills and changes of configuration. An
//! oracle knows every byte that was written and which of them could be collected; at the end each
//! of those has arrived once, in order, as it was written. A run that fails is repeated, with all
//! it did, by its seed.

mod book;
mod disk;
mod machine;
mod random;
mod world;

pub(crate) use book::Wrong;
use pipeline::plan::Plan;
use sls::collect::{RawCollectConfig, Target, check};

/// What became of one schedule.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) wrong: Wrong,
    /// What is wrong, in words.
    pub(crate) said: Vec<String>,
    /// Lines of which something arrived.
    pub(crate) arrived: usize,
}

/// Runs the schedule of one seed; `trace` says on standard error everything that happens.
pub(crate) fn run(seed: u64, trace: bool) -> Outcome {
    let machine = machine::Machine::new(seed, plan, trace);
    let (world, is_drained) = machine.run(plan);
    let mut world = world.borrow_mut();
    world.book.close();
    let mut wrong = world.book.wrong;
    let mut said = std::mem::take(&mut world.book.said);
    if !is_drained {
        wrong.lost += 1;
        said.push("LOST: the agent did not come to its end".to_owned());
    }
    Outcome { wrong, said, arrived: world.book.arrived() }
}

fn plan(name: &str, pattern: &str) -> Plan {
    let text = format!(
        r#"{{"configName": "{name}", "inputType": "file",
            "inputDetail": {{"logType": "common_reg_log", "logPath": "{}", "filePattern": "{pattern}",
                "maxDepth": 3, "readerFlushTimeout": 4}},
            "outputDetail": {{"projectName": "p", "logstoreName": "l"}}}}"#,
        world::ROOT
    );
    let raw = RawCollectConfig::from_json(&text).expect("a document");
    let checked = check(&raw, &Target::default());
    let config = checked.config.expect("a good configuration");
    pipeline::plan::compile(&config, &jiff::tz::TimeZone::UTC).plan.expect("a plan")
}
