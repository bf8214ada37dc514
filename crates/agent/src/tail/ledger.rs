//! What is known about the bytes of every file: seen, read, acknowledged, given up, skipped, possibly
//! lost.
//!
//! A pure view of the collector's state, for whoever shows it or reports it; nothing is counted
//! or changed here.

use super::file::Tail;
use super::given_up::without;
use super::{Collector, Phase, Ship};
use crate::files::{Files, Shown};
use pipeline::identity::FileId;
use std::ops::Range;
use std::path::PathBuf;

/// Contents that are over and of which bytes may be missing: the newest of them are remembered.
pub(super) const REMEMBERED_LOSSES: usize = 128;

/// The account of one content of one file, in bytes of that file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLedger {
    /// The path as the configuration names it, escaped where it is no text.
    pub path: String,
    /// Where the file was last seen on this machine.
    pub at: PathBuf,
    /// Name of the configuration.
    pub config: String,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// The id of the content towards the service.
    pub file: FileId,
    /// How often the file was started again from its first byte.
    pub generation: u32,
    /// The largest size that was seen of this content.
    pub seen_bytes: u64,
    /// Everything in front of this byte was made into records.
    pub read_bytes: u64,
    /// What every destination has acknowledged: in order, without overlap, not empty. What was in
    /// front of the position at the last start counts too.
    pub acked: Vec<Range<u64>>,
    /// What was given up and is in dead letters.
    pub dead_letter: Vec<Range<u64>>,
    /// What was given up and is in none.
    pub destroyed: Vec<Range<u64>>,
    /// What was left out by rule: the start of an old file.
    pub skipped: Vec<Range<u64>>,
    /// What was left out because it would have been read too late (`delaySkipBytes`).
    pub too_late: Vec<Range<u64>>,
    /// What was seen, or was behind what was read, when the content was taken away.
    pub possibly_lost: Vec<Range<u64>>,
    /// Where the content is in its life.
    pub phase: LedgerPhase,
}

/// Where a content is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerPhase {
    /// Its path leads to it.
    Following,
    /// It was renamed or deleted, and is read on while it grows.
    Gone,
    /// Other content has taken its place; what was read of it is being delivered.
    Rewritten,
    /// Its configuration does not select it any more: what was read of it is delivered.
    Deselected,
    /// It is over, and bytes of it may be missing.
    Over,
    /// It is a file or a directory that the agent may not read.
    Unreadable,
}

impl LedgerPhase {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Following => "following",
            Self::Gone => "gone",
            Self::Rewritten => "rewritten",
            Self::Deselected => "deselected",
            Self::Over => "over",
            Self::Unreadable => "unreadable",
        }
    }
}

impl<F: Files, S: Ship> Collector<F, S> {
    /// The account of every followed content, of those that are over with a possible loss, and of
    /// what may not be read, by path, device, inode and generation.
    pub fn ledger(&self) -> Vec<FileLedger> {
        let mut accounts: Vec<FileLedger> =
            self.tails.values().filter_map(|tail| self.account(tail)).collect();
        accounts.extend(self.losses.iter().cloned());
        accounts.extend(self.denied_accounts());
        accounts.sort_by(|left, right| {
            let key = |it: &FileLedger| (it.device, it.inode, it.generation);
            (&left.path, key(left)).cmp(&(&right.path, key(right)))
        });
        accounts
    }

    /// The account of one content.
    pub(super) fn account(&self, tail: &Tail<F::Handle>) -> Option<FileLedger> {
        let source = self.sources.get(&tail.source)?;
        let (dead_letter, destroyed) = (tail.given_up.buried(), tail.given_up.destroyed().to_vec());
        Some(FileLedger {
            path: Shown::of(&tail.shown).to_string(),
            at: tail.at.clone(),
            config: source.plan.name.clone(),
            device: tail.facts.device,
            inode: tail.facts.inode,
            file: tail.id,
            generation: tail.generation,
            seen_bytes: match tail.phase {
                // What is behind is not wanted, and so not missing.
                Phase::Deselected => tail.stream.position(),
                _ => tail.seen_bytes.max(tail.stream.position()),
            },
            read_bytes: tail.stream.position(),
            acked: [&tail.left_out, &dead_letter, &destroyed]
                .into_iter()
                .fold(tail.acks.confirmed(tail.skipped), |acked, others| without(acked, others)),
            dead_letter,
            destroyed,
            too_late: tail.left_out.clone(),
            skipped: (tail.skipped > 0).then_some(0..tail.skipped).into_iter().collect(),
            possibly_lost: tail.lost.clone().into_iter().collect(),
            phase: match tail.phase {
                Phase::Following => LedgerPhase::Following,
                Phase::Gone { .. } => LedgerPhase::Gone,
                Phase::Rewritten => LedgerPhase::Rewritten,
                Phase::Deselected => LedgerPhase::Deselected,
            },
        })
    }

    /// Keeps the account of a content that is over, when something of it may be missing.
    pub(super) fn remember_loss(&mut self, tail: &Tail<F::Handle>) {
        let is_whole = tail.lost.is_none() && tail.left_out.is_empty();
        if is_whole && tail.given_up.destroyed().is_empty() {
            return;
        }
        if let Some(mut account) = self.account(tail) {
            account.phase = LedgerPhase::Over;
            if self.losses.len() == REMEMBERED_LOSSES {
                self.losses.pop_front();
            }
            self.losses.push_back(account);
        }
    }
}
