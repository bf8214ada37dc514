//! `cargo xtask test`: everything that can fail, and one line at the end that says how much did.

use crate::check;
use crate::prerequisites;
use crate::run::{Counts, command, step};
use crate::workspace::{bin_dir, root};
use std::process::Command;

/// Runs all tests. A failing part does not stop the others; without binaries nothing else makes
/// sense, so a failing build does.
pub(crate) fn run() -> Result<(), String> {
    let mut totals = Totals::default();
    totals.part(check::run(check::Reviewed::Compare).map(|()| Counts { passed: 1, failed: 0 }));
    totals.part(prerequisites::console().map(|()| Counts::default()));
    let built = step(
        "build",
        &mut command(root(), &["cargo", "build", "--quiet", "--workspace", "--bins"]),
    );
    if built.is_ok() {
        totals.part(step(
            "unit, component and process tests",
            &mut command(root(), &["cargo", "test", "--quiet", "--workspace", "--no-fail-fast"]),
        ));
        totals.part(console_tests());
        totals.part(python_sdk());
        totals.part(browser());
        totals.part(crate::demo::check_built().map(|()| Counts { passed: 1, failed: 0 }));
    } else {
        totals.part(built);
    }
    totals.report()
}

#[derive(Default)]
struct Totals {
    counts: Counts,
    failures: Vec<String>,
}

impl Totals {
    fn part(&mut self, outcome: Result<Counts, String>) {
        match outcome {
            Ok(counts) => self.counts.add(counts),
            Err(reason) => {
                eprintln!("{reason}");
                self.counts.failed += 1;
                self.failures.push(reason);
            }
        }
    }

    fn report(self) -> Result<(), String> {
        println!();
        for reason in &self.failures {
            println!("{reason}");
        }
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
        if self.counts.failed == 0 { Ok(()) } else { Err("some tests failed".into()) }
    }
}

fn console_tests() -> Result<Counts, String> {
    prerequisites::console_packages()?;
    let test = ["npm", "run", "--silent", "test"];
    step("console component tests", &mut command(&root().join("console"), &test))
}

/// The official Python SDK, unmodified, against a real server that it starts itself.
fn python_sdk() -> Result<Counts, String> {
    let python = prerequisites::python_sdk()?;
    step(
        "official Python SDK",
        Command::new(python)
            .arg(root().join("e2e/sdk/python/test_sdk.py"))
            .env("SIDETAIL_BIN_DIR", bin_dir()),
    )
}

/// The console in a real browser against a real server that the test starts itself.
fn browser() -> Result<Counts, String> {
    let chromium = prerequisites::browser()?;
    let server = crate::demo::Stage::with_lines()?;
    let screenshots = crate::workspace::target_dir().join("screenshots");
    step(
        "console in a browser",
        command(&root().join("e2e/console"), &["node", "--test", "browser.test.mjs"])
            .env("CHROMIUM", chromium)
            .env("SIDETAIL_URL", server.endpoint())
            .env("SIDETAIL_ACCESS_KEY_ID", &server.key().id)
            .env("SIDETAIL_ACCESS_KEY_SECRET", &server.key().secret)
            .env("SIDETAIL_PROJECT", crate::demo::PROJECT)
            .env("SIDETAIL_LOGSTORE", crate::demo::ACCESS)
            .env("SCREENSHOT_DIR", screenshots),
    )
}
