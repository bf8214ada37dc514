//! Batches on their way out: what is handed to the sender, and what comes back from it.
//!
//! When a batch is full the stream of its file knows; where requests are made, and when, is the
//! sender's.

use super::file::SafePoint;
use super::{Collector, FileKey, LaneId, Moment, Phase, Unsaved};
use crate::budget::AccountId;
use crate::dead_letter::Held;
use crate::files::Files;
use pipeline::batch::Batch;
use pipeline::identity::FileId;
use sls::collect::{SendRate, ShardHashKey};
use sls::compress::Compression;
use sls::log_group::LogGroupWriter;
use std::ops::Range;
use std::sync::Arc;

/// Writers kept for reuse. Each has the room of a full batch.
const SPARE_WRITERS: usize = 4;

/// Where a batch goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Project that receives the logs.
    pub project: String,
    /// Logstore that receives the logs.
    pub logstore: String,
    /// Address of the service; `None` is the agent's own.
    pub endpoint: Option<String>,
    /// How bodies are compressed for it; `None` is the agent's own way.
    pub compression: Option<Compression>,
    /// Logs of equal values go to the same shard; empty lets the service choose.
    pub shard_hash: Vec<ShardHashKey>,
    /// How much is sent to it at most.
    pub max_rate: Option<SendRate>,
}

/// A batch on its way, with what the sender has to know.
#[derive(Debug)]
pub struct Parcel {
    /// The content it is from.
    pub key: FileKey,
    /// The lane it goes in.
    pub lane: LaneId,
    /// Where to: to each of them.
    pub destinations: Arc<[Arc<Destination>]>,
    /// The id of the content towards the service.
    pub file: FileId,
    /// The log group and its bytes.
    pub batch: Batch,
    /// Bytes charged to the budget for it.
    pub charged: usize,
    /// The account that they are charged to.
    pub account: AccountId,
}

/// What became of a parcel.
#[derive(Debug)]
pub enum Delivery {
    /// It was compressed: it holds fewer bytes now, and its writer is free.
    Packed {
        /// Bytes no longer held.
        released: usize,
        /// The account that they were charged to.
        account: AccountId,
        /// The writer.
        writer: LogGroupWriter,
    },
    /// It is stored, or given up: either way its bytes are done with.
    Finished {
        /// The content it was from.
        key: FileKey,
        /// First byte of its span.
        start: u64,
        /// Bytes no longer held.
        released: usize,
        /// The account that they were charged to.
        account: AccountId,
        /// What of it not every destination has, and never will.
        given_up: Vec<GivenUp>,
    },
    /// A dead letter had to make room: what it held is destroyed.
    MadeRoom(Held),
}

/// Bytes of a file that were given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The bytes.
    pub bytes: Range<u64>,
    /// What became of them.
    pub fate: Fate,
}

/// What became of bytes that were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are in a dead letter.
    Buried,
    /// They are not: the log file is the last that has them.
    Destroyed,
}

/// Where a configuration sends.
#[derive(Clone, Debug)]
pub struct Route {
    /// The configuration: the account of its parcels.
    pub account: AccountId,
    /// Where to: to each of them.
    pub destinations: Arc<[Arc<Destination>]>,
}

/// The way out.
pub trait Ship {
    /// Takes a parcel. Must not wait: the budget limits what is under way.
    fn ship(&mut self, parcel: Parcel);

    /// Takes the routes of all configurations that run from now on. Parcels that were shipped
    /// before go where they say, at the rate that the route has now.
    fn route(&mut self, routes: Vec<Route>);
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Takes the news of a parcel.
    pub fn delivered(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Packed { released, account, writer } => {
                self.release(account, released);
                self.recycle(writer);
            }
            Delivery::Finished { key, start, released, account, given_up } => {
                self.release(account, released);
                for given_up in given_up {
                    self.note_given_up(key, &given_up);
                }
                self.confirm(key, start);
            }
            Delivery::MadeRoom(held) => self.note_made_room(&held),
        }
        self.setup.metrics.held_bytes.set(self.budget.used_bytes() as u64);
    }

    pub(super) fn confirm(&mut self, key: FileKey, start: u64) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        if tail.acks.complete(start) {
            self.unsaved = self.unsaved.max(Unsaved::Positions);
        }
        if tail.phase == Phase::Rewritten && tail.is_settled() {
            self.remove(key);
        }
    }

    pub(super) fn recycle(&mut self, mut writer: LogGroupWriter) {
        if self.spare.len() < SPARE_WRITERS {
            writer.clear();
            self.spare.push(writer);
        }
    }

    /// Sends a batch on its way.
    pub(super) fn dispatch(&mut self, key: FileKey, batch: Batch, point: SafePoint) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let start = tail.acks.issue(batch.end, point);
        debug_assert_eq!(start, batch.start, "batches follow each other");
        if batch.group.logs() == 0 {
            self.recycle(batch.group);
            self.confirm(key, start);
            return;
        }
        let charged = batch.group.len_bytes();
        let (lane, file, account) = (tail.lane, tail.id, tail.source);
        let Some(source) = self.sources.get(&tail.source) else { return };
        self.budget.charge(account, charged);
        let destinations = Arc::clone(&source.destinations);
        self.way_out.ship(Parcel { key, lane, destinations, file, batch, charged, account });
    }

    /// Sends the open batch of a file, if it has one.
    pub(super) fn seal(&mut self, key: FileKey) {
        let Some(tail) = self.tails.get_mut(&key) else { return };
        self.budget.release(tail.source, std::mem::take(&mut tail.charged));
        if let Some(batch) = tail.stream.seal() {
            let point = tail.point();
            self.dispatch(key, batch, point);
        }
    }

    pub(super) fn seal_due(&mut self, now: Moment) {
        if self.due.first().is_none_or(|(due, _)| *due > now.clock) {
            return;
        }
        // With one batch that is old enough go those that soon will be: many small files then
        // wake nobody more often than one large file does.
        let soon = now.clock + self.setup.limits.max_age / 4;
        while let Some((due, key)) = self.due.first().copied()
            && due <= soon
        {
            self.due.pop_first();
            let is_due = self.tails.get(&key).is_some_and(|tail| {
                let source = self.sources.get(&tail.source);
                source.is_some_and(|source| tail.stream.is_due(&source.limits, soon))
            });
            if is_due {
                self.seal(key);
            }
        }
    }

    pub(super) fn seal_all(&mut self) {
        while let Some((_, key)) = self.due.pop_first() {
            self.seal(key);
        }
    }
}
