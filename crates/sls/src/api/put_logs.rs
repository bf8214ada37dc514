//! Writing logs (`sls-api.md` sections 2.2 and 4.1).

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use super::{BODY_RAW_SIZE, COMPRESS_TYPE, PROTOBUF, Parts, call};
use crate::compress::Compression;

/// Header with the [`FileSpan`] a batch was read from. Ours: other services ignore it.
pub const SPAN: HeaderName = HeaderName::from_static("x-log-sidetail-span");

/// Writes one log group. All or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct PutLogs {
    /// Which logstore.
    pub logstore: String,
    /// The encoded log group, compressed as `compression` says.
    pub body: Bytes,
    /// Size of the log group before compression.
    pub raw_size: usize,
    /// How `body` is compressed.
    pub compression: Compression,
    /// Hash key that selects the shard, 32 hexadecimal digits; `None` for any shard.
    pub hash_key: Option<String>,
    /// Where the batch came from.
    pub span: Option<FileSpan>,
}

call!(PutLogs, "PutLogs", Project, (), |this| {
    let mut parts = match &this.hash_key {
        None => Parts::new(Method::POST, format!("/logstores/{}/shards/lb", this.logstore)),
        Some(key) => Parts::new(Method::POST, format!("/logstores/{}/shards/route", this.logstore))
            .with("key", key),
    };
    parts.headers.insert(header::CONTENT_TYPE, PROTOBUF);
    parts.headers.insert(BODY_RAW_SIZE, HeaderValue::from(this.raw_size));
    if let Some(kind) = this.compression.header() {
        parts.headers.insert(COMPRESS_TYPE, HeaderValue::from_static(kind));
    }
    if let Some(span) = &this.span {
        let text = HeaderValue::from_str(&span.to_string()).expect("hex digits and numbers");
        parts.headers.insert(SPAN, text);
    }
    parts.body = this.body.clone();
    parts
});

/// The bytes of one file that a batch holds: what lets the service recognise a batch that
/// comes a second time. On the wire `v1;<32 hex>;<start>-<end>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileSpan {
    /// Identity of the file, chosen by the sender and stable over its restarts.
    pub file: u128,
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte; greater than `start`.
    pub end: u64,
}

impl fmt::Display for FileSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1;{:032x};{}-{}", self.file, self.start, self.end)
    }
}

/// A span header that does not have the form `v1;<32 hex>;<start>-<end>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a span of the form v1;<32 hex>;<start>-<end>")]
pub struct MalformedSpan(pub String);

impl FromStr for FileSpan {
    type Err = MalformedSpan;

    fn from_str(text: &str) -> Result<Self, MalformedSpan> {
        let parse = || {
            let (file, range) = text.strip_prefix("v1;")?.split_once(';')?;
            let hex = file.len() == 32 && file.bytes().all(|byte| byte.is_ascii_hexdigit());
            let (start, end) = range.split_once('-')?;
            let span = FileSpan {
                file: u128::from_str_radix(hex.then_some(file)?, 16).ok()?,
                start: decimal(start)?,
                end: decimal(end)?,
            };
            (span.start < span.end).then_some(span)
        };
        parse().ok_or_else(|| MalformedSpan(text.to_owned()))
    }
}

/// Digits only: `u64::from_str` would also take a leading `+`.
fn decimal(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Call;
    use super::*;

    #[test]
    fn a_compressed_batch_says_its_kind_and_raw_size() {
        let request = PutLogs {
            logstore: "app".into(),
            body: Bytes::from_static(b"xyz"),
            raw_size: 35,
            compression: Compression::Lz4,
            hash_key: None,
            span: Some(FileSpan { file: 0xab, start: 1, end: 20 }),
        };
        let parts = request.parts();
        assert_eq!(parts.target(), "/logstores/app/shards/lb");
        assert_eq!(parts.headers["x-log-bodyrawsize"], "35");
        assert_eq!(parts.headers["x-log-compresstype"], "lz4");
        assert_eq!(parts.headers["content-type"], "application/x-protobuf");
        assert_eq!(
            parts.headers["x-log-sidetail-span"],
            "v1;000000000000000000000000000000ab;1-20"
        );
        let routed = PutLogs { hash_key: Some("00ff".into()), ..request };
        assert_eq!(routed.parts().target(), "/logstores/app/shards/route?key=00ff");
    }

    #[test]
    fn a_malformed_span_is_refused() {
        for text in [
            "",
            "v1;ab;1-2",
            "v2;000000000000000000000000000000ab;1-2",
            "v1;000000000000000000000000000000ab;2-2",
            "v1;000000000000000000000000000000ab;+1-2",
            "v1;000000000000000000000000000000ab;1-",
            "v1;+00000000000000000000000000000ab;1-2",
            "v1;000000000000000000000000000000ab;1-99999999999999999999",
        ] {
            assert_eq!(text.parse::<FileSpan>(), Err(MalformedSpan(text.into())));
        }
    }

    proptest! {
        #[test]
        fn a_span_comes_back_from_its_text(file: u128, start in 0..u64::MAX, length in 1u64..) {
            let span = FileSpan { file, start, end: start.saturating_add(length) };
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
