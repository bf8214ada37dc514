//! What the agent can get at: by a path the configuration takes, by what its checkpoint leads to, by
//! what it has open.
//!
//! Only what is so is said here; what the agent is forgiven because of it stands in the excuses.

use super::{ROOT, World};
use crate::simulation::disk::{Body, ContentId, NodeId, below};
use agent::checkpoint::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which files the configuration takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*.log`: not what is rotated.
    Plain,
    /// `*.log*`: what is rotated too.
    Rotated,
}

impl Pattern {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Plain => "*.log",
            Self::Rotated => "*.log*",
        }
    }

    pub(super) fn takes(self, name: &[u8]) -> bool {
        let name = String::from_utf8_lossy(name);
        match self {
            Self::Plain => name.ends_with(".log"),
            Self::Rotated => name.contains(".log"),
        }
    }
}

/// What the agent knows of the files.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Which content an agent has last read of a file, and how far.
    pub(crate) looked: BTreeMap<NodeId, ContentId>,
    pub(crate) read: BTreeMap<NodeId, (ContentId, u64)>,
    /// What agents have had of each content: so many bytes from its start on.
    pub(super) taken: BTreeMap<ContentId, usize>,
    /// Contents of which an agent before the one that runs has had something.
    pub(super) of_earlier_lives: BTreeSet<ContentId>,
    /// Inodes of the files it follows, and of those that it followed and let go.
    pub(super) followed: BTreeSet<u64>,
    pub(super) let_go: BTreeSet<u64>,
    /// An agent runs.
    pub(super) is_alive: bool,
    /// The file, and the content of it, that a content was copied to before it was cut.
    pub(super) copies: BTreeMap<ContentId, (NodeId, ContentId)>,
    /// Files in the checkpoint that a crash leaves.
    pub(super) recorded: BTreeSet<(u64, u64)>,
    /// Contents whose id is there.
    pub(super) named_contents: BTreeSet<ContentId>,
    /// Contents whose id has been in a checkpoint on disk.
    pub(super) once_named: BTreeSet<ContentId>,
    /// Contents of which a part is acknowledged there.
    pub(super) recorded_contents: BTreeSet<ContentId>,
    /// The last checkpoint could not be written.
    pub(super) saves_failed: bool,
    /// The configuration has another name, which the agent has yet to take.
    pub(super) is_renaming: bool,
    /// Contents with an id of a name that the configuration had before, which were on no record.
    pub(super) named_before: BTreeSet<ContentId>,
    /// The configuration is removed, and the agent has yet to close what it had open for it.
    pub(crate) is_removed: bool,
}

impl World {
    /// Whether the agent has a file open and goes on reading it. What is written after the
    /// configuration is gone is nobody's.
    pub(super) fn is_held(&self, node: NodeId) -> bool {
        self.disk.nodes[node].held > 0 && !self.memory.is_removed
    }

    /// Whether a path that is collected leads to a file.
    pub(super) fn is_visible(&self, node: NodeId) -> bool {
        let mut dirs = vec![(PathBuf::from(ROOT), 0)];
        while let Some((dir, depth)) = dirs.pop() {
            let Some(id) = self.disk.resolve(&dir, true) else { continue };
            let Body::Dir(entries) = &self.disk.nodes[id].body else { continue };
            for name in entries.keys() {
                let path = below(&dir, name);
                match self.disk.resolve(&path, true) {
                    Some(found) if found == node && self.pattern.takes(name) => return true,
                    Some(_) if depth < 3 => dirs.push((path, depth + 1)),
                    _ => {}
                }
            }
        }
        false
    }

    /// Whether the checkpoint leads to a file: it is on record, and where it was, by some name.
    pub(super) fn can_be_found(&self, node: NodeId) -> bool {
        let facts = &self.disk.nodes[node];
        let elsewhere = self.disk.resolve(Path::new("/data"), true);
        self.memory.recorded.contains(&(facts.inode, facts.born))
            && self.disk.names_of(node).iter().any(|(dir, _)| Some(*dir) != elsewhere)
    }

    /// Whether the checkpoint that a crash leaves has the id of a content.
    pub(super) fn is_recorded(&self, content: ContentId) -> bool {
        let facts = &self.disk.nodes[self.book.contents[content].node];
        self.memory.recorded.contains(&(facts.inode, facts.born))
            && self.memory.named_contents.contains(&content)
    }

    /// Whether the agent knows of a file that had the path of this one before it, or of this one, and
    /// was born no later: only behind such a one births tell that this one has its place.
    pub(super) fn has_known_predecessor(&self, node: NodeId) -> bool {
        let born = self.disk.nodes[node].born;
        let is_known = |node: &NodeId| {
            let facts = &self.disk.nodes[*node];
            let is_known =
                facts.held > 0 || self.memory.recorded.contains(&(facts.inode, facts.born));
            is_known && facts.born <= born
        };
        self.made.values().any(|made| {
            let place = made.iter().position(|other| *other == node);
            place.is_some_and(|place| made[..=place].iter().any(is_known))
        })
    }

    /// Whether two files are in one directory.
    pub(super) fn is_beside(&self, one: NodeId, other: NodeId) -> bool {
        let dirs = |node| self.disk.names_of(node).into_iter().map(|(dir, _)| dir);
        dirs(one).any(|dir| dirs(other).any(|it| it == dir))
    }

    /// Whether a content that is over stands in a copy beside its file, where the checkpoint leads
    /// to.
    pub(super) fn is_in_known_copy(&self, content: ContentId) -> bool {
        let Some((copy, copied)) = self.memory.copies.get(&content).copied() else { return false };
        self.memory.recorded_contents.contains(&content)
            && self.disk.content(copy) == copied
            && self.is_beside(copy, self.book.contents[content].node)
    }

    /// The agent has read a content up to here, and with it what it is the copy of.
    pub(crate) fn took(&mut self, content: ContentId, to: usize) {
        let originals = self.memory.copies.iter().filter(|(_, copy)| copy.1 == content);
        let originals: Vec<ContentId> = originals.map(|(original, _)| *original).collect();
        for content in originals.into_iter().chain([content]) {
            let taken = self.memory.taken.entry(content).or_default();
            *taken = to.max(*taken);
        }
    }

    /// The agent follows files with these inodes, and no others.
    pub(crate) fn follows(&mut self, inodes: BTreeSet<u64>) {
        let before = std::mem::replace(&mut self.memory.followed, inodes);
        self.memory.let_go.extend(before);
        self.memory.let_go.retain(|inode| !self.memory.followed.contains(inode));
    }

    /// A checkpoint with these entries is on disk.
    pub(crate) fn kept(&mut self, entries: &[Entry]) {
        let named = |entry: &Entry| self.book.content_of(u128::from_be_bytes(entry.file.0));
        let memory = &mut self.memory;
        memory.saves_failed = false;
        memory.recorded =
            entries.iter().map(|entry| (entry.inode, entry.born.unwrap_or_default())).collect();
        memory.named_contents = entries.iter().filter_map(named).collect();
        memory.once_named.extend(&memory.named_contents);
        memory.recorded_contents =
            entries.iter().filter(|entry| entry.offset > 0).filter_map(named).collect();
    }

    /// The checkpoint could not be written.
    pub(crate) fn not_saved(&mut self) {
        self.memory.saves_failed = true;
    }
}
