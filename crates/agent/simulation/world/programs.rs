//! The programs that write logs: what they write, and how each goes on when its log is long enough.
//!
//! They neither know nor care whether an agent looks.

use super::{MILLI, ROOT, World};
use crate::simulation::book::LineId;
use crate::simulation::disk::NodeId;
use crate::simulation::random::Random;
use std::path::{Path, PathBuf};

/// How a program goes on when its log is long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Rename,
    CopyTruncate,
    Rewrite,
    Delete,
    SwapLink,
    ShortFiles,
}

/// What a program that copies does with the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copies {
    /// It is in another directory.
    Elsewhere,
    /// It is beside the log, and the one before it is renamed.
    Beside,
    /// It is beside the log, written over the one before it.
    Over,
}

/// A program that writes one log.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) dir: PathBuf,
    name: String,
    habit: Habit,
    copies: Copies,
    node: Option<NodeId>,
    /// A line that is not finished, and how much of it is written.
    open: Option<(LineId, usize)>,
    /// Files it has left and may still write to.
    left: Vec<NodeId>,
    turns: usize,
}

impl Stream {
    /// The program with this number, as the seed has it.
    pub(super) fn drawn(number: u64, script: &mut Random) -> Self {
        let dir = script.pick(&[ROOT, ROOT, "/logs/x", "/logs/x/y"]).to_string();
        let habit = *script.pick(&[
            Habit::Rename,
            Habit::Rename,
            Habit::CopyTruncate,
            Habit::Rewrite,
            Habit::Delete,
            Habit::SwapLink,
            Habit::ShortFiles,
        ]);
        Self {
            dir: PathBuf::from(dir),
            name: format!("{}.log", char::from(b'a' + number as u8)),
            habit,
            copies: *script.pick(&[Copies::Elsewhere, Copies::Beside, Copies::Over]),
            node: None,
            open: None,
            left: Vec::new(),
            turns: 0,
        }
    }

    /// Whether it copies its log and truncates it.
    pub(super) fn copies(&self) -> bool {
        self.habit == Habit::CopyTruncate
    }
}

impl World {
    pub(super) fn path(&self, at: usize) -> PathBuf {
        self.streams[at].dir.join(&self.streams[at].name)
    }

    fn node_of(&mut self, at: usize) -> NodeId {
        if let Some(node) = self.streams[at].node {
            return node;
        }
        let (path, wall) = (self.path(at), self.wall());
        self.disk.make_dir(&self.streams[at].dir.clone(), wall);
        let node = match self.disk.resolve(&path, true) {
            Some(node) => node,
            None if self.streams[at].habit == Habit::SwapLink => self.swap_link(at),
            None => self.create(&path),
        };
        self.disk.open(node);
        self.streams[at].node = Some(node);
        node
    }

    fn swap_link(&mut self, at: usize) -> NodeId {
        let path = self.path(at);
        self.streams[at].turns += 1;
        let name = format!("{}.{}", self.streams[at].name, self.streams[at].turns);
        let target = Path::new("/data").join(name);
        let node = self.create(&target);
        let before = self.disk.resolve(&path, true);
        let wall = self.wall();
        self.disk.make_link(&path, &target, wall);
        self.made.entry(path.clone()).or_default().push(node);
        self.say(|| format!("{} leads to {}", path.display(), target.display()));
        if let Some(before) = before {
            self.excuse_moved(before);
        }
        node
    }

    pub(super) fn write(&mut self, at: usize) {
        let node = self.node_of(at);
        let path = self.path(at).to_string_lossy().into_owned();
        let count = match self.script.range(0, 10) {
            0 => self.script.range(20, 60),
            _ => self.script.range(1, 5),
        };
        let unfinished = self.script.chance(200);
        let open = self.streams[at].open.take();
        let open = self.append(node, &path, open, count, unfinished);
        self.streams[at].open = open;
    }
    /// Appends lines, the last of them maybe without its end.
    pub(super) fn append(
        &mut self,
        node: NodeId,
        path: &str,
        mut open: Option<(LineId, usize)>,
        count: u64,
        unfinished: bool,
    ) -> Option<(LineId, usize)> {
        let content = self.disk.content(node);
        let offset = self.book.len(content);
        let has_no_turn = self.has_no_turn(node, Path::new(path));
        let mut bytes = Vec::new();
        for number in 0..count {
            let (line, from) = match open.take() {
                Some(open) => open,
                None => {
                    let width = match self.script.range(0, 20) {
                        0 => self.script.range(500, 3000),
                        _ => self.script.range(4, 60),
                    } as usize;
                    let id = self.book.lines.len();
                    let mut text = format!("{id}:").into_bytes();
                    text.extend((0..width).map(|_| b'a' + self.script.range(0, 26) as u8));
                    let line = self.book.line(content, path, text);
                    if has_no_turn {
                        self.book.out_of_turn(line);
                    }
                    (line, 0)
                }
            };
            let len = self.book.lines[line].text.len();
            let is_cut = unfinished && number + 1 == count && len - from > 1;
            let to =
                if is_cut { self.script.range(from as u64 + 1, len as u64) as usize } else { len };
            let ending: &[u8] = if is_cut { b"" } else { b"\n" };
            bytes.extend_from_slice(&self.book.lines[line].text[from..to]);
            bytes.extend_from_slice(ending);
            self.book.wrote(content, line, (from, to), ending, self.now);
            if is_cut {
                open = Some((line, to));
            }
        }
        let wall = self.wall();
        self.disk.append(node, &bytes, wall);
        self.say(|| {
            let last = self.book.lines.len() - 1;
            format!(
                "write {} bytes at {offset} of node {node} (content {content}, {path}, up to line {last}{})",
                bytes.len(),
                if open.is_some() { ", unfinished" } else { "" }
            )
        });
        self.excuse_appended(node, offset);
        open
    }

    /// The program closes its file, or keeps it to write to it once more.
    pub(super) fn leave(&mut self, at: usize) {
        self.streams[at].open = None;
        if let Some(node) = self.streams[at].node.take() {
            if self.script.chance(400) {
                self.streams[at].left.push(node);
            } else {
                self.disk.close(node);
            }
        }
    }

    pub(super) fn write_late(&mut self, at: usize) {
        if let Some(node) = self.streams[at].left.pop() {
            let path = self.path(at).to_string_lossy().into_owned();
            let count = self.script.range(1, 4);
            self.append(node, &path, None, count, false);
            if self.script.chance(500) {
                self.streams[at].left.push(node);
            } else {
                self.disk.close(node);
            }
        }
    }

    pub(super) fn turn_over(&mut self, at: usize) {
        let path = self.path(at);
        match self.streams[at].habit {
            Habit::Rename => {
                let numbered = |number: u64| PathBuf::from(format!("{}.{number}", path.display()));
                for number in (1..4).rev() {
                    self.rename(&numbered(number), &numbered(number + 1));
                }
                self.rename(&path, &numbered(1));
                self.leave(at);
                if self.script.chance(700) {
                    self.node_of(at);
                }
            }
            Habit::CopyTruncate => {
                let node = self.node_of(at);
                let numbered = |number: u64| PathBuf::from(format!("{}.{number}", path.display()));
                let copy = match self.streams[at].copies {
                    Copies::Elsewhere => Path::new("/archive").join(&self.streams[at].name),
                    _ => numbered(1),
                };
                let copied = match self.disk.resolve(&copy, true) {
                    Some(copied) if self.streams[at].copies == Copies::Over => {
                        self.truncate(copied, None);
                        copied
                    }
                    _ => {
                        self.rename(&copy, &copy.with_extension("2"));
                        self.create(&copy)
                    }
                };
                let (from, to) = (self.disk.content(node), self.disk.content(copied));
                let bytes = self.disk.bytes(node).to_vec();
                let wall = self.wall();
                self.disk.append(copied, &bytes, wall);
                self.book.copied(from, to, 0);
                self.say(|| format!("copy node {node} to {} (node {copied})", copy.display()));
                if self.script.chance(300) {
                    self.write(at);
                }
                self.truncate(node, Some((copied, bytes.len())));
            }
            Habit::Rewrite => {
                let node = self.node_of(at);
                self.streams[at].open = None;
                self.truncate(node, None);
                if self.script.chance(700) {
                    self.write(at);
                }
            }
            Habit::Delete => {
                self.unlink(&path);
                self.leave(at);
                if self.script.chance(500) {
                    self.write(at);
                }
            }
            Habit::SwapLink => {
                self.leave(at);
                self.disk.make_dir(&self.streams[at].dir.clone(), self.wall());
                let node = self.swap_link(at);
                self.disk.open(node);
                self.streams[at].node = Some(node);
            }
            Habit::ShortFiles => {
                self.streams[at].turns += 1;
                let name = format!("s{}-{}.log", at, self.streams[at].turns);
                let path = self.streams[at].dir.join(name);
                self.disk.make_dir(&self.streams[at].dir.clone(), self.wall());
                let node = self.create(&path);
                let shown = path.to_string_lossy().into_owned();
                let unfinished = self.script.chance(300);
                self.append(node, &shown, None, 1, unfinished);
                let until = self.now + self.script.range(0, 300) * MILLI;
                self.doomed.push((until, path));
            }
        }
    }
}
