//! Request signatures v1 (`LOG`) and v4 (`SLS4-HMAC-SHA256`), `sls-api` 1.6 and 1.7.
//!
//! The same canonical text serves the signer and the verifier, so the two cannot disagree.

pub mod v1;
pub mod v4;

use http::HeaderMap;
use std::fmt::Write;

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Signable<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The path, percent-decoded.
    pub path: &'a str,
    /// Query parameters, decoded, in any order.
    pub query: &'a [(String, String)],
    /// All headers as sent.
    pub headers: &'a HeaderMap,
}

impl<'a> Signable<'a> {
    /// A header's value trimmed, empty when absent or not text.
    fn header(&self, name: &str) -> &'a str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").trim()
    }

    /// The headers for which `wanted` says yes, sorted, as (lower-case name, trimmed value).
    fn sorted_headers(&self, wanted: impl Fn(&str) -> bool) -> Vec<(&'a str, &'a str)> {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("").trim()))
            .filter(|(name, _)| wanted(name))
            .collect();
        headers.sort_unstable();
        headers
    }
}

/// An `Authorization` header taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `LOG <key id>:<signature>`.
    V1 {
        /// Access key id.
        key_id: String,
        /// Base64 of an HMAC-SHA1.
        signature: String,
    },
    /// `SLS4-HMAC-SHA256 Credential=…,Signature=…`.
    V4 {
        /// Access key id.
        key_id: String,
        /// `yyyymmdd`.
        date: String,
        /// May be empty.
        region: String,
        /// Lower-case hex of an HMAC-SHA256.
        signature: String,
    },
}

impl Authorization {
    /// Reads a header value; `None` when it has neither form.
    pub fn parse(value: &str) -> Option<Self> {
        if let Some(rest) = value.strip_prefix("LOG ") {
            let (key_id, signature) = rest.trim().rsplit_once(':')?;
            return Some(Self::V1 { key_id: key_id.into(), signature: signature.into() });
        }
        let rest = value.strip_prefix(v4::ALGORITHM)?.trim_start();
        let (mut credential, mut signature) = (None, None);
        for part in rest.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => {}
            }
        }
        let mut scope = credential?.rsplitn(5, '/');
        let (kind, service) = (scope.next()?, scope.next()?);
        let (region, date, key_id) = (scope.next()?, scope.next()?, scope.next()?);
        (kind == v4::REQUEST && service == v4::SERVICE).then(|| Self::V4 {
            key_id: key_id.into(),
            date: date.into(),
            region: region.into(),
            signature: signature.unwrap_or_default().into(),
        })
    }

    /// The access key id that the request claims.
    pub fn key_id(&self) -> &str {
        match self {
            Self::V1 { key_id, .. } | Self::V4 { key_id, .. } => key_id,
        }
    }

    /// Whether the signature is that of `secret` over `request`.
    pub fn verify(&self, secret: &str, request: &Signable<'_>) -> bool {
        match self {
            Self::V1 { signature, .. } => v1::verify(secret, request, signature),
            Self::V4 { date, region, signature, .. } => {
                v4::verify(secret, region, date, request, signature)
            }
        }
    }
}

/// `Content-MD5` of a body as sent on the wire: upper-case hex.
pub fn content_md5(body: &[u8]) -> String {
    use md5::Digest;
    hex(&md5::Md5::digest(body), true)
}

/// `x-log-content-sha256` of a body as sent on the wire: lower-case hex.
pub fn content_sha256(body: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(body), false)
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let high = (pair[0] as char).to_digit(16)?;
            let low = (pair[1] as char).to_digit(16)?;
            Some((high * 16 + low) as u8)
        })
        .collect()
}

#[cfg(test)]
mod tests;
