//! `sidetail config`: looks at configurations without a service.

mod attempt;
mod check;
#[cfg(test)]
mod documented;
mod explain;
mod nginx;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use sls::collect::Target;
use sls::collect::manifest::{self, Colors, Document, Verdict};

use crate::exit::{Exit, Failure};

pub use attempt::{TryArgs, TryOutput};

/// Commands about configurations.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Say everything that is wrong with manifests, each mistake with its place and its repair.
    Check {
        /// Manifests: AliyunLogConfig objects or bare configurations, YAML or JSON; - is standard
        /// input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Form of the output.
        #[arg(long, short, value_enum, default_value = "text")]
        output: CheckOutput,
    },
    /// Run a configuration over a log file and print the fields that come out.
    Try(TryArgs),
    /// Print what to write into a configuration for lines of an nginx log_format.
    Nginx {
        /// The directive as it stands in nginx.conf, or the format alone.
        #[arg(value_name = "LOG_FORMAT")]
        format: String,
    },
}

/// Forms of output of `config check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckOutput {
    /// For people.
    Text,
    /// One JSON object for each problem, on a line of its own.
    Json,
}

/// Runs a command about configurations.
pub fn run(command: &ConfigCommand, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check { files, output } => check::run(files, *output, colors(), out),
        ConfigCommand::Try(args) => attempt::run(args, out),
        ConfigCommand::Nginx { format } => nginx::run(format, out),
    }
}

fn colors() -> Colors {
    if std::io::stdout().is_terminal() { Colors::Always } else { Colors::Never }
}

/// The text of a file, or of standard input for `-`.
fn read_text(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|source| Failure::io(format!("cannot read {}", path.display()), source))
}

/// Everything there is to say about a document, with the compiler that the agent uses.
fn verify(document: &Document, text: &str, file: &str, number: usize) -> Verdict {
    let project = Some("unnamed".to_owned());
    let target = Target { project, ..Target::of_file(file, number) };
    manifest::verify(document, text, &target, &|config| {
        pipeline::plan::compile(config, &TimeZone::UTC).problems
    })
}
