//! `cargo xtask bench agent`: speed and memory of the agent, as a whole process.
//!
//! Generated logs lie in the page cache; a real agent of the `agent` profile reads them to the end,
//! in every way of parsing, into nothing (`null`: the encoded log group is dropped before
//! compression) and into a loopback endpoint (`sls`) that decodes and verifies everything it
//! receives. Speed is megabytes of the file for each CPU second of the agent, user and system, so
//! that a busy machine falls out. Beside these: a hundred files that grow slowly, the time from a
//! write to the query that finds it, the times that the start takes and the end with a backlog, a
//! service that is away, and another collector on the same file.

mod corpus;
mod drain;
mod latency;
mod many_files;
mod measure;
mod numbered;
mod outage;
mod peer;
mod scenario;
pub(crate) mod sink;
mod start;
mod verify;

use crate::run::{command, step};
use crate::workspace::{root, target_dir};
use corpus::{Corpus, Kind};
use scenario::{MODES, Mode, Outcome, Sink, Stand};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Runs of each scenario; the median by speed counts.
const RUNS: usize = 3;
/// Name of the scenario with many files.
const MANY_FILES: &str = "many-files";
/// Name of the one from a write to its query.
const LATENCY: &str = "latency";
/// Name of the one of the beginning.
const START: &str = "start";
/// Name of the one of the end.
const DRAIN: &str = "drain";
/// Size of the backlog then.
const DRAIN_MIB: u64 = 64;
/// Name of the one without a service.
const OUTAGE: &str = "outage";

/// How the command was called.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    json: bool,
    mib: Option<u64>,
    only: Option<String>,
    peer: Option<String>,
    /// How long the service is away.
    minutes: Option<u64>,
}

impl Options {
    fn mib(&self) -> u64 {
        self.mib.unwrap_or(512)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.starts_with(only.as_str()))
    }
}

/// Runs the bench.
pub(crate) fn agent(args: &[&str]) -> Result<(), String> {
    let options = options(args)?;
    let stand = Stand { agent: build()? };
    let idle_rss_bytes = stand.idle_rss_bytes()?;
    let mut table = Table { is_quiet: options.json, rows: Vec::new() };
    table.say(&format!(
        "\nidle, one configuration, TLS ready: {:.1} MiB resident\n\n{:<20} {:>12} {:>10} {:>14}",
        mib(idle_rss_bytes),
        "",
        "MB/CPU-s",
        "MB/s",
        "peak RSS MiB",
    ));
    for mode in MODES {
        scan(&stand, mode, &options, &mut table)?;
    }
    if let Some(template) = &options.peer {
        let corpus = Corpus::prepare(Kind::Access, options.mib())?;
        let peer = peer::run(template, &corpus)?;
        table.speed("peer", peer.mb_per_cpu_s, peer.mb_per_s, peer.peak_rss_bytes, None);
    }
    beside(&stand, &options, &mut table)?;
    println!("{}", json!({ "idle_rss_mib": tenth(mib(idle_rss_bytes)), "scenarios": table.rows }));
    Ok(())
}

/// Measures what is not about the speed of parsing.
fn beside(stand: &Stand, options: &Options, table: &mut Table) -> Result<(), String> {
    if options.wants(MANY_FILES) {
        let many = many_files::run(stand, 20)?;
        let peak = tenth(mib(many.peak_rss_bytes));
        table.row(
            &format!("{MANY_FILES:<20} {:.3} cores, peak {peak} MiB", many.cores),
            many.verified,
            json!({
                "name": MANY_FILES, "cores": (many.cores * 1e4).round() / 1e4,
                "peak_rss_mib": peak, "verified": many.verified,
            }),
        );
    }
    if options.wants(LATENCY) {
        let found = latency::run(stand, 200)?;
        table.row(
            &format!(
                "{LATENCY:<20} median {:.0} ms, p99 {:.0} ms; the agent starts in {:.0} ms",
                found.median_millis, found.p99_millis, found.agent_start_millis,
            ),
            true,
            json!({
                "name": LATENCY, "median_ms": tenth(found.median_millis),
                "p99_ms": tenth(found.p99_millis),
                "agent_start_ms": tenth(found.agent_start_millis), "verified": true,
            }),
        );
    }
    if options.wants(START) {
        let found = start::run(stand, 20)?;
        table.row(
            &format!(
                "{START:<20} watching after {:.1} ms, {:.1} ms at most",
                found.median_millis, found.most_millis,
            ),
            true,
            json!({
                "name": START, "median_ms": tenth(found.median_millis),
                "most_ms": tenth(found.most_millis), "verified": true,
            }),
        );
    }
    if options.wants(DRAIN) {
        let found = drain::run(stand, DRAIN_MIB)?;
        table.row(
            &format!("{DRAIN:<20} {DRAIN_MIB} MiB in {:.2} s", found.seconds),
            found.verified,
            json!({
                "name": DRAIN, "mib": DRAIN_MIB, "seconds": hundredth(found.seconds),
                "verified": found.verified,
            }),
        );
    }
    if options.wants(OUTAGE) {
        let minutes = options.minutes.unwrap_or(1);
        let found = outage::run(stand, minutes * 60)?;
        let grown = |bytes: i64| hundredth(bytes as f64 / (1 << 20) as f64);
        let (refused, silent) =
            (grown(found.refused_growth_bytes), grown(found.silent_growth_bytes));
        table.row(
            &format!(
                "{OUTAGE:<20} {minutes} min, {:.0} MiB: {refused:+} MiB resident while refused, \
                 {silent:+} while not answered; first batch after {:.1} s, then {:.0} times as fast as written; {} lines lost",
                mib(found.backlog_bytes),
                found.first_after_seconds,
                found.catch_up,
                found.lost,
            ),
            found.verified,
            json!({
                "name": OUTAGE, "minutes": minutes, "rss_growth_mib": refused.max(silent),
                "peak_rss_mib": tenth(mib(found.peak_rss_bytes)),
                "backlog_mib": tenth(mib(found.backlog_bytes)),
                "first_after_s": hundredth(found.first_after_seconds),
                "catch_up": tenth(found.catch_up), "lost": found.lost,
                "verified": found.verified,
            }),
        );
    }
    Ok(())
}

/// Measures one way of parsing into both sinks.
fn scan(stand: &Stand, mode: Mode, options: &Options, table: &mut Table) -> Result<(), String> {
    for sink in [Sink::Null, Sink::Sls] {
        let name = format!("{}-{}", mode.name(), sink.name());
        if !options.wants(&name) {
            continue;
        }
        let corpus = Corpus::prepare(mode.kind(), options.mib())?;
        let runs = (0..RUNS).map(|_| stand.run(&corpus, mode, sink)).collect::<Result<_, _>>()?;
        let it = median(runs);
        table.speed(&name, it.mb_per_cpu_s, it.mb_per_s, it.peak_rss_bytes, Some(it.verified));
    }
    Ok(())
}

/// Collects what is found, and prints it as it comes unless only the last line is wanted.
struct Table {
    is_quiet: bool,
    rows: Vec<Value>,
}

impl Table {
    fn say(&self, text: &str) {
        if !self.is_quiet {
            println!("{text}");
        }
    }

    fn row(&mut self, text: &str, verified: bool, row: Value) {
        self.say(&format!("{text}{}", if verified { "" } else { "  NOT VERIFIED" }));
        self.rows.push(row);
    }

    /// A row of speed; what a peer delivers is not verified here.
    fn speed(&mut self, name: &str, cpu: f64, wall: f64, peak: u64, verified: Option<bool>) {
        let peak = tenth(mib(peak));
        let mut row = json!({
            "name": name, "mb_per_cpu_s": cpu.round(), "mb_per_s": wall.round(),
            "peak_rss_mib": peak,
        });
        if let Some(verified) = verified {
            row["verified"] = verified.into();
        }
        let text = format!("{name:<20} {cpu:>12.0} {wall:>10.0} {peak:>14.1}");
        self.row(&text, verified.unwrap_or(true), row);
    }
}

fn options(args: &[&str]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = |what: &str| args.next().ok_or(format!("{arg} takes {what}"));
        match *arg {
            "--json" => options.json = true,
            "--mib" => {
                let what = "the size of each log file in MiB";
                let size = value(what)?.parse().map_err(|_| format!("--mib takes {what}"))?;
                options.mib = Some(size);
            }
            "--minutes" => {
                let what = "how long the service is away";
                let minutes = value(what)?.parse().map_err(|_| format!("{arg} takes {what}"))?;
                options.minutes = Some(minutes);
            }
            "--only" => options.only = Some((*value("the beginning of scenarios' names")?).into()),
            "--peer" => {
                options.peer =
                    Some((*value("a command, in which {file} stands for the log file")?).into());
            }
            other => {
                return Err(format!(
                    "{other} is not known here; there are --json, --mib N, --only NAME, \
                     --minutes N and --peer COMMAND"
                ));
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

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn median(mut outcomes: Vec<Outcome>) -> Outcome {
    let verified = outcomes.iter().all(|outcome| outcome.verified);
    outcomes.sort_by(|one, other| one.mb_per_cpu_s.total_cmp(&other.mb_per_cpu_s));
    Outcome { verified, ..outcomes.swap_remove(outcomes.len() / 2) }
}

/// The agent as it is shipped, and the programs around it.
fn build() -> Result<PathBuf, String> {
    // The agent alone: built together with others, its dependencies would have their features.
    let agent = ["cargo", "build", "--quiet", "--profile", "agent", "--package", "agent", "--bins"];
    step("build the agent as it is shipped", &mut command(root(), &agent))?;
    let others = ["cargo", "build", "--quiet", "--workspace", "--bins"];
    step("build the generator and the server", &mut command(root(), &others))?;
    testkit::process::set_bin_dir(crate::workspace::bin_dir());
    Ok(target_dir().join("agent/sidetail-agent"))
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
        let found = options(&["--json", "--mib", "64", "--only", "regex", "--peer", "cat {file}"]);
        let found = found.unwrap();
        assert_eq!(
            (found.json, found.mib(), found.peer.as_deref()),
            (true, 64, Some("cat {file}"))
        );
        assert!(found.wants("regex-null") && !found.wants("json-null"));
        assert!(options(&[]).unwrap().wants("json-null"));
        assert!(options(&["--mib", "much"]).is_err());
        assert_eq!(options(&["--minutes", "10"]).unwrap().minutes, Some(10));
        assert!(options(&["--peer"]).is_err());
        assert!(options(&["--fast"]).is_err());
    }
}
