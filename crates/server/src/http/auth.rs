//! Who asks: the signature check, with the same code that signs (`sls-api.md` 1.6 and 1.7).

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use sls::error::ErrorCode;
use sls::sign::{self, Authorization, Signable};

use super::error::ApiError;
use crate::catalog::AccessKey;

/// How far the clocks may be apart, in seconds.
const CLOCK_WINDOW_SECS: i64 = 15 * 60;
const LOG_DATE: HeaderName = HeaderName::from_static("x-log-date");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-log-content-sha256");

/// The keys that may call.
#[derive(Debug, Default)]
pub struct Keys {
    by_id: HashMap<String, AccessKey>,
}

impl Keys {
    /// These pairs and no others.
    pub fn new(keys: impl IntoIterator<Item = AccessKey>) -> Self {
        Self { by_id: keys.into_iter().map(|key| (key.id.clone(), key)).collect() }
    }

    /// Whether `secret` is the secret of `id`. Takes the same time for every wrong secret of the
    /// same length.
    pub fn matches(&self, id: &str, secret: &str) -> bool {
        let Some(AccessKey { secret: held, .. }) = self.by_id.get(id) else { return false };
        let differences = held.bytes().zip(secret.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        held.len() == secret.len() && differences == 0
    }

    /// Whether the request claims a known key. Asked before anything is kept for the request,
    /// so that a stranger cannot take the room of others.
    ///
    /// # Errors
    /// `Unauthorized`.
    pub fn check_claim(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.claim(headers).map(drop)
    }

    fn claim(&self, headers: &HeaderMap) -> Result<(Authorization, &str), ApiError> {
        let header = headers.get(header::AUTHORIZATION).ok_or_else(|| {
            ApiError::new(ErrorCode::Unauthorized, "the request has no Authorization header")
        })?;
        let authorization = header.to_str().ok().and_then(Authorization::parse).ok_or_else(|| {
            let message = "the Authorization header has neither the form `LOG key:signature` nor \
                           that of SLS4-HMAC-SHA256";
            ApiError::new(ErrorCode::Unauthorized, message)
        })?;
        let Some(key) = self.by_id.get(authorization.key_id()) else {
            let message = format!("access key id {:?} is not known", authorization.key_id());
            return Err(ApiError::new(ErrorCode::Unauthorized, message));
        };
        Ok((authorization, &key.secret))
    }

    /// Checks the signature of a request, its body and its date.
    ///
    /// # Errors
    /// The code that belongs to what is wrong; the message never says what was expected.
    pub fn verify(
        &self,
        request: &Signable<'_>,
        body: &[u8],
        now_secs: i64,
    ) -> Result<(), ApiError> {
        let (authorization, secret) = self.claim(request.headers)?;
        let date = match &authorization {
            Authorization::V1 { .. } => {
                check_md5(request.headers, body)?;
                v1_date(request.headers)?
            }
            Authorization::V4 { .. } => {
                check_sha256(request.headers, body)?;
                v4_date(request.headers)?
            }
        };
        if !authorization.verify(secret, request) {
            let message = "the signature does not match the request: check the secret, and that \
                           nothing between client and service changes the request";
            return Err(ApiError::new(ErrorCode::SignatureNotMatch, message));
        }
        if (date - now_secs).abs() > CLOCK_WINDOW_SECS {
            let message = "the date of the request is more than 15 minutes from that of the \
                           service: set the clock";
            return Err(ApiError::new(ErrorCode::RequestTimeExpired, message));
        }
        Ok(())
    }
}

/// The signature covers the hash, so the hash has to cover the body.
fn check_md5(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    match headers.get(CONTENT_MD5).map(HeaderValue::as_bytes) {
        Some(hash) if hash.eq_ignore_ascii_case(sign::content_md5(body).as_bytes()) => Ok(()),
        Some(b"") | None if body.is_empty() => Ok(()),
        Some(b"") | None => Err(ApiError::new(
            ErrorCode::MissingContentMD5,
            "a request with a body needs the header Content-MD5",
        )),
        Some(_) => {
            let message = "Content-MD5 is not the hash of the body";
            Err(ApiError::new(ErrorCode::InvalidContentMD5, message))
        }
    }
}

fn check_sha256(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let hash = headers.get(CONTENT_SHA256).map(HeaderValue::as_bytes);
    if hash.is_some_and(|hash| hash.eq_ignore_ascii_case(sign::content_sha256(body).as_bytes())) {
        return Ok(());
    }
    let message = "x-log-content-sha256 is not the hash of the body";
    Err(ApiError::new(ErrorCode::SignatureNotMatch, message))
}

fn v1_date(headers: &HeaderMap) -> Result<i64, ApiError> {
    let value = headers.get(LOG_DATE).or_else(|| headers.get(header::DATE)).ok_or_else(|| {
        ApiError::new(ErrorCode::MissingDate, "the request has neither x-log-date nor Date")
    })?;
    let date = value.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
    let secs = since.and_then(|since| i64::try_from(since.as_secs()).ok());
    secs.ok_or_else(|| invalid_date("Thu, 01 Jan 2026 00:00:00 GMT"))
}

fn v4_date(headers: &HeaderMap) -> Result<i64, ApiError> {
    let value = headers
        .get(LOG_DATE)
        .ok_or_else(|| ApiError::new(ErrorCode::MissingDate, "the request has no x-log-date"))?;
    let text = value.to_str().unwrap_or_default();
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text);
    let zoned = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp().as_second()).map_err(|_| invalid_date("20260101T000000Z"))
}

fn invalid_date(example: &str) -> ApiError {
    let message = format!("the date of the request does not have the form {example}");
    ApiError::new(ErrorCode::InvalidDateFormat, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 00:00:00 UTC, the date of the vectors in `sls-api.md` 1.8.
    const THEN: i64 = 1_767_225_600;

    fn keys() -> Keys {
        Keys::new([AccessKey { id: "testAK".into(), secret: "testSK".into() }])
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn v1_headers() -> HeaderMap {
        headers(&[
            ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("x-log-apiversion", "0.6.0"),
            ("x-log-bodyrawsize", "0"),
            ("x-log-signaturemethod", "hmac-sha1"),
            ("authorization", "LOG testAK:0+RJDcerbdlL3LsY/DvLZim9RcA="),
        ])
    }

    fn query() -> Vec<(String, String)> {
        [("offset", "0"), ("size", "10"), ("logstoreName", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec()
    }

    fn check(headers: &HeaderMap, body: &[u8], now: i64) -> Result<(), ErrorCode> {
        let query = query();
        let request = Signable { method: "GET", path: "/logstores", query: &query, headers };
        keys().verify(&request, body, now).map_err(|error| error.code)
    }

    #[test]
    fn the_v1_vector_is_accepted_within_15_minutes() {
        let headers = v1_headers();
        assert_eq!(check(&headers, b"", THEN), Ok(()));
        assert_eq!(check(&headers, b"", THEN + 900), Ok(()));
        assert_eq!(check(&headers, b"", THEN + 901), Err(ErrorCode::RequestTimeExpired));
        assert_eq!(check(&headers, b"", THEN - 901), Err(ErrorCode::RequestTimeExpired));
    }

    #[test]
    fn the_v4_vector_is_accepted() {
        let headers = headers(&[
            ("host", "prj.sls.local"),
            ("x-log-date", "20260101T000000Z"),
            ("x-log-apiversion", "0.6.0"),
            ("x-log-bodyrawsize", "0"),
            (
                "x-log-content-sha256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "authorization",
                "SLS4-HMAC-SHA256 Credential=testAK/20260101/cn-test/sls/aliyun_v4_request,\
                 Signature=d8d656d850689e79aa057cd4804b7e136badb8040395ec18224081cc994e04a8",
            ),
        ]);
        assert_eq!(check(&headers, b"", THEN), Ok(()));
        assert_eq!(check(&headers, b"x", THEN), Err(ErrorCode::SignatureNotMatch));
        assert_eq!(check(&headers, b"", THEN + 901), Err(ErrorCode::RequestTimeExpired));
    }

    #[test]
    fn what_is_missing_or_wrong_has_its_own_code() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = v1_headers();
            headers.insert(name, HeaderValue::from_static(value));
            headers
        };
        let refused = |headers: &HeaderMap, body: &[u8]| check(headers, body, THEN);
        let mut without = v1_headers();
        without.remove("authorization");
        assert_eq!(refused(&without, b""), Err(ErrorCode::Unauthorized));
        let other = with("authorization", "Bearer x");
        assert_eq!(refused(&other, b""), Err(ErrorCode::Unauthorized));
        let other = with("authorization", "LOG other:0+RJDcerbdlL3LsY/DvLZim9RcA=");
        assert_eq!(refused(&other, b""), Err(ErrorCode::Unauthorized));
        let other = with("authorization", "LOG testAK:AAAADcerbdlL3LsY/DvLZim9RcA=");
        assert_eq!(refused(&other, b""), Err(ErrorCode::SignatureNotMatch));
        let other = with("date", "yesterday");
        assert_eq!(refused(&other, b""), Err(ErrorCode::InvalidDateFormat));
        assert_eq!(refused(&v1_headers(), b"body"), Err(ErrorCode::MissingContentMD5));
        let other = with("content-md5", "00000000000000000000000000000000");
        assert_eq!(refused(&other, b"body"), Err(ErrorCode::InvalidContentMD5));
        let mut without = v1_headers();
        without.remove("date");
        assert_eq!(refused(&without, b""), Err(ErrorCode::MissingDate));
    }

    #[test]
    fn a_secret_matches_only_itself() {
        let keys = keys();
        assert!(keys.matches("testAK", "testSK"));
        assert!(!keys.matches("testAK", "testSk"));
        assert!(!keys.matches("testAK", "testSK2"));
        assert!(!keys.matches("testAK", ""));
        assert!(!keys.matches("other", "testSK"));
    }
}
