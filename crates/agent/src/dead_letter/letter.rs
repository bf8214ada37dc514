//! One dead letter: a batch as it was to be sent, and why it was not taken.

use super::graveyard::Held;
use pipeline::identity::{FileId, content_hash};
use serde::{Deserialize, Serialize};
use sls::api::put_logs::{FileSpan, PutLogs};
use sls::compress::{Compression, DecompressError, decompress};
use sls::error::Refusal;
use sls::log_group::LogGroup;
use std::time::SystemTime;

const MAGIC: &str = "sidetail-dead-letter";
const VERSION: u32 = 2;

/// The oldest version that is read.
const OLDEST_VERSION: u32 = 1;

/// The first line is never longer than this.
const MAX_FIRST_LINE: usize = 128;

/// No log group is larger than this before compression.
const MAX_RAW_BYTES: usize = 64 << 20;

/// Everything about a dead letter but its logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Why it was given up, a word.
    pub reason: String,
    /// HTTP status of the last answer; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The service's error code; empty when it gave none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// What the last answer said.
    #[serde(default)]
    pub message: String,
    /// When it was given up, UNIX seconds.
    pub time: u64,
    /// Address of the service that it was to go to; absent in letters of version 1, which do not
    /// tell whether it was the agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where it was to go there.
    pub project: String,
    /// Where it was to go there.
    pub logstore: String,
    /// Hash key that selects the shard, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_key: Option<String>,
    /// Identity of the file's content, 32 hexadecimal digits.
    pub file: String,
    /// Offset of the first byte in the file.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// Number of logs.
    pub logs: u64,
    /// Topic of the log group.
    #[serde(default)]
    pub topic: String,
    /// Tags of the log group, in order.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// How the log group is compressed; empty when it is not.
    #[serde(default)]
    pub compression: String,
    /// Size of the log group before compression.
    pub raw_size: usize,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// What there is to know.
    pub head: Head,
    /// The log group as it was to be sent.
    pub body: Vec<u8>,
}

/// Bytes that are not a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// Something else, or a version of another program.
    #[error("it is not a dead letter of version {OLDEST_VERSION} to {VERSION}")]
    Foreign,
    /// It was one.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Its first part cannot be understood.
    #[error("its description cannot be read: {0}")]
    Head(#[from] serde_json::Error),
    /// Its logs do not decompress.
    #[error("its logs do not decompress: {0}")]
    Compression(#[from] DecompressError),
    /// Its logs are none.
    #[error("its logs cannot be read: {0}")]
    Logs(#[from] sls::log_group::DecodeError),
}

/// Where a write was to go, beside what the write itself says.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// Address of the service.
    pub endpoint: &'a str,
    /// The project there.
    pub project: &'a str,
}

/// Why a write is given up.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// A word for it.
    pub reason: &'a str,
    /// The last answer, when there was one.
    pub refusal: Option<&'a Refusal>,
    /// What it said.
    pub message: &'a str,
}

impl Letter {
    /// The letter for a write that is given up now.
    pub fn new(cause: Cause<'_>, address: Address<'_>, call: PutLogs, logs: u64) -> Self {
        let Cause { reason, refusal, message } = cause;
        let span = call.span.unwrap_or(FileSpan { file: 0, start: 0, end: 1 });
        let mut letter = Self {
            head: Head {
                reason: reason.to_owned(),
                status: refusal.map(|refusal| refusal.status.as_u16()),
                code: refusal.map(|refusal| refusal.code.clone()).unwrap_or_default(),
                message: message.to_owned(),
                time: SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
                endpoint: Some(address.endpoint.to_owned()),
                project: address.project.to_owned(),
                logstore: call.logstore,
                hash_key: call.hash_key,
                file: format!("{:032x}", span.file),
                start: span.start,
                end: span.end,
                logs,
                topic: String::new(),
                tags: Vec::new(),
                compression: call.compression.header().unwrap_or_default().to_owned(),
                raw_size: call.raw_size,
            },
            body: call.body.to_vec(),
        };
        letter.copy_labels();
        letter
    }

    /// Topic and tags of the log group, for those who list letters.
    fn copy_labels(&mut self) {
        let Ok(raw) = self.raw() else { return };
        let Ok(group) = LogGroup::parse(&raw) else { return };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.head.topic = text(group.topic());
        self.head.tags = group.tags().map(|(key, value)| (text(key), text(value))).collect();
    }

    /// The write that it was to be.
    ///
    /// # Errors
    /// When its description names no such thing.
    pub fn call(&self) -> Result<PutLogs, LetterError> {
        let file = u128::from_str_radix(&self.head.file, 16)
            .map_err(|_| LetterError::Damaged("the file's identity is not hexadecimal"))?;
        Ok(PutLogs {
            logstore: self.head.logstore.clone(),
            body: self.body.clone().into(),
            raw_size: self.head.raw_size,
            compression: self.compression()?,
            hash_key: self.head.hash_key.clone(),
            span: Some(FileSpan { file, start: self.head.start, end: self.head.end }),
        })
    }

    /// Which bytes of which content it holds, if its description names a content.
    pub fn held(&self) -> Option<Held> {
        let file = FileId::parse(&self.head.file)?;
        Some(Held { file, bytes: self.head.start..self.head.end })
    }

    fn compression(&self) -> Result<Compression, LetterError> {
        Compression::from_header(&self.head.compression)
            .ok_or(LetterError::Damaged("the compression is unknown"))
    }

    /// The log group.
    ///
    /// # Errors
    /// When it does not decompress.
    pub fn raw(&self) -> Result<Vec<u8>, LetterError> {
        let kind = self.compression()?;
        Ok(decompress(kind, &self.body, self.head.raw_size, MAX_RAW_BYTES)?)
    }

    /// One line of text for each log: the value of `content` where that is all there is, else the
    /// fields as a JSON object.
    ///
    /// # Errors
    /// When the log group cannot be read.
    pub fn lines(&self) -> Result<Vec<String>, LetterError> {
        let raw = self.raw()?;
        let group = LogGroup::parse(&raw)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let lines = group.logs().map(|log| {
            let fields: Vec<(String, String)> =
                log.contents().map(|(key, value)| (text(key), text(value))).collect();
            match fields.as_slice() {
                [(key, value)] if key == "content" && !value.contains('\n') => value.clone(),
                _ => {
                    let fields = fields.into_iter().map(|(key, value)| (key, value.into()));
                    serde_json::Value::Object(fields.collect()).to_string()
                }
            }
        });
        Ok(lines.collect())
    }

    /// The bytes of its file.
    pub fn encode(&self) -> Vec<u8> {
        let mut rest = serde_json::to_vec(&self.head).unwrap_or_default();
        rest.push(b'\n');
        let head_len = rest.len();
        rest.extend_from_slice(&self.body);
        let mut out = format!(
            "{MAGIC} {VERSION} {head_len} {} {:016x}\n",
            self.body.len(),
            content_hash(&rest)
        )
        .into_bytes();
        out.append(&mut rest);
        out
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are not a whole, undamaged letter of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, LetterError> {
        let first = &bytes[..bytes.len().min(MAX_FIRST_LINE)];
        let end = first.iter().position(|byte| *byte == b'\n').ok_or(LetterError::Foreign)?;
        let line = std::str::from_utf8(&first[..end]).map_err(|_| LetterError::Foreign)?;
        let words: Vec<&str> = line.split(' ').collect();
        let [MAGIC, version, head_len, body_len, hash] = words[..] else {
            return Err(LetterError::Foreign);
        };
        if !version.parse().is_ok_and(|it: u32| (OLDEST_VERSION..=VERSION).contains(&it)) {
            return Err(LetterError::Foreign);
        }
        let number = |text: &str| {
            text.parse::<usize>().map_err(|_| LetterError::Damaged("a length is not a number"))
        };
        let (head_len, body_len) = (number(head_len)?, number(body_len)?);
        let rest = &bytes[end + 1..];
        if head_len.checked_add(body_len) != Some(rest.len()) {
            return Err(LetterError::Damaged("it is shorter or longer than it says"));
        }
        if u64::from_str_radix(hash, 16) != Ok(content_hash(rest)) {
            return Err(LetterError::Damaged("its hash is another one"));
        }
        let (head, body) = rest.split_at(head_len);
        Ok(Self { head: serde_json::from_slice(head)?, body: body.to_vec() })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use sls::compress::compress;
    use sls::log_group::LogGroupWriter;

    /// A letter with these values of `content`.
    pub(in super::super) fn letter(lines: &[&str], compression: Compression) -> Letter {
        let mut group = LogGroupWriter::new();
        for line in lines {
            group.log(7, None, [(&b"content"[..], line.as_bytes())].into_iter());
        }
        group.topic(b"t");
        group.tag(b"_pod_name_", b"pod-1");
        let call = PutLogs {
            logstore: "app".into(),
            body: compress(compression, group.as_bytes()).into(),
            raw_size: group.len_bytes(),
            compression,
            hash_key: None,
            span: Some(FileSpan { file: 0xab, start: 5, end: 90 }),
        };
        let cause = Cause { reason: "invalid", refusal: None, message: "no" };
        let address = Address { endpoint: "http://logs:8100", project: "p1" };
        Letter::new(cause, address, call, lines.len() as u64)
    }

    /// The bytes of a letter by an agent that kept no endpoint.
    pub(in super::super) const WRITTEN_BY_VERSION_1: &[u8] = include_bytes!("version-1.letter");

    #[test]
    fn a_letter_of_version_1_stays_readable() {
        let read = Letter::decode(WRITTEN_BY_VERSION_1).unwrap();
        assert_eq!(read.lines().unwrap(), ["one", "two"]);
        let mut same = letter(&["one", "two"], Compression::None);
        same.head.time = 1_767_225_600;
        same.head.status = Some(400);
        same.head.code = "PostBodyInvalid".into();
        same.head.endpoint = None;
        assert_eq!(read, same);
    }

    #[test]
    fn a_letter_is_the_write_it_was_to_be() {
        for compression in [Compression::Lz4, Compression::Zstd, Compression::None] {
            let letter = letter(&["one", "two"], compression);
            let read = Letter::decode(&letter.encode()).unwrap();
            assert_eq!(read, letter);
            assert_eq!(read.head.endpoint.as_deref(), Some("http://logs:8100"));
            assert_eq!(read.lines().unwrap(), ["one", "two"]);
            assert_eq!(read.head.topic, "t");
            assert_eq!(read.head.tags, [("_pod_name_".to_owned(), "pod-1".to_owned())]);
            let call = read.call().unwrap();
            assert_eq!(call.compression, compression);
            assert_eq!(call.span, Some(FileSpan { file: 0xab, start: 5, end: 90 }));
        }
    }

    #[test]
    fn fields_are_shown_as_an_object() {
        let mut group = LogGroupWriter::new();
        let fields = [("a", "1"), ("b", "x\"y")];
        let fields = fields.map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        group.log(7, None, fields.into_iter());
        let mut letter = letter(&[], Compression::None);
        letter.head.raw_size = group.len_bytes();
        letter.body = group.as_bytes().to_vec();
        assert_eq!(letter.lines().unwrap(), [r#"{"a":"1","b":"x\"y"}"#]);
    }

    #[test]
    fn what_is_not_a_letter_is_said_to_be_none() {
        let check = |bytes: &[u8], said: &str| {
            let error = Letter::decode(bytes).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        };
        check(b"", "not a dead letter");
        check(b"sidetail-dead-letter 0 0 0 0\n", "version 1 to 2");
        check(b"sidetail-dead-letter 3 0 0 0\n", "version 1 to 2");
        check(b"sidetail-dead-letter 1 1 x 0\n", "a length is not a number");
        check(b"sidetail-dead-letter 1 18446744073709551615 1 0\n", "shorter or longer");
        check(b"sidetail-dead-letter 1 0 0 0\n", "hash");
    }

    proptest! {
        #[test]
        fn a_damaged_letter_is_refused_and_never_a_panic(
            lines in prop::collection::vec("[ -~]{0,40}", 0..20),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
            keep in any::<prop::sample::Index>(),
        ) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let letter = letter(&lines, Compression::Lz4);
            let whole = letter.encode();
            prop_assert_eq!(Letter::decode(&whole).unwrap().lines().unwrap(), lines);
            prop_assert!(Letter::decode(&whole[..keep.index(whole.len())]).is_err());
            let mut damaged = whole.clone();
            let at = at.index(damaged.len());
            damaged[at] ^= 1 << bit;
            // A changed letter case of the hash is the one change that means the same.
            if let Ok(read) = Letter::decode(&damaged) {
                prop_assert_eq!(read, letter);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut text = b"sidetail-dead-letter 2 ".to_vec();
            text.extend_from_slice(&bytes);
            prop_assert!(Letter::decode(&bytes).is_err());
            let _ = Letter::decode(&text);
            // With a right first line the description and the logs are whatever they are.
            let head = bytes.len() / 2;
            let mut signed = format!(
                "sidetail-dead-letter 2 {head} {} {:016x}\n", bytes.len() - head, content_hash(&bytes)
            ).into_bytes();
            signed.extend_from_slice(&bytes);
            prop_assert!(Letter::decode(&signed).is_err());
        }

        #[test]
        fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..400), raw_size: usize) {
            let mut letter = letter(&["x"], Compression::Lz4);
            for compression in ["", "lz4", "zstd", "deflate", "gzip", "other"] {
                letter.head.compression = compression.into();
                letter.head.raw_size = raw_size;
                letter.body = body.clone();
                let read = Letter::decode(&letter.encode()).unwrap();
                let _ = read.lines();
                let _ = read.call();
            }
        }
    }
}
