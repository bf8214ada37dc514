//! HTTP/1.1 over TCP or TLS, with connections kept for the next request.

use crate::endpoint::Endpoint;
use crate::error::ClientError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

type Sender = SendRequest<Full<Bytes>>;

/// Connections to one endpoint. All projects share them: the project is only a header.
pub(crate) struct Transport {
    endpoint: Endpoint,
    connect_timeout: Duration,
    /// Idle connections kept at most.
    max_idle: usize,
    /// Largest answer accepted, in bytes.
    max_answer_bytes: usize,
    idle: Mutex<Vec<Sender>>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsConnector>,
}

impl Transport {
    pub(crate) fn new(
        endpoint: Endpoint,
        connect_timeout: Duration,
        max_idle: usize,
        max_answer_bytes: usize,
        ca_pem: Option<&[u8]>,
    ) -> Result<Self, ClientError> {
        #[cfg(not(feature = "tls"))]
        if endpoint.tls || ca_pem.is_some() {
            return Err(ClientError::Tls { reason: "this program was built without TLS".into() });
        }
        Ok(Self {
            #[cfg(feature = "tls")]
            tls: if endpoint.tls { Some(tls::connector(ca_pem)?) } else { None },
            endpoint,
            connect_timeout,
            max_idle,
            max_answer_bytes,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        call: &'static str,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, ClientError> {
        loop {
            let (mut sender, reused) = match self.take_idle() {
                Some(sender) => (sender, true),
                None => (self.connect().await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    let body = Limited::new(body, self.max_answer_bytes)
                        .collect()
                        .await
                        .map_err(|source| ClientError::Transport { call, source })?;
                    self.keep(sender);
                    return Ok(Response::from_parts(parts, body.to_bytes()));
                }
                Err(mut error) => match error.take_message() {
                    // The server closed an idle connection before our request was written.
                    Some(unsent) if reused => request = unsent,
                    _ => {
                        let source = Box::new(error.into_error());
                        return Err(ClientError::Transport { call, source });
                    }
                },
            }
        }
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.lock_idle();
        while let Some(sender) = idle.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.lock_idle();
        if !sender.is_closed() && idle.len() < self.max_idle {
            idle.push(sender);
        }
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn connect(&self) -> Result<Sender, ClientError> {
        let address = format!("{}:{}", self.endpoint.host, self.endpoint.port);
        let refuse = |source| ClientError::Connect { address: address.clone(), source };
        let connected = timeout(
            self.connect_timeout,
            TcpStream::connect((self.endpoint.host.as_str(), self.endpoint.port)),
        )
        .await
        .map_err(|_| refuse(std::io::ErrorKind::TimedOut.into()))?;
        let stream = connected.map_err(refuse)?;
        // A batch is one write; waiting for more of it would only add delay.
        stream.set_nodelay(true).map_err(refuse)?;
        #[cfg(feature = "tls")]
        if let Some(connector) = &self.tls {
            let name = tls::server_name(&self.endpoint)?;
            let stream = timeout(self.connect_timeout, connector.connect(name, stream))
                .await
                .map_err(|_| refuse(std::io::ErrorKind::TimedOut.into()))?
                .map_err(refuse)?;
            return handshake(stream).await;
        }
        handshake(stream).await
    }
}

async fn handshake<S>(stream: S) -> Result<Sender, ClientError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ClientError::Transport { call: "connect", source: Box::new(error) })?;
    // Ends by itself when the connection does; its error reaches the caller by the sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

#[cfg(feature = "tls")]
mod tls {
    use super::{ClientError, Endpoint};
    use rustls::{ClientConfig, RootCertStore};
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName};
    use std::sync::Arc;

    /// One CA file when the caller gives it, else Mozilla's roots: the latter cost memory that a
    /// sidecar need not spend when its service has its own CA.
    pub(super) fn connector(
        ca_pem: Option<&[u8]>,
    ) -> Result<tokio_rustls::TlsConnector, ClientError> {
        let refuse = |reason: String| ClientError::Tls { reason };
        let mut roots = RootCertStore::empty();
        match ca_pem {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
                    roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(refuse("the CA file holds no certificate".into()));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(tokio_rustls::TlsConnector::from(Arc::new(config)))
    }

    pub(super) fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, ClientError> {
        ServerName::try_from(endpoint.server_name().to_owned())
            .map_err(|error| ClientError::Tls { reason: error.to_string() })
    }
}
