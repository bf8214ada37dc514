//! What the tests of the engine share: payloads that decode to the rows they stand for.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "tests look at files from outside")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use store::columns::{Row, RowReader};
use store::disk::Disk;
use store::{
    Append, AppendError, Batch, BatchBuilder, Decode, Engine, EngineSettings, OpenError,
    RecoveryReport, Seq, Snapshot, StoreId, TimeRange,
};

pub const DIR: &str = "/data";
pub const STORE: StoreId = StoreId(7);

/// A payload is text: one line for each row, `time key=value key=value`.
pub struct TextDecode;

impl Decode for TextDecode {
    fn decode(&self, payload: &[u8]) -> Result<Batch, String> {
        let text = std::str::from_utf8(payload).map_err(|error| error.to_string())?;
        let mut rows = BatchBuilder::new();
        rows.topic("topic").source("source").tag("pod", "web-1");
        for line in text.lines() {
            let mut words = line.split(' ');
            let time = words.next().unwrap_or_default().parse::<i64>();
            rows.begin_row(time.map_err(|error| format!("{line:?}: {error}"))?);
            for word in words {
                let (key, value) = word.split_once('=').ok_or_else(|| format!("{word:?}"))?;
                rows.field(key, value);
            }
        }
        Ok(rows.finish())
    }
}

pub fn open(
    disk: impl Disk + 'static,
    dir: &Path,
    settings: EngineSettings,
) -> Result<(Engine, RecoveryReport), OpenError> {
    Engine::open(Arc::new(disk), dir, settings, Arc::new(TextDecode))
}

/// Starts an append of the rows `text` stands for.
pub fn send(
    engine: &Engine,
    store: StoreId,
    shard: u16,
    received_nanos: i64,
    text: &str,
) -> Receiver<Result<Seq, AppendError>> {
    let batch = TextDecode.decode(text.as_bytes()).unwrap();
    let payload = text.as_bytes().to_vec();
    let (sender, receiver) = mpsc::channel();
    engine.append(
        Append { store, shard, received_nanos, origin: None, payload, batch },
        Box::new(move |answer| {
            // A test that stopped listening does not care.
            let _ = sender.send(answer);
        }),
    );
    receiver
}

/// Appends and waits for the answer.
pub fn put(engine: &Engine, store: StoreId, shard: u16, text: &str) -> Result<Seq, AppendError> {
    let answer = send(engine, store, shard, 1, text);
    answer.recv_timeout(Duration::from_secs(30)).expect("every append is answered")
}

/// All rows, by shard, number and place in the group.
pub fn rows(snapshot: &Snapshot) -> Vec<Row> {
    let mut rows = Vec::new();
    for piece in snapshot.pieces(TimeRange::ALL) {
        for batch in piece.read() {
            let batch = batch.unwrap();
            assert!(batch.num_rows() <= store::limits::GRANULE_ROWS);
            let reader = RowReader::new(&batch).unwrap();
            rows.extend((0..batch.num_rows()).map(|row| reader.row(row).unwrap()));
        }
    }
    rows.sort_by_key(|row| (row.shard, row.seq, row.offset));
    rows
}

/// The values of one key over [`rows`].
pub fn values(snapshot: &Snapshot, key: &str) -> Vec<String> {
    let rows = rows(snapshot).into_iter();
    let values = rows.flat_map(|row| row.fields.into_iter().filter(|(name, _)| name == key));
    values.map(|(_, value)| value).collect()
}
