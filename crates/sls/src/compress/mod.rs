//! Body compression as SLS clients use it (`sls-api` 1.5): a raw LZ4 block, a standard zstd
//! frame, zlib and gzip. The raw size travels beside the body, and nothing is allocated before
//! that size has been compared with the receiver's limit.

mod lz4;

use std::io::Read;

/// How a body is compressed; the values of `x-log-compresstype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not compressed: no `x-log-compresstype` header.
    None,
    /// A raw LZ4 block: no size prefix, no frame.
    Lz4,
    /// A zstd frame.
    Zstd,
    /// The zlib format (not raw deflate), as the Python client does.
    Deflate,
    /// A gzip member, used by web tracking.
    Gzip,
}

/// Why a body cannot be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// The declared or actual size is above the receiver's limit.
    #[error("body of {bytes} bytes before compression is over the limit of {cap_bytes} bytes")]
    TooLarge {
        /// The declared size, or what had been read when the limit was passed.
        bytes: usize,
        /// The receiver's limit.
        cap_bytes: usize,
    },
    /// The bytes are not of the announced format.
    #[error("body is not valid {kind}")]
    Corrupt {
        /// `x-log-compresstype` as sent.
        kind: &'static str,
    },
    /// The body decompresses, but not to the declared size.
    #[error("body decompresses to another size than the {declared_bytes} bytes it declares")]
    SizeMismatch {
        /// `x-log-bodyrawsize` as sent.
        declared_bytes: usize,
    },
}

impl Compression {
    /// Reads a value of `x-log-compresstype`; `None` for an unknown one.
    pub fn from_header(value: &str) -> Option<Self> {
        match value {
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            "deflate" => Some(Self::Deflate),
            "gzip" => Some(Self::Gzip),
            "" => Some(Self::None),
            _ => None,
        }
    }

    /// The value for `x-log-compresstype`, absent for an uncompressed body.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lz4 => Some("lz4"),
            Self::Zstd => Some("zstd"),
            Self::Deflate => Some("deflate"),
            Self::Gzip => Some("gzip"),
        }
    }
}

/// Compresses bodies one after the other, keeping its hash table and its output between them.
#[derive(Debug, Default)]
pub struct Compressor {
    lz4: lz4::Encoder,
    /// As long as the largest body asked for: filling it with zeros for each body would cost as
    /// much as a tenth of compressing it.
    out: Vec<u8>,
}

impl Compressor {
    /// Compresses `raw`. The result is there until the next call.
    pub fn compress<'a>(&'a mut self, kind: Compression, raw: &'a [u8]) -> &'a [u8] {
        let len = match kind {
            Compression::None => return raw,
            Compression::Lz4 => {
                let out = room(&mut self.out, lz4::room_for(raw.len()));
                self.lz4.encode(raw, out)
            }
            Compression::Zstd => {
                let out = room(&mut self.out, zstd::zstd_safe::compress_bound(raw.len()));
                zstd::bulk::compress_to_buffer(raw, out, 1)
                    .expect("the output has the maximum size that zstd can need")
            }
            Compression::Deflate => {
                let encoder = flate2::read::ZlibEncoder::new(raw, flate2::Compression::fast());
                read_all(encoder, &mut self.out)
            }
            Compression::Gzip => {
                let encoder = flate2::read::GzEncoder::new(raw, flate2::Compression::fast());
                read_all(encoder, &mut self.out)
            }
        };
        &self.out[..len]
    }
}

/// The first `len` bytes of `out`, whatever they hold.
fn room(out: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if out.len() < len {
        out.resize(len, 0);
    }
    &mut out[..len]
}

fn read_all(mut encoder: impl Read, out: &mut Vec<u8>) -> usize {
    out.clear();
    encoder.read_to_end(out).expect("an encoder over memory has no I/O to fail")
}

/// Compresses one body. For many bodies keep a [`Compressor`].
pub fn compress(kind: Compression, raw: &[u8]) -> Vec<u8> {
    Compressor::default().compress(kind, raw).to_vec()
}

/// Decompresses `body`, whose size before compression is declared as `raw_bytes`.
///
/// Memory use is bounded by `cap_bytes`, whatever the sender claims: a larger declaration is
/// refused before anything is allocated, and decompression stops one byte after the declaration.
pub fn decompress(
    kind: Compression,
    body: &[u8],
    raw_bytes: usize,
    cap_bytes: usize,
) -> Result<Vec<u8>, DecompressError> {
    if raw_bytes > cap_bytes {
        return Err(DecompressError::TooLarge { bytes: raw_bytes, cap_bytes });
    }
    let mismatch = DecompressError::SizeMismatch { declared_bytes: raw_bytes };
    let corrupt = DecompressError::Corrupt { kind: kind.header().unwrap_or("none") };
    let raw = match kind {
        Compression::None => body.to_vec(),
        Compression::Lz4 => {
            // LZ4 cannot expand more than 255-fold, so a small body with a large declaration is
            // a lie that would only cost memory.
            if raw_bytes / 255 > body.len() {
                return Err(corrupt);
            }
            let mut raw = vec![0; raw_bytes];
            let len =
                lz4_flex::block::decompress_into(body, &mut raw).map_err(|error| match error {
                    lz4_flex::block::DecompressError::OutputTooSmall { .. } => mismatch.clone(),
                    _ => corrupt,
                })?;
            raw.truncate(len);
            raw
        }
        Compression::Zstd => {
            // One byte more than declared, so that a larger content shows.
            read_bounded(
                zstd::stream::read::Decoder::new(body).map_err(|_| corrupt.clone())?,
                raw_bytes,
                corrupt,
            )?
        }
        Compression::Deflate => {
            read_bounded(flate2::read::ZlibDecoder::new(body), raw_bytes, corrupt)?
        }
        Compression::Gzip => read_bounded(flate2::read::GzDecoder::new(body), raw_bytes, corrupt)?,
    };
    if raw.len() == raw_bytes { Ok(raw) } else { Err(mismatch) }
}

fn read_bounded(
    decoder: impl Read,
    raw_bytes: usize,
    corrupt: DecompressError,
) -> Result<Vec<u8>, DecompressError> {
    let mut raw = Vec::with_capacity(raw_bytes.min(1 << 20));
    decoder.take(raw_bytes as u64 + 1).read_to_end(&mut raw).map_err(|_| corrupt)?;
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Compression; 5] = [
        Compression::None,
        Compression::Lz4,
        Compression::Zstd,
        Compression::Deflate,
        Compression::Gzip,
    ];

    #[test]
    fn header_values_round_trip() {
        for kind in KINDS {
            assert_eq!(Compression::from_header(kind.header().unwrap_or("")), Some(kind));
        }
        assert_eq!(Compression::from_header("snappy"), None);
    }

    #[test]
    fn a_declaration_over_the_limit_is_refused_before_anything_is_read() {
        for kind in KINDS {
            assert_eq!(
                decompress(kind, b"", 11, 10),
                Err(DecompressError::TooLarge { bytes: 11, cap_bytes: 10 })
            );
        }
    }

    #[test]
    fn another_size_than_declared_is_refused_in_both_directions() {
        let raw = vec![b'a'; 1000];
        for kind in KINDS {
            let body = compress(kind, &raw);
            for declared in [999, 1001] {
                assert_eq!(
                    decompress(kind, &body, declared, 1 << 20),
                    Err(DecompressError::SizeMismatch { declared_bytes: declared }),
                    "{kind:?} {declared}"
                );
            }
        }
    }

    #[test]
    fn a_bomb_stops_at_the_declared_size() {
        let bomb = compress(Compression::Zstd, &vec![0; 64 << 20]);
        assert!(bomb.len() < 64 << 10);
        assert_eq!(
            decompress(Compression::Zstd, &bomb, 1 << 20, 10 << 20),
            Err(DecompressError::SizeMismatch { declared_bytes: 1 << 20 })
        );
        let small = compress(Compression::Lz4, b"x");
        assert_eq!(
            decompress(Compression::Lz4, &small, 10 << 20, 10 << 20),
            Err(DecompressError::Corrupt { kind: "lz4" })
        );
    }

    #[test]
    fn noise_is_corrupt() {
        for kind in [Compression::Lz4, Compression::Zstd, Compression::Deflate, Compression::Gzip] {
            let error = decompress(kind, &[0xf3; 40], 100, 1 << 20).unwrap_err();
            assert!(
                matches!(
                    error,
                    DecompressError::Corrupt { .. } | DecompressError::SizeMismatch { .. }
                ),
                "{kind:?} {error:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_body_comes_back(raw in prop::collection::vec(any::<u8>(), 0..5000), repeat in 1usize..40) {
            let raw = raw.repeat(repeat);
            let mut compressor = Compressor::default();
            for kind in KINDS {
                let body = compressor.compress(kind, &raw);
                prop_assert_eq!(decompress(kind, body, raw.len(), 1 << 20).unwrap(), raw.clone());
            }
        }

        #[test]
        fn damage_never_panics(raw in prop::collection::vec(any::<u8>(), 1..500), at in any::<prop::sample::Index>(), byte: u8) {
            for kind in KINDS {
                let mut body = compress(kind, &raw);
                let at = at.index(body.len());
                body[at] = byte;
                if let Ok(out) = decompress(kind, &body, raw.len(), 1 << 20) {
                    prop_assert_eq!(out.len(), raw.len());
                }
            }
        }
    }
}
