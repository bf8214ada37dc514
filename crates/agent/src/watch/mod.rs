//! Wakes the collecting thread when something changed.
//!
//! Kernel events only make it quicker: the scan of the collector is the truth, and everything
//! works without them.

mod inotify;

pub use inotify::Inotify;

use crate::tail::Notice;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Something the kernel said about a name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The directory.
    pub dir: PathBuf,
    /// The name in it.
    pub name: OsString,
    /// What happened.
    pub what: What,
}

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The file got content or lost some.
    Modified,
    /// It is new.
    Created,
    /// It is gone by a rename.
    MovedFrom {
        /// The same as at the other end of the rename.
        cookie: u32,
    },
    /// It is here by a rename.
    MovedTo {
        /// The same as at the other end of the rename.
        cookie: u32,
    },
}

/// Makes notices of the events of one moment.
///
/// A file may have been renamed several times before we look: the notice about the first name
/// leads to the last one, because that is where the file is now.
pub fn notices(events: &[Event]) -> Vec<Notice> {
    let mut moved_to: HashMap<u32, (usize, PathBuf)> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        if let What::MovedTo { cookie } = event.what {
            moved_to.insert(cookie, (at, event.dir.join(&event.name)));
        }
    }
    let mut found: Vec<Notice> = Vec::new();
    let mut push = |notice: Notice| {
        // A busy writer makes many events about one file.
        if !matches!(notice, Notice::Touched(_))
            || !found.iter().rev().take(8).any(|n| *n == notice)
        {
            found.push(notice);
        }
    };
    let mut used_cookies = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let path = event.dir.join(&event.name);
        match event.what {
            What::Modified => push(Notice::Touched(path)),
            What::Created => push(Notice::Appeared(path)),
            What::MovedFrom { cookie } => match moved_to.get(&cookie) {
                Some((_, first)) => {
                    used_cookies.push(cookie);
                    let to = last_name(events, at, first);
                    push(Notice::Renamed { from: path, to });
                }
                // Out of every directory we watch; the scan finds that it is gone.
                None => push(Notice::Unclear),
            },
            What::MovedTo { cookie } if used_cookies.contains(&cookie) => {}
            What::MovedTo { .. } => push(Notice::Appeared(path)),
        }
    }
    found
}

/// Follows the renames after the event at `at` from the name `first`.
fn last_name(events: &[Event], at: usize, first: &Path) -> PathBuf {
    let mut name = first.to_owned();
    let mut hop: Option<u32> = None;
    for event in &events[at + 1..] {
        match (event.what, hop) {
            (What::MovedFrom { cookie }, None) if event.dir.join(&event.name) == name => {
                hop = Some(cookie);
            }
            (What::MovedTo { cookie }, Some(wanted)) if cookie == wanted => {
                name = event.dir.join(&event.name);
                hop = None;
            }
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, what: What) -> Event {
        Event { dir: "/d".into(), name: name.into(), what }
    }

    fn renamed(from: &str, to: &str) -> Notice {
        Notice::Renamed { from: Path::new("/d").join(from), to: Path::new("/d").join(to) }
    }

    #[test]
    fn many_writes_are_one_notice() {
        let writes = vec![event("a", What::Modified); 5];
        assert_eq!(notices(&writes), [Notice::Touched("/d/a".into())]);
    }

    #[test]
    fn a_rename_is_one_notice() {
        let events = [
            event("a", What::MovedFrom { cookie: 1 }),
            event("a.1", What::MovedTo { cookie: 1 }),
            event("a", What::Created),
        ];
        assert_eq!(notices(&events), [renamed("a", "a.1"), Notice::Appeared("/d/a".into())]);
    }

    #[test]
    fn a_chain_of_renames_leads_to_where_the_file_is() {
        let events = [
            event("a", What::MovedFrom { cookie: 1 }),
            event("a.1", What::MovedTo { cookie: 1 }),
            event("a", What::Created),
            event("a.1", What::MovedFrom { cookie: 2 }),
            event("a.2", What::MovedTo { cookie: 2 }),
            event("a", What::MovedFrom { cookie: 3 }),
            event("a.1", What::MovedTo { cookie: 3 }),
        ];
        assert_eq!(
            notices(&events),
            [
                renamed("a", "a.2"),
                Notice::Appeared("/d/a".into()),
                renamed("a.1", "a.2"),
                renamed("a", "a.1"),
            ]
        );
    }

    #[test]
    fn half_a_rename_is_understood() {
        let events =
            [event("a", What::MovedFrom { cookie: 1 }), event("b", What::MovedTo { cookie: 2 })];
        assert_eq!(notices(&events), [Notice::Unclear, Notice::Appeared("/d/b".into())]);
    }
}
