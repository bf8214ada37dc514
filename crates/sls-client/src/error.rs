//! What can go wrong with a call.

use crate::credentials::KeyFileError;
use sls::api::CallError;
use sls::error::{Refusal, RetryClass};
use std::time::Duration;

/// Why a call gave no answer, or not the wanted one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address does not resolve or does not take connections.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// `host:port`.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The TLS settings are unusable: a CA file without certificates, a name no certificate has.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
    /// The connection broke, or the answer was not HTTP.
    #[error("{call} failed on the way: {source}")]
    Transport {
        /// Name of the call.
        call: &'static str,
        /// The HTTP library's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("{call} had no answer within {timeout:?}")]
    Timeout {
        /// Name of the call.
        call: &'static str,
        /// How long was waited.
        timeout: Duration,
    },
    /// The access key cannot be read.
    #[error(transparent)]
    Credentials(#[from] KeyFileError),
    /// The service refused, or its answer cannot be read.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl ClientError {
    /// The service's refusal, when there was one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Call(CallError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// What a sender may do about it. Everything without an answer is worth another try.
    pub fn retry_class(&self) -> RetryClass {
        match self {
            Self::Call(CallError::Refused(refusal)) => refusal.retry_class(),
            Self::Call(CallError::Unreadable { .. }) => RetryClass::Final,
            Self::Credentials(_) => RetryClass::Credentials,
            Self::Tls { .. }
            | Self::Connect { .. }
            | Self::Transport { .. }
            | Self::Timeout { .. } => RetryClass::Busy,
        }
    }
}
