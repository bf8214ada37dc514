//! What the agent sees of the disk: its calls, between which writers go on, and what the kernel
//! tells the watcher.
//!
//! It decides nothing: what a call gives is the matter of the disk.

use super::Shared;
use crate::simulation::disk::{Change, NodeId};
use agent::files::{Files, Found, Kind};
use agent::tail::Notice;
use agent::watch::{Event as Seen, What, notices};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The disk as the agent sees it.
pub(super) struct SimFiles(pub(super) Shared);

/// An open file of the agent.
pub(super) struct SimHandle {
    node: NodeId,
    world: Shared,
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.disk.nodes[self.node].held -= 1;
        world.disk.close(self.node);
        world.memory.read.remove(&self.node);
        world.memory.looked.remove(&self.node);
        if world.disk.faults.io_per_mille > 0 && world.disk.nodes[self.node].held == 0 {
            // Opened, not readable, and maybe deleted meanwhile.
            world.excuse_moved(self.node);
        }
    }
}

impl Files for SimFiles {
    type Handle = SimHandle;

    fn list(&mut self, dir: &Path, entry: &mut dyn FnMut(&[u8], Kind)) -> io::Result<()> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        for (name, kind) in world.disk.list(dir, &mut world.random)? {
            entry(&name, kind);
        }
        Ok(())
    }

    fn look(&mut self, path: &Path) -> io::Result<Found> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        world.disk.look(path, &mut world.random)
    }

    fn open(&mut self, path: &Path) -> io::Result<SimHandle> {
        let node = {
            let world = &mut *self.0.borrow_mut();
            world.interfere();
            world.disk.open_to_read(path, &mut world.random)?
        };
        Ok(SimHandle { node, world: Rc::clone(&self.0) })
    }

    fn look_at(&mut self, handle: &SimHandle) -> io::Result<Found> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        world.disk.look_at(handle.node, &mut world.random)
    }

    fn read_at(&mut self, handle: &SimHandle, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let world = &mut *self.0.borrow_mut();
        world.interfere();
        let content = world.disk.content(handle.node);
        world.memory.looked.insert(handle.node, content);
        let read = world.disk.read_at(handle.node, buf, offset, &mut world.random)?;
        world.took(content, offset as usize + read);
        Ok(read)
    }
}

/// What the watcher makes of the changes on the disk.
pub(super) fn take_notices(world: &Shared, watched: &mut BTreeMap<NodeId, PathBuf>) -> Vec<Notice> {
    let changes = std::mem::take(&mut world.borrow_mut().disk.changes);
    let mut events: Vec<Seen> = Vec::new();
    let mut is_unclear = false;
    for (dir, name, change) in changes {
        let Some(path) = watched.get(&dir) else { continue };
        let what = match change {
            Change::Modified => What::Modified,
            Change::Created => What::Created,
            Change::MovedFrom(cookie) => What::MovedFrom { cookie },
            Change::MovedTo(cookie) => What::MovedTo { cookie },
            Change::Gone => {
                watched.remove(&dir);
                is_unclear = true;
                continue;
            }
        };
        let event = Seen { dir: path.clone(), name: OsStr::from_bytes(&name).to_owned(), what };
        if events.last() != Some(&event) {
            events.push(event);
        }
    }
    let mut found = notices(&events);
    if is_unclear {
        found.push(Notice::Unclear);
    }
    found
}
