//! The `sidetail-agent` program; everything is in the library beside it.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().map(text);
    let called = args.next().unwrap_or_default();
    let name = called.rsplit('/').next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let env = std::env::vars_os()
        .map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .collect();
    agent::program::run(name, &args, env)
}

/// An argument as text: the path of a file is written as the status shows it.
fn text(arg: OsString) -> String {
    arg.into_string().unwrap_or_else(|arg| agent::files::Shown::of(&arg).to_string())
}
