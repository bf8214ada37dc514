//! What happens to names and contents of files: made, renamed, deleted, cut to nothing.
//!
//! Each change is made on the disk and noted in the book, and whatever the agent may be forgiven for
//! it is asked of the excuses.

use super::{ROOT, World};
use crate::simulation::disk::{Body, Change, NodeId, below};
use std::path::Path;

impl World {
    pub(super) fn create(&mut self, path: &Path) -> NodeId {
        let wall = self.wall();
        let node = self.disk.create(path, wall);
        let content = self.disk.content(node);
        self.book.begin(content, node);
        let made = self.made.entry(path.to_owned()).or_default();
        let before = made.last().copied();
        made.push(node);
        if let Some(before) = before
            && self.disk.nodes[before].born == self.disk.nodes[node].born
        {
            self.excuse_order_in_one_tick(before, node);
        }
        let inode = self.disk.nodes[node].inode;
        self.say(|| {
            format!("create {} (node {node}, inode {inode}, content {content})", path.display())
        });
        node
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        let Some(node) = self.disk.resolve(path, false) else { return };
        let target = self.disk.resolve(path, true);
        self.say(|| format!("delete {} (node {node})", path.display()));
        self.disk.unlink(path);
        if let Some(file) = target
            && matches!(self.disk.nodes[file].body, Body::File { .. })
        {
            self.excuse_moved(file);
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let Some(node) = self.disk.resolve(from, false) else { return };
        let over = self.disk.resolve(to, false);
        self.say(|| format!("rename {} to {} (node {node})", from.display(), to.display()));
        self.disk.rename(from, to);
        self.excuse_moved(node);
        if let Some(over) = over {
            self.excuse_moved(over);
        }
    }

    /// Cuts a file to nothing. So many bytes of it are in another one, its copy.
    pub(super) fn truncate(&mut self, node: NodeId, copy: Option<(NodeId, usize)>) {
        let content = self.disk.content(node);
        let read = match self.memory.read.get(&node) {
            Some((known, read)) if *known == content && self.disk.nodes[node].held > 0 => *read,
            _ => 0,
        };
        self.excuse_truncated(node, read, copy);
        self.book.ended(content);
        let wall = self.wall();
        self.disk.truncate(node, wall);
        let fresh = self.disk.content(node);
        self.book.begin(fresh, node);
        self.book.contents[fresh].is_later = true;
        self.say(|| format!("truncate node {node}, read up to {read}: now content {fresh}"));
    }

    pub(super) fn remove_dir(&mut self, at: usize) {
        let dir = self.streams[at].dir.clone();
        if dir == Path::new(ROOT) || self.disk.resolve(&dir, false).is_none() {
            return;
        }
        let inside = (0..self.streams.len()).filter(|it| self.streams[*it].dir.starts_with(&dir));
        for at in inside.collect::<Vec<_>>() {
            self.leave(at);
        }
        self.remove_all(&dir);
        self.unlink(&dir);
    }

    fn remove_all(&mut self, dir: &Path) {
        let Some(id) = self.disk.resolve(dir, false) else { return };
        let Body::Dir(entries) = &self.disk.nodes[id].body else { return };
        let names: Vec<Vec<u8>> = entries.keys().cloned().collect();
        for name in names {
            let path = below(dir, &name);
            self.remove_all(&path);
            self.unlink(&path);
        }
        self.say(|| format!("remove directory {}", dir.display()));
        self.disk.changes.push((id, Vec::new(), Change::Gone));
        self.doomed.retain(|(_, path)| !path.starts_with(dir));
    }
}
