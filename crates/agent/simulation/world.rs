//! Everything around the agent: the disk, the programs that write to it, the clocks, and the book
//! in which it is noted.

use super::book::{Book, Content, LineId};
use super::disk::{Body, Change, ContentId, Disk, NodeId, below};
use super::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The epoch of a simulation, in nanoseconds.
const EPOCH: u64 = 1_700_000_000_000_000_000;

pub(crate) const MILLI: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1000 * MILLI;

/// A file that cannot be read keeps those that had its path after it waiting so long.
const FAILING_BLOCKS: u64 = 10 * SECOND;

/// Where the configuration looks.
pub(crate) const ROOT: &str = "/logs";

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

    fn takes(self, name: &[u8]) -> bool {
        let name = String::from_utf8_lossy(name);
        match self {
            Self::Plain => name.ends_with(".log"),
            Self::Rotated => name.contains(".log"),
        }
    }
}

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
struct Stream {
    dir: PathBuf,
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

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) book: Book,
    /// For what happens while the agent works.
    pub(crate) random: Random,
    script: Random,
    /// Nanoseconds since the start.
    pub(crate) now: u64,
    wall_step: i64,
    pattern: Pattern,
    streams: Vec<Stream>,
    /// The files that were made at a path, the last one last.
    made: BTreeMap<PathBuf, Vec<NodeId>>,
    /// Files made before the clock was set.
    before_step: NodeId,
    /// Files that were made at one path in one tick of the clock: nothing tells their order.
    tied: BTreeSet<NodeId>,
    /// Files to be deleted, and when.
    doomed: Vec<(u64, PathBuf)>,
    /// Writers act between two calls of the agent, in so many of a thousand cases.
    interference: u64,
    /// So often at most.
    interferences_left: u64,
    is_interfering: bool,
    /// Since when files cannot be read, or not always.
    faulty_since: Option<u64>,
    /// Since when nothing kept the agent from its work.
    pub(crate) well_since: Option<u64>,
    /// The agent may take so long to read what is there.
    fair: u64,
    /// Which content an agent has last read of a file, and how far.
    pub(crate) looked: BTreeMap<NodeId, ContentId>,
    pub(crate) read: BTreeMap<NodeId, (ContentId, u64)>,
    /// Files in the checkpoint that a crash leaves.
    pub(crate) recorded: BTreeSet<(u64, u64)>,
    /// Contents whose id is there.
    pub(crate) named_contents: BTreeSet<ContentId>,
    /// Contents whose id has been in a checkpoint on disk.
    pub(crate) once_named: BTreeSet<ContentId>,
    /// Contents of which a part is acknowledged there.
    pub(crate) recorded_contents: BTreeSet<ContentId>,
    /// The last checkpoint could not be written.
    pub(crate) saves_failed: bool,
    /// The configuration has had another name.
    has_renamed: bool,
    /// The configuration is removed, and the agent has yet to close what it had open for it.
    pub(crate) is_removed: bool,
    trace: bool,
}

impl World {
    pub(crate) fn new(seed: u64, scan_every: u64, trace: bool) -> Self {
        let mut script = Random::new(seed);
        let tick = *script.pick(&[1, 4 * MILLI, 10 * MILLI]);
        let pattern = *script.pick(&[Pattern::Plain, Pattern::Rotated]);
        let mut world = Self {
            disk: Disk::new(tick),
            book: Book::default(),
            random: Random::new(seed ^ 0x5bd1_e995),
            now: 0,
            wall_step: 0,
            pattern,
            streams: Vec::new(),
            made: BTreeMap::new(),
            before_step: 0,
            tied: BTreeSet::new(),
            doomed: Vec::new(),
            interference: *script.pick(&[0, 0, 20, 100]),
            interferences_left: 300,
            is_interfering: false,
            faulty_since: None,
            well_since: None,
            fair: 2 * scan_every + 3 * SECOND,
            looked: BTreeMap::new(),
            read: BTreeMap::new(),
            recorded: BTreeSet::new(),
            named_contents: BTreeSet::new(),
            once_named: BTreeSet::new(),
            recorded_contents: BTreeSet::new(),
            saves_failed: false,
            has_renamed: false,
            is_removed: false,
            trace,
            script,
        };
        world.disk.make_dir(Path::new("/archive"), world.wall());
        world.disk.make_dir(Path::new("/data"), world.wall());
        world.disk.make_dir(Path::new(ROOT), world.wall());
        let count = world.script.range(1, 5);
        for at in 0..count {
            let dir = world.script.pick(&[ROOT, ROOT, "/logs/x", "/logs/x/y"]).to_string();
            let habit = *world.script.pick(&[
                Habit::Rename,
                Habit::Rename,
                Habit::CopyTruncate,
                Habit::Rewrite,
                Habit::Delete,
                Habit::SwapLink,
                Habit::ShortFiles,
            ]);
            world.streams.push(Stream {
                dir: PathBuf::from(dir),
                name: format!("{}.log", char::from(b'a' + at as u8)),
                habit,
                copies: *world.script.pick(&[Copies::Elsewhere, Copies::Beside, Copies::Over]),
                node: None,
                open: None,
                left: Vec::new(),
                turns: 0,
            });
        }
        world
    }

    pub(crate) fn pattern(&self) -> Pattern {
        self.pattern
    }

    pub(crate) fn wall(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.wall_step)
    }

    /// Somebody sets the clock.
    pub(crate) fn step_clock(&mut self) {
        // Births tell copies from what was rotated; with a clock that goes back they cannot.
        if self.streams.iter().any(|stream| stream.habit == Habit::CopyTruncate) {
            return;
        }
        let step = self.script.range(0, 7200) as i64 - 3600;
        self.wall_step += step * SECOND as i64;
        // Births do not tell any more which file came before which.
        self.book.lose_order();
        self.before_step = self.disk.nodes.len();
        self.say(|| format!("the clock is set by {step} s"));
    }

    pub(crate) fn say(&self, text: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>12.3} ms  {}", self.now as f64 / MILLI as f64, text());
        }
    }

    /// A file that cannot be read keeps those of its path waiting for a while only.
    pub(crate) fn suffer(&mut self) {
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

    /// Bytes written before this should have been read by now.
    fn fair_from(&self) -> u64 {
        match self.well_since {
            Some(since) if since + self.fair < self.now => self.now - self.fair,
            _ => 0,
        }
    }

    /// A writer does something.
    pub(crate) fn act(&mut self) {
        self.bury();
        let at = self.script.range(0, self.streams.len() as u64) as usize;
        match self.script.range(0, 100) {
            0..70 => self.write(at),
            70..90 => self.turn_over(at),
            90..95 => self.write_late(at),
            95..97 => self.remove_dir(at),
            _ => self.leave(at),
        }
    }

    /// Between two calls of the agent.
    pub(crate) fn interfere(&mut self) {
        if !self.is_interfering && self.random.chance(self.interference) {
            self.is_interfering = true;
            self.interferences_left -= 1;
            if self.interferences_left == 0 {
                self.interference = 0;
            }
            self.say(|| "(while the agent works)".to_owned());
            self.act();
            self.is_interfering = false;
        }
    }

    pub(crate) fn no_more_interference(&mut self) {
        self.interference = 0;
    }

    /// Deletes what is to be deleted by now.
    pub(crate) fn bury(&mut self) {
        let due: Vec<PathBuf> = {
            let now = self.now;
            let (due, later) = self.doomed.drain(..).partition(|(time, _)| *time <= now);
            self.doomed = later;
            let due: Vec<(u64, PathBuf)> = due;
            due.into_iter().map(|(_, path)| path).collect()
        };
        for path in due {
            self.unlink(&path);
        }
    }

    fn path(&self, at: usize) -> PathBuf {
        self.streams[at].dir.join(&self.streams[at].name)
    }

    fn create(&mut self, path: &Path) -> NodeId {
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
            self.tied.extend([before, node]);
            self.book.contents_of(before).into_iter().for_each(|it| self.book.untie(it));
        }
        let inode = self.disk.nodes[node].inode;
        self.say(|| {
            format!("create {} (node {node}, inode {inode}, content {content})", path.display())
        });
        node
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
            self.moved(before);
        }
        node
    }

    fn write(&mut self, at: usize) {
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
    fn append(
        &mut self,
        node: NodeId,
        path: &str,
        mut open: Option<(LineId, usize)>,
        count: u64,
        unfinished: bool,
    ) -> Option<(LineId, usize)> {
        let content = self.disk.content(node);
        let offset = self.book.len(content);
        let latest = self.made.get(Path::new(path)).and_then(|made| made.last());
        let is_late = latest != Some(&node) || self.tied.contains(&node) || node < self.before_step;
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
                    if is_late || self.pattern == Pattern::Rotated {
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
        if !self.is_held(node) && !self.is_visible(node) {
            self.book.excuse(content, offset, 0);
        }
        open
    }

    /// Whether the agent has a file open and goes on reading it. What is written after the
    /// configuration is gone is nobody's.
    fn is_held(&self, node: NodeId) -> bool {
        self.disk.nodes[node].held > 0 && !self.is_removed
    }

    /// Whether a path that is collected leads to a file.
    fn is_visible(&self, node: NodeId) -> bool {
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
    fn can_be_found(&self, node: NodeId) -> bool {
        let facts = &self.disk.nodes[node];
        let elsewhere = self.disk.resolve(Path::new("/data"), true);
        self.recorded.contains(&(facts.inode, facts.born))
            && self.disk.names_of(node).iter().any(|(dir, _)| Some(*dir) != elsewhere)
    }

    /// Whether the agent knows of a file that had the path of this one before it, or of this one.
    fn has_known_predecessor(&self, node: NodeId) -> bool {
        let is_known = |node: &NodeId| {
            let facts = &self.disk.nodes[*node];
            facts.held > 0 || self.recorded.contains(&(facts.inode, facts.born))
        };
        self.made.values().any(|made| {
            let place = made.iter().position(|other| *other == node);
            place.is_some_and(|place| made[..=place].iter().any(is_known))
        })
    }

    /// Whether two files are in one directory.
    fn is_beside(&self, one: NodeId, other: NodeId) -> bool {
        let dirs = |node| self.disk.names_of(node).into_iter().map(|(dir, _)| dir);
        dirs(one).any(|dir| dirs(other).any(|it| it == dir))
    }

    /// A file has another name, or none. A copy that was not begun with is found by its name only,
    /// also when the file it was written into is open for what it had before.
    pub(crate) fn moved(&mut self, node: NodeId) {
        let content = self.disk.content(node);
        let is_read = self.read.get(&node).is_some_and(|(read, _)| *read == content);
        let is_held = self.is_held(node) && (is_read || !self.book.contents[content].is_copy);
        if !is_held && !self.has_known_predecessor(node) {
            // Nothing leads to it but the news of its renaming, which may come after its successor.
            self.book.untie(content);
        }
        if !is_held && !self.can_be_found(node) && !self.is_visible(node) {
            let fair = self.fair_from();
            self.book.excuse(content, 0, fair);
        }
    }

    fn unlink(&mut self, path: &Path) {
        let Some(node) = self.disk.resolve(path, false) else { return };
        let target = self.disk.resolve(path, true);
        self.say(|| format!("delete {} (node {node})", path.display()));
        self.disk.unlink(path);
        if let Some(file) = target
            && matches!(self.disk.nodes[file].body, Body::File { .. })
        {
            self.moved(file);
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let Some(node) = self.disk.resolve(from, false) else { return };
        let over = self.disk.resolve(to, false);
        self.say(|| format!("rename {} to {} (node {node})", from.display(), to.display()));
        self.disk.rename(from, to);
        self.moved(node);
        if let Some(over) = over {
            self.moved(over);
        }
    }

    /// The program closes its file, or keeps it to write to it once more.
    fn leave(&mut self, at: usize) {
        self.streams[at].open = None;
        if let Some(node) = self.streams[at].node.take() {
            if self.script.chance(400) {
                self.streams[at].left.push(node);
            } else {
                self.disk.close(node);
            }
        }
    }

    fn write_late(&mut self, at: usize) {
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

    fn turn_over(&mut self, at: usize) {
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

    /// Cuts a file to nothing. So many bytes of it are in another one, its copy.
    fn truncate(&mut self, node: NodeId, copy: Option<(NodeId, usize)>) {
        let content = self.disk.content(node);
        let read = match self.read.get(&node) {
            Some((known, read)) if *known == content && self.disk.nodes[node].held > 0 => *read,
            _ => 0,
        };
        if read == 0 && !self.once_named.contains(&content) {
            // Neither a record nor an agent that runs knows what an earlier one has sent of it.
            self.book.may_repeat(content);
        }
        let fair = self.fair_from();
        // The copy is found by what was taken of the original, if anything was.
        let is_known = read > 0 || self.recorded_contents.contains(&content);
        let from = match copy {
            Some((copy, len)) if is_known && self.is_beside(copy, node) => len.max(read as usize),
            _ => read as usize,
        };
        self.book.excuse(content, from, fair);
        self.book.ended(content);
        let wall = self.wall();
        self.disk.truncate(node, wall);
        let fresh = self.disk.content(node);
        self.book.begin(fresh, node);
        self.book.contents[fresh].is_later = true;
        self.say(|| format!("truncate node {node}, read up to {read}: now content {fresh}"));
    }

    fn remove_dir(&mut self, at: usize) {
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

    /// The configuration is removed, and with it what the agent only had open.
    pub(crate) fn removed_configuration(&mut self) {
        self.is_removed = true;
        // What is on its way is delivered beside what the configuration collects when it is back.
        self.book.lose_turns();
        for content in 0..self.book.contents.len() {
            let node = self.book.contents[content].node;
            let is_over = self.disk.content(node) != content || self.disk.nodes[node].links == 0;
            if is_over || !(self.can_be_found(node) || self.is_visible(node)) {
                self.book.excuse(content, 0, 0);
            }
        }
    }

    /// Files that are on no record cannot be known again by a configuration of another name.
    pub(crate) fn renamed_configuration(&mut self) {
        self.has_renamed = true;
        self.forget_unrecorded();
    }

    fn forget_unrecorded(&mut self) {
        for content in 0..self.book.contents.len() {
            let facts = &self.disk.nodes[self.book.contents[content].node];
            let is_recorded = self.recorded.contains(&(facts.inode, facts.born));
            if !is_recorded || !self.named_contents.contains(&content) {
                self.book.may_repeat(content);
            }
        }
    }

    /// The checkpoint cannot be written: after a crash nobody knows how often a file was truncated.
    pub(crate) fn not_saved(&mut self) {
        self.saves_failed = true;
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
            let is_forgotten = is_over || (must_wait && self.saves_failed);
            if is_forgotten && !self.once_named.contains(&content) {
                self.book.may_repeat(content);
            }
        }
        self.saves_failed = false;
    }

    /// The agent is gone, with all it had in memory or only open.
    pub(crate) fn crashed(&mut self) {
        if self.has_renamed {
            self.forget_unrecorded();
        }
        self.forget_unnamed();
        self.read.clear();
        self.looked.clear();
        for content in 0..self.book.contents.len() {
            let node = self.book.contents[content].node;
            let facts = &self.disk.nodes[node];
            let is_over = self.disk.content(node) != content || facts.links == 0;
            if is_over || !(self.can_be_found(node) || self.is_visible(node)) {
                self.book.excuse(content, 0, 0);
            }
        }
    }
}
