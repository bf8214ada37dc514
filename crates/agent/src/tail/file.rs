//! One file that is followed: its identity, how far it is read, and what is under way.

use super::given_up::Ranges;
use super::{LaneId, Phase, SourceId};
use pipeline::ack::AckTracker;
use pipeline::batch::{FileStream, Unfinished};
use pipeline::identity::{ANCHOR_BYTES, FileFacts, FileId, Mark};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

/// What is remembered with a position: how to know that the content in front of it is still the
/// same, and whether the record in front of it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SafePoint {
    pub(super) anchor: Mark,
    pub(super) unfinished: Unfinished,
}

/// The last bytes in front of the position that is read next. Every read starts with them, so
/// that a file which was rewritten in place is noticed without another call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    bytes: [u8; ANCHOR_BYTES],
    len: usize,
}

impl Anchor {
    pub(super) const EMPTY: Self = Self { bytes: [0; ANCHOR_BYTES], len: 0 };

    /// The last bytes of `before`, which ends at the position.
    pub(super) fn of(before: &[u8]) -> Self {
        let tail = &before[before.len().saturating_sub(ANCHOR_BYTES)..];
        let mut anchor = Self { len: tail.len(), ..Self::EMPTY };
        anchor.bytes[..tail.len()].copy_from_slice(tail);
        anchor
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn mark(&self) -> Mark {
        Mark::of_anchor(self.bytes())
    }
}

/// What has to be done before the first byte of a content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing.
    Read,
    /// Contents of the last run are found that came before it.
    Recover,
    /// And those that had its path before it and are not known.
    LookBeside,
}

/// A followed file.
pub(super) struct Tail<H> {
    pub(super) source: SourceId,
    /// Batches of one lane are sent in order.
    pub(super) lane: LaneId,
    /// `None` when the content is not read any more.
    pub(super) handle: Option<H>,
    /// Where the file was last seen.
    pub(super) at: PathBuf,
    /// Where it was when this content was first seen.
    pub(super) found_at: PathBuf,
    /// The path as the configuration names it.
    pub(super) shown: PathBuf,
    pub(super) facts: FileFacts,
    /// When the file was born that the content was written in: another one than that in which it
    /// is read, where that is a copy or compressed.
    pub(super) begun_nanos: Option<u64>,
    pub(super) head: Mark,
    pub(super) id: FileId,
    /// The id is final: what it is made of has been read.
    pub(super) is_named: bool,
    pub(super) generation: u32,
    pub(super) stream: FileStream,
    pub(super) anchor: Anchor,
    pub(super) acks: AckTracker<SafePoint>,
    pub(super) phase: Phase,
    /// Waits in the queue of files to be read.
    pub(super) is_queued: bool,
    /// The last read found nothing more.
    pub(super) is_caught_up: bool,
    /// Where it stood in the checkpoint of the last run.
    pub(super) rank: Option<i64>,
    /// What has to be done before its first byte is read.
    pub(super) first: First,
    /// When its turn was over, among those of its path.
    pub(super) passed: Option<u64>,
    /// Since when a successor is known to have content.
    pub(super) succeeded_since: Option<Instant>,
    /// The checkpoint knows of this content. Before it does, nothing of one that is not the first
    /// of its file is sent: after a crash nobody could tell which id it had.
    pub(super) is_recorded: bool,
    /// Since when it cannot be read.
    pub(super) failing: Option<Instant>,
    /// Bytes of an unfinished record at the end, and since when there are so many.
    pub(super) rest: Option<(usize, Instant)>,
    /// When something new was last read.
    pub(super) grown_at: Instant,
    /// Bytes of the open batch that are charged to the budget.
    pub(super) charged: usize,
    /// The largest size that was seen of this content.
    pub(super) seen_bytes: u64,
    /// Bytes at the start that are left out by rule.
    pub(super) skipped: u64,
    /// What was left out later, because it would have been read too late; in order.
    pub(super) left_out: Vec<Range<u64>>,
    /// Since when too much is unread, or when that was last said.
    pub(super) late: Option<Instant>,
    /// What was read and not delivered to all its destinations, and never will be.
    pub(super) given_up: Ranges,
    /// What was not read of a content that is no more.
    pub(super) lost: Option<Range<u64>>,
    /// Number of the scan that saw the file last.
    pub(super) seen_in: u64,
    /// When the file was last seen under a name, UNIX seconds.
    pub(super) seen_seconds: u64,
}

impl<H> Tail<H> {
    /// What to remember at the position in front of which everything is read.
    pub(super) fn point(&self) -> SafePoint {
        SafePoint { anchor: self.anchor.mark(), unfinished: self.stream.unfinished() }
    }

    /// Everything that was read is acknowledged and nothing waits to be sent.
    pub(super) fn is_settled(&self) -> bool {
        self.acks.is_settled() && self.acks.issued() == self.stream.position()
    }

    /// Bytes that are not acknowledged, of the size last seen.
    pub(super) fn lag_bytes(&self) -> u64 {
        match self.phase {
            // The old content is gone, or not wanted, but for what was read.
            Phase::Rewritten | Phase::Deselected => self.stream.position() - self.acks.safe().0,
            _ => self.facts.size_bytes.saturating_sub(self.acks.safe().0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_the_end_of_what_was_read() {
        assert_eq!(Anchor::of(b"abc").bytes(), b"abc");
        let long: Vec<u8> = (0..=255).collect();
        assert_eq!(Anchor::of(&long).bytes(), &long[192..]);
        assert_eq!(Anchor::of(&long).mark(), Mark::of_anchor(&long));
        assert_eq!(Anchor::of(b"").bytes(), b"");
    }
}
