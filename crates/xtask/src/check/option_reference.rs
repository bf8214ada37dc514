//! The reference of the agent's options is written from the tables that the agent itself uses.

use super::Reviewed;
use crate::workspace::root;
use std::process::Command;

const PAGE: &str = "docs/operate/agent-options.md";
const HEAD: &str = "\
# Options of the agent

Written by `cargo xtask check --bless` from the tables that `sidetail-agent`, `sidetail config
check` and the operator work with; do not edit it. [Running `sidetail-agent`](agent.md) describes
the important ones in words, [Coming from Logtail](../coming-from-logtail.md) what is different.

## Settings of the process
";

/// Compares the page with what the tables say, or writes it.
pub(crate) fn check(reviewed: Reviewed) -> Result<(), String> {
    println!("\n▶ the reference of options");
    let text = format!("{HEAD}{}\n{}", settings()?, sls::collect::reference());
    let path = root().join(PAGE);
    if reviewed == Reviewed::Bless {
        return std::fs::write(&path, text).map_err(|error| format!("{PAGE}: {error}"));
    }
    let found = std::fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    if found == text {
        println!("✓ {PAGE} says what the tables say");
        return Ok(());
    }
    let differs = found.lines().zip(text.lines()).position(|(found, wanted)| found != wanted);
    let line = differs.unwrap_or_else(|| found.lines().count().min(text.lines().count())) + 1;
    Err(format!(
        "✗ {PAGE}:{line} is not what the tables say; run `cargo xtask check --bless` to write it"
    ))
}

/// Nothing depends on a program, so the agent's own example prints its part.
fn settings() -> Result<String, String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", "agent", "--example", "settings_reference"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
