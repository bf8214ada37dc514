//! Chores of the workspace, one command each. The README's two are `demo` and `test`.
#![allow(clippy::print_stdout, reason = "a chore talks to whoever runs it")]

mod access_log;
mod bench;
mod check;
mod demo;
mod prerequisites;
mod run;
mod simulate;
mod tests;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo             a log line's whole way on this machine: server, operator, two pods, console
  demo --check     the same without a terminal; ends with one JSON line
  test             everything that can fail: checks, unit, process, SDK and browser tests
  check            format, lints, who may depend on whom, the agent's dependencies and options
  check --bless    accept the agent's dependencies as reviewed, write the reference of options
  simulate [--seeds N] [--from S] [--seed S]
                   schedules of the collecting core under faults; ends with one JSON line
  bench agent      speed and memory of the agent; --json ends with one JSON line,
                   --only NAME runs part of it, --peer COMMAND times another collector,
                   --minutes N is how long the service is away";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo"] => demo::watch(),
        ["demo", "--check"] => demo::check(),
        ["test"] => tests::run(),
        ["check"] => check::run(check::Reviewed::Compare),
        ["check", "--bless"] => check::run(check::Reviewed::Bless),
        ["simulate", options @ ..] => simulate::run(options),
        ["bench", "agent", options @ ..] => bench::agent(options),
        // The other end of the agent's bench, which starts it.
        ["bench-sink", mode, file] => bench::sink::serve(mode, file, 0),
        ["bench-sink", mode, file, port] => {
            bench::sink::serve(mode, file, port.parse().unwrap_or(0))
        }
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
