//! Clients as the settings want them.

use crate::settings::{Credentials, Settings};
use sls_client::{Client, ClientError, Endpoint, Signature};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

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

/// What all clients of one agent have in common.
#[derive(Clone, Debug)]
pub struct Connector {
    credentials: Credentials,
    signature: Signature,
    ca_file: Option<PathBuf>,
    request_timeout: Duration,
}

impl Connector {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self {
            credentials: settings.credentials.clone(),
            signature: settings.signature.clone(),
            ca_file: settings.ca_file.clone(),
            request_timeout: settings.request_timeout,
        }
    }

    /// A client of the service at `endpoint`. Nothing is dialled yet.
    ///
    /// # Errors
    /// When the CA file is unusable.
    pub fn client(&self, endpoint: &Endpoint) -> Result<Client, ConnectError> {
        let mut prepared = sls_client::Settings::new(endpoint.clone(), self.credentials.source());
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path)
                .map_err(|source| ConnectError::CaFile { path: path.clone(), source })?;
            prepared.ca_pem = Some(pem);
        }
        prepared.signature = self.signature.clone();
        prepared.user_agent = concat!("sidetail-agent/", env!("CARGO_PKG_VERSION"));
        prepared.max_answer_bytes = 16 << 20;
        prepared.request_timeout = self.request_timeout;
        Ok(Client::new(prepared)?)
    }
}
