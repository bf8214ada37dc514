//! What the chores need besides Rust: looked for first, installed when missing, and said so.

use crate::run::{command, step};
use crate::workspace::{root, target_dir};
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

/// Builds the console unless `console/dist` is newer than all of its sources.
pub(crate) fn console() -> Result<(), String> {
    let dir = root().join("console");
    let built = modified(&dir.join("dist/index.html"));
    let sources = ["src", "index.html", "package-lock.json", "vite.config.ts"];
    let newest = sources.iter().map(|name| newest(&dir.join(name))).max().flatten();
    if built.is_some() && built >= newest {
        return Ok(());
    }
    console_packages()?;
    step("build the console", &mut command(&dir, &["npm", "run", "--silent", "build"])).map(drop)
}

/// Installs the console's packages as its lock file has them.
pub(crate) fn console_packages() -> Result<(), String> {
    npm_packages(&root().join("console"), "the console's packages")
}

/// Installs what the browser test needs.
pub(crate) fn browser() -> Result<PathBuf, String> {
    npm_packages(&root().join("e2e/console"), "the browser test's packages")?;
    let candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let find = || candidates.iter().map(PathBuf::from).find(|path| path.exists());
    if let Some(path) = std::env::var_os("CHROMIUM").map(PathBuf::from).or_else(find) {
        return Ok(path);
    }
    debian_package("chromium")?;
    find().ok_or_else(|| "chromium was installed but is not in /usr/bin".into())
}

/// A Python with the official SDK, in the target directory.
pub(crate) fn python_sdk() -> Result<PathBuf, String> {
    let requirements = root().join("e2e/sdk/python/requirements.txt");
    let venv = target_dir().join("e2e/python");
    let python = venv.join("bin/python");
    let stamp = venv.join("installed");
    if modified(&stamp).is_some() && modified(&stamp) >= modified(&requirements) {
        return Ok(python);
    }
    let venv_text = venv.display().to_string();
    step(
        "make a Python environment",
        &mut command(root(), &["python3", "-m", "venv", &venv_text]),
    )?;
    step(
        "install the Python SDK",
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements),
    )?;
    std::fs::write(&stamp, "").map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

fn npm_packages(dir: &std::path::Path, what: &str) -> Result<(), String> {
    let stamp = dir.join("node_modules/.package-lock.json");
    if modified(&stamp).is_some() && modified(&stamp) >= modified(&dir.join("package-lock.json")) {
        return Ok(());
    }
    let install = ["npm", "ci", "--silent", "--no-audit", "--no-fund"];
    step(&format!("install {what}"), &mut command(dir, &install)).map(drop)
}

fn debian_package(name: &str) -> Result<(), String> {
    let update = ["apt-get", "update", "--quiet=2"];
    step("refresh the package lists", &mut command(root(), &update))
        .map_err(|reason| format!("{reason}; install the package {name} by hand"))?;
    let install = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", name];
    step(
        &format!("install the package {name}"),
        command(root(), &install).env("DEBIAN_FRONTEND", "noninteractive"),
    )
    .map(drop)
}

fn modified(path: &std::path::Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The latest change of a file, or of any file below a folder.
fn newest(path: &std::path::Path) -> Option<SystemTime> {
    let own = modified(path);
    let Ok(entries) = std::fs::read_dir(path) else { return own };
    entries.flatten().filter_map(|entry| newest(&entry.path())).max().max(own)
}
