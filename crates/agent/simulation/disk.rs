//! A file system in memory: inodes that are used again, files that outlive their names, links,
//! clocks that tick coarsely, and errors on demand.

use super::random::Random;
use agent::files::{Found, Kind};
use pipeline::identity::FileFacts;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A node, never used again, unlike its inode number.
pub(crate) type NodeId = usize;

/// One content of one file: what lies between two truncations.
pub(crate) type ContentId = usize;

pub(crate) const DEVICE: u64 = 2049;
const ROOT: NodeId = 0;
const EIO: i32 = 5;
const EMFILE: i32 = 24;

#[derive(Debug)]
pub(crate) enum Body {
    File { content: ContentId, bytes: Vec<u8> },
    Dir(BTreeMap<Vec<u8>, NodeId>),
    Link(PathBuf),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) inode: u64,
    pub(crate) born: u64,
    pub(crate) modified: u64,
    pub(crate) links: u64,
    /// Open files of writers and of the agent.
    pub(crate) opens: u64,
    /// Open files of the agent.
    pub(crate) held: u64,
    pub(crate) body: Body,
}

/// A change in a directory, as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Modified,
    Created,
    MovedFrom(u32),
    MovedTo(u32),
    Gone,
}

/// What goes wrong when files are used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Calls of a thousand that fail with EIO.
    pub(crate) io_per_mille: u64,
    /// No descriptor is left.
    pub(crate) no_descriptors: bool,
    /// Reads of a thousand that give less than there is.
    pub(crate) short_per_mille: u64,
}

#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) nodes: Vec<Node>,
    free_inodes: Vec<u64>,
    next_inode: u64,
    next_cookie: u32,
    pub(crate) contents: usize,
    /// Changes not taken yet: the directory, the name in it, and what.
    pub(crate) changes: Vec<(NodeId, Vec<u8>, Change)>,
    pub(crate) faults: Faults,
    /// Every directory there ever was.
    dirs: Vec<NodeId>,
    /// Tick of the clock of births and modifications, in nanoseconds.
    tick: u64,
}

impl Disk {
    pub(crate) fn new(tick: u64) -> Self {
        let root = Node {
            inode: 2,
            born: 1,
            modified: 1,
            links: 1,
            opens: 0,
            held: 0,
            body: Body::Dir(BTreeMap::new()),
        };
        Self {
            nodes: vec![root],
            free_inodes: Vec::new(),
            next_inode: 11,
            next_cookie: 1,
            contents: 0,
            changes: Vec::new(),
            faults: Faults::default(),
            dirs: vec![ROOT],
            tick,
        }
    }

    fn stamp(&self, wall: u64) -> u64 {
        wall - wall % self.tick
    }

    fn add(&mut self, body: Body, wall: u64) -> NodeId {
        let inode = self.free_inodes.pop().unwrap_or_else(|| {
            self.next_inode += 1;
            self.next_inode
        });
        let at = self.stamp(wall);
        if let Body::Dir(_) = body {
            self.dirs.push(self.nodes.len());
        }
        self.nodes.push(Node { inode, born: at, modified: at, links: 1, opens: 0, held: 0, body });
        self.nodes.len() - 1
    }

    fn release(&mut self, id: NodeId) {
        let node = &self.nodes[id];
        if node.links == 0 && node.opens == 0 {
            self.free_inodes.push(node.inode);
        }
    }

    /// The node at `path`; links in the last component are followed only when asked.
    pub(crate) fn resolve(&self, path: &Path, follow: bool) -> Option<NodeId> {
        self.walk(path, follow, 8)
    }

    fn walk(&self, path: &Path, follow: bool, hops: usize) -> Option<NodeId> {
        let mut at = ROOT;
        let mut names: Vec<&[u8]> = path.as_os_str().as_bytes().split(|b| *b == b'/').collect();
        names.retain(|name| !name.is_empty());
        for (index, name) in names.iter().enumerate() {
            let Body::Dir(entries) = &self.nodes[at].body else { return None };
            at = *entries.get(*name)?;
            if let Body::Link(target) = &self.nodes[at].body
                && (follow || index + 1 < names.len())
            {
                at = self.walk(target, true, hops.checked_sub(1)?)?;
            }
        }
        Some(at)
    }

    fn parent<'p>(&self, path: &'p Path) -> Option<(NodeId, &'p [u8])> {
        Some((self.resolve(path.parent()?, true)?, path.file_name()?.as_bytes()))
    }

    fn entries(&mut self, dir: NodeId) -> &mut BTreeMap<Vec<u8>, NodeId> {
        match &mut self.nodes[dir].body {
            Body::Dir(entries) => entries,
            other => panic!("{other:?} is no directory"),
        }
    }

    fn link(&mut self, path: &Path, body: Body, wall: u64) -> NodeId {
        let (dir, name) = self.parent(path).expect("the directory is there");
        let name = name.to_vec();
        let node = self.add(body, wall);
        assert!(self.entries(dir).insert(name.clone(), node).is_none(), "{path:?} is taken");
        self.changes.push((dir, name, Change::Created));
        node
    }

    pub(crate) fn make_dir(&mut self, path: &Path, wall: u64) {
        if self.resolve(path, true).is_none() {
            if let Some(parent) = path.parent() {
                self.make_dir(parent, wall);
            }
            self.link(path, Body::Dir(BTreeMap::new()), wall);
        }
    }

    pub(crate) fn create(&mut self, path: &Path, wall: u64) -> NodeId {
        let content = self.new_content();
        self.link(path, Body::File { content, bytes: Vec::new() }, wall)
    }

    fn new_content(&mut self) -> ContentId {
        self.contents += 1;
        self.contents - 1
    }

    pub(crate) fn make_link(&mut self, path: &Path, target: &Path, wall: u64) {
        self.unlink(path);
        self.link(path, Body::Link(target.to_owned()), wall);
    }

    pub(crate) fn content(&self, node: NodeId) -> ContentId {
        match &self.nodes[node].body {
            Body::File { content, .. } => *content,
            other => panic!("{other:?} is no file"),
        }
    }

    pub(crate) fn bytes(&self, node: NodeId) -> &[u8] {
        match &self.nodes[node].body {
            Body::File { bytes, .. } => bytes,
            other => panic!("{other:?} is no file"),
        }
    }

    /// Every name of a node, as directory and name.
    pub(crate) fn names_of(&self, node: NodeId) -> Vec<(NodeId, Vec<u8>)> {
        let mut names = Vec::new();
        for dir in self.dirs.iter().copied() {
            if self.nodes[dir].links == 0 {
                continue;
            }
            if let Body::Dir(entries) = &self.nodes[dir].body {
                names.extend(
                    entries.iter().filter(|(_, it)| **it == node).map(|(n, _)| (dir, n.clone())),
                );
            }
        }
        names
    }

    fn modified(&mut self, node: NodeId, wall: u64) {
        self.nodes[node].modified = self.stamp(wall);
        for (dir, name) in self.names_of(node) {
            self.changes.push((dir, name, Change::Modified));
        }
    }

    pub(crate) fn append(&mut self, node: NodeId, more: &[u8], wall: u64) {
        if let Body::File { bytes, .. } = &mut self.nodes[node].body {
            bytes.extend_from_slice(more);
        }
        self.modified(node, wall);
    }

    /// Cuts a file to nothing: from now on it has another content.
    pub(crate) fn truncate(&mut self, node: NodeId, wall: u64) {
        let fresh = self.new_content();
        if let Body::File { content, bytes } = &mut self.nodes[node].body {
            *content = fresh;
            bytes.clear();
        }
        self.modified(node, wall);
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) {
        let (Some((dir, name)), Some((to_dir, to_name))) = (self.parent(from), self.parent(to))
        else {
            return;
        };
        let (name, to_name) = (name.to_vec(), to_name.to_vec());
        let Some(node) = self.entries(dir).remove(&name) else { return };
        if let Some(old) = self.entries(to_dir).insert(to_name.clone(), node) {
            self.nodes[old].links -= 1;
            self.release(old);
        }
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.changes.push((dir, name, Change::MovedFrom(cookie)));
        self.changes.push((to_dir, to_name, Change::MovedTo(cookie)));
    }

    pub(crate) fn unlink(&mut self, path: &Path) {
        let Some((dir, name)) = self.parent(path) else { return };
        let name = name.to_vec();
        if let Some(node) = self.entries(dir).remove(&name) {
            self.nodes[node].links -= 1;
            self.release(node);
        }
    }

    pub(crate) fn open(&mut self, node: NodeId) {
        self.nodes[node].opens += 1;
    }

    pub(crate) fn close(&mut self, node: NodeId) {
        self.nodes[node].opens -= 1;
        self.release(node);
    }

    // What the agent sees.

    fn fault(&self, random: &mut Random) -> io::Result<()> {
        match random.chance(self.faults.io_per_mille) {
            true => Err(io::Error::from_raw_os_error(EIO)),
            false => Ok(()),
        }
    }

    pub(crate) fn list(&self, dir: &Path, random: &mut Random) -> io::Result<Vec<(Vec<u8>, Kind)>> {
        self.fault(random)?;
        if self.faults.no_descriptors {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let node = self.resolve(dir, true).ok_or(io::ErrorKind::NotFound)?;
        let Body::Dir(entries) = &self.nodes[node].body else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let mut listed: Vec<(Vec<u8>, Kind)> =
            entries.iter().map(|(name, id)| (name.clone(), self.kind(*id))).collect();
        // Directories are in no order.
        for at in (1..listed.len()).rev() {
            listed.swap(at, random.range(0, at as u64 + 1) as usize);
        }
        Ok(listed)
    }

    fn kind(&self, node: NodeId) -> Kind {
        match self.nodes[node].body {
            Body::File { .. } => Kind::File,
            Body::Dir(_) => Kind::Dir,
            Body::Link(_) => Kind::Link,
        }
    }

    pub(crate) fn found(&self, id: NodeId) -> Found {
        let node = &self.nodes[id];
        let size_bytes = match &node.body {
            Body::File { bytes, .. } => bytes.len() as u64,
            _ => 4096,
        };
        let facts = FileFacts {
            device: DEVICE,
            inode: node.inode,
            born_nanos: Some(node.born),
            modified_nanos: node.modified,
            size_bytes,
        };
        Found { kind: self.kind(id), facts, links: node.links }
    }

    pub(crate) fn look(&self, path: &Path, random: &mut Random) -> io::Result<Found> {
        self.fault(random)?;
        Ok(self.found(self.resolve(path, true).ok_or(io::ErrorKind::NotFound)?))
    }

    pub(crate) fn open_to_read(&mut self, path: &Path, random: &mut Random) -> io::Result<NodeId> {
        self.fault(random)?;
        if self.faults.no_descriptors {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let node = self.resolve(path, true).ok_or(io::ErrorKind::NotFound)?;
        self.open(node);
        self.nodes[node].held += 1;
        Ok(node)
    }

    pub(crate) fn look_at(&self, node: NodeId, random: &mut Random) -> io::Result<Found> {
        self.fault(random)?;
        Ok(self.found(node))
    }

    pub(crate) fn read_at(
        &self,
        node: NodeId,
        buf: &mut [u8],
        offset: u64,
        random: &mut Random,
    ) -> io::Result<usize> {
        self.fault(random)?;
        let bytes = self.bytes(node);
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let mut count = rest.len().min(buf.len());
        if count > 1 && random.chance(self.faults.short_per_mille) {
            count = random.range(1, count as u64) as usize;
        }
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// A name as a path below `dir`.
pub(crate) fn below(dir: &Path, name: &[u8]) -> PathBuf {
    dir.join(OsStr::from_bytes(name))
}
