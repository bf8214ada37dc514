//! `cargo xtask simulate`: the collecting core of the agent over simulated files, time and network.
//!
//! The simulation belongs to the agent's tests (`crates/agent/simulation`); this builds it for speed
//! and passes the options on.

use crate::run::command;
use crate::workspace::root;

/// Runs the simulation; `--seeds N` schedules, 1000 without it.
pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let mut words = vec!["cargo", "run", "--quiet", "--profile", "simulate", "--package", "agent"];
    words.extend(["--example", "simulate", "--"]);
    words.extend(options);
    let status = command(root(), &words)
        .status()
        .map_err(|error| format!("the simulation cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err("some schedules failed".into()) }
}
