//! What the log keeps of a write: the body as received behind a small header, so that recovery
//! can decode it without the request. All numbers are little-endian.
//!
//! | bytes | meaning |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | compression: 0 none, 1 lz4, 2 zstd, 3 deflate, 4 gzip |
//! | 4 | size before compression |
//! | 2 | number of tags the service added |
//! | each | 2 bytes length, key, 2 bytes length, value |
//! | rest | the body |

use sls::compress::{Compression, decompress};
use store::Batch;

use super::decode;

const VERSION: u8 = 1;

/// Turns payloads back into rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct PayloadDecode;

impl store::Decode for PayloadDecode {
    fn decode(&self, payload: &[u8]) -> Result<Batch, String> {
        let read = read(payload)?;
        let bytes = read.raw_bytes;
        let raw = decompress(read.compression, read.body, bytes, bytes.max(read.body.len()))
            .map_err(|error| format!("a kept log group does not decompress: {error}"))?;
        // Times were checked when the group was taken; they are not refused for having aged.
        decode::batch(&raw, &read.tags, None)
            .map_err(|error| format!("a kept log group does not decode: {error}"))
    }
}

struct Read<'a> {
    compression: Compression,
    raw_bytes: usize,
    tags: Vec<(String, String)>,
    body: &'a [u8],
}

pub(super) fn encode(
    compression: Compression,
    raw_bytes: usize,
    tags: &[(String, String)],
    body: &[u8],
) -> Vec<u8> {
    let tag_bytes: usize = tags.iter().map(|(key, value)| 4 + key.len() + value.len()).sum();
    let mut payload = Vec::with_capacity(8 + tag_bytes + body.len());
    payload.push(VERSION);
    payload.push(match compression {
        Compression::None => 0,
        Compression::Lz4 => 1,
        Compression::Zstd => 2,
        Compression::Deflate => 3,
        Compression::Gzip => 4,
    });
    let raw_bytes = u32::try_from(raw_bytes).expect("bodies are capped far below 4 GiB");
    payload.extend_from_slice(&raw_bytes.to_le_bytes());
    let count = u16::try_from(tags.len()).expect("the service adds two tags");
    payload.extend_from_slice(&count.to_le_bytes());
    for text in tags.iter().flat_map(|(key, value)| [key, value]) {
        let length = u16::try_from(text.len()).expect("the service adds short tags");
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(text.as_bytes());
    }
    payload.extend_from_slice(body);
    payload
}

fn read(payload: &[u8]) -> Result<Read<'_>, String> {
    let mut rest = payload;
    let [version, kind] = take::<2>(&mut rest)?;
    if version != VERSION {
        return Err(format!("payload version {version} is not known: use the newer program"));
    }
    let compression = match kind {
        0 => Compression::None,
        1 => Compression::Lz4,
        2 => Compression::Zstd,
        3 => Compression::Deflate,
        4 => Compression::Gzip,
        other => return Err(format!("payload compression {other} is not known")),
    };
    let raw_bytes = u32::from_le_bytes(take(&mut rest)?) as usize;
    let count = u16::from_le_bytes(take(&mut rest)?);
    let mut tags = Vec::new();
    for _ in 0..count {
        tags.push((text(&mut rest)?, text(&mut rest)?));
    }
    Ok(Read { compression, raw_bytes, tags, body: rest })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or("payload ends inside its header")?;
    *rest = tail;
    Ok(*head)
}

fn text(rest: &mut &[u8]) -> Result<String, String> {
    let length = usize::from(u16::from_le_bytes(take(rest)?));
    let (head, tail) = rest.split_at_checked(length).ok_or("payload ends inside a tag")?;
    *rest = tail;
    String::from_utf8(head.to_vec()).map_err(|_| "a tag of the payload is not utf-8".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sls::compress::compress;
    use sls::log_group::LogGroupWriter;
    use store::Decode;

    use super::*;

    #[test]
    fn a_payload_gives_the_rows_it_was_made_of_in_every_compression() {
        let mut writer = LogGroupWriter::new();
        writer.log(5, None, [(b"a".as_slice(), b"1".as_slice())].into_iter());
        let raw = writer.take();
        let tags = vec![("__client_ip__".to_owned(), "::1".to_owned())];
        let expected = decode::batch(&raw, &tags, None).expect("valid");
        for kind in [
            Compression::None,
            Compression::Lz4,
            Compression::Zstd,
            Compression::Deflate,
            Compression::Gzip,
        ] {
            let payload = encode(kind, raw.len(), &tags, &compress(kind, &raw));
            assert_eq!(PayloadDecode.decode(&payload).as_ref(), Ok(&expected), "{kind:?}");
        }
    }

    #[test]
    fn a_cut_or_foreign_payload_is_an_error() {
        let payload = encode(Compression::None, 0, &[("k".into(), "v".into())], b"");
        for cut in 0..payload.len() {
            assert!(PayloadDecode.decode(&payload[..cut]).is_err(), "cut at {cut}");
        }
        let mut foreign = payload.clone();
        foreign[0] = 2;
        assert!(PayloadDecode.decode(&foreign).is_err_and(|error| error.contains("version 2")));
    }

    proptest! {
        #[test]
        fn whatever_was_taken_is_recovered(
            logs in prop::collection::vec(
                (any::<u32>(), prop::collection::vec(("[a-z]{1,8}", any::<Vec<u8>>()), 0..4)),
                0..8,
            ),
            tags in prop::collection::vec((".{0,20}", ".{0,20}"), 0..3),
            kind in prop::sample::select(vec![Compression::None, Compression::Lz4, Compression::Zstd]),
        ) {
            let mut writer = LogGroupWriter::new();
            for (time, fields) in &logs {
                let fields = fields.iter().map(|(key, value)| (key.as_bytes(), value.as_slice()));
                writer.log(*time, None, fields);
            }
            let raw = writer.take();
            let taken = decode::batch(&raw, &tags, None).expect("every part is valid");
            let payload = encode(kind, raw.len(), &tags, &compress(kind, &raw));
            prop_assert_eq!(PayloadDecode.decode(&payload), Ok(taken));
        }

        #[test]
        fn no_bytes_make_recovery_panic(payload: Vec<u8>) {
            let _ = PayloadDecode.decode(&payload);
        }
    }
}
