//! Flags of the log generator: those of the example's `mock_log`, and a few of our own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

/// Kinds of log that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogType {
    /// Access log of nginx in the form of the sidecar example.
    Nginx,
    /// Error log of nginx.
    NginxError,
    /// Java application log with stack traces of many lines.
    Java,
    /// JSON objects of eleven fields.
    Json,
    /// Access log in ten columns between `|`, some of them quoted.
    Delimited,
    /// Random keys and values.
    Random,
}

/// What to write, where, and how fast.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct GenerateArgs {
    /// Kind of log.
    #[arg(long, value_enum, default_value = "nginx")]
    pub log_type: LogType,

    /// Write records to standard output. On when no other target is chosen.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse_bool, value_name = "BOOL")]
    pub stdout: Option<bool>,

    /// Write records to standard error too.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse_bool, value_name = "BOOL")]
    pub stderr: Option<bool>,

    /// Write records to this file; its directory is made when it is missing.
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,

    /// Stop after this many records; 0 goes on until a signal.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub total_count: u64,

    /// Records each second; 0 is as fast as possible.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub logs_per_sec: u64,

    /// Rotate the file by renaming before it grows beyond this many bytes; 0 never rotates.
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub log_file_size: u64,

    /// Files kept when rotating, the one being written included.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub log_file_count: u32,

    /// Length of each value of the random kind, in bytes.
    #[arg(long, default_value_t = 100, value_name = "BYTES")]
    pub item_length: u32,

    /// Keys on each line of the random kind.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub key_count: u32,

    /// Give every record a number without gaps (`seq=000001&pod=NAME`, in the URL where the kind
    /// has one), so that a reader can prove that none is missing or double.
    #[arg(long)]
    pub number_lines: bool,

    /// Name of the writer in numbered records.
    #[arg(long, env = "_pod_name_", default_value = "local", value_name = "NAME",
          value_parser = parse_pod)]
    pub pod: String,

    /// Start of the random sequence: the same seed gives the same records, times aside.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Time of the first record (RFC 3339) instead of now; later records advance by the rate, or
    /// by a thousand a second when there is none. With --seed the output repeats byte for byte.
    #[arg(long, value_name = "TIME")]
    pub start_time: Option<jiff::Timestamp>,
}

/// The generator under its name in the example's image.
#[derive(Debug, Parser)]
#[command(name = "mock_log", version, about = "Write logs as fast or as slowly as told")]
pub struct MockLog {
    /// The flags.
    #[command(flatten)]
    pub args: GenerateArgs,
}

/// Gives flags with one dash a second one: the original accepts both `-path=x` and `--path=x`.
pub fn with_two_dashes(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut fixed = Vec::new();
    for argument in args {
        let long_with_one_dash = argument.to_str().is_some_and(|text| {
            let mut letters = text.chars();
            letters.next() == Some('-')
                && letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
                && letters.next().is_some()
        });
        if long_with_one_dash && !fixed.is_empty() {
            let mut longer = OsString::from("-");
            longer.push(argument);
            fixed.push(longer);
        } else {
            fixed.push(argument);
        }
    }
    fixed
}

fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

fn parse_pod(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a pod name has letters, digits, `-`, `_` and `.` only".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<GenerateArgs, clap::Error> {
        let args = std::iter::once("mock_log").chain(args.iter().copied()).map(OsString::from);
        MockLog::try_parse_from(with_two_dashes(args)).map(|parsed| parsed.args)
    }

    #[test]
    fn the_arguments_of_the_example_are_understood() {
        let args = parse(&[
            "--log-type=nginx",
            "--stdout=false",
            "--stderr=true",
            "--path=/var/log/nginx/access.log",
            "--total-count=1000000000",
            "--logs-per-sec=100",
        ])
        .unwrap();
        assert_eq!(args.log_type, LogType::Nginx);
        assert_eq!((args.stdout, args.stderr), (Some(false), Some(true)));
        assert_eq!(args.path.unwrap().to_str(), Some("/var/log/nginx/access.log"));
        assert_eq!((args.total_count, args.logs_per_sec), (1_000_000_000, 100));
    }

    #[test]
    fn one_dash_does_as_well_as_two() {
        let args =
            parse(&["-log-type", "random", "-stderr", "-key-count=2", "-item-length=4"]).unwrap();
        assert_eq!(args.log_type, LogType::Random);
        assert_eq!(args.stderr, Some(true));
        assert_eq!((args.key_count, args.item_length), (2, 4));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_flag() {
        for (argument, flag) in [
            ("--stdout=maybe", "--stdout"),
            ("--log-file-count=0", "--log-file-count"),
            ("--pod=a b", "--pod"),
            ("--log-type=apache", "--log-type"),
        ] {
            let error = parse(&[argument]).unwrap_err().to_string();
            assert!(error.contains(flag), "{error}");
        }
    }
}
