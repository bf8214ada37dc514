//! The kernel's events about directories. Files are never watched themselves: a directory tells
//! about its files, and there are fewer of them.

use super::{Event, What, notices};
use crate::files::escaped;
use crate::log::alarm;
use crate::tail::Notice;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Room for events of one read. The kernel keeps what does not fit.
const BUFFER_BYTES: usize = 8 * 1024;

/// Watches of one agent at most; directories beyond are found by scans alone.
const MAX_WATCHES: usize = 8192;

/// Watches on directories.
#[derive(Debug)]
pub struct Inotify {
    queue: OwnedFd,
    by_watch: HashMap<i32, PathBuf>,
    by_dir: HashMap<PathBuf, i32>,
}

impl Inotify {
    /// A queue without watches; `None` where the kernel has none to give, which is said once.
    pub fn new() -> Option<Self> {
        match inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
            Ok(queue) => Some(Self { queue, by_watch: HashMap::new(), by_dir: HashMap::new() }),
            Err(error) => {
                alarm(
                    "REGISTER_INOTIFY_FAIL_ALARM",
                    "inotify",
                    format_args!("{error}; changes are found by polling"),
                );
                None
            }
        }
    }

    /// Watches these directories and no others.
    pub fn watch<'a>(&mut self, dirs: impl Iterator<Item = &'a PathBuf>) {
        let wanted: HashSet<&PathBuf> = dirs.collect();
        let unwanted: Vec<PathBuf> =
            self.by_dir.keys().filter(|dir| !wanted.contains(dir)).cloned().collect();
        for dir in unwanted {
            if let Some(watch) = self.by_dir.remove(&dir) {
                self.by_watch.remove(&watch);
                // It may be gone with its directory.
                let _ = inotify::remove_watch(&self.queue, watch);
            }
        }
        for dir in wanted {
            if self.by_dir.contains_key(dir) {
                continue;
            }
            if self.by_dir.len() >= MAX_WATCHES {
                alarm(
                    "INOTIFY_DIR_NUM_LIMIT_ALARM",
                    &escaped(dir),
                    format_args!(
                        "{MAX_WATCHES} directories are watched already; this one is polled"
                    ),
                );
                return;
            }
            self.add(dir);
        }
    }

    fn add(&mut self, dir: &Path) {
        let flags = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        match inotify::add_watch(&self.queue, dir, flags) {
            Ok(watch) => {
                // Two paths to one directory share a watch; the first one has it, the other is
                // found by scans.
                self.by_watch.entry(watch).or_insert_with(|| dir.to_owned());
                self.by_dir.insert(dir.to_owned(), watch);
            }
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => alarm(
                "REGISTER_INOTIFY_FAIL_ALARM",
                &escaped(dir),
                format_args!("{error}; changes are found by polling"),
            ),
        }
    }

    /// Whether anything is watched.
    pub fn is_useful(&self) -> bool {
        !self.by_watch.is_empty()
    }

    /// Readable while there are events.
    pub fn event(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// Takes what happened since the last call.
    pub fn take(&mut self) -> Vec<Notice> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut events = Vec::new();
        let mut is_unclear = false;
        let mut lost = Vec::new();
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                alarm("INOTIFY_EVENT_OVERFLOW_ALARM", "inotify", format_args!("scanning instead"));
                is_unclear = true;
                continue;
            }
            if flags.intersects(ReadFlags::IGNORED | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF)
            {
                lost.push(event.wd());
                is_unclear = true;
                continue;
            }
            let Some(dir) = self.by_watch.get(&event.wd()) else { continue };
            let Some(name) = event.file_name() else { continue };
            let what = if flags.contains(ReadFlags::MODIFY) {
                What::Modified
            } else if flags.contains(ReadFlags::CREATE) {
                What::Created
            } else if flags.contains(ReadFlags::MOVED_FROM) {
                What::MovedFrom { cookie: event.cookie() }
            } else if flags.contains(ReadFlags::MOVED_TO) {
                What::MovedTo { cookie: event.cookie() }
            } else {
                continue;
            };
            let name = OsStr::from_bytes(name.to_bytes()).to_owned();
            let event = Event { dir: dir.clone(), name, what };
            // The most frequent event says nothing new when repeated.
            if events.last() != Some(&event) {
                events.push(event);
            }
        }
        for watch in lost {
            if let Some(dir) = self.by_watch.remove(&watch) {
                self.by_dir.retain(|_, known| *known != watch);
                // A directory that was renamed is still watched by the kernel.
                let _ = inotify::remove_watch(&self.queue, watch);
                drop(dir);
            }
        }
        let mut found = notices(&events);
        if is_unclear {
            found.push(Notice::Unclear);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn watching(dir: &Path) -> Inotify {
        let mut inotify = Inotify::new().expect("this kernel has inotify");
        inotify.watch([dir.to_owned()].iter());
        assert!(inotify.is_useful());
        inotify
    }

    #[test]
    fn what_happens_in_a_directory_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut inotify = watching(dir.path());
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "x").unwrap();
        assert_eq!(inotify.take(), [Notice::Appeared(a.clone()), Notice::Touched(a.clone())]);
        fs::rename(&a, &b).unwrap();
        assert_eq!(inotify.take(), [Notice::Renamed { from: a, to: b }]);
        assert!(inotify.take().is_empty());
    }

    #[test]
    fn a_directory_that_disappears_is_unclear_and_can_be_watched_again() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("sub");
        fs::create_dir(&sub).unwrap();
        let mut inotify = watching(&sub);
        fs::remove_dir(&sub).unwrap();
        assert_eq!(inotify.take(), [Notice::Unclear]);
        assert!(!inotify.is_useful());
        fs::create_dir(&sub).unwrap();
        inotify.watch([sub.clone()].iter());
        fs::write(sub.join("a"), "x").unwrap();
        assert!(inotify.take().contains(&Notice::Touched(sub.join("a"))));
    }
}
