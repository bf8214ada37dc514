//! Who may depend on whom: the table of ARCHITECTURE.md against the manifests.

use crate::workspace::root;
use serde::Deserialize;
use std::process::Command;

/// For each of our crates, the ones of ours that it may use. Anything else is a change of the
/// architecture and starts here.
const ALLOWED: &[(&str, &[&str])] = &[
    ("sls", &[]),
    ("store", &[]),
    ("sls-client", &["sls"]),
    ("pipeline", &["sls"]),
    ("query", &["store"]),
    ("agent", &["sls", "sls-client", "pipeline"]),
    ("operator", &["sls", "sls-client", "pipeline"]),
    ("cli", &["sls", "sls-client", "pipeline"]),
    ("server", &["sls", "store", "query"]),
    ("testkit", &["sls", "sls-client"]),
    ("xtask", &["sls", "sls-client", "testkit"]),
    ("process-tests", &["sls", "sls-client", "testkit"]),
];

/// What tests may use besides.
const FOR_TESTS: &[&str] = &["testkit", "sls", "sls-client"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// Compares the manifests with the table.
pub(crate) fn check() -> Result<(), String> {
    println!("\n▶ who depends on whom");
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo metadata cannot be started: {error}"))?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata cannot be read: {error}"))?;
    let problems = problems(&metadata, ALLOWED);
    if problems.is_empty() {
        println!("✓ {} crates keep to the table", metadata.packages.len());
        Ok(())
    } else {
        Err(format!("✗ who depends on whom\n{}", problems.join("\n")))
    }
}

fn problems(metadata: &Metadata, allowed: &[(&str, &[&str])]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let Some((_, may_use)) = allowed.iter().find(|(name, _)| *name == package.name) else {
            problems.push(format!("{} is not in the table of crates", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some())
        {
            let name = dependency.name.as_str();
            let for_tests = dependency.kind.as_deref() == Some("dev") && FOR_TESTS.contains(&name);
            if !may_use.contains(&name) && !for_tests {
                problems.push(format!("{} must not depend on {name}", package.name));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[&str]) {
        let metadata: Metadata = serde_json::from_str(json).unwrap();
        assert_eq!(problems(&metadata, &[("a", &["b"]), ("b", &[])]), expected);
    }

    #[test]
    fn an_edge_that_the_table_lacks_is_named() {
        check(
            r#"{"packages": [
                {"name": "a", "dependencies": [
                    {"name": "b", "kind": null, "path": "/b"},
                    {"name": "serde", "kind": null, "path": null}]},
                {"name": "b", "dependencies": [
                    {"name": "a", "kind": null, "path": "/a"},
                    {"name": "testkit", "kind": "dev", "path": "/t"}]},
                {"name": "c", "dependencies": []}]}"#,
            &["b must not depend on a", "c is not in the table of crates"],
        );
    }
}
