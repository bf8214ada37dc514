//! The ledger as it is shown: for each content of each file which bytes were seen, read,
//! acknowledged, skipped, and possibly lost.

use crate::checkpoint::Entry;
use crate::files::Shown;
use crate::tail::{FileLedger, LedgerPhase};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::ops::Range;

/// One content of one file, in bytes of that file. Ranges are of a first byte and the one behind
/// the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerLine {
    /// Name of the configuration.
    pub config: String,
    /// The path as the configuration names it.
    pub path: String,
    /// Where the file was last seen on the machine.
    pub at: String,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// The id of the content towards the service, 32 hex digits.
    pub file: String,
    /// How often the file was started again from its first byte.
    pub generation: u32,
    /// `following`, `gone`, `rewritten`, `over` or `unreadable`; `recorded` when only a checkpoint is there to ask.
    pub phase: String,
    /// The largest size seen.
    pub seen: u64,
    /// Everything in front of this byte was made into records.
    pub read: u64,
    /// What every destination has acknowledged.
    pub acked: Vec<(u64, u64)>,
    /// What was given up and is in dead letters.
    pub dead_letter: Vec<(u64, u64)>,
    /// What was given up and is in none.
    pub destroyed: Vec<(u64, u64)>,
    /// What was left out by rule: the start of an old file.
    pub skipped: Vec<(u64, u64)>,
    /// What was left out because it would have been read too late.
    pub too_late: Vec<(u64, u64)>,
    /// What was seen and could not be read any more.
    pub possibly_lost: Vec<(u64, u64)>,
}

impl From<FileLedger> for LedgerLine {
    fn from(it: FileLedger) -> Self {
        let pairs = |ranges: &[Range<u64>]| ranges.iter().map(|it| (it.start, it.end)).collect();
        Self {
            config: it.config,
            path: it.path,
            at: Shown::of(&it.at).to_string(),
            device: it.device,
            inode: it.inode,
            file: it.file.to_string(),
            generation: it.generation,
            phase: it.phase.as_str().to_owned(),
            seen: it.seen_bytes,
            read: it.read_bytes,
            acked: pairs(&it.acked),
            dead_letter: pairs(&it.dead_letter),
            destroyed: pairs(&it.destroyed),
            skipped: pairs(&it.skipped),
            too_late: pairs(&it.too_late),
            possibly_lost: pairs(&it.possibly_lost),
        }
    }
}

impl From<Entry> for LedgerLine {
    /// What a checkpoint knows of a content: everything in front of its offset is done with.
    fn from(it: Entry) -> Self {
        let mut given_up = [it.dead_letter.as_slice(), &it.destroyed].concat();
        given_up.sort_unstable();
        let mut acked = Vec::new();
        let mut from = 0;
        for (start, end) in given_up.into_iter().chain([(it.offset, it.offset)]) {
            acked.extend((from < start).then_some((from, start)));
            from = from.max(end);
        }
        Self {
            config: it.config,
            path: Shown::of(&it.path).to_string(),
            at: Shown::of(&it.at).to_string(),
            device: it.device,
            inode: it.inode,
            file: it.file.to_string(),
            generation: it.generation,
            phase: "recorded".to_owned(),
            seen: it.size.max(it.offset),
            read: it.offset,
            acked,
            dead_letter: it.dead_letter,
            destroyed: it.destroyed,
            ..Self::default()
        }
    }
}

impl LedgerLine {
    /// Bytes that were seen and are neither acknowledged nor given up nor left out: those that are
    /// still to be delivered.
    pub fn missing_bytes(&self) -> u64 {
        let given_up = [&self.dead_letter, &self.destroyed];
        let done = [&self.acked, &self.skipped, &self.too_late].into_iter().chain(given_up);
        self.seen.saturating_sub(done.map(|ranges| total(ranges)).sum())
    }

    /// Bytes that were given up and are in no dead letter.
    pub fn destroyed_bytes(&self) -> u64 {
        total(&self.destroyed)
    }

    /// Whether the agent may not read it.
    pub fn is_unreadable(&self) -> bool {
        self.phase == LedgerPhase::Unreadable.as_str()
    }

    /// The line as text: `key:value` pairs with the path last, because it may hold anything.
    pub fn line(&self) -> String {
        format!(
            "config:{} phase:{} seen:{} read:{} acked:{} missing:{} dead_letter:{} destroyed:{} \
             skipped:{} too_late:{} possibly_lost:{} file:{} path:{}",
            self.config,
            self.phase,
            self.seen,
            self.read,
            ranges(&self.acked),
            self.missing_bytes(),
            ranges(&self.dead_letter),
            ranges(&self.destroyed),
            ranges(&self.skipped),
            ranges(&self.too_late),
            ranges(&self.possibly_lost),
            self.file,
            self.path,
        )
    }
}

fn total(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(start, end)| end - start).sum()
}

fn ranges(ranges: &[(u64, u64)]) -> String {
    if ranges.is_empty() {
        return "-".to_owned();
    }
    let mut text = String::new();
    for (start, end) in ranges {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{start}-{end}");
    }
    text
}

/// Files that one report to the service names at most: those with the most missing or destroyed
/// bytes.
const MAX_REPORTED: usize = 100;

/// The ledger as it is reported with a heartbeat: sums, and the files with the most missing or
/// destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LedgerReport {
    /// Contents of files that are accounted for.
    pub files: u64,
    /// Sum of their bytes seen.
    pub seen: u64,
    /// Sum of their bytes read.
    pub read: u64,
    /// Sum of the bytes neither acknowledged nor left out by rule.
    pub missing: u64,
    /// Sum of the bytes possibly lost.
    pub possibly_lost: u64,
    /// Bytes that were given up and are in dead letters.
    pub dead_letter: u64,
    /// Bytes that were given up and are in none.
    pub destroyed: u64,
    /// The lines, those with the most missing or destroyed first.
    pub lines: Vec<LedgerLine>,
}

/// Makes the report.
pub fn summary(ledger: &[LedgerLine]) -> LedgerReport {
    let sum = |value: fn(&LedgerLine) -> u64| ledger.iter().map(value).sum();
    let mut lines: Vec<&LedgerLine> = ledger.iter().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.missing_bytes() + line.destroyed_bytes()));
    lines.truncate(MAX_REPORTED);
    LedgerReport {
        files: ledger.len() as u64,
        seen: sum(|line| line.seen),
        read: sum(|line| line.read),
        missing: sum(LedgerLine::missing_bytes),
        possibly_lost: sum(|line| total(&line.possibly_lost)),
        dead_letter: sum(|line| total(&line.dead_letter)),
        destroyed: sum(LedgerLine::destroyed_bytes),
        lines: lines.into_iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seen: u64, acked: &[(u64, u64)], skipped: &[(u64, u64)]) -> LedgerLine {
        LedgerLine {
            config: "c".into(),
            path: "/a b".into(),
            phase: "following".into(),
            file: "f".into(),
            seen,
            read: seen,
            acked: acked.to_vec(),
            skipped: skipped.to_vec(),
            ..LedgerLine::default()
        }
    }

    #[test]
    fn a_line_says_what_is_missing() {
        let line = line(100, &[(10, 50), (60, 90)], &[(0, 10)]);
        assert_eq!(line.missing_bytes(), 20);
        assert_eq!(
            line.line(),
            "config:c phase:following seen:100 read:100 acked:10-50,60-90 missing:20 dead_letter:- \
             destroyed:- skipped:0-10 too_late:- possibly_lost:- file:f path:/a b"
        );
    }

    #[test]
    fn what_was_given_up_is_neither_acknowledged_nor_missing() {
        let mut line = line(100, &[(0, 50)], &[]);
        line.dead_letter = vec![(50, 60)];
        line.destroyed = vec![(60, 95)];
        assert_eq!((line.missing_bytes(), line.destroyed_bytes()), (5, 35));
        assert!(line.line().contains(" dead_letter:50-60 destroyed:60-95 "), "{}", line.line());
        let report = summary(&[line]);
        assert_eq!((report.missing, report.dead_letter, report.destroyed), (5, 10, 35));
    }

    #[test]
    fn a_checkpoint_tells_what_was_given_up() {
        let mut entry = crate::checkpoint::tests::entry("c", 5, 90);
        assert_eq!(LedgerLine::from(entry.clone()).acked, [(0, 90)]);
        entry.dead_letter = vec![(0, 10), (50, 60)];
        entry.destroyed = vec![(60, 70)];
        let line = LedgerLine::from(entry);
        assert_eq!(line.acked, [(10, 50), (70, 90)]);
        assert_eq!((line.missing_bytes(), line.destroyed_bytes()), (0, 10));
    }

    #[test]
    fn a_report_names_the_files_with_the_most_missing() {
        let ledger: Vec<LedgerLine> = (0..500).map(|seen| line(seen, &[], &[])).collect();
        let report = summary(&ledger);
        assert_eq!((report.files, report.missing, report.lines.len()), (500, 124_750, 100));
        assert_eq!(report.lines[0].seen, 499);
    }
}
