//! Many schedules of the simulation, or one with everything it did. `cargo xtask simulate` starts it.
#![allow(clippy::print_stdout, reason = "the result is for whoever runs it")]

#[path = "../simulation/mod.rs"]
mod simulation;

use agent::log::{Level, set_level};
use simulation::{Wrong, run};
use std::process::ExitCode;

const USAGE: &str = "usage: simulate [--seeds N] [--from S] | --seed S";

/// Schedules that failed and are described.
const DESCRIBED: usize = 10;

fn main() -> ExitCode {
    let mut seeds = 1000;
    let (mut first, mut one) = (1, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().and_then(|text| text.parse::<u64>().ok());
        match (arg.as_str(), value) {
            ("--seeds", Some(count)) => seeds = count,
            ("--from", Some(seed)) => first = seed,
            ("--seed", Some(seed)) => one = Some(seed),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    // One schedule is looked at closely: what the agent says belongs to it.
    set_level(if one.is_some() { Level::Debug } else { Level::Error });
    let range = match one {
        Some(seed) => seed..seed + 1,
        None => first..first + seeds,
    };
    let mut sum = Wrong::default();
    let (mut failed, mut arrived) = (Vec::new(), 0);
    let count = range.end - range.start;
    for seed in range {
        let outcome = run(seed, one.is_some());
        arrived += outcome.arrived;
        let wrong = outcome.wrong;
        sum.lost += wrong.lost;
        sum.duplicated += wrong.duplicated;
        sum.reordered += wrong.reordered;
        sum.altered += wrong.altered;
        if !wrong.is_nothing() {
            failed.push(seed);
            if failed.len() <= DESCRIBED {
                eprintln!("seed {seed} failed; again with everything it did: --seed {seed}");
                for said in outcome.said.iter().take(5) {
                    eprintln!("  {said}");
                }
            }
        }
    }
    eprintln!("{arrived} lines arrived; {} of {count} schedules failed: {failed:?}", failed.len());
    println!(
        "{{\"seeds\":{count},\"lost\":{},\"duplicated\":{},\"reordered\":{},\"altered\":{}}}",
        sum.lost, sum.duplicated, sum.reordered, sum.altered
    );
    if sum.is_nothing() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
