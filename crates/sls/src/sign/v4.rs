//! Signature v4: `SLS4-HMAC-SHA256`, hex, with a key derived for day and region.

use super::{Signable, content_sha256, hex, unhex};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) const ALGORITHM: &str = "SLS4-HMAC-SHA256";
pub(super) const SERVICE: &str = "sls";
pub(super) const REQUEST: &str = "aliyun_v4_request";

/// The value of the `Authorization` header. The request must already carry `Host`, `x-log-date`
/// (`YYYYMMDDTHHMMSSZ`), `x-log-content-sha256` and its other `x-log-*` headers. `region` may be
/// empty.
pub fn authorization(key_id: &str, secret: &str, region: &str, request: &Signable<'_>) -> String {
    let date = request.header("x-log-date").get(..8).unwrap_or_default();
    let signature = hex(&mac(secret, region, date, request).finalize().into_bytes(), false);
    let scope = scope(date, region);
    format!("{ALGORITHM} Credential={key_id}/{scope},Signature={signature}")
}

/// Whether `signature` (hex) is that of `secret` over `request` for the scope that the request
/// names. The scope's day must be that of `x-log-date`.
pub fn verify(
    secret: &str,
    region: &str,
    date: &str,
    request: &Signable<'_>,
    signature: &str,
) -> bool {
    let Some(signature) = unhex(signature) else { return false };
    request.header("x-log-date").get(..8) == Some(date)
        && mac(secret, region, date, request).verify_slice(&signature).is_ok()
}

fn scope(date: &str, region: &str) -> String {
    [date, region, SERVICE, REQUEST].join("/")
}

fn mac(secret: &str, region: &str, date: &str, request: &Signable<'_>) -> Hmac<Sha256> {
    let mut key = format!("aliyun_v4{secret}").into_bytes();
    for part in [date, region, SERVICE, REQUEST] {
        key = hmac(&key, part).finalize().into_bytes().to_vec();
    }
    let text = [
        ALGORITHM,
        request.header("x-log-date"),
        &scope(date, region),
        &content_sha256(canonical(request).as_bytes()),
    ]
    .join("\n");
    hmac(&key, &text)
}

fn hmac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

fn canonical(request: &Signable<'_>) -> String {
    let mut query: Vec<_> = request.query.iter().collect();
    query.sort();
    let query: Vec<String> = query
        .into_iter()
        .map(|(key, value)| match value.as_str() {
            "" => key.clone(),
            value => format!("{key}={}", percent_encode(value)),
        })
        .collect();
    // No list of signed headers travels with the request; this rule is the list.
    let headers = request.sorted_headers(|name| {
        name == "content-type"
            || name == "host"
            || name.starts_with("x-acs-")
            || (name.starts_with("x-log-") && !name.starts_with("x-log-meta-"))
    });
    let mut text = [request.method, request.path, &query.join("&"), ""].join("\n");
    for (name, value) in &headers {
        text.extend([name, ":", value, "\n"]);
    }
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    text.extend(["\n", &names.join(";"), "\n", request.header("x-log-content-sha256")]);
    text
}

/// RFC 3986: everything but `A-Za-z0-9_.-~`, bytewise.
fn percent_encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for &byte in value.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            text.push(byte as char);
        } else {
            text.push('%');
            text.push_str(&hex(&[byte], true));
        }
    }
    text
}
