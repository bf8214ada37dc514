//! A client as the settings want it.

use crate::settings::Settings;
use sls_client::{Client, ClientError, Endpoint};
use std::io;
use std::path::PathBuf;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The CA file.
    #[error("CA file {path} cannot be read: {source}")]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Anything else.
    #[error("no connection to the service can be prepared: {0}")]
    Client(#[from] ClientError),
}

/// A client of the service at `endpoint`. Nothing is dialled yet.
///
/// # Errors
/// When the CA file is unusable.
pub fn client(settings: &Settings, endpoint: &Endpoint) -> Result<Client, ConnectError> {
    let mut prepared = sls_client::Settings::new(endpoint.clone(), settings.credentials.source());
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path)
            .map_err(|source| ConnectError::CaFile { path: path.clone(), source })?;
        prepared.ca_pem = Some(pem);
    }
    prepared.user_agent = concat!("sidetail-agent/", env!("CARGO_PKG_VERSION"));
    prepared.max_answer_bytes = 16 << 20;
    prepared.request_timeout = settings.request_timeout;
    Ok(Client::new(prepared)?)
}
