//! A batch ready to be sent: compressed once for each way of compression, in as many copies as it
//! has destinations, and in parts where the service wants parts.

use super::lanes::PlaceId;
use crate::budget::AccountId;
use crate::tail::{Delivery, Destination, Fate, FileKey, GivenUp, LaneId, Parcel};
use bytes::Bytes;
use pipeline::pieces::Piece;
use sls::api::put_logs::{FileSpan, PutLogs};
use sls::collect::ShardHashKey;
use sls::compress::{Compression, Compressor, decompress};
use sls::log_group::{LogGroup, LogGroupWriter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a parcel is owed: its bytes are done with when nothing of it is open any more, at any
/// destination and in any part.
#[derive(Debug)]
struct Owed {
    key: FileKey,
    start: u64,
    account: AccountId,
    /// Bytes charged to the budget until then.
    held: usize,
    open: AtomicUsize,
    /// What of it was given up at any destination.
    given_up: Mutex<Vec<GivenUp>>,
}

/// A batch, or a part of one, on its way to one destination.
#[derive(Debug)]
pub(super) struct Packed {
    owed: Arc<Owed>,
    pub(super) place: PlaceId,
    pub(super) lane: LaneId,
    /// As it was when the batch was packed: how it is compressed and which shard it goes to stay so.
    pub(super) destination: Arc<Destination>,
    pub(super) call: PutLogs,
    pub(super) piece: Piece,
    pub(super) tries: u32,
    /// When it was packed.
    pub(super) since: Instant,
}

/// Compresses bodies one after the other.
#[derive(Debug, Default)]
pub(super) struct Packer {
    compressor: Compressor,
}

/// A parcel that was packed.
pub(super) struct Load {
    /// One for each destination.
    pub(super) packed: Vec<Packed>,
    /// Bytes no longer charged to the budget.
    pub(super) released: usize,
    /// The account they were charged to.
    pub(super) account: AccountId,
    /// The writer, free for other logs.
    pub(super) writer: LogGroupWriter,
}

impl Packer {
    fn compress(&mut self, compression: Compression, raw: &[u8]) -> Bytes {
        Bytes::copy_from_slice(self.compressor.compress(compression, raw))
    }

    /// Packs a parcel. `places` gives the place of a destination, `usual` is the compression of
    /// those that name none.
    pub(super) fn pack(
        &mut self,
        parcel: Parcel,
        usual: Compression,
        mut places: impl FnMut(&Arc<Destination>) -> PlaceId,
    ) -> Load {
        let Parcel { key, lane, destinations, file, mut batch, charged, account } = parcel;
        let piece = batch.take_piece();
        let file = u128::from_be_bytes(file.0);
        let mut bodies: Vec<(Compression, Bytes)> = Vec::with_capacity(1);
        for destination in destinations.iter() {
            let compression = destination.compression.unwrap_or(usual);
            if bodies.iter().all(|(known, _)| *known != compression) {
                bodies.push((compression, self.compress(compression, batch.group.as_bytes())));
            }
        }
        // Should it compress badly and go in several ways, it may hold more than it did.
        let held = bodies.iter().map(|(_, body)| body.len()).sum::<usize>().min(charged);
        let open = AtomicUsize::new(destinations.len());
        let given_up = Mutex::default();
        let owed = Arc::new(Owed { key, start: piece.start, account, held, open, given_up });
        let (raw_size, since) = (batch.group.len_bytes(), Instant::now());
        let packed = destinations.iter().map(|destination| {
            let compression = destination.compression.unwrap_or(usual);
            let body = bodies.iter().find(|(known, _)| *known == compression);
            Packed {
                owed: Arc::clone(&owed),
                place: places(destination),
                lane,
                destination: Arc::clone(destination),
                call: PutLogs {
                    logstore: destination.logstore.clone(),
                    body: body.map(|(_, body)| body.clone()).unwrap_or_default(),
                    raw_size,
                    compression,
                    hash_key: hash_key(&destination.shard_hash, batch.group.as_bytes()),
                    span: Some(FileSpan { file, start: piece.start, end: piece.end }),
                },
                piece: piece.clone(),
                tries: 0,
                since,
            }
        });
        let packed = packed.collect();
        Load { packed, released: charged - held, account, writer: batch.group }
    }

    /// Two parts in the place of one, if it can be cut. `tries` is what they count as sends so far.
    pub(super) fn split(&mut self, packed: &Packed, tries: u32) -> Option<[Packed; 2]> {
        let PutLogs { body, raw_size, compression, .. } = &packed.call;
        let group = decompress(*compression, body, *raw_size, *raw_size).ok()?;
        let halves = packed.piece.split(&group)?;
        packed.owed.open.fetch_add(1, Ordering::Relaxed);
        Some(halves.map(|(piece, group)| Packed {
            owed: Arc::clone(&packed.owed),
            place: packed.place,
            lane: packed.lane,
            destination: Arc::clone(&packed.destination),
            call: PutLogs {
                body: self.compress(*compression, &group),
                raw_size: group.len(),
                span: packed.call.span.map(|span| FileSpan {
                    start: piece.start,
                    end: piece.end,
                    ..span
                }),
                ..packed.call.clone()
            },
            piece,
            tries,
            since: packed.since,
        }))
    }
}

/// The hash key for a log group, from what the destination says: the MD5 of the values, joined.
fn hash_key(keys: &[ShardHashKey], group: &[u8]) -> Option<String> {
    if keys.is_empty() {
        return None;
    }
    let group = LogGroup::parse(group).ok()?;
    let values: Vec<&[u8]> = keys
        .iter()
        .map(|key| match key {
            ShardHashKey::Topic => group.topic(),
            ShardHashKey::Source => group.source(),
            ShardHashKey::Hostname => {
                group.tags().find(|(key, _)| *key == b"__hostname__").map_or(&b""[..], |it| it.1)
            }
        })
        .collect();
    Some(sls::sign::content_md5(&values.join(&b'_')).to_ascii_lowercase())
}

impl Packed {
    /// The bytes of the file it stands for.
    pub(super) fn bytes(&self) -> u64 {
        self.piece.end - self.piece.start
    }

    /// `project/logstore`.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", self.destination.project, self.destination.logstore)
    }

    /// It is done with: stored, or given up with this fate. The last one of its parcel gives what is
    /// to be told of the parcel.
    pub(super) fn finish(self, given_up: Option<Fate>) -> Option<Delivery> {
        let owed = self.owed;
        let mut all = owed.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(given_up.map(|fate| GivenUp { bytes: self.piece.start..self.piece.end, fate }));
        if owed.open.fetch_sub(1, Ordering::Relaxed) > 1 {
            return None;
        }
        let given_up = std::mem::take(&mut *all);
        Some(Delivery::Finished {
            key: owed.key,
            start: owed.start,
            released: owed.held,
            account: owed.account,
            given_up,
        })
    }
}
