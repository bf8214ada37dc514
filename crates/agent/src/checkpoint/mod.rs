//! Positions on disk: how far each file is acknowledged, and how to know the file again.
//!
//! The bytes are described in `docs/format/checkpoint.md`. An entry moves only when the service
//! has confirmed what lies in front of its offset, so a crash repeats and never loses.

mod restored;
mod store;

pub use restored::{Claim, Ranked, Restored};
pub use store::{Loaded, load, save};

use crate::files::names::lossless;
use pipeline::identity::{FileFacts, FileId, Known, Mark, content_hash};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// First word of the file.
const MAGIC: &str = "sidetail-checkpoint";

/// The version written when every path is UTF-8, so that an older agent can read it.
const VERSION: u32 = 1;

/// The version that can say all paths.
const VERSION_OF_ANY_PATH: u32 = 2;

/// One file of one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Name of the configuration.
    pub config: String,
    /// Project that receives the logs.
    pub project: String,
    /// Logstore that receives the logs.
    pub logstore: String,
    /// The path as the configuration names it: the tag `__path__`.
    #[serde(with = "lossless")]
    pub path: PathBuf,
    /// Where the file was last seen on this machine.
    #[serde(with = "lossless")]
    pub at: PathBuf,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Birth time in nanoseconds since the UNIX epoch, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<u64>,
    /// Length of the head that is marked, and its hash.
    pub head: (u16, u64),
    /// Everything in front of this byte is acknowledged or given up.
    pub offset: u64,
    /// Length of the content in front of `offset` that is marked, and its hash.
    pub anchor: (u16, u64),
    /// How often the file was started again from its first byte.
    pub generation: u32,
    /// The id of the file's content towards the service; all zero while it has none.
    #[serde(with = "file_id")]
    pub file: FileId,
    /// The last record was taken before its newline was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// When the file was last seen to exist, UNIX seconds.
    pub seen: u64,
    /// The largest size that was seen of this content; 0 when that is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub size: u64,
    /// What in front of `offset` was given up and is in dead letters: first bytes, and those behind
    /// the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead_letter: Vec<(u64, u64)>,
    /// What in front of `offset` was given up and is in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destroyed: Vec<(u64, u64)>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Entry {
    /// Whether a file with these facts may be this one: the content has the last word.
    pub fn may_be(&self, facts: &FileFacts) -> bool {
        let births_agree = match (self.born, facts.born_nanos) {
            (Some(known), Some(now)) => known == now,
            _ => true,
        };
        self.inode == facts.inode && births_agree
    }

    /// What [`pipeline::identity::judge`] needs to know.
    pub fn known(&self) -> Known {
        Known {
            device: self.device,
            inode: self.inode,
            born_nanos: self.born,
            head: Mark { len: self.head.0, hash: self.head.1 },
            offset: self.offset,
            anchor: Mark { len: self.anchor.0, hash: self.anchor.1 },
        }
    }
}

mod file_id {
    use pipeline::identity::FileId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &FileId, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<FileId, D::Error> {
        let text = String::deserialize(input)?;
        FileId::parse(&text).ok_or_else(|| D::Error::custom("a file id has 32 hex digits"))
    }
}

/// A checkpoint file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file does not begin as a checkpoint does.
    #[error("the file is not a checkpoint")]
    NotACheckpoint,
    /// Written by a version of the agent that this one does not know.
    #[error(
        "checkpoint version {found} is unknown; this agent reads versions {VERSION} and {VERSION_OF_ANY_PATH}"
    )]
    UnknownVersion {
        /// The version in the file.
        found: u32,
    },
    /// The content is not what was written.
    #[error("the checkpoint is damaged: {reason}")]
    Damaged {
        /// What does not fit.
        reason: String,
    },
}

/// Writes entries in the form of the file.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::with_capacity(entries.len() * 400);
    for entry in entries {
        serde_json::to_writer(&mut body, entry).expect("an entry has nothing that JSON cannot say");
        body.push(b'\n');
    }
    let count = entries.len();
    let is_text = |entry: &Entry| entry.path.to_str().is_some() && entry.at.to_str().is_some();
    let version = if entries.iter().all(is_text) { VERSION } else { VERSION_OF_ANY_PATH };
    let mut out = format!("{MAGIC} {version} {count} {:016x}\n", content_hash(&body)).into_bytes();
    out.extend_from_slice(&body);
    out
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// When the file is something else, of another version, or damaged.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry>, CheckpointError> {
    let damaged = |reason: &str| CheckpointError::Damaged { reason: reason.to_owned() };
    let header_end =
        bytes.iter().position(|byte| *byte == b'\n').ok_or(CheckpointError::NotACheckpoint)?;
    let (header, body) = (&bytes[..header_end], &bytes[header_end + 1..]);
    let header = std::str::from_utf8(header).map_err(|_| CheckpointError::NotACheckpoint)?;
    let mut words = header.split(' ');
    if words.next() != Some(MAGIC) {
        return Err(CheckpointError::NotACheckpoint);
    }
    let version: u32 = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| damaged("the header has no version"))?;
    if ![VERSION, VERSION_OF_ANY_PATH].contains(&version) {
        return Err(CheckpointError::UnknownVersion { found: version });
    }
    let count: usize = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| damaged("the header has no count"))?;
    let hash = words
        .next()
        .and_then(|word| u64::from_str_radix(word, 16).ok())
        .ok_or_else(|| damaged("the header has no hash"))?;
    if content_hash(body) != hash {
        return Err(damaged("the hash of the content is another one"));
    }
    let entries: Vec<Entry> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).map_err(|error| damaged(&error.to_string())))
        .collect::<Result<_, _>>()?;
    if entries.len() != count {
        return Err(damaged("the number of entries is another one"));
    }
    Ok(entries)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    pub(crate) fn entry(config: &str, inode: u64, offset: u64) -> Entry {
        Entry {
            config: config.into(),
            project: "p".into(),
            logstore: "l".into(),
            path: "/var/log/a.log".into(),
            at: "/pods/1/var/log/a.log".into(),
            device: 1,
            inode,
            born: Some(77),
            head: (11, 12),
            offset,
            anchor: (13, u64::MAX),
            generation: 2,
            file: FileId([0xab; 16]),
            unfinished: true,
            seen: 1_700_000_000,
            size: 0,
            dead_letter: Vec::new(),
            destroyed: Vec::new(),
        }
    }

    /// The bytes of a released version. A change here needs a new version number.
    const WRITTEN_BY_VERSION_1: &str = concat!(
        "sidetail-checkpoint 1 1 98c9bc66561a50df\n",
        r#"{"config":"c","project":"p","logstore":"l","path":"/var/log/a.log","#,
        r#""at":"/pods/1/var/log/a.log","device":1,"inode":5,"born":77,"head":[11,12],"#,
        r#""offset":99,"anchor":[13,18446744073709551615],"generation":2,"#,
        r#""file":"abababababababababababababababab","unfinished":true,"seen":1700000000}"#,
        "\n"
    );

    #[test]
    fn version_1_stays_as_it_is() {
        let entries = [entry("c", 5, 99)];
        let given_up =
            Entry { dead_letter: vec![(0, 5)], destroyed: vec![(9, 12)], ..entry("c", 5, 99) };
        assert_eq!(decode(&encode(std::slice::from_ref(&given_up))).unwrap(), [given_up]);
        assert_eq!(String::from_utf8(encode(&entries)).unwrap(), WRITTEN_BY_VERSION_1);
        assert_eq!(decode(WRITTEN_BY_VERSION_1.as_bytes()).unwrap(), entries);
    }

    /// The same of version 2.
    const WRITTEN_BY_VERSION_2: &str = concat!(
        "sidetail-checkpoint 2 1 c845873fa88be66d\n",
        r#"{"config":"c","project":"p","logstore":"l","#,
        r#""path":{"escaped":"/var/log/\\xc8\\xd5\\\\.log"},"#,
        r#""at":"/pods/1/var/log/a.log","device":1,"inode":5,"born":77,"head":[11,12],"#,
        r#""offset":99,"anchor":[13,18446744073709551615],"generation":2,"#,
        r#""file":"abababababababababababababababab","unfinished":true,"seen":1700000000}"#,
        "\n"
    );

    #[test]
    fn version_2_stays_as_it_is() {
        let path = OsStr::from_bytes(b"/var/log/\xc8\xd5\\.log").into();
        let entries = [Entry { path, ..entry("c", 5, 99) }];
        assert_eq!(String::from_utf8(encode(&entries)).unwrap(), WRITTEN_BY_VERSION_2);
        assert_eq!(decode(WRITTEN_BY_VERSION_2.as_bytes()).unwrap(), entries);
    }

    #[test]
    fn another_file_or_version_is_refused_by_name() {
        let refused = |text: &str| decode(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused(""), "the file is not a checkpoint");
        assert_eq!(refused("{\"version\":200}\n"), "the file is not a checkpoint");
        assert!(refused("sidetail-checkpoint 7 0 0\n").contains("version 7 is unknown"));
    }

    proptest! {
        #[test]
        fn every_entry_comes_back(
            configs in prop::collection::vec(("\\PC{0,20}", any::<u64>(), any::<u64>(), any::<Option<u64>>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..8)), 0..8),
        ) {
            let entries: Vec<Entry> = configs
                .into_iter()
                .map(|(config, inode, offset, born, unfinished, path)| Entry {
                    path: OsStr::from_bytes(&path).into(),
                    at: OsStr::from_bytes(&path).into(),
                    born, unfinished, ..entry(&config, inode, offset)
                })
                .collect();
            prop_assert_eq!(decode(&encode(&entries)).unwrap(), entries);
        }

        /// A damaged file is refused or, where the damage changes nothing, gives the same.
        #[test]
        fn damage_is_noticed(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
            let entries = [entry("c", 5, 99), entry("d", 6, 100)];
            let good = encode(&entries);
            let mut bad = good.clone();
            let at = at.index(bad.len());
            bad[at] = byte;
            if let Ok(read) = decode(&bad) {
                prop_assert_eq!(&read[..], &entries[..]);
            }
            prop_assert!(cut.index(good.len()) == good.len() || decode(&good[..cut.index(good.len())]).is_err());
        }
    }
}
