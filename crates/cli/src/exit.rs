//! How a command ends: the documented exit codes and the failures behind them.

use std::io;
use std::process::ExitCode;

use sls_client::ClientError;

/// The outcome of a command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing to complain about: code 0.
    Done,
    /// Done, and problems were found in what was looked at: code 1.
    ProblemsFound,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command was called in a way that cannot work: code 2.
    #[error("{0}")]
    Usage(String),
    /// A file or stream failed: code 3.
    #[error("{action}: {source}")]
    Io {
        /// What was attempted, with the name of the file.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// The service was not reached, or refused: code 3.
    #[error("cannot {action}: {source}{}", advice(source))]
    Call {
        /// What was attempted.
        action: String,
        /// What became of the call.
        source: Box<ClientError>,
    },
}

impl Failure {
    /// A failed file or stream operation.
    pub fn io(action: impl Into<String>, source: io::Error) -> Self {
        Self::Io { action: action.into(), source }
    }

    /// A failed call of the service.
    pub fn call(action: impl Into<String>, source: ClientError) -> Self {
        Self::Call { action: action.into(), source: Box::new(source) }
    }

    /// The exit code: 2 for usage, 3 for the world.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } | Self::Call { .. } => 3,
        }
    }
}

/// What a person can do about a failed call, where we know.
fn advice(error: &ClientError) -> &'static str {
    match error {
        ClientError::Connect { .. } => "; is the service running, and is --endpoint right?",
        _ => match error.refusal().map(|refusal| refusal.code.as_str()) {
            Some(
                "Unauthorized"
                | "SignatureNotMatch"
                | "InvalidAccessKeyId"
                | "MissingAuthorization",
            ) => "; set SIDETAIL_ACCESS_KEY_ID and SIDETAIL_ACCESS_KEY_SECRET",
            Some("ProjectNotExist") => "; list projects with `sidetail project list`",
            Some("LogStoreNotExist") => "; list logstores with `sidetail logstore list`",
            _ => "",
        },
    }
}

impl Exit {
    /// The exit code: 0 or 1.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::ProblemsFound => 1,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
