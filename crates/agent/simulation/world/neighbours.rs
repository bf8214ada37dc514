//! Files beside the logs that have longer names and begin like them: `a.log.wf`, `a.log2`,
//! `a.log.1x` beside `a.log`. They are written by other programs, and are no rotation of anything.
//!
//! What the pattern takes must arrive like all else. Of the others nothing is in the book, so that
//! whatever arrives of them is in no content.

use super::World;
use crate::simulation::disk::NodeId;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is appended to the name of a log.
const ENDINGS: [&str; 3] = [".wf", "2", ".1x"];

impl World {
    /// A neighbour may do something. Its numbers are its own: what the others do stays the same.
    pub(super) fn act_beside(&mut self) {
        if self.neighbours.chance(self.neighbourly) {
            std::mem::swap(&mut self.script, &mut self.neighbours);
            self.write_beside();
            std::mem::swap(&mut self.script, &mut self.neighbours);
        }
    }

    fn write_beside(&mut self) {
        let at = self.script.range(0, self.streams.len() as u64) as usize;
        let log = self.path(at);
        let ending = *self.script.pick(&ENDINGS);
        let path = PathBuf::from(format!("{}{ending}", log.display()));
        let is_collected =
            path.file_name().is_some_and(|name| self.pattern().takes(name.as_bytes()));
        let node = match self.disk.resolve(&path, true) {
            Some(node) => node,
            None => {
                let lines = self.first_lines(&log);
                if lines.is_empty() {
                    return;
                }
                let node = self.create(&path);
                let content = self.disk.content(node);
                self.book.contents[content].is_beside = true;
                self.begin_alike(node, &path, lines, is_collected);
                node
            }
        };
        if !self.script.chance(600) {
            return;
        }
        if is_collected {
            let count = self.script.range(1, 4);
            self.append(node, &path.to_string_lossy(), None, count, false);
        } else {
            self.write_unwanted(node, b"nobody may see this\n");
        }
    }

    /// Some of the lines that a log begins with.
    fn first_lines(&mut self, log: &Path) -> Vec<Vec<u8>> {
        let Some(node) = self.disk.resolve(log, true) else { return Vec::new() };
        let most = self.script.range(1, 40) as usize;
        let bytes = self.disk.bytes(node);
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.filter(|line| line.ends_with(b"\n")).take(most).map(<[u8]>::to_vec).collect()
    }

    fn begin_alike(&mut self, node: NodeId, path: &Path, lines: Vec<Vec<u8>>, is_collected: bool) {
        if !is_collected {
            return self.write_unwanted(node, &lines.concat());
        }
        let content = self.disk.content(node);
        let shown = path.to_string_lossy();
        for line in &lines {
            let text = line[..line.len() - 1].to_vec();
            let (len, id) = (text.len(), self.book.line(content, &shown, text));
            self.book.out_of_turn(id);
            self.book.wrote(content, id, (0, len), b"\n", self.now);
        }
        let wall = self.wall();
        self.disk.append(node, &lines.concat(), wall);
        self.say(|| format!("{} begins with {} lines of its neighbour", shown, lines.len()));
        self.excuse_appended(node, 0);
    }

    fn write_unwanted(&mut self, node: NodeId, bytes: &[u8]) {
        let wall = self.wall();
        self.disk.append(node, bytes, wall);
        self.say(|| format!("write {} bytes that nobody wants to node {node}", bytes.len()));
    }
}
