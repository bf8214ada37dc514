//! What a compiler does not check: format, lints, the shape of the workspace.

mod agent_dependencies;
mod edges;
mod option_reference;

use crate::run::{command, step};
use crate::workspace::{root, target_dir};
use std::process::Command;

/// What to do with what is derived from something else and kept for people: the agent's reviewed
/// dependency list and the reference of options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reviewed {
    /// Fail when it differs.
    Compare,
    /// Write the present one.
    Bless,
}

/// Runs all checks; the first that fails ends it.
pub(crate) fn run(reviewed: Reviewed) -> Result<(), String> {
    step("format", &mut command(root(), &["cargo", "fmt", "--all", "--check"]))?;
    edges::check()?;
    agent_dependencies::check(reviewed)?;
    option_reference::check(reviewed)?;
    licences()?;
    let clippy =
        ["cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step("lints", &mut command(root(), &clippy))?;
    fuzz_targets()
}

/// The fuzz targets are a workspace of their own, which nothing else compiles. Their library is
/// C++.
fn fuzz_targets() -> Result<(), String> {
    if Command::new("c++").arg("--version").output().is_err() {
        println!("\n▶ fuzz targets: skipped, a C++ compiler (`g++`) makes it possible");
        return Ok(());
    }
    let target = target_dir().display().to_string();
    let clippy = ["cargo", "clippy", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"];
    let rest = ["--target-dir", &target, "--", "-D", "warnings"];
    step("fuzz targets", &mut command(root(), &[&clippy[..], &rest].concat())).map(drop)
}

/// Licences, bans and sources by `cargo deny`, where it is installed. The advisories need a
/// database from the network and are for CI that has one.
fn licences() -> Result<(), String> {
    let installed = Command::new("cargo-deny").arg("--version").output().is_ok();
    if !installed {
        println!("\n▶ licences: skipped, `cargo install --locked cargo-deny` makes it possible");
        return Ok(());
    }
    let deny = ["cargo", "deny", "check", "licenses", "bans", "sources"];
    step("licences", &mut command(root(), &deny)).map(drop)
}
