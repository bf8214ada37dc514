//! The agent is paid once per pod: every package in it is on a reviewed list.

use super::Reviewed;
use crate::workspace::root;
use std::collections::BTreeSet;
use std::process::Command;

const LIST: &str = "crates/agent/dependencies.txt";
const HEAD: &str = "\
# Every package that is linked into sidetail-agent on x86-64 Linux. A new line is a decision:
# say in the commit why the agent needs it, then run `cargo xtask check --bless`.
";

/// Compares the packages of the agent with the list, or writes the list.
pub(crate) fn check(reviewed: Reviewed) -> Result<(), String> {
    println!("\n▶ the agent's dependencies");
    let found = packages()?;
    let path = root().join(LIST);
    if reviewed == Reviewed::Bless {
        let mut text = HEAD.to_owned();
        text.extend(found.iter().flat_map(|name| [name, "\n"]));
        return std::fs::write(&path, text).map_err(|error| format!("{LIST}: {error}"));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{LIST}: {error}"))?;
    let listed: BTreeSet<String> =
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let new: Vec<_> = found.difference(&listed).cloned().collect();
    let gone: Vec<_> = listed.difference(&found).cloned().collect();
    if new.is_empty() && gone.is_empty() {
        println!("✓ {} packages, all reviewed", found.len());
        return Ok(());
    }
    Err(format!(
        "✗ the agent's dependencies differ from {LIST}\n  new: {}\n  gone: {}\n  \
         if that is wanted, run `cargo xtask check --bless` and say why in the commit",
        new.join(" "),
        gone.join(" "),
    ))
}

fn packages() -> Result<BTreeSet<String>, String> {
    let output = Command::new("cargo")
        .args(["tree", "--package", "agent", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--target", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo tree cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}
