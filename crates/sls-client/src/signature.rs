//! Which signature a request gets, and its headers (`sls-api` 1.4, 1.6, 1.7).
//!
//! Signature v1 has the body hashed with MD5, v4 with SHA-256 and without MD5. With the
//! instructions that processors have for SHA-256 that is a third of the work, without them twice.

use crate::credentials::KeyPair;
use http::header::{self, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sls::api::BODY_RAW_SIZE;
use sls::sign::{Signable, content_md5, content_sha256, v1, v4};
use std::sync::atomic::{AtomicU8, Ordering};

const API_VERSION: HeaderName = HeaderName::from_static("x-log-apiversion");
const SIGNATURE_METHOD: HeaderName = HeaderName::from_static("x-log-signaturemethod");
const LOG_DATE: HeaderName = HeaderName::from_static("x-log-date");
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-log-content-sha256");

/// How a client signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// `LOG`, which every service takes.
    #[default]
    V1,
    /// `SLS4-HMAC-SHA256`.
    V4 {
        /// The region of the service. Alibaba Cloud compares it; Sidetail takes any, also none.
        region: String,
    },
    /// v1, until the service has said that it is Sidetail; then v4 where this machine hashes
    /// SHA-256 in hardware. A service that refuses it gets v1 from then on.
    Auto,
}

/// The signature of a client, with what it learned about the service.
#[derive(Debug)]
pub(crate) struct Choice {
    signature: Signature,
    learned: AtomicU8,
}

const NOTHING: u8 = 0;
const TAKES_V4: u8 = 1;
const REFUSES_V4: u8 = 2;

/// The signature of one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Signer<'a> {
    V1,
    V4 { region: &'a str },
}

impl Choice {
    pub(crate) fn new(signature: Signature) -> Self {
        let signature = match signature {
            Signature::Auto if !has_sha256_instructions() => Signature::V1,
            signature => signature,
        };
        Self { signature, learned: AtomicU8::new(NOTHING) }
    }

    pub(crate) fn signer(&self) -> Signer<'_> {
        match &self.signature {
            Signature::V4 { region } => Signer::V4 { region },
            Signature::Auto if self.learned.load(Ordering::Relaxed) == TAKES_V4 => {
                Signer::V4 { region: "" }
            }
            Signature::V1 | Signature::Auto => Signer::V1,
        }
    }

    /// Takes note of an answer to a request that was signed by `signer`.
    pub(crate) fn learn(&self, signer: &Signer<'_>, status: StatusCode, headers: &HeaderMap) {
        if self.signature != Signature::Auto {
            return;
        }
        if status == StatusCode::UNAUTHORIZED && *signer != Signer::V1 {
            // Something between here and there changes what only v4 covers, such as `Host`.
            self.learned.store(REFUSES_V4, Ordering::Relaxed);
        } else if self.learned.load(Ordering::Relaxed) == NOTHING
            && headers.get(header::SERVER).is_some_and(|name| name == sls::api::SERVER_NAME)
        {
            self.learned.store(TAKES_V4, Ordering::Relaxed);
        }
    }
}

impl Signer<'_> {
    /// Adds the headers of the signature and the signature. `Host` must be there, `date` is an
    /// HTTP date.
    #[expect(clippy::too_many_arguments, reason = "the parts of a request, in their order")]
    pub(crate) fn sign(
        &self,
        key: &KeyPair,
        method: &str,
        path: &str,
        query: &[(String, String)],
        date: &str,
        body: &[u8],
        headers: &mut HeaderMap,
    ) -> Result<(), InvalidHeaderValue> {
        headers.insert(API_VERSION, HeaderValue::from_static("0.6.0"));
        if !headers.contains_key(BODY_RAW_SIZE) {
            headers.insert(BODY_RAW_SIZE, HeaderValue::from(body.len()));
        }
        match self {
            Self::V1 => {
                headers.insert(header::DATE, HeaderValue::from_str(date)?);
                headers.insert(SIGNATURE_METHOD, HeaderValue::from_static("hmac-sha1"));
                if !body.is_empty() {
                    headers.insert(CONTENT_MD5, HeaderValue::from_str(&content_md5(body))?);
                }
            }
            Self::V4 { .. } => {
                headers.insert(LOG_DATE, HeaderValue::from_str(&compact_date(date))?);
                headers.insert(CONTENT_SHA256, HeaderValue::from_str(&content_sha256(body))?);
            }
        }
        let signable = Signable { method, path, query, headers };
        let authorization = match self {
            Self::V1 => v1::authorization(&key.id, &key.secret, &signable),
            Self::V4 { region } => v4::authorization(&key.id, &key.secret, region, &signable),
        };
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&authorization)?);
        Ok(())
    }
}

/// `YYYYMMDDTHHMMSSZ` of an HTTP date such as `Thu, 01 Jan 2026 00:00:00 GMT`.
fn compact_date(http_date: &str) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut parts = http_date.split(' ').skip(1);
    let mut next = || parts.next().unwrap_or_default();
    let (day, month, year, time) = (next(), next(), next(), next());
    let month = MONTHS.find(month).map_or(0, |at| at / 3 + 1);
    format!("{year}{month:02}{day}T{}Z", time.replace(':', ""))
}

/// Whether the processor has instructions for SHA-256.
fn has_sha256_instructions() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        std::arch::is_x86_feature_detected!("sha")
    }
    #[cfg(target_arch = "aarch64")]
    {
        std::arch::is_aarch64_feature_detected!("sha2")
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    fn answer(choice: &Choice, status: u16, server: &'static str) {
        let headers = [(header::SERVER, HeaderValue::from_static(server))].into_iter().collect();
        choice.learn(&choice.signer(), StatusCode::from_u16(status).unwrap(), &headers);
    }

    fn auto() -> Choice {
        // Whatever processor this runs on.
        Choice { signature: Signature::Auto, learned: AtomicU8::new(NOTHING) }
    }

    #[test]
    fn auto_is_v1_until_the_service_says_who_it_is() {
        let choice = auto();
        assert_eq!(choice.signer(), Signer::V1);
        answer(&choice, 200, "nginx");
        assert_eq!(choice.signer(), Signer::V1);
        answer(&choice, 404, "sidetail");
        assert_eq!(choice.signer(), Signer::V4 { region: "" });
    }

    #[test]
    fn auto_goes_back_to_v1_for_good_when_v4_is_refused() {
        let choice = auto();
        answer(&choice, 200, "sidetail");
        answer(&choice, 401, "sidetail");
        assert_eq!(choice.signer(), Signer::V1);
        answer(&choice, 200, "sidetail");
        assert_eq!(choice.signer(), Signer::V1);
    }

    #[test]
    fn what_is_set_holds_whatever_the_service_says() {
        for signature in [Signature::V1, Signature::V4 { region: "cn-test".into() }] {
            let choice = Choice::new(signature);
            let first = format!("{:?}", choice.signer());
            answer(&choice, 200, "sidetail");
            answer(&choice, 401, "sidetail");
            assert_eq!(format!("{:?}", choice.signer()), first);
        }
    }

    #[test]
    fn the_compact_date_is_that_of_the_http_date() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_767_225_600, "20260101T000000Z"),
            (1_798_761_599, "20261231T235959Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(compact_date(&httpdate::fmt_http_date(time)), expected);
        }
    }
}
