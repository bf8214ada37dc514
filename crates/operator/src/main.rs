//! The `sidetail-operator` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    operator::main(std::env::args_os())
}
