//! `cargo xtask bench agent`: speed and memory of the agent, as a whole process.
//!
//! A generated nginx access log lies in the page cache; a real agent of the `agent` profile reads
//! it to the end, in simple mode and with the pattern of the sidecar example, into nothing
//! (`null`: the encoded log group is dropped before compression) and into a loopback endpoint
//! (`sls`) that decodes and verifies everything it receives. Speed is megabytes of the file for
//! each CPU second of the agent, user and system, so that a busy machine falls out.

mod measure;
mod scenario;
pub(crate) mod sink;
mod verify;

use crate::run::{command, step};
use crate::workspace::{bin_dir, root, target_dir};
use scenario::{Outcome, SCENARIOS, Stand};
use serde_json::json;
use std::path::PathBuf;

/// Bytes of a line on average, to know how many lines make a file of a size.
const LINE_BYTES: u64 = 286;
/// Runs of each scenario; the median by speed counts.
const RUNS: usize = 3;

/// How the command was called.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    json: bool,
    mib: u64,
}

/// Runs the bench.
pub(crate) fn agent(args: &[&str]) -> Result<(), String> {
    let options = options(args)?;
    let agent = build()?;
    let stand = Stand::new(agent, log_file(options.mib)?)?;
    let idle_rss_bytes = stand.idle_rss_bytes()?;
    if !options.json {
        println!("\nidle, one configuration, TLS ready: {:.1} MiB resident\n", mib(idle_rss_bytes));
        println!("{:<12} {:>12} {:>10} {:>14}", "", "MB/CPU-s", "MB/s", "peak RSS MiB");
    }
    let mut scenarios = Vec::new();
    for scenario in SCENARIOS {
        let outcome = median((0..RUNS).map(|_| stand.run(scenario)).collect::<Result<_, _>>()?);
        if !options.json {
            println!(
                "{:<12} {:>12.0} {:>10.0} {:>14.1}{}",
                scenario.name,
                outcome.mb_per_cpu_s,
                outcome.mb_per_s,
                mib(outcome.peak_rss_bytes),
                if outcome.verified { "" } else { "  NOT VERIFIED" },
            );
        }
        scenarios.push(json!({
            "name": scenario.name,
            "mb_per_cpu_s": outcome.mb_per_cpu_s.round(),
            "mb_per_s": outcome.mb_per_s.round(),
            "peak_rss_mib": tenth(mib(outcome.peak_rss_bytes)),
            "verified": outcome.verified,
        }));
    }
    println!("{}", json!({ "idle_rss_mib": tenth(mib(idle_rss_bytes)), "scenarios": scenarios }));
    Ok(())
}

fn options(args: &[&str]) -> Result<Options, String> {
    let mut options = Options { json: false, mib: 512 };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--json" => options.json = true,
            "--mib" => {
                let size = args.next().and_then(|text| text.parse().ok());
                options.mib = size.ok_or("--mib takes the size of the log file in MiB")?;
            }
            other => {
                return Err(format!("{other} is not known here; there are --json and --mib N"));
            }
        }
    }
    Ok(options)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn median(mut outcomes: Vec<Outcome>) -> Outcome {
    let verified = outcomes.iter().all(|outcome| outcome.verified);
    outcomes.sort_by(|one, other| one.mb_per_cpu_s.total_cmp(&other.mb_per_cpu_s));
    Outcome { verified, ..outcomes.swap_remove(outcomes.len() / 2) }
}

/// The agent as it is shipped, and the generator.
fn build() -> Result<PathBuf, String> {
    // The agent alone: built together with others, its dependencies would have their features.
    let agent = ["cargo", "build", "--quiet", "--profile", "agent", "--package", "agent", "--bins"];
    step("build the agent as it is shipped", &mut command(root(), &agent))?;
    let generator = ["cargo", "build", "--quiet", "--package", "cli", "--bins"];
    step("build the generator", &mut command(root(), &generator))?;
    Ok(target_dir().join("agent/sidetail-agent"))
}

/// The log file, made once for each size: the same bytes each time.
fn log_file(size_mib: u64) -> Result<PathBuf, String> {
    let dir = target_dir().join("bench").join(format!("{size_mib}-mib"));
    let path = dir.join("access.log");
    let wanted = size_mib << 20;
    if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() >= wanted) {
        return Ok(path);
    }
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    // A little more than needed, because lines vary in length.
    let lines = wanted / LINE_BYTES + wanted / LINE_BYTES / 50;
    let _ = std::fs::remove_file(&path);
    step(
        &format!("generate {size_mib} MiB of access log"),
        command(root(), &[&bin_dir().join("sidetail").to_string_lossy(), "gen"])
            .args(["--log-type=nginx", "--stdout=false", "--logs-per-sec=0", "--seed=1"])
            .args(["--start-time=2026-01-01T00:00:00Z", &format!("--total-count={lines}")])
            .arg(format!("--path={}", path.display())),
    )?;
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() >= wanted => Ok(path),
        Ok(metadata) => Err(format!("{} has only {} bytes", path.display(), metadata.len())),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_run_counts_and_one_unverified_run_spoils_it() {
        let outcome = |speed: f64, verified| Outcome {
            mb_per_cpu_s: speed,
            mb_per_s: 0.0,
            peak_rss_bytes: 0,
            verified,
        };
        let all = vec![outcome(3.0, true), outcome(1.0, true), outcome(2.0, true)];
        assert_eq!((median(all.clone()).mb_per_cpu_s, median(all).verified), (2.0, true));
        let one_bad = vec![outcome(3.0, true), outcome(1.0, false), outcome(2.0, true)];
        assert!(!median(one_bad).verified);
    }

    #[test]
    fn unknown_words_are_refused() {
        assert_eq!(options(&["--json", "--mib", "64"]), Ok(Options { json: true, mib: 64 }));
        assert!(options(&["--mib", "much"]).is_err());
        assert!(options(&["--fast"]).is_err());
    }
}
