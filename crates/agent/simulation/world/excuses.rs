//! What the agent may be forgiven, and the physical reason for each: the whole list.
//!
//! An excuse takes one of three things from lines of the book: that they must arrive, that they
//! arrive once, or that they come in the order of their path. Whatever is not excused here is wrong.
//! Two things are not excuses and stand in the book: a line may be taken in parts when its writer
//! paused, and a content ends where it was cut.

use super::reach::Pattern;
use super::{SECOND, World};
use crate::simulation::book::Content;
use crate::simulation::disk::NodeId;
use std::path::Path;

/// A file that cannot be read keeps those that had its path after it waiting so long.
const FAILING_BLOCKS: u64 = 10 * SECOND;

/// Lines that need not arrive.
impl World {
    /// Bytes written before this should have been read by now: nothing has kept the agent from its
    /// work since, for longer than it takes to notice and read a file.
    fn fair_from(&self) -> u64 {
        match self.well_since {
            Some(since) if since + self.fair < self.now => self.now - self.fair,
            _ => 0,
        }
    }

    /// Bytes were added from `offset` on to a file that the agent has not open, or only for a
    /// configuration that is gone, and that no collected path leads to: there is nothing by which it
    /// could come to them.
    pub(super) fn excuse_appended(&mut self, node: NodeId, offset: usize) {
        if !self.is_held(node) && !self.is_visible(node) {
            self.book.excuse(self.disk.content(node), offset, 0);
        }
    }

    /// A file has another name, or none. A copy that was not begun with is found by its name only,
    /// also when the file it was written into is open for what it had before.
    ///
    /// Not open, not on record and under no collected path it cannot be read any more; what is old
    /// should have been read before. And where no file before it at its path is known, or only such as
    /// seem to be younger since the clock was set back, nothing leads to it but the news of its
    /// renaming, which may come after its successor is read.
    pub(crate) fn excuse_moved(&mut self, node: NodeId) {
        let content = self.disk.content(node);
        let is_read = self.memory.read.get(&node).is_some_and(|(read, _)| *read == content);
        let is_held = self.is_held(node) && (is_read || !self.book.contents[content].is_copy);
        if !is_held && !self.has_known_predecessor(node) {
            self.book.untie(content);
        }
        if !is_held && !self.can_be_found(node) && !self.is_visible(node) {
            let fair = self.fair_from();
            self.book.excuse(content, 0, fair);
        }
    }

    /// A file that was read up to `read` is cut to nothing: its unread bytes are gone, but for those
    /// that its copy has, so many from its start on. The copy is found by what was taken of the
    /// original, if anything was, and beside it only.
    ///
    /// Of a content that was on no record and is not read now, nobody knows what an earlier agent
    /// has sent: its copy may be sent again.
    pub(super) fn excuse_truncated(
        &mut self,
        node: NodeId,
        read: u64,
        copy: Option<(NodeId, usize)>,
    ) {
        let content = self.disk.content(node);
        if read == 0 && !self.memory.once_named.contains(&content) {
            self.book.may_repeat(content);
        }
        let is_known = read > 0 || self.memory.recorded_contents.contains(&content);
        let from = match copy {
            Some((copy, len)) if is_known && self.is_beside(copy, node) => len.max(read as usize),
            _ => read as usize,
        };
        let fair = self.fair_from();
        self.book.excuse(content, from, fair);
    }

    /// The configuration is removed, and with it what the agent had only open: a content that is
    /// over or has no name cannot be read again when the configuration is back. And what is on its
    /// way then is delivered beside what the configuration collects anew.
    pub(crate) fn excuse_removed_configuration(&mut self) {
        self.memory.is_removed = true;
        self.book.lose_turns();
        self.excuse_unreachable();
    }

    /// The agent is gone, with all it had in memory or only open: what it had read and not delivered
    /// of a content that is over or has no name cannot be read again.
    pub(crate) fn excuse_forgotten(&mut self) {
        if self.memory.has_renamed {
            self.forget_unrecorded();
        }
        self.forget_unnamed();
        self.memory.read.clear();
        self.memory.looked.clear();
        self.excuse_unreachable();
    }

    /// No agent that begins now can come to these contents.
    fn excuse_unreachable(&mut self) {
        for content in 0..self.book.contents.len() {
            let node = self.book.contents[content].node;
            let is_over = self.disk.content(node) != content || self.disk.nodes[node].links == 0;
            if is_over || !(self.can_be_found(node) || self.is_visible(node)) {
                self.book.excuse(content, 0, 0);
            }
        }
    }
}

/// Lines that may arrive again.
impl World {
    /// The checkpoint is damaged: nobody knows what was sent.
    pub(crate) fn excuse_lost_memory(&mut self) {
        self.book.memory_lost();
        self.memory.recorded.clear();
        self.memory.recorded_contents.clear();
        self.memory.named_contents.clear();
        self.excuse_forgotten();
    }

    /// Files that are on no record cannot be known again by a configuration of another name, because
    /// the name is part of what an id is derived from.
    pub(crate) fn excuse_renamed_configuration(&mut self) {
        self.memory.has_renamed = true;
        self.forget_unrecorded();
    }

    fn forget_unrecorded(&mut self) {
        for content in 0..self.book.contents.len() {
            let facts = &self.disk.nodes[self.book.contents[content].node];
            let is_recorded = self.memory.recorded.contains(&(facts.inode, facts.born));
            if !is_recorded || !self.memory.named_contents.contains(&content) {
                self.book.may_repeat(content);
            }
        }
    }

    /// What a crash makes the agent forget. A content that was on no record has the id that can be
    /// derived from its file again, as long as the file has it and it was the first there. When it
    /// was copied and truncated before a checkpoint could be written, the copy is all that is left
    /// of it, and nobody knows of what. A later content waits for the checkpoint, unless none can
    /// be written; so does one that is named after a part of its first line.
    fn forget_unnamed(&mut self) {
        for content in 0..self.book.contents.len() {
            let Content { node, is_later, .. } = self.book.contents[content];
            let is_over = self.disk.content(node) != content;
            // Without its first line an id cannot be derived, only recorded.
            let must_wait = is_later || self.book.is_begun_with_a_part(content);
            let is_forgotten = is_over || (must_wait && self.memory.saves_failed);
            if is_forgotten && !self.memory.once_named.contains(&content) {
                self.book.may_repeat(content);
            }
        }
        self.memory.saves_failed = false;
    }
}

/// Lines that need not come in the order of their path.
impl World {
    /// Whether what is written to a file now, by a program that means `path`, has no turn: another
    /// file has the path, or births do not tell its place. Where what is rotated is collected as well
    /// no order is asked across the files of a path.
    pub(super) fn has_no_turn(&self, node: NodeId, path: &Path) -> bool {
        let latest = self.made.get(path).and_then(|made| made.last());
        let is_late = latest != Some(&node) || self.tied.contains(&node) || node < self.before_step;
        is_late || self.pattern == Pattern::Rotated
    }

    /// Two files were made at one path in one tick of the clock: nothing tells their order.
    pub(super) fn excuse_order_in_one_tick(&mut self, before: NodeId, node: NodeId) {
        self.tied.extend([before, node]);
        self.book.contents_of(before).into_iter().for_each(|it| self.book.untie(it));
    }

    /// The clock was set: births do not tell any more which file came before which.
    pub(super) fn excuse_order_of_births(&mut self) {
        self.book.lose_order();
        self.before_step = self.disk.nodes.len();
    }

    /// Files cannot be read, or not always, for so long that those that had their paths after them
    /// wait no longer.
    pub(crate) fn excuse_order_of_unreadable(&mut self) {
        let faults = self.disk.faults;
        if faults.io_per_mille == 0 && !faults.no_descriptors {
            self.faulty_since = None;
            return;
        }
        let since = *self.faulty_since.get_or_insert(self.now);
        if self.now >= since + FAILING_BLOCKS {
            self.book.lose_turns();
        }
    }

    /// What an agent sent before it was killed may arrive whenever the network likes, also between
    /// what its successor sends.
    pub(crate) fn excuse_order_of_overtaken(&mut self, is_sender_gone: bool) {
        self.book.is_overtaken = is_sender_gone;
    }
}
