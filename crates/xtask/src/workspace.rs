//! Where things are.

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .and_then(Path::parent)
        .expect("this crate is two folders below the root")
}

/// Where cargo puts its output, outside the checkout when `CARGO_TARGET_DIR` says so.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Where the programs of a `cargo build` are.
pub(crate) fn bin_dir() -> PathBuf {
    target_dir().join("debug")
}
