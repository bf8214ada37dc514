//! How a command ends: the documented exit codes and the failures behind them.

use std::io;
use std::process::ExitCode;

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
}

impl Failure {
    /// A failed file or stream operation.
    pub fn io(action: impl Into<String>, source: io::Error) -> Self {
        Self::Io { action: action.into(), source }
    }

    /// The exit code: 2 for usage, 3 for the world.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } => 3,
        }
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
