//! What the agent may be forgiven, and the physical reason for each: the whole list.
//!
//! An excuse takes one of three things from lines of the book: that they must arrive, that they
//! arrive once, or that they come in the order of their path. Whatever is not excused here is wrong.
//! Two things are not excuses and stand in the book: a line may be taken in parts when its writer
//! paused, and a content ends where it was cut.

use super::reach::Pattern;
use super::{SECOND, World};
use crate::simulation::book::Content;
use crate::simulation::disk::{ContentId, NodeId};
use std::path::Path;

/// A file that cannot be read keeps those that had its path after it waiting so long.
const FAILING_BLOCKS: u64 = 10 * SECOND;

/// Lines that need not arrive.
impl World {
    /// How the agent is now. While nothing keeps it from its work, for longer than it takes to
    /// notice and read a file, it comes to know what was written until then.
    pub(crate) fn note_health(&mut self, is_well: bool) {
        if !is_well {
            self.well_since = None;
            return;
        }
        let since = *self.well_since.get_or_insert(self.now);
        if since + self.fair < self.now {
            self.fair_from = self.fair_from.max(self.now - self.fair);
        }
    }

    /// Bytes were added from `offset` on to a file that the agent has not open, or only for a
    /// configuration that is gone, and that no collected path leads to, nor its checkpoint: there is
    /// nothing by which it could come to them. A renamed file of which nothing came for a minute it
    /// lets go, and looks for it when it starts again.
    pub(super) fn excuse_appended(&mut self, node: NodeId, offset: usize) {
        let is_let_go = self.memory.let_go.contains(&self.disk.nodes[node].inode);
        let can_be_found = self.can_be_found(node) && !is_let_go;
        if !self.is_held(node) && !self.is_visible(node) && !can_be_found {
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
        self.book.hurry(content, self.now);
        let is_read = self.memory.read.get(&node).is_some_and(|(read, _)| *read == content);
        let is_held = self.is_held(node) && (is_read || !self.book.contents[content].is_copy);
        if !is_held && !self.has_known_predecessor(node) {
            self.book.untie(content);
        }
        if !is_held && !self.can_be_found(node) && self.pattern == Pattern::Rotated {
            self.tie(node);
        }
        if !is_held && !self.can_be_found(node) && !self.is_visible(node) {
            if !self.memory.is_alive {
                self.excuse_taken(content);
            }
            self.book.excuse(content, 0, self.fair_from);
        }
    }

    /// A file that was read up to `read` is cut to nothing: its unread bytes are gone, but for those
    /// that its copy has, so many from its start on. The copy is found by what was taken of the
    /// original, if anything was, and beside it only.
    ///
    /// Of a content that was on no record and is not read now, nobody knows what an earlier agent
    /// has sent: its copy may be sent again. And of what its copy is one nothing tells, when nothing
    /// of it is read or on record: it has no place in the order.
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
        if !self.memory.is_alive {
            self.excuse_taken(content);
        }
        if let Some((copy, _)) = copy {
            self.memory.copies.insert(content, (copy, self.disk.content(copy)));
            self.book.hurry(self.disk.content(copy), self.now);
            self.book.hurry(content, self.now);
        }
        let is_known = read > 0 || self.memory.recorded_contents.contains(&content);
        if copy.is_some() && !is_known {
            self.book.untie(content);
        }
        let from = match copy {
            Some((copy, len)) if is_known && self.is_beside(copy, node) => len.max(read as usize),
            _ => read as usize,
        };
        self.book.excuse(content, from, self.fair_from);
    }

    /// The configuration is removed, and with it what the agent had only open: a content that is
    /// over or has no name cannot be read again when the configuration is back. And what is on its
    /// way then is delivered beside what the configuration collects anew.
    pub(crate) fn excuse_removed_configuration(&mut self) {
        self.memory.is_removed = true;
        for (content, taken) in &self.memory.taken {
            self.book.lose_turns_before(*content, *taken);
        }
        self.excuse_unreachable();
        self.begin_anew();
    }

    /// The agent is gone, with all it had in memory or only open: what it had read and not delivered
    /// of a content that is over or has no name cannot be read again.
    pub(crate) fn excuse_forgotten(&mut self) {
        self.memory.is_alive = false;
        if self.memory.is_renaming {
            self.note_renamed();
        }
        self.excuse_order_of_moved();
        self.forget_renamed();
        self.forget_unnamed();
        self.memory.read.clear();
        self.memory.looked.clear();
        self.excuse_unreachable();
    }

    /// Whoever reads on has only what is on record: it has yet to come to what was read before.
    fn begin_anew(&mut self) {
        self.well_since = None;
        self.fair_from = 0;
    }

    /// An agent begins.
    pub(crate) fn note_start(&mut self) {
        self.memory.is_alive = true;
        self.memory.of_earlier_lives = self.memory.taken.keys().copied().collect();
        self.memory.followed.clear();
        self.memory.let_go.clear();
        if self.memory.is_renaming {
            self.note_renamed();
            self.forget_renamed();
        }
        self.excuse_order_of_moved();
        self.begin_anew();
    }

    /// What an agent that is gone had taken of a content and not delivered, also of one that is over
    /// and of which this is the copy.
    fn excuse_taken(&mut self, content: ContentId) {
        let originals = self.memory.copies.iter().filter(|(_, copy)| copy.1 == content);
        for content in originals.map(|(original, _)| *original).chain([content]) {
            let taken = self.memory.taken.get(&content).copied().unwrap_or_default();
            self.book.excuse_before(content, taken);
        }
    }

    /// No agent that begins now can come to these contents: to what was taken of them and not
    /// delivered, and to the rest that there was no time to read.
    fn excuse_unreachable(&mut self) {
        for content in 0..self.book.contents.len() {
            let node = self.book.contents[content].node;
            let is_over = self.disk.content(node) != content || self.disk.nodes[node].links == 0;
            if self.is_in_known_copy(content) {
                continue;
            }
            if is_over || !(self.can_be_found(node) || self.is_visible(node)) {
                self.excuse_taken(content);
                // What was before it at its path may have kept it waiting.
                let due = self.fair_from.saturating_sub(FAILING_BLOCKS);
                self.book.excuse(content, 0, due);
            }
        }
    }
}

/// Lines that may arrive again.
impl World {
    /// The checkpoint is damaged: nobody knows what was sent.
    pub(crate) fn excuse_lost_memory(&mut self) {
        for content in 0..self.book.contents.len() {
            self.book.may_repeat(content);
        }
        self.memory.recorded.clear();
        self.memory.recorded_contents.clear();
        self.memory.named_contents.clear();
        self.excuse_forgotten();
    }

    /// The configuration is to have another name. The name is part of what an id is derived from:
    /// what has an id of the old one when the agent takes the new one, and is on no record when it
    /// dies, cannot be known again.
    pub(crate) fn excuse_renamed_configuration(&mut self) {
        self.memory.is_renaming = true;
    }

    /// The agent, or the next one, takes the configuration as it is now.
    pub(crate) fn note_configured(&mut self) {
        self.memory.is_removed = false;
        if self.memory.is_renaming {
            self.note_renamed();
        }
    }

    fn note_renamed(&mut self) {
        self.memory.is_renaming = false;
        let taken = self.memory.taken.keys().copied();
        let unrecorded: Vec<ContentId> = taken.filter(|it| !self.is_recorded(*it)).collect();
        for content in unrecorded {
            // Whoever gave it an id may be gone already, or be the one that runs.
            if self.memory.of_earlier_lives.contains(&content) {
                self.book.may_repeat(content);
            }
            self.memory.named_before.insert(content);
        }
    }

    fn forget_renamed(&mut self) {
        for content in std::mem::take(&mut self.memory.named_before) {
            if !self.is_recorded(content) {
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
    /// file has the path, or nothing tells its place.
    pub(super) fn has_no_turn(&self, node: NodeId, path: &Path) -> bool {
        let latest = self.made.get(path).and_then(|made| made.last());
        latest != Some(&node) || self.tied.contains(&node) || node < self.before_step
    }

    /// Where what is rotated is collected as well, a file that the agent meets under another name than
    /// the one it was written at is one of that name.
    fn tie(&mut self, node: NodeId) {
        self.tied.insert(node);
        self.book.contents_of(node).into_iter().for_each(|it| self.book.untie(it));
    }

    /// What has another name than it was made with, or is in a copy only, and is on no record; where
    /// files cannot be read, or not always, a scan may come to it before the checkpoint leads there.
    fn excuse_order_of_moved(&mut self) {
        if self.pattern != Pattern::Rotated {
            return;
        }
        let faults = self.disk.faults;
        let is_faulty = faults.io_per_mille > 0 || faults.no_descriptors;
        let made = self.made.iter().flat_map(|(path, made)| made.iter().map(move |it| (path, *it)));
        let moved = made.filter(|(path, node)| self.disk.resolve(path, true) != Some(*node));
        let moved: Vec<NodeId> = moved.map(|(_, node)| node).collect();
        for node in moved {
            if is_faulty || !self.can_be_found(node) {
                self.tie(node);
            }
        }
        let copied = self.memory.copies.keys();
        for content in copied.filter(|it| !self.memory.recorded_contents.contains(it)) {
            self.book.untie(*content);
        }
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
    /// wait no longer. A look for what came before a file takes many calls: one in twenty that fails
    /// is enough to keep it from its end.
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
