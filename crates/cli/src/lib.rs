//! The `sidetail` command line.
//!
//! Every subcommand is a struct of arguments and a function from it to an exit code. Data goes to
//! standard output, words for people to standard error. Exit codes: 0 done, 1 problems found,
//! 2 wrong usage, 3 a file, the network or the service failed.

pub mod config;
pub mod exit;
pub mod generate;
pub mod moment;
pub mod project;
pub mod put;
pub mod query;
pub mod service;
pub mod table;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};

/// Logs in Kubernetes, the sidecar way.
#[derive(Debug, Parser)]
#[command(name = "sidetail", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a logstore and print the rows.
    Query(query::QueryArgs),
    /// Send lines to a logstore.
    Put(put::PutArgs),
    /// Check configurations, or try one on a log file. Needs no service.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// List or create projects.
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// List or create logstores.
    #[command(subcommand)]
    Logstore(project::LogstoreCommand),
    /// Write logs for demos, tests and benchmarks.
    Gen(generate::GenerateArgs),
}

/// Runs the program that `args` name: `mock_log` when the program is called by that name, else
/// `sidetail`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let name = args.first().and_then(|path| Path::new(path).file_stem());
    let outcome = if name.is_some_and(|name| name == "mock_log") {
        let mock_log = generate::MockLog::parse_from(generate::with_two_dashes(args));
        generate::run(&mock_log.args)
    } else {
        run(Cli::parse_from(args).command)
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // With standard error closed there is nobody left to tell; the code still says it.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.code().into()
        }
    }
}

fn run(command: Command) -> Result<Exit, Failure> {
    let out = &mut std::io::stdout().lock();
    match command {
        Command::Query(args) => query::run(&args, out),
        Command::Put(args) => put::run(&args),
        Command::Config(command) => config::run(&command, out),
        Command::Project(command) => project::run_project(&command, out),
        Command::Logstore(command) => project::run_logstore(&command, out),
        Command::Gen(args) => generate::run(&args),
    }
}
