//! The client: address, sign, send, read.

use crate::credentials::CredentialSource;
use crate::endpoint::Endpoint;
use crate::error::ClientError;
use crate::signature::{Choice, Signature, Signer};
use crate::transport::Transport;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::Full;
use sls::api::{Call, Parts, Scope};
use sls::error::RetryClass;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// How a [`Client`] behaves.
#[derive(Debug)]
pub struct Settings {
    /// Where the service is.
    pub endpoint: Endpoint,
    /// What to sign with.
    pub credentials: CredentialSource,
    /// How to sign.
    pub signature: Signature,
    /// How long a TCP connection, and then a TLS handshake, may take.
    pub connect_timeout: Duration,
    /// How long a request may take from the first byte out to the last byte in.
    pub request_timeout: Duration,
    /// `User-Agent`.
    pub user_agent: &'static str,
    /// Connections kept open without a request, at most.
    pub max_idle: usize,
    /// Largest answer accepted, in bytes.
    pub max_answer_bytes: usize,
    /// PEM certificates to trust instead of the public roots.
    pub ca_pem: Option<Vec<u8>>,
    /// The time to sign with.
    pub clock: fn() -> SystemTime,
}

impl Settings {
    /// The usual settings for an endpoint: 5 s to connect, 15 s for a request as Logtail has it.
    pub fn new(endpoint: Endpoint, credentials: CredentialSource) -> Self {
        Self {
            endpoint,
            credentials,
            signature: Signature::V1,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(15),
            user_agent: concat!("sidetail/", env!("CARGO_PKG_VERSION")),
            max_idle: 4,
            max_answer_bytes: 64 << 20,
            ca_pem: None,
            clock: SystemTime::now,
        }
    }
}

/// A client of one endpoint. Share it by reference; it keeps its connections between calls.
pub struct Client {
    endpoint: Endpoint,
    credentials: CredentialSource,
    signature: Choice,
    request_timeout: Duration,
    user_agent: HeaderValue,
    clock: fn() -> SystemTime,
    /// Seconds that the service's clock is ahead of ours, as far as it minds.
    ahead_seconds: AtomicI64,
    transport: Transport,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares a client. Nothing is dialled yet.
    ///
    /// # Errors
    /// [`ClientError::Tls`] when the CA certificates are unusable.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::new(
                settings.endpoint.clone(),
                settings.connect_timeout,
                settings.max_idle,
                settings.max_answer_bytes,
                settings.ca_pem.as_deref(),
            )?,
            endpoint: settings.endpoint,
            credentials: settings.credentials,
            signature: Choice::new(settings.signature),
            request_timeout: settings.request_timeout,
            user_agent: HeaderValue::from_static(settings.user_agent),
            clock: settings.clock,
            ahead_seconds: AtomicI64::new(0),
        })
    }

    /// Where this client sends to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Makes one call. `project` is ignored by the calls that go to the endpoint itself, such
    /// as creating a project; pass "" there.
    ///
    /// # Errors
    /// See [`ClientError`]. Nothing is repeated here, but for a request that an idle connection
    /// never took. After a refusal because of the clock the next call is signed with the service's
    /// time; after one because of the key it reads the key's files again.
    pub async fn call<C: Call>(&self, project: &str, call: &C) -> Result<C::Response, ClientError> {
        let project = match C::SCOPE {
            Scope::Project => project,
            Scope::Endpoint => "",
        };
        let signer = self.signature.signer();
        let request = self.request(call.parts(), project, &signer)?;
        let answer =
            tokio::time::timeout(self.request_timeout, self.transport.send(C::NAME, request))
                .await
                .map_err(|_| ClientError::Timeout {
                    call: C::NAME,
                    timeout: self.request_timeout,
                })??;
        self.signature.learn(&signer, answer.status(), answer.headers());
        let result = C::response(answer.status(), answer.headers(), answer.body());
        let result = result.map_err(ClientError::from);
        match result.as_ref().err().map(ClientError::retry_class) {
            Some(RetryClass::Clock) => self.follow_clock(answer.headers()),
            Some(RetryClass::Credentials) => self.credentials.forget(),
            _ => {}
        }
        result
    }

    /// Takes the time of an answer as the right one.
    fn follow_clock(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(|text| httpdate::parse_http_date(text).ok()) else { return };
        let now = (self.clock)();
        let ahead = match date.duration_since(now) {
            Ok(ahead) => ahead.as_secs() as i64,
            Err(behind) => -(behind.duration().as_secs() as i64),
        };
        self.ahead_seconds.store(ahead, Ordering::Relaxed);
    }

    /// The time to sign with: ours, unless the service has refused that.
    fn signing_time(&self) -> SystemTime {
        let (now, ahead) = ((self.clock)(), self.ahead_seconds.load(Ordering::Relaxed));
        let shift = Duration::from_secs(ahead.unsigned_abs());
        let time = if ahead < 0 { now.checked_sub(shift) } else { now.checked_add(shift) };
        time.unwrap_or(now)
    }

    fn request(
        &self,
        parts: Parts,
        project: &str,
        signer: &Signer<'_>,
    ) -> Result<Request<Full<bytes::Bytes>>, ClientError> {
        let target = parts.target();
        let mut headers = parts.headers;
        let key = self.credentials.current()?;
        let unusable = |source: http::Error| ClientError::Transport {
            call: "building the request",
            source: Box::new(source),
        };
        headers.insert(
            header::HOST,
            HeaderValue::from_str(&self.endpoint.host_header(project))
                .map_err(|error| unusable(error.into()))?,
        );
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        if let Some(key) = key {
            let date = httpdate::fmt_http_date(self.signing_time());
            let (method, path) = (parts.method.as_str(), parts.path.as_str());
            signer
                .sign(&key, method, path, &parts.query, &date, &parts.body, &mut headers)
                .map_err(|error| unusable(error.into()))?;
        }
        let mut request = Request::builder().method(parts.method).uri(target);
        if let Some(slot) = request.headers_mut() {
            *slot = headers;
        }
        request.body(Full::new(parts.body)).map_err(unusable)
    }
}
