//! From the body of a write to durable, searchable rows.
//!
//! The order is: announce ([`Envelope`], from headers alone), decompress under the cap, decode
//! all of it or refuse all of it, append, and answer only when the engine says durable.

mod decode;
mod payload;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::HeaderMap;
use sls::api;
use sls::api::put_logs::{FileSpan, MalformedSpan};
use sls::compress::{Compression, DecompressError, decompress};
use store::{Append, AppendError, Engine, Origin};
use tokio::sync::oneshot;

pub use decode::InvalidLogs;
pub use payload::PayloadDecode;

use crate::catalog::Logstore;
use crate::http::shield::Room;
use crate::metrics::Metrics;
use crate::settings::LogTimes;

/// Hash keys and shard ranges have this many hexadecimal digits.
const KEY_DIGITS: usize = 32;

/// Takes log groups into the engine.
#[derive(Debug)]
pub struct Ingest {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    cap_bytes: usize,
    log_times: LogTimes,
    turn: AtomicUsize,
}

/// What the headers of a write say about its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// How the body is compressed.
    pub compression: Compression,
    /// Its size before compression; for a plain body it is not looked at.
    pub raw_bytes: usize,
    /// Which bytes of which file it holds.
    pub span: Option<FileSpan>,
}

/// Which shard a write goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// Any that takes writes.
    Any,
    /// The one whose range holds this hash key.
    Key(&'a str),
}

/// One write.
#[derive(Debug)]
pub struct Write {
    /// Where to.
    pub logstore: Arc<Logstore>,
    /// Which shard.
    pub shard: u16,
    /// About the body.
    pub envelope: Envelope,
    /// As received.
    pub body: Bytes,
    /// Address of the sender, for logstores that record it.
    pub client_ip: String,
    /// When it was received, nanoseconds since 1970-01-01 UTC.
    pub received_nanos: i64,
    /// Held until the engine has decided, even when nobody waits for that any more.
    pub room: Option<Arc<Room>>,
}

/// Why a write was refused.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// `x-log-compresstype` has an unknown value.
    #[error("x-log-compresstype {0:?} is not one of lz4, zstd, deflate, gzip")]
    CompressType(String),
    /// A compressed body without its size.
    #[error("a compressed body needs the header x-log-bodyrawsize")]
    RawSizeMissing,
    /// A size that is not a number.
    #[error("x-log-bodyrawsize {0:?} is not a number of bytes")]
    RawSizeInvalid(String),
    /// A span header of another form.
    #[error(transparent)]
    Span(#[from] MalformedSpan),
    /// The body is too large or does not decompress.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// The content is not a valid log group.
    #[error(transparent)]
    Logs(#[from] InvalidLogs),
    /// A hash key of another form.
    #[error("hash key {0:?} is not 1 to 32 hexadecimal digits")]
    HashKey(String),
    /// No shard takes the write.
    #[error("logstore {0} has no shard that takes this write")]
    NoShard(String),
    /// The engine refused.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The engine ended without deciding.
    #[error("the engine ended before it decided about a write")]
    Undecided,
}

impl Envelope {
    /// Reads the headers of a write.
    ///
    /// # Errors
    /// Unknown compression, missing or unreadable size, malformed span.
    pub fn read(headers: &HeaderMap) -> Result<Self, IngestError> {
        let text = |name: http::HeaderName| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
        };
        let kind = text(api::COMPRESS_TYPE).unwrap_or_default();
        let compression = Compression::from_header(&kind)
            .ok_or_else(|| IngestError::CompressType(kind.into_owned()))?;
        // Clients send a wrong size beside plain bodies, so it counts only beside compressed ones.
        let raw_bytes = if compression == Compression::None {
            0
        } else {
            let size = text(api::BODY_RAW_SIZE).ok_or(IngestError::RawSizeMissing)?;
            size.trim().parse().map_err(|_| IngestError::RawSizeInvalid(size.into_owned()))?
        };
        let span = text(api::put_logs::SPAN).map(|span| span.parse()).transpose()?;
        Ok(Self { compression, raw_bytes, span })
    }
}

impl Ingest {
    /// Takes groups of at most `cap_bytes` before compression.
    pub fn new(
        engine: Arc<Engine>,
        metrics: Arc<Metrics>,
        cap_bytes: usize,
        log_times: LogTimes,
    ) -> Self {
        Self { engine, metrics, cap_bytes, log_times, turn: AtomicUsize::new(0) }
    }

    /// The shard of a logstore for `route`.
    ///
    /// # Errors
    /// The key is malformed, or no shard takes it.
    pub fn shard(&self, logstore: &Logstore, route: Route<'_>) -> Result<u16, IngestError> {
        let shard = match route {
            Route::Any => logstore.shard_in_turn(self.turn.fetch_add(1, Ordering::Relaxed)),
            Route::Key(key) => {
                let hex = key.bytes().all(|digit| digit.is_ascii_hexdigit());
                if !hex || key.is_empty() || key.len() > KEY_DIGITS {
                    return Err(IngestError::HashKey(key.to_owned()));
                }
                logstore.shard_of_key(&key.to_ascii_lowercase())
            }
        };
        shard.ok_or_else(|| IngestError::NoShard(logstore.name().to_owned()))
    }

    /// Takes one group. When this returns without an error, the group survives a power cut and
    /// is found by the next query.
    ///
    /// # Errors
    /// See [`IngestError`]; nothing of the group is stored then, with the one exception of a
    /// failed engine, where nobody knows.
    pub async fn take(self: &Arc<Self>, write: Write) -> Result<(), IngestError> {
        let this = Arc::clone(self);
        let (send, decided) = oneshot::channel();
        // Decompression and decoding take milliseconds and appending may wait for a lock.
        let work = tokio::task::spawn_blocking(move || this.decode_and_append(write, send));
        let taken = work.await.map_err(|_| IngestError::Undecided)??;
        match decided.await {
            Err(_) => Err(IngestError::Undecided),
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(())) => {
                self.metrics.ingest_groups.inc();
                self.metrics.ingest_rows.inc_by(taken.rows);
                self.metrics.ingest_raw_bytes.inc_by(taken.raw_bytes);
                self.metrics.ingest_wire_bytes.inc_by(taken.wire_bytes);
                Ok(())
            }
        }
    }

    fn decode_and_append(
        &self,
        write: Write,
        decided: oneshot::Sender<Result<(), AppendError>>,
    ) -> Result<Taken, IngestError> {
        let Write { logstore, shard, envelope, body, client_ip, received_nanos, room } = write;
        let plain = envelope.compression == Compression::None;
        let raw_bytes = if plain { body.len() } else { envelope.raw_bytes };
        let meta = if logstore.record.properties.append_meta {
            let seconds = (received_nanos / 1_000_000_000).to_string();
            vec![("__client_ip__".to_owned(), client_ip), ("__receive_time__".to_owned(), seconds)]
        } else {
            Vec::new()
        };
        let batch = if plain && body.len() <= self.cap_bytes {
            decode::batch(&body, &meta, self.times(received_nanos))?
        } else {
            let raw = decompress(envelope.compression, &body, raw_bytes, self.cap_bytes)?;
            decode::batch(&raw, &meta, self.times(received_nanos))?
        };
        let rows = batch.rows() as u64;
        let taken = Taken { rows, raw_bytes: raw_bytes as u64, wire_bytes: body.len() as u64 };
        if batch.is_empty() {
            // Nothing to keep; the receiver is gone only when the request is.
            let _ = decided.send(Ok(()));
            return Ok(taken);
        }
        let append = Append {
            store: logstore.store(),
            shard,
            received_nanos,
            origin: envelope.span.map(|span| Origin {
                file: span.file.to_be_bytes(),
                start: span.start,
                end: span.end,
            }),
            payload: payload::encode(envelope.compression, raw_bytes, &meta, &body),
            batch,
        };
        let done = move |result: Result<store::Seq, AppendError>| {
            drop(room);
            let _ = decided.send(result.map(|_| ()));
        };
        self.engine.append(append, Box::new(done));
        Ok(taken)
    }

    fn times(&self, received_nanos: i64) -> Option<std::ops::RangeInclusive<i64>> {
        match self.log_times {
            LogTimes::Any => None,
            LogTimes::Window => {
                let now = received_nanos / 1_000_000_000;
                Some(now - 7 * 24 * 3600..=now + 15 * 60)
            }
        }
    }
}

/// What a write brought, to be counted once it is durable.
struct Taken {
    rows: u64,
    raw_bytes: u64,
    wire_bytes: u64,
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use http::HeaderValue;
    use sls::api::logstore::LogstoreFields;
    use sls::api::project::CreateProject;
    use store::EngineSettings;
    use store::disk::SimDisk;

    use super::*;
    use crate::catalog::Catalog;
    use crate::clock::Clock;
    use crate::http::shield::Shield;

    fn ingest_and_logstore() -> (Arc<Ingest>, Arc<Logstore>) {
        let disk = Arc::new(SimDisk::new());
        let decode = Arc::new(PayloadDecode);
        let opened = Engine::open(disk, Path::new("data"), EngineSettings::default(), decode);
        let engine = Arc::new(opened.expect("an empty engine").0);
        let catalog = Catalog::open(Arc::clone(engine.catalog()), Clock::system());
        let catalog = catalog.expect("an empty catalog");
        catalog
            .change(|change| {
                let project_name = "prj".to_owned();
                change.create_project(CreateProject { project_name, ..Default::default() })?;
                let logstore_name = Some("app".to_owned());
                change
                    .create_logstore("prj", LogstoreFields { logstore_name, ..Default::default() })
            })
            .expect("all new");
        let model = catalog.model();
        let logstore = model.project("prj").and_then(|project| project.logstore("app"));
        let logstore = Arc::clone(logstore.expect("there"));
        let ingest = Ingest::new(engine, Arc::default(), 1024, LogTimes::Any);
        (Arc::new(ingest), logstore)
    }

    #[test]
    fn a_write_keeps_its_room_when_its_sender_goes_away() {
        // One thread for blocking work, so that the test decides when the write gets it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .enable_time()
            .build()
            .expect("a runtime");
        let (ingest, logstore) = ingest_and_logstore();
        runtime.block_on(async {
            let shield = Shield::new(1024, 1, Duration::from_millis(1));
            let patient = Duration::from_secs(30);
            let (release, released) = mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || released.recv());
            let room = shield.ingest(1024).await.expect("room");
            let write = Write {
                logstore,
                shard: 0,
                envelope: Envelope { compression: Compression::None, raw_bytes: 0, span: None },
                body: Bytes::new(),
                client_ip: String::new(),
                received_nanos: 0,
                room: Some(Arc::new(room)),
            };
            let mut taking = Box::pin(ingest.take(write));
            let polled = tokio::time::timeout(Duration::ZERO, &mut taking).await;
            polled.expect_err("the thread is taken");
            drop(taking);
            shield.ingest(1).await.expect_err("the write is still in memory");
            release.send(()).expect("a receiver");
            busy.await.expect("no panic").expect("a sender");
            let deadline = tokio::time::Instant::now() + patient;
            while shield.ingest(1).await.is_err() {
                assert!(tokio::time::Instant::now() < deadline, "the room never came back");
            }
        });
    }

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Envelope, IngestError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Envelope::read(&headers)
    }

    #[test]
    fn the_size_counts_only_beside_a_compressed_body() {
        let plain = read(&[("x-log-bodyrawsize", "nonsense")]).expect("plain");
        assert_eq!(plain.compression, Compression::None);
        assert!(matches!(read(&[("x-log-compresstype", "lz4")]), Err(IngestError::RawSizeMissing)));
        assert!(matches!(
            read(&[("x-log-compresstype", "lz4"), ("x-log-bodyrawsize", "-1")]),
            Err(IngestError::RawSizeInvalid(_))
        ));
        assert!(matches!(
            read(&[("x-log-compresstype", "snappy")]),
            Err(IngestError::CompressType(_))
        ));
        assert!(matches!(read(&[("x-log-sidetail-span", "v1")]), Err(IngestError::Span(_))));
    }
}
