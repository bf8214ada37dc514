//! Requests and responses of the service, one file per family, without any I/O.
//!
//! Each request type is a [`Call`]: it gives the parts of an HTTP request and reads the parts
//! of the answer. Who sends them, signs them and repeats them is decided elsewhere. The forms
//! are those of `sls-api.md` sections 3 and 4; unknown members are ignored on input.

pub mod config;
pub mod get_logs;
pub mod heartbeat;
pub mod histogram;
pub mod index;
pub mod logstore;
pub mod machine_group;
pub mod project;
pub mod put_logs;
pub mod shard;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Refusal;

/// `application/json`, the content type of management calls.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `application/x-protobuf`, the content type of log groups and heartbeats.
pub const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Size in bytes of the body before compression.
pub const BODY_RAW_SIZE: HeaderName = HeaderName::from_static("x-log-bodyrawsize");
/// How the body is compressed: `lz4`, `zstd`, `deflate`.
pub const COMPRESS_TYPE: HeaderName = HeaderName::from_static("x-log-compresstype");
/// Identity of one request, 24 hexadecimal digits, on every response.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-log-requestid");
/// What our service calls itself in `Server`, by which our clients know what else they may use.
pub const SERVER_NAME: &str = "sidetail";
/// `Complete` or `Incomplete`, on answers to queries.
pub const PROGRESS: HeaderName = HeaderName::from_static("x-log-progress");
/// Number of rows or buckets in the answer.
pub const COUNT: HeaderName = HeaderName::from_static("x-log-count");

/// Which host a call is sent to. The project has no other place in a request: it is the first
/// label of the host (`sls-api.md` section 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `PROJECT.ENDPOINT`.
    Project,
    /// `ENDPOINT`.
    Endpoint,
}

/// One HTTP request before it is addressed and signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// HTTP method.
    pub method: Method,
    /// Path, **not** percent-encoded: signatures are made over this form.
    pub path: String,
    /// Query parameters in sending order, not percent-encoded.
    pub query: Vec<(String, String)>,
    /// The headers of this call alone: content type, sizes. Date, host and signature are added
    /// by whoever sends.
    pub headers: HeaderMap,
    /// Body as it goes over the wire.
    pub body: Bytes,
}

impl Parts {
    /// A request without parameters and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A request with a JSON body.
    pub fn json(method: Method, path: impl Into<String>, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("request types have string keys only");
        let mut parts = Self::new(method, path);
        parts.headers.insert(header::CONTENT_TYPE, JSON);
        parts.headers.insert(BODY_RAW_SIZE, HeaderValue::from(body.len()));
        parts.body = Bytes::from(body);
        parts
    }

    /// Adds one query parameter.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds one query parameter when there is a value.
    pub fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Path and query as they stand in the request line, percent-encoded.
    pub fn target(&self) -> String {
        let mut target = String::with_capacity(self.path.len() + 32 * self.query.len());
        encode(&self.path, b"/", &mut target);
        for (i, (name, value)) in self.query.iter().enumerate() {
            target.push(if i == 0 { '?' } else { '&' });
            encode(name, b"", &mut target);
            target.push('=');
            encode(value, b"", &mut target);
        }
        target
    }
}

/// Appends `text` percent-encoded as RFC 3986 asks; the bytes of `keep` stay as they are.
fn encode(text: &str, keep: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Why a call gave no value, once an answer has arrived.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The service said 200 with something that is not the documented answer.
    #[error("the answer to {call} cannot be read: {reason}")]
    Unreadable {
        /// The request, as `METHOD path`-like text.
        call: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// A request of the service and the answer that belongs to it.
pub trait Call {
    /// What the service answers on success.
    type Response;
    /// Name of the call in messages and metrics.
    const NAME: &'static str;
    /// Where it is sent.
    const SCOPE: Scope = Scope::Project;

    /// The HTTP request.
    fn parts(&self) -> Parts;

    /// Reads a successful answer.
    ///
    /// # Errors
    /// A text that says what is missing or malformed.
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self::Response, String>;

    /// Reads any answer. Only 200 is success (`sls-api.md`, rule 1).
    ///
    /// # Errors
    /// [`CallError::Refused`] for every other status, [`CallError::Unreadable`] when the body
    /// is not what the call promises.
    fn response(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self::Response, CallError> {
        if status != StatusCode::OK {
            return Err(Refusal::from_parts(status, headers, body).into());
        }
        Self::read(headers, body)
            .map_err(|reason| CallError::Unreadable { call: Self::NAME, reason })
    }
}

/// Reads a JSON answer.
fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Declares calls whose answer is empty or plain JSON; leaves `parts` to the caller.
macro_rules! call {
    ($type:ty, $name:literal, $scope:ident, () , |$this:ident| $parts:expr) => {
        impl crate::api::Call for $type {
            type Response = ();
            const NAME: &'static str = $name;
            const SCOPE: crate::api::Scope = crate::api::Scope::$scope;
            fn parts(&self) -> crate::api::Parts {
                let $this = self;
                $parts
            }
            fn read(_: &http::HeaderMap, _: &[u8]) -> Result<(), String> {
                Ok(())
            }
        }
    };
    ($type:ty, $name:literal, $scope:ident, $response:ty , |$this:ident| $parts:expr) => {
        impl crate::api::Call for $type {
            type Response = $response;
            const NAME: &'static str = $name;
            const SCOPE: crate::api::Scope = crate::api::Scope::$scope;
            fn parts(&self) -> crate::api::Parts {
                let $this = self;
                $parts
            }
            fn read(_: &http::HeaderMap, body: &[u8]) -> Result<$response, String> {
                crate::api::read_json(body)
            }
        }
    };
}
use call;

/// Which part of a long listing to give. The service counts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many entries to leave out.
    pub offset: usize,
    /// How many entries to give at most.
    pub size: usize,
}

impl Default for Page {
    /// The first 100 entries, as the official clients ask.
    fn default() -> Self {
        Self { offset: 0, size: 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_percent_encoded_and_the_parts_are_not() {
        let parts = Parts::new(Method::GET, "/logstores/a b")
            .with("query", "a: \"b c\" | 数")
            .with("empty", "");
        assert_eq!(
            parts.target(),
            "/logstores/a%20b?query=a%3A%20%22b%20c%22%20%7C%20%E6%95%B0&empty="
        );
        assert_eq!(parts.query[0].1, "a: \"b c\" | 数");
    }
}
