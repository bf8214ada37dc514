//! The oracle: every line that was written, where its bytes were, and what became of them.
//!
//! Also the store of the service, because both keep account of the same bytes: it holds each byte
//! of a content, named by the id the agent gives it, once, whatever batches it comes in.

use super::disk::{ContentId, NodeId};
use std::collections::{BTreeMap, HashMap};

pub(crate) type LineId = usize;

/// The configuration takes an unfinished line when its writer pauses for so long.
const REST_WAITS: u64 = 4_000_000_000;

/// The same when something waits for the end of the file: another one at its path, or whoever asked
/// the agent to end.
const HURRIED_WAITS: u64 = 1_000_000_000;

/// A line without its end keeps what was written to its path after it waiting no longer.
const UNFINISHED_BLOCKS: u64 = 10_000_000_000;

/// Until an unfinished line is taken the agent looks once more.
const UNFINISHED_WAITS: u64 = 5_000_000_000;

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    pub(crate) path: String,
    origin: ContentId,
    /// Length after each piece, and when it was written.
    pieces: Vec<(usize, u64)>,
    /// What has arrived, in order of arrival.
    arrived: Vec<(usize, usize)>,
    /// What could not be collected.
    excused: Vec<(usize, usize)>,
    /// Where a content ends in the middle of it.
    ends: Vec<usize>,
    /// It may arrive again: the agent's memory of it was taken away.
    may_repeat: bool,
    /// It need not come in the order of its path: it was written to a file of which another one had
    /// taken the path, or its file could not be read.
    is_out_of_turn: bool,
}

/// Bytes of a line in a content.
#[derive(Clone, Copy, Debug)]
struct Part {
    at: usize,
    line: LineId,
    from: usize,
    len: usize,
    /// Where it was written first, for the order.
    origin: (ContentId, usize),
}

#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) node: NodeId,
    /// Not the first one of its file.
    pub(crate) is_later: bool,
    /// It began as that of another file.
    pub(crate) is_copy: bool,
    /// Since when another one may wait for its end.
    hurried_at: Option<u64>,
    /// It stands beside a log and begins like it.
    pub(crate) is_beside: bool,
    bytes: Vec<u8>,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Held {
    content: ContentId,
    /// Bytes held, in order, without overlap.
    ranges: Vec<(u64, u64)>,
}

impl Held {
    fn missing(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut at = start;
        for (from, to) in &self.ranges {
            if *to <= at || *from >= end {
                continue;
            }
            if *from > at {
                missing.push((at, *from));
            }
            at = at.max(*to);
        }
        if at < end {
            missing.push((at, end));
        }
        missing
    }

    fn add(&mut self, start: u64, end: u64) {
        self.ranges.push((start, end));
        self.ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (from, to) in self.ranges.drain(..) {
            match joined.last_mut() {
                Some(last) if last.1 >= from => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        self.ranges = joined;
    }
}

/// What is wrong, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) altered: u64,
}

impl Wrong {
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) lines: Vec<Line>,
    pub(crate) contents: Vec<Content>,
    held: HashMap<u128, Held>,
    /// Which content an id was seen to stand for.
    named: HashMap<u128, ContentId>,
    last: BTreeMap<ContentId, usize>,
    /// When the agent was asked to end, and when it was gone.
    drains: Vec<(u64, u64)>,
    /// The last line that arrived of those written to a path, whatever file had it.
    last_of_path: BTreeMap<String, LineId>,
    /// What arrives now was sent by an agent that is no more.
    pub(crate) is_overtaken: bool,
    pub(crate) wrong: Wrong,
    /// What is wrong, in words.
    pub(crate) said: Vec<String>,
}

impl Book {
    pub(crate) fn begin(&mut self, content: ContentId, node: NodeId) {
        assert_eq!(self.contents.len(), content, "contents are begun in turn");
        self.contents.push(Content { node, ..Content::default() });
    }

    /// A new line, of which nothing is written yet.
    pub(crate) fn line(&mut self, content: ContentId, path: &str, text: Vec<u8>) -> LineId {
        self.lines.push(Line {
            text,
            path: path.to_owned(),
            origin: content,
            pieces: Vec::new(),
            arrived: Vec::new(),
            excused: Vec::new(),
            ends: Vec::new(),
            may_repeat: false,
            is_out_of_turn: false,
        });
        self.lines.len() - 1
    }

    pub(crate) fn len(&self, content: ContentId) -> usize {
        self.contents[content].bytes.len()
    }

    /// Notes that bytes of a line were appended, with its newline or without.
    pub(crate) fn wrote(
        &mut self,
        content: ContentId,
        line: LineId,
        (from, to): (usize, usize),
        ending: &[u8],
        now: u64,
    ) {
        let text = &mut self.lines[line];
        let record = &mut self.contents[content];
        let at = record.bytes.len();
        record.bytes.extend_from_slice(&text.text[from..to]);
        record.bytes.extend_from_slice(ending);
        if to > from {
            record.parts.push(Part { at, line, from, len: to - from, origin: (content, at) });
            text.pieces.push((to, now));
        }
    }

    /// Bytes of one content also stand in another.
    pub(crate) fn copied(&mut self, from: ContentId, to: ContentId, start: usize) {
        let source = &self.contents[from];
        let bytes = source.bytes[start..].to_vec();
        let base = self.contents[to].bytes.len();
        let parts: Vec<Part> = source
            .parts
            .iter()
            .filter(|part| part.at + part.len > start)
            .map(|part| {
                let cut = start.saturating_sub(part.at);
                Part {
                    at: base + part.at + cut - start,
                    line: part.line,
                    from: part.from + cut,
                    len: part.len - cut,
                    origin: (part.origin.0, part.origin.1 + cut),
                }
            })
            .collect();
        let target = &mut self.contents[to];
        target.is_copy = true;
        target.bytes.extend_from_slice(&bytes);
        target.parts.extend(parts);
        self.ended(to);
    }

    /// A content is over, or was over when it was copied.
    pub(crate) fn ended(&mut self, content: ContentId) {
        if let Some(part) = self.contents[content].parts.last() {
            let line = &mut self.lines[part.line];
            line.ends.push(part.from + part.len);
            // What its writer adds stands in another content.
            line.is_out_of_turn |= part.from + part.len < line.text.len();
        }
    }

    /// Notes that the bytes of a content from `from` on could not be collected, if they were
    /// written after `fair`: what is older should have been.
    pub(crate) fn excuse(&mut self, content: ContentId, from: usize, fair: u64) {
        let all = &self.contents[content].parts;
        let first = all.partition_point(|part| part.at + part.len <= from);
        for part in &all[first..] {
            let line = &mut self.lines[part.line];
            let cut = from.saturating_sub(part.at);
            // A line is read when its end is there: its last piece counts. Without its end it is
            // read when nothing more came for a while.
            let (len, mut last) = line.pieces.last().copied().unwrap_or_default();
            if len < line.text.len() {
                last += UNFINISHED_WAITS;
            }
            let excused = (part.from + cut, part.from + part.len);
            if last >= fair && line.excused.last() != Some(&excused) {
                line.excused.push(excused);
            }
        }
    }

    /// Notes that the bytes of a content in front of `to` could not be collected.
    pub(crate) fn excuse_before(&mut self, content: ContentId, to: usize) {
        for part in self.contents[content].parts.iter().take_while(|part| part.at < to) {
            let excused = (part.from, part.from + part.len.min(to - part.at));
            let line = &mut self.lines[part.line];
            if line.excused.last() != Some(&excused) {
                line.excused.push(excused);
            }
        }
    }

    /// Whether the first line of a content was not written at once.
    pub(crate) fn is_begun_with_a_part(&self, content: ContentId) -> bool {
        let Content { bytes, parts, .. } = &self.contents[content];
        parts.first().is_some_and(|part| bytes.get(part.at + part.len) != Some(&b'\n'))
    }

    /// A line need not come in the order of its path.
    pub(crate) fn out_of_turn(&mut self, line: LineId) {
        self.lines[line].is_out_of_turn = true;
    }

    /// The contents that a file has had.
    pub(crate) fn contents_of(&self, node: NodeId) -> Vec<ContentId> {
        (0..self.contents.len()).filter(|content| self.contents[*content].node == node).collect()
    }

    /// The lines of a content need not come in the order of their path.
    pub(crate) fn untie(&mut self, content: ContentId) {
        for part in &self.contents[content].parts {
            self.lines[part.line].is_out_of_turn = true;
        }
    }

    /// What has not arrived so far need not come in the order of its path.
    pub(crate) fn lose_turns(&mut self) {
        for line in self.lines.iter_mut().filter(|line| line.arrived.is_empty()) {
            line.is_out_of_turn = true;
        }
    }

    /// Nothing that was written so far need come in the order of its path.
    pub(crate) fn lose_order(&mut self) {
        self.lines.iter_mut().for_each(|line| line.is_out_of_turn = true);
        self.last_of_path.clear();
    }

    /// What begins in front of `to` in a content, and has not arrived so far, need not come in the
    /// order of its path.
    pub(crate) fn lose_turns_before(&mut self, content: ContentId, to: usize) {
        for part in self.contents[content].parts.iter().take_while(|part| part.at < to) {
            let line = &mut self.lines[part.line];
            line.is_out_of_turn |= line.arrived.is_empty();
        }
    }

    /// What there is of a content may arrive again.
    pub(crate) fn may_repeat(&mut self, content: ContentId) {
        for part in &self.contents[content].parts {
            self.lines[part.line].may_repeat = true;
        }
    }

    /// From now on something waits for the end of a content.
    pub(crate) fn hurry(&mut self, content: ContentId, now: u64) {
        self.contents[content].hurried_at.get_or_insert(now);
    }

    /// The agent is asked to end, or is gone.
    pub(crate) fn note_drain(&mut self, is_draining: bool, now: u64) {
        if let Some(last) = self.drains.last_mut() {
            last.1 = last.1.min(now);
        }
        if is_draining {
            self.drains.push((now, u64::MAX));
        }
    }

    /// Notes which content the agent reads under an id.
    pub(crate) fn name(&mut self, file: u128, content: ContentId) {
        self.named.entry(file).or_insert(content);
    }

    /// Which content an id was seen to stand for.
    pub(crate) fn content_of(&self, file: u128) -> Option<ContentId> {
        self.named.get(&file).copied()
    }

    /// A batch is stored.
    pub(crate) fn arrive(&mut self, file: u128, start: u64, end: u64, logs: &[Vec<u8>], now: u64) {
        let known = self.held.get(&file);
        let fits = |content: &ContentId| places(&self.contents[*content].bytes, start, end, logs);
        let likely = known.map(|held| held.content).or(self.named.get(&file).copied());
        let mut found = likely.and_then(|content| Some((content, fits(&content)?)));
        if found.is_none() {
            let same_so_far = |content: &ContentId| {
                let Some(held) = known else { return true };
                let (one, other) = (&self.contents[held.content], &self.contents[*content]);
                let to = held.ranges.last().map_or(0, |range| range.1 as usize);
                one.bytes.get(..to) == other.bytes.get(..to)
            };
            // A neighbour begins like its log, but is never cut: what it is named for is known.
            let is_beside = |content: &ContentId| self.contents[*content].is_beside;
            let all = || (0..self.contents.len()).rev().filter(same_so_far);
            let logs = all().filter(|content| !is_beside(content));
            found = logs
                .chain(all().filter(is_beside))
                .find_map(|content| Some((content, fits(&content)?)));
        }
        let Some((content, places)) = found else {
            self.wrong.altered += 1;
            let first = logs.first().map(|log| String::from_utf8_lossy(log).into_owned());
            self.said.push(format!(
                "ALTERED bytes {start}-{end} of file {file:032x}, known as {:?}, are in no content: {first:?}",
                known.map(|held| held.content)
            ));
            return;
        };
        for (at, len) in places {
            let held = self.held.entry(file).or_default();
            for (from, to) in held.missing(at as u64, (at + len) as u64) {
                self.deliver(content, from as usize, to as usize, at + len, now);
            }
        }
        let held = self.held.entry(file).or_default();
        held.content = content;
        held.add(start, end);
    }

    /// Bytes of a content are new to the store. `end` is where their record ends.
    fn deliver(&mut self, content: ContentId, from: usize, to: usize, end: usize, now: u64) {
        let all = &self.contents[content].parts;
        let first = all.partition_point(|part| part.at + part.len <= from);
        let parts: Vec<Part> =
            all[first..].iter().take_while(|part| part.at < to).copied().collect();
        for part in parts {
            let line = &mut self.lines[part.line];
            let lower = part.from + from.saturating_sub(part.at);
            let upper = part.from + part.len - (part.at + part.len).saturating_sub(to);
            let name = format!("line {} of {}", part.line, line.path);
            if line.arrived.iter().any(|(a, b)| *a < upper && *b > lower) {
                if !line.may_repeat {
                    self.wrong.duplicated += 1;
                    self.said.push(format!("DUPLICATED {name}, bytes {lower}-{upper}"));
                }
                continue;
            }
            // Who waits for the end of a file waits so long for that of its last line.
            let is_unfinished = line.pieces.last().is_some_and(|(len, _)| *len < line.text.len());
            let hurried_at = self.contents[content].hurried_at;
            let is_waited_for =
                !is_unfinished || hurried_at.is_none_or(|at| now < at + UNFINISHED_BLOCKS);
            let is_in_turn =
                is_waited_for && !line.may_repeat && !line.is_out_of_turn && !self.is_overtaken;
            if line.arrived.is_empty() && is_in_turn {
                let last = self.last_of_path.entry(line.path.clone()).or_insert(part.line);
                if part.line < *last {
                    self.wrong.reordered += 1;
                    self.said.push(format!("REORDERED {name} after line {last}"));
                }
                *last = part.line.max(*last);
            }
            line.arrived.push((lower, upper));
            // A content that was taken away may end in the middle of a line.
            let is_end = line.ends.contains(&upper);
            if to == end && part.at + part.len >= to && upper < line.text.len() && !is_end {
                let piece = line.pieces.iter().position(|(len, _)| *len == upper);
                let paused = piece.is_some_and(|at| {
                    let until = line.pieces.get(at + 1).map_or(now, |next| next.1);
                    let since = line.pieces[at].1;
                    let is_hurried = self.drains.iter().any(|(a, b)| *a <= until && *b >= since)
                        || self.contents[content].hurried_at.is_some_and(|at| at <= until);
                    until - since >= if is_hurried { HURRIED_WAITS } else { REST_WAITS }
                });
                if !paused {
                    self.wrong.altered += 1;
                    self.said.push(format!("ALTERED {name} was cut at byte {upper}"));
                }
            }
            let at = part.origin.1 + lower - part.from;
            let last = self.last.entry(part.origin.0).or_insert(at);
            if at < *last && !line.may_repeat {
                self.wrong.reordered += 1;
                self.said.push(format!("REORDERED {name}, byte {at} after byte {last}"));
            }
            *last = at.max(*last);
        }
    }

    /// Counts what never arrived.
    pub(crate) fn close(&mut self) {
        for (id, line) in self.lines.iter().enumerate() {
            let written = line.pieces.last().map_or(0, |(len, _)| *len);
            let there = |at: usize, ranges: &[(usize, usize)]| {
                ranges.iter().any(|(from, to)| *from <= at && at < *to)
            };
            if let Some(at) =
                (0..written).find(|at| !there(*at, &line.arrived) && !there(*at, &line.excused))
            {
                self.wrong.lost += 1;
                let when = line.pieces.last().map_or(0, |(_, time)| *time / 1_000_000);
                self.said.push(format!(
                    "LOST line {id} of {}, byte {at} of {written}, content {}, written at {when} ms",
                    line.path, line.origin
                ));
            }
        }
    }

    pub(crate) fn arrived(&self) -> usize {
        self.lines.iter().filter(|line| !line.arrived.is_empty()).count()
    }
}

/// Where the logs of a batch stand in a content, if they do.
fn places(bytes: &[u8], start: u64, end: u64, logs: &[Vec<u8>]) -> Option<Vec<(usize, usize)>> {
    let (mut at, end) = (start as usize, end as usize);
    let mut places = Vec::with_capacity(logs.len());
    for log in logs {
        if bytes.get(at) == Some(&b'\n') {
            at += 1;
        }
        if bytes.get(at..at + log.len())? != &log[..] {
            return None;
        }
        places.push((at, log.len()));
        at += log.len();
        if at < end && bytes.get(at) == Some(&b'\n') {
            at += 1;
        }
    }
    (at == end && end <= bytes.len()).then_some(places)
}
