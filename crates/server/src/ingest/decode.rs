//! From an encoded log group to rows, all or nothing (`sls-api.md` section 2).

use std::ops::RangeInclusive;

use sls::log_group::{DecodeError, LogGroup};
use store::{Batch, BatchBuilder};

/// Longest key of a field or tag, in bytes (`sls-api.md` section 2.3).
const MAX_KEY_BYTES: usize = 128;
const NANOS_PER_SEC: i64 = 1_000_000_000;

/// Why the content of a write was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogs {
    /// The bytes are not a log group.
    #[error("the body is not a log group: {0}")]
    Encoding(#[from] DecodeError),
    /// The nanosecond part is a second or more.
    #[error("log {log} has the nanosecond part {nanos}, which is not below one second")]
    Nanos {
        /// Which log, from 0.
        log: usize,
        /// As sent.
        nanos: u32,
    },
    /// The time lies outside of what the service takes.
    #[error("log {log} has the time {secs}, which is not between {from} and {to}")]
    Time {
        /// Which log, from 0.
        log: usize,
        /// UNIX seconds.
        secs: i64,
        /// First accepted second.
        from: i64,
        /// Last accepted second.
        to: i64,
    },
    /// A key without a character, or with too many.
    #[error("log {log} has a key of {bytes} bytes: keys have 1 to 128")]
    KeyLength {
        /// Which log, from 0.
        log: usize,
        /// Its length.
        bytes: usize,
    },
    /// A key that is not text.
    #[error("log {log} has a key that is not utf-8")]
    KeyText {
        /// Which log, from 0.
        log: usize,
    },
}

/// Decodes `raw` and adds the tags `meta`. With `times` every log must lie inside, in seconds.
///
/// Values, topic, source and tag values that are not UTF-8 are kept with replacement characters,
/// because official writers send bytes; a key that is not text could never be asked for.
pub(super) fn batch(
    raw: &[u8],
    meta: &[(String, String)],
    times: Option<RangeInclusive<i64>>,
) -> Result<Batch, InvalidLogs> {
    let group = LogGroup::parse(raw)?;
    let mut rows = BatchBuilder::new();
    rows.topic(&String::from_utf8_lossy(group.topic()));
    rows.source(&String::from_utf8_lossy(group.source()));
    for (key, value) in group.tags() {
        rows.tag(&String::from_utf8_lossy(key), &String::from_utf8_lossy(value));
    }
    for (key, value) in meta {
        rows.tag(key, value);
    }
    for (index, log) in group.logs().enumerate() {
        let nanos = log.time_ns.unwrap_or(0);
        if i64::from(nanos) >= NANOS_PER_SEC {
            return Err(InvalidLogs::Nanos { log: index, nanos });
        }
        let secs = i64::from(log.time);
        if let Some(times) = &times
            && !times.contains(&secs)
        {
            let (from, to) = (*times.start(), *times.end());
            return Err(InvalidLogs::Time { log: index, secs, from, to });
        }
        rows.begin_row(secs * NANOS_PER_SEC + i64::from(nanos));
        for (key, value) in log.contents() {
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                return Err(InvalidLogs::KeyLength { log: index, bytes: key.len() });
            }
            let key = std::str::from_utf8(key).map_err(|_| InvalidLogs::KeyText { log: index })?;
            rows.field_bytes(key, value);
        }
    }
    Ok(rows.finish())
}

#[cfg(test)]
mod tests {
    use sls::log_group::LogGroupWriter;

    use super::*;

    fn group(key: &[u8], nanos: Option<u32>) -> Vec<u8> {
        let mut writer = LogGroupWriter::new();
        writer.log(1_700_000_000, nanos, [(key, b"v".as_slice())].into_iter());
        writer.topic(b"t");
        writer.tag(b"k", b"\xff");
        writer.take()
    }

    #[test]
    fn rows_carry_time_topic_tags_and_fields() {
        let meta = [("__client_ip__".to_owned(), "10.0.0.1".to_owned())];
        let batch = batch(&group(b"a", Some(5)), &meta, None).expect("valid");
        assert_eq!(batch.time_nanos(0), 1_700_000_000_000_000_005);
        assert_eq!(batch.topic(), "t");
        assert_eq!(batch.tags()[0], ("k".into(), "\u{fffd}".into()));
        assert_eq!(batch.tags()[1].1, "10.0.0.1");
        assert_eq!(batch.keys(), ["a"]);
    }

    #[test]
    fn one_bad_log_refuses_the_group() {
        let check = |raw: &[u8]| batch(raw, &[], None).expect_err("refused");
        assert!(matches!(check(b"\x0a\xff"), InvalidLogs::Encoding(_)));
        assert!(matches!(check(&group(b"", None)), InvalidLogs::KeyLength { bytes: 0, .. }));
        assert!(matches!(check(&group(&[b'k'; 129], None)), InvalidLogs::KeyLength { .. }));
        assert!(matches!(check(&group(b"\xff", None)), InvalidLogs::KeyText { log: 0 }));
        let nanos = group(b"a", Some(1_000_000_000));
        assert!(matches!(check(&nanos), InvalidLogs::Nanos { log: 0, .. }));
    }

    #[test]
    fn a_window_refuses_other_times() {
        let raw = group(b"a", None);
        assert!(batch(&raw, &[], Some(1_699_999_999..=1_700_000_000)).is_ok());
        let refused = batch(&raw, &[], Some(1_700_000_001..=1_700_000_002));
        assert!(matches!(refused, Err(InvalidLogs::Time { secs: 1_700_000_000, .. })));
    }
}
