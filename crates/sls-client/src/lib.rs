//! Calls the log service: addresses, signs and sends any [`sls::api::Call`] over kept-alive
//! HTTP/1.1 connections, and reads the answer.
//!
//! No retry loop inside: agent, operator and command line want different ones, and
//! [`ClientError::retry_class`] says what makes sense. No clock inside: the time of signing comes
//! from [`Settings::clock`].

mod client;
mod credentials;
mod endpoint;
mod error;
mod signature;
mod transport;

pub use client::{Client, Settings};
pub use credentials::{CredentialSource, KeyPair};
pub use endpoint::{Endpoint, EndpointError};
pub use error::ClientError;
pub use signature::Signature;
