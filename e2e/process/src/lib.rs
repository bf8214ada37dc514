//! The scene of the process tests in `tests/`, which need the workspace's programs:
//! `cargo build --workspace --bins`.

pub mod scene;
