//! Room in memory: files that wait until their account has some, and the bytes that are given back.

use super::{Collector, FileKey, Ship};
use crate::budget::AccountId;
use crate::files::Files;

/// Whether there was room for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Enough,
    Missing {
        /// What it would take.
        bytes: usize,
    },
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// Puts a file aside until its account has room again; those of other accounts go on.
    pub(super) fn park(&mut self, key: FileKey, bytes: usize) {
        let Some(tail) = self.tails.get(&key) else { return };
        let account = tail.source;
        let is_first = self.parked.iter().all(|(other, ..)| *other != account);
        self.parked.push((account, bytes, key));
        self.setup.metrics.blocked_turns.add(1);
        if !is_first {
            return;
        }
        // What waits to become a full batch must not hold the room that is missing.
        let open: Vec<FileKey> = self
            .due
            .iter()
            .map(|(_, key)| *key)
            .filter(|key| self.tails.get(key).is_some_and(|tail| tail.source == account))
            .collect();
        for key in open {
            self.seal(key);
        }
    }

    /// Gives bytes back.
    pub(super) fn release(&mut self, account: AccountId, bytes: usize) {
        self.budget.release(account, bytes);
        if bytes > 0 {
            self.unpark();
        }
    }

    /// Gives the files their turn that there is room for now. Room that one account gives back is
    /// room that others may take.
    pub(super) fn unpark(&mut self) {
        let (budget, ready) = (&self.budget, &mut self.ready);
        self.parked.retain(|(account, bytes, key)| {
            let stays = !budget.has_room(*account, *bytes);
            if !stays {
                ready.push(*account, *key);
            }
            stays
        });
    }
}
