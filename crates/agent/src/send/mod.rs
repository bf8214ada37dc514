//! Compresses batches, keeps requests in flight, and acts on the answers.
//!
//! A batch is compressed as soon as it arrives: then it waits small, and its writer is free for
//! the collecting thread. Batches of one lane go one after the other, so that the order inside a
//! file is kept; lanes go beside each other up to a limit.

pub mod lanes;

use crate::log::alarm;
use crate::metrics::Metrics;
use crate::tail::{Delivery, Destination, FileKey, LaneId, Parcel};
use crate::tally::{Place, Sent};
use bytes::Bytes;
use lanes::Lanes;
use pipeline::retry::{Answer, Attempt, Decision, Reason, decide};
use sls::api::put_logs::{FileSpan, PutLogs};
use sls::compress::{Compression, Compressor};
use sls_client::{Client, ClientError};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Where batches go.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Nowhere: each batch counts as stored. For measuring and trying.
    Null,
    /// The log service.
    Sls(Arc<Client>),
}

/// A batch ready to be sent.
#[derive(Debug)]
struct Packed {
    key: FileKey,
    lane: LaneId,
    destination: Arc<Destination>,
    call: PutLogs,
    start: u64,
    end: u64,
    logs: u64,
    /// Bytes still charged to the budget.
    held: usize,
    tries: u32,
    first_try: Option<Instant>,
}

/// What a task of the sender came back with.
enum Came {
    Answer(Packed, Result<(), ClientError>),
    Rested(Packed),
}

/// The sending half of the talking thread.
pub struct Sender<D: Fn(Delivery)> {
    sink: Sink,
    compression: Compression,
    compressor: Compressor,
    scratch: Vec<u8>,
    lanes: Lanes<Packed>,
    tasks: JoinSet<Came>,
    deliver: D,
    metrics: Arc<Metrics>,
}

impl<D: Fn(Delivery)> Sender<D> {
    /// A sender that keeps at most `max_in_flight` requests under way and tells `deliver` what
    /// became of each parcel.
    pub fn new(
        sink: Sink,
        compression: Compression,
        max_in_flight: usize,
        metrics: Arc<Metrics>,
        deliver: D,
    ) -> Self {
        Self {
            sink,
            compression,
            compressor: Compressor::default(),
            scratch: Vec::new(),
            lanes: Lanes::new(max_in_flight),
            tasks: JoinSet::new(),
            deliver,
            metrics,
        }
    }

    /// Sends until the other end of `parcels` is closed and everything is delivered.
    pub async fn run(mut self, mut parcels: UnboundedReceiver<Parcel>) {
        let mut is_open = true;
        while is_open || !self.tasks.is_empty() {
            tokio::select! {
                // Answers first: they free what reading waits for.
                biased;
                Some(came) = self.tasks.join_next() => {
                    // A task only awaits; it is never cancelled.
                    if let Ok(came) = came {
                        self.came(came);
                    }
                }
                parcel = parcels.recv(), if is_open => match parcel {
                    Some(parcel) => self.take(parcel),
                    None => is_open = false,
                },
            }
            self.start();
        }
    }

    fn take(&mut self, parcel: Parcel) {
        let Parcel { key, lane, destination, file, batch, charged } = parcel;
        let logs = batch.group.logs() as u64;
        let raw_size = batch.group.len_bytes();
        if let Sink::Null = self.sink {
            self.metrics.batches_sent.add(1);
            self.metrics.logs_sent.add(logs);
            self.metrics.raw_bytes_sent.add(raw_size as u64);
            (self.deliver)(Delivery::Packed { released: charged, writer: batch.group });
            (self.deliver)(Delivery::Finished { key, start: batch.start, released: 0 });
            return;
        }
        self.compressor.compress(self.compression, batch.group.as_bytes(), &mut self.scratch);
        let body = Bytes::copy_from_slice(&self.scratch);
        let held = body.len().min(charged);
        let span =
            FileSpan { file: u128::from_be_bytes(file.0), start: batch.start, end: batch.end };
        let call = PutLogs {
            logstore: destination.logstore.clone(),
            body,
            raw_size,
            compression: self.compression,
            hash_key: None,
            span: Some(span),
        };
        let (start, end) = (batch.start, batch.end);
        (self.deliver)(Delivery::Packed { released: charged - held, writer: batch.group });
        let tries = 0;
        self.metrics.tally(|tallies| tallies.queued(place(&destination), unix_seconds()));
        self.lanes.push(
            lane,
            Packed { key, lane, destination, call, start, end, logs, held, tries, first_try: None },
        );
    }

    /// Starts as many requests as may be.
    fn start(&mut self) {
        let Sink::Sls(client) = &self.sink else { return };
        while let Some(packed) = self.lanes.next() {
            let client = Arc::clone(client);
            self.tasks.spawn(attempt(client, packed));
        }
    }

    fn came(&mut self, came: Came) {
        let (packed, result) = match came {
            Came::Answer(packed, result) => (packed, result),
            Came::Rested(packed) => {
                self.lanes.put_back(packed.lane, packed);
                return;
            }
        };
        let answer = match &result {
            Ok(()) => Answer::Accepted,
            Err(error) => answer_of(error),
        };
        let age = packed.first_try.map(|first| first.elapsed()).unwrap_or_default();
        let jitter = std::hash::RandomState::new().build_hasher().finish() as u32;
        match decide(answer, Attempt { tries: packed.tries, age, jitter }) {
            Decision::Done => {
                self.tell(&packed, Sent::Stored);
                self.metrics.batches_sent.add(1);
                self.metrics.logs_sent.add(packed.logs);
                self.metrics.raw_bytes_sent.add(packed.call.raw_size as u64);
                self.metrics.wire_bytes_sent.add(packed.call.body.len() as u64);
                self.finished(packed);
            }
            Decision::Again { after, reason } => {
                self.metrics.retries.add(1);
                let what = match (reason, answer) {
                    (Reason::Quota, _) => Sent::OverQuota,
                    (_, Answer::NoAnswer) => Sent::NoAnswer,
                    _ => Sent::Refused,
                };
                self.tell(&packed, what);
                if let Err(error) = &result {
                    waits(&packed, reason, error);
                }
                self.lanes.release();
                self.tasks.spawn(async move {
                    tokio::time::sleep(after).await;
                    Came::Rested(packed)
                });
            }
            Decision::Drop { reason } => {
                let bytes = packed.end - packed.start;
                self.tell(&packed, Sent::Discarded);
                self.metrics.batches_lost.add(1);
                self.metrics.bytes_lost.add(bytes);
                let error = result.err().map(|error| error.to_string()).unwrap_or_default();
                crate::error!(
                    "DISCARD_DATA_ALARM {}: {bytes} bytes from byte {} of file {:032x} with {} logs \
                     are given up ({}): {error}",
                    shown(&packed.destination),
                    packed.start,
                    packed.call.span.map_or(0, |span| span.file),
                    packed.logs,
                    reason.as_str(),
                );
                self.finished(packed);
            }
        }
    }

    /// Counts an answer for its logstore.
    fn tell(&self, packed: &Packed, what: Sent) {
        let place = place(&packed.destination);
        self.metrics.tally(|tallies| tallies.sent(place, what, unix_seconds()));
    }

    fn finished(&mut self, packed: Packed) {
        self.lanes.release();
        self.lanes.finish(packed.lane);
        (self.deliver)(Delivery::Finished {
            key: packed.key,
            start: packed.start,
            released: packed.held,
        });
    }
}

async fn attempt(client: Arc<Client>, mut packed: Packed) -> Came {
    packed.tries = packed.tries.saturating_add(1);
    packed.first_try.get_or_insert_with(Instant::now);
    let result = client.call(&packed.destination.project, &packed.call).await;
    Came::Answer(packed, result)
}

fn place(destination: &Destination) -> Place<'_> {
    Place { project: &destination.project, logstore: &destination.logstore }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn answer_of(error: &ClientError) -> Answer {
    match error.refusal() {
        Some(refusal) => Answer::Refused { class: refusal.retry_class(), code: refusal.known() },
        None => match error {
            ClientError::Credentials(_) => {
                Answer::Refused { class: error.retry_class(), code: None }
            }
            _ => Answer::NoAnswer,
        },
    }
}

fn waits(packed: &Packed, reason: Reason, error: &ClientError) {
    let name = match reason {
        Reason::Quota => "SEND_QUOTA_EXCEED_ALARM",
        _ => "SEND_DATA_FAIL_ALARM",
    };
    alarm(
        name,
        &shown(&packed.destination),
        format_args!("try {} ({}), will be repeated: {error}", packed.tries, reason.as_str()),
    );
}

fn shown(destination: &Destination) -> String {
    format!("{}/{}", destination.project, destination.logstore)
}
