//! The error codes of the service: one table with HTTP status and retry class.
//!
//! Both sides use it. The server picks a code and gets the status; a client gets a code and
//! asks what to do next. Spelling and status are those of `sls-api.md` section 3.1: official
//! clients compare code names, so a changed letter is a broken client.

use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a sender may do after a refusal. It says nothing about attempts or delays: the agent,
/// the operator and the command line want different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// The service could not answer now. The same request may succeed later.
    Busy,
    /// A quota of the project, logstore or shard is used up. Slow down, then repeat.
    Throttled,
    /// Key, secret or token were refused. Repeating helps only after they changed.
    Credentials,
    /// The clocks differ too much. Repeat with a corrected date.
    Clock,
    /// A named object is not there. It may be created a moment later.
    Missing,
    /// The service holds this batch already: treat it as done.
    Duplicate,
    /// The body is larger than the service takes. Repeat it in parts.
    TooLarge,
    /// The request itself is wrong. Repeating the same bytes gives the same answer.
    Final,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $status:literal $class:ident;)*) => {
        /// A code of the service, as it stands in `errorCode`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are the documentation: they are the wire form")]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every known code, in the order of the table.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => stringify!($name),)* }
            }

            /// The HTTP status the service sends with this code.
            pub fn status(self) -> StatusCode {
                let status: u16 = match self { $(ErrorCode::$name => $status,)* };
                StatusCode::from_u16(status).expect("the table holds statuses from 400 to 503")
            }

            /// What a sender may do after this code.
            pub const fn retry_class(self) -> RetryClass {
                match self { $(ErrorCode::$name => RetryClass::$class,)* }
            }
        }
    };
}

codes! {
    // The request as such.
    ParameterInvalid 400 Final;
    InvalidParameter 400 Final;
    BadRequest 400 Final;
    InvalidHost 400 Final;
    InvalidMethod 405 Final;
    /// No such route. The service itself has no code of this name; a client sees a 404.
    NotFound 404 Final;
    MissingContentType 400 Final;
    InvalidContentType 415 Final;
    MissingContentLength 411 Final;
    MissingBodyRawSize 400 Final;
    InvalidBodyRawSize 400 Final;
    InvalidCompressType 400 Final;
    MissingContentMD5 400 Final;
    InvalidContentMD5 400 Final;
    MissingDate 400 Final;
    InvalidDateFormat 400 Final;
    MissingSignatureMethod 400 Final;
    InvalidSignatureMethod 400 Final;
    MissingAPIVersion 400 Final;
    InvalidAPIVersion 400 Final;
    MissingHost 400 Final;
    RequestTimeExpired 400 Clock;
    RequestTimeTooSkewed 400 Clock;

    // Who asks.
    SignatureNotMatch 401 Credentials;
    Unauthorized 401 Credentials;
    InvalidAccessKeyId 401 Credentials;

    // Bodies and their content.
    PostBodyInvalid 400 Final;
    PostBodyTooLarge 400 TooLarge;
    PostBodyUncompressError 400 Final;
    InvalidTimestamp 400 Final;
    InvalidEncoding 400 Final;
    InvalidKey 400 Final;
    JsonInfoInvalid 400 Final;
    InvalidSequenceId 400 Duplicate;

    // Queries and cursors.
    InvalidTimeRange 400 Final;
    InvalidQueryString 400 Final;
    InvalidOffset 400 Final;
    InvalidLine 400 Final;
    InvalidReverse 400 Final;
    InvalidCursor 400 Final;

    // Objects.
    ProjectAlreadyExist 400 Final;
    ProjectNotExist 404 Missing;
    ProjectQuotaExceed 400 Final;
    LogStoreAlreadyExist 400 Final;
    LogStoreNotExist 404 Missing;
    LogStoreInfoInvalid 400 Final;
    LogStoreWithoutShard 400 Missing;
    IndexAlreadyExist 400 Final;
    /// 400, not 404: clients check the pair.
    IndexConfigNotExist 400 Missing;
    IndexInfoInvalid 400 Final;
    ShardNotExist 400 Missing;
    MachineGroupAlreadyExist 400 Final;
    MachineGroupNotExist 404 Missing;
    ConfigAlreadyExist 400 Final;
    ConfigNotExist 404 Missing;
    ConsumerGroupAlreadyExist 400 Final;
    ConsumerGroupNotExist 404 Missing;
    ConsumerNotExist 404 Missing;
    NotExistConsumerWithBody 400 Final;
    InvalidShardCheckPoint 400 Final;

    // Load.
    WriteQuotaExceed 403 Throttled;
    ReadQuotaExceed 403 Throttled;
    ShardWriteQuotaExceed 403 Throttled;
    ShardReadQuotaExceed 403 Throttled;
    ExceedQuota 403 Throttled;
    RequestTimeout 500 Busy;
    InternalServerError 500 Busy;
    ServerBusy 503 Busy;
}

impl ErrorCode {
    /// The code with this spelling. Case does not matter, because documentation and service
    /// differ in it (`LogstoreNotExist`, `LogStoreNotExist`).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The JSON body of every refusal. Both members are always there: a client that misses one
/// cannot read the error (`sls-api.md`, rule 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// Wire spelling of the code.
    pub error_code: String,
    /// Text for a person.
    pub error_message: String,
}

impl ErrorBody {
    /// A body for `code` with `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { error_code: code.as_str().to_owned(), error_message: message.into() }
    }
}

/// An answer other than 200, as a client received it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service refused with {status} {code}: {message} (request {request_id})")]
pub struct Refusal {
    /// HTTP status of the answer.
    pub status: StatusCode,
    /// `errorCode` as sent; empty when the body was not an error body.
    pub code: String,
    /// `errorMessage` as sent, or the beginning of a body that was something else.
    pub message: String,
    /// `x-log-requestid`, empty when missing.
    pub request_id: String,
    /// What `Retry-After` asks for; only its form in seconds is understood.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads a refusal from the parts of an answer. Never fails: a body that is not an error
    /// body becomes the message, cut to 200 characters.
    pub fn from_parts(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let request_id = headers
            .get("x-log-requestid")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let retry_after = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let (code, message) = match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => (body.error_code, body.error_message),
            Err(_) => {
                (String::new(), String::from_utf8_lossy(body).chars().take(200).collect::<String>())
            }
        };
        Self { status, code, message, request_id, retry_after }
    }

    /// The code, when it is one of the table.
    pub fn known(&self) -> Option<ErrorCode> {
        ErrorCode::parse(&self.code)
    }

    /// What a sender may do: by code when it is known, else by status, so that a proxy's 502
    /// without our error body is still retried.
    pub fn retry_class(&self) -> RetryClass {
        if let Some(code) = self.known() {
            return code.retry_class();
        }
        match self.status.as_u16() {
            401 => RetryClass::Credentials,
            403 if self.code.to_ascii_lowercase().contains("quota") => RetryClass::Throttled,
            403 => RetryClass::Credentials,
            404 => RetryClass::Missing,
            408 | 500..=599 => RetryClass::Busy,
            413 => RetryClass::TooLarge,
            429 => RetryClass::Throttled,
            _ => RetryClass::Final,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_spelling_in_any_case() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert_eq!(ErrorCode::parse(&code.as_str().to_lowercase()), Some(*code));
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
        assert_eq!(ErrorCode::parse("LogstoreNotExist"), Some(ErrorCode::LogStoreNotExist));
        assert_eq!(ErrorCode::parse("NoSuchCode"), None);
    }

    #[test]
    fn the_body_has_the_two_camel_case_members() {
        let text = serde_json::to_string(&ErrorBody::new(ErrorCode::IndexConfigNotExist, "none"));
        assert_eq!(
            text.expect("plain strings"),
            r#"{"errorCode":"IndexConfigNotExist","errorMessage":"none"}"#
        );
    }

    fn refusal(status: u16, body: &str) -> Refusal {
        let mut headers = HeaderMap::new();
        headers.insert("x-log-requestid", http::HeaderValue::from_static("abc"));
        let status = StatusCode::from_u16(status).expect("a status");
        Refusal::from_parts(status, &headers, body.as_bytes())
    }

    #[test]
    fn the_code_decides_about_a_retry_and_the_status_only_without_one() {
        let check = |status, body: &str, class| {
            assert_eq!(refusal(status, body).retry_class(), class, "{status} {body}");
        };
        let body = |code: &str| format!(r#"{{"errorCode":"{code}","errorMessage":"m"}}"#);
        check(403, &body("ShardWriteQuotaExceed"), RetryClass::Throttled);
        check(404, &body("LogStoreNotExist"), RetryClass::Missing);
        check(400, &body("PostBodyInvalid"), RetryClass::Final);
        check(400, &body("RequestTimeExpired"), RetryClass::Clock);
        check(503, &body("ServerBusy"), RetryClass::Busy);
        check(403, &body("SomeNewQuotaExceed"), RetryClass::Throttled);
        check(400, &body("SomethingNew"), RetryClass::Final);
        check(502, "<html>bad gateway</html>", RetryClass::Busy);
        check(400, &body("PostBodyTooLarge"), RetryClass::TooLarge);
        check(413, "<html>nginx</html>", RetryClass::TooLarge);
        check(429, "", RetryClass::Throttled);
    }

    #[test]
    fn a_body_of_another_kind_becomes_the_message() {
        let refusal = refusal(502, "<html>bad gateway</html>");
        assert_eq!(refusal.code, "");
        assert_eq!(refusal.message, "<html>bad gateway</html>");
        assert_eq!(refusal.request_id, "abc");
    }

    #[test]
    fn a_pause_that_is_asked_for_is_read_in_seconds() {
        let check = |text: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static(text));
            let refusal = Refusal::from_parts(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
            assert_eq!(refusal.retry_after, expected, "{text}");
        };
        check("7", Some(Duration::from_secs(7)));
        check("Thu, 01 Jan 1970 00:00:00 GMT", None);
        check("-1", None);
    }
}
