//! `cargo xtask demo`: the main job on one machine, with nothing but real processes.
//!
//! A server, an operator over manifest files, and two pods. A pod is a folder that stands for
//! its `emptyDir`, two writers with the arguments of the sidecar example, and an agent with the
//! example's environment.

mod account;
mod stage;

pub(crate) use stage::{ACCESS, PROJECT, Stage};

use crate::prerequisites;
use crate::run::{command, step};
use crate::workspace::{bin_dir, root};
use serde_json::json;
use stage::{ERROR, PODS};
use std::time::{Duration, Instant};

/// Lines that `--check` waits for at least.
const ENOUGH_LINES: usize = 2000;

/// Shows it, until Ctrl-C.
pub(crate) fn watch() -> Result<(), String> {
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
    ])
    .map_err(|error| format!("signals: {error}"))?;
    build()?;
    let (stage, _) = play()?;
    let key = stage.key();
    println!("\nA query for the errors of the last minutes, as `sidetail query` answers it:\n");
    println!("{}", stage.sample_query()?);
    println!(
        "\nThe console:       {}/console/\n\
         access key id:     {}\n\
         access key secret: {}\n\
         project, logstores: {PROJECT}, {ACCESS} and {ERROR}\n\
         the pods' files:   {}\n\n\
         Ctrl-C stops everything.",
        stage.endpoint(),
        key.id,
        key.secret,
        stage.dir().display(),
    );
    signals.forever().next();
    println!("\nstopping: writers, agents (they send what they have read), operator, server");
    stage.finish().map(drop)
}

/// Does it without a terminal and proves that no line is lost or double.
pub(crate) fn check() -> Result<(), String> {
    build()?;
    check_built()
}

/// The same with programs that are already built.
pub(crate) fn check_built() -> Result<(), String> {
    if std::env::var_os("SIDETAIL_BIN_DIR").is_none() {
        testkit::process::set_bin_dir(bin_dir());
    }
    let (stage, first_line) = play()?;
    println!("\nwaiting until {ENOUGH_LINES} lines of both pods are found in both logstores");
    stage.wait_for_lines(ENOUGH_LINES)?;
    let account = stage.finish()?;
    println!(
        "{}",
        json!({
            "lines_written": account.written,
            "lines_found": account.found,
            "first_line_seconds": (first_line.as_secs_f64() * 100.0).round() / 100.0,
            "lost": account.lost_count(),
            "duplicated": account.duplicated_count(),
        })
    );
    for (line, count) in account.lost.iter().take(5) {
        println!("missing {count}: {line}");
    }
    for (line, count) in account.duplicated.iter().take(5) {
        println!("too many by {count}: {line}");
    }
    if account.lost.is_empty() && account.duplicated.is_empty() {
        Ok(())
    } else {
        Err("✗ not every line is there exactly once".into())
    }
}

/// Builds the programs, unless `SIDETAIL_BIN_DIR` names others, such as those of a release.
fn build() -> Result<(), String> {
    if std::env::var_os("SIDETAIL_BIN_DIR").is_some() {
        return Ok(());
    }
    println!("building what is needed; the first time takes some minutes, later seconds");
    prerequisites::console()?;
    let build = ["cargo", "build", "--quiet", "--workspace", "--bins"];
    step("build the programs", &mut command(root(), &build))?;
    // The programs are looked for where the build has just put them.
    testkit::process::set_bin_dir(bin_dir());
    Ok(())
}

/// The story up to the first line; gives back how long that took from the server's start.
fn play() -> Result<(Stage, Duration), String> {
    let start = Instant::now();
    println!("\n① the log service");
    let mut stage = Stage::new()?;
    println!("  serves on {}", stage.endpoint());

    println!("\n② the operator meets a broken AliyunLogConfig and applies nothing of it:\n");
    println!("{}", indented(&stage.refuse_broken_manifest()?));

    println!("\n③ the corrected manifests go through:\n");
    println!("{}", indented(&stage.apply_manifests()?));

    println!("\n④ {} pods, each with its agent: {}", PODS.len(), PODS.join(", "));
    stage.start_pods()?;
    let row = stage.first_line()?;
    let first_line = start.elapsed();
    println!(
        "  the first line is found {:.1} s after the server's start:\n",
        first_line.as_secs_f32()
    );
    for (name, value) in &row.0 {
        println!("    {name:>24}  {value}");
    }
    Ok((stage, first_line))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
