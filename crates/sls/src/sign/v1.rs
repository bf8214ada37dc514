//! Signature v1: `LOG <key id>:<base64 of HMAC-SHA1>`.

use super::Signable;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Whether `x-log-date` takes part. The official clients leave it out; some others sign it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LogDate {
    Unsigned,
    Signed,
}

/// Sorting of query parameters, on which the official clients disagree when one key is a prefix
/// of another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QueryOrder {
    ByKey,
    ByPair,
}

/// The value of the `Authorization` header. The request must already carry all its `x-log-*`
/// headers, `Content-MD5` and `Content-Type` for a body, and `Date` or `x-log-date`.
pub fn authorization(key_id: &str, secret: &str, request: &Signable<'_>) -> String {
    let text = text_to_sign(request, LogDate::Unsigned, QueryOrder::ByKey);
    let signature = mac(secret, &text).finalize().into_bytes();
    format!("LOG {key_id}:{}", STANDARD.encode(signature))
}

/// Whether `signature` (base64) is that of `secret` over `request`, in any of the forms that
/// clients in use produce.
pub fn verify(secret: &str, request: &Signable<'_>, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let accepts = |log_date, order| {
        mac(secret, &text_to_sign(request, log_date, order)).verify_slice(&signature).is_ok()
    };
    accepts(LogDate::Unsigned, QueryOrder::ByKey)
        || accepts(LogDate::Unsigned, QueryOrder::ByPair)
        || accepts(LogDate::Signed, QueryOrder::ByKey)
        || accepts(LogDate::Signed, QueryOrder::ByPair)
}

fn mac(secret: &str, text: &str) -> Hmac<Sha1> {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

fn text_to_sign(request: &Signable<'_>, log_date: LogDate, order: QueryOrder) -> String {
    let date = match request.header("x-log-date") {
        "" => request.header("date"),
        date => date,
    };
    let mut text =
        [request.method, request.header("content-md5"), request.header("content-type"), date, ""]
            .join("\n");
    let headers = request.sorted_headers(|name| {
        (name.starts_with("x-log-") || name.starts_with("x-acs-"))
            && !name.starts_with("x-log-meta-")
            && (log_date == LogDate::Signed || name != "x-log-date")
    });
    for (name, value) in headers {
        text.extend([name, ":", value, "\n"]);
    }
    text.push_str(request.path);
    let mut query: Vec<_> = request.query.iter().collect();
    match order {
        QueryOrder::ByKey => query.sort(),
        QueryOrder::ByPair => query.sort_by_cached_key(|(key, value)| format!("{key}={value}")),
    }
    for (index, (key, value)) in query.into_iter().enumerate() {
        text.extend([if index == 0 { "?" } else { "&" }, key, "=", value]);
    }
    text
}
