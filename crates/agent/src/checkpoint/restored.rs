//! Positions that no running file has claimed yet: from before the start, or of configurations
//! that were removed and may come back under another name.

use super::Entry;
use pipeline::identity::FileFacts;
use std::collections::HashSet;
use std::path::Path;

/// How long an entry is kept after its file was last seen, in seconds; at least as long after the
/// start.
const KEEP_SECONDS: u64 = 24 * 60 * 60;

/// The same of one that waits for its configuration.
const KEEP_WAITING_SECONDS: u64 = 30 * KEEP_SECONDS;

/// Who asks for a position.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Name of the configuration.
    pub config: &'a str,
    /// Project that receives the logs.
    pub project: &'a str,
    /// Logstore that receives the logs.
    pub logstore: &'a str,
    /// Names of all configurations that are to run: what belongs to them is theirs.
    pub running: &'a HashSet<String>,
}

impl Claim<'_> {
    /// The same configuration, or one that is no more and sent to the same place: a renamed
    /// configuration goes on where the old one stopped.
    fn fit(&self, entry: &Entry) -> Option<u8> {
        let same_sink = entry.project == self.project && entry.logstore == self.logstore;
        match (entry.config == self.config, same_sink) {
            (true, true) => Some(0),
            (true, false) => Some(1),
            (false, true) if !self.running.contains(&entry.config) => Some(2),
            _ => None,
        }
    }
}

/// An entry and its rank: of the contents of one path, the one of the lower rank came first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Where the entry stood in the checkpoint.
    pub rank: i64,
    /// The entry.
    pub entry: Entry,
}

/// The unclaimed entries, by rank.
#[derive(Debug, Default)]
pub struct Restored {
    entries: Vec<Ranked>,
    next_rank: i64,
    /// The rank of what is over is below all others.
    over_rank: i64,
}

impl Restored {
    /// Starts with the entries of the last run.
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut restored = Self::default();
        entries.into_iter().for_each(|entry| restored.put(entry));
        restored
    }

    /// Adds the entry of a file that was followed until now.
    pub fn put(&mut self, entry: Entry) {
        self.entries.push(Ranked { rank: self.next_rank, entry });
        self.next_rank += 1;
    }

    /// Adds the entry of a content that is over: every other of its path comes after it.
    pub fn put_over(&mut self, entry: Entry) {
        self.over_rank -= 1;
        self.put_back(vec![Ranked { rank: self.over_rank, entry }]);
    }

    /// Puts back what was taken, where it was.
    pub fn put_back(&mut self, taken: Vec<Ranked>) {
        for one in taken {
            let place = self.entries.partition_point(|other| other.rank < one.rank);
            self.entries.insert(place, one);
        }
    }

    /// Takes the entry that fits best for the file with these facts. Whether the content is still
    /// the same is for the caller to judge.
    pub fn take(&mut self, claim: Claim<'_>, facts: &FileFacts) -> Option<Ranked> {
        let best = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, Ranked { entry, .. })| entry.may_be(facts))
            .filter_map(|(at, Ranked { entry, .. })| {
                Some((entry.device != facts.device, claim.fit(entry)?, at))
            })
            .min()?;
        Some(self.entries.remove(best.2))
    }

    /// The entries by rank.
    pub fn ranked(&self) -> &[Ranked] {
        &self.entries
    }

    /// The entries, as they were written.
    pub fn all(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.entries.iter().map(|ranked| &ranked.entry)
    }

    fn place_of(&self, rank: i64) -> Option<usize> {
        self.entries.binary_search_by_key(&rank, |it| it.rank).ok()
    }

    /// The entry of a rank.
    pub fn get(&self, rank: i64) -> Option<&Ranked> {
        Some(&self.entries[self.place_of(rank)?])
    }

    /// Drops an entry whose content goes on in another file, and gives it.
    pub fn remove(&mut self, rank: i64) -> Option<Ranked> {
        Some(self.entries.remove(self.place_of(rank)?))
    }

    /// The file of an entry has another name now.
    pub fn move_to(&mut self, rank: i64, path: &Path) {
        if let Some(place) = self.place_of(rank) {
            path.clone_into(&mut self.entries[place].entry.at);
        }
    }

    /// The file of an entry was there, so many seconds after the epoch.
    pub fn see(&mut self, rank: i64, now_seconds: u64) {
        if let Some(place) = self.place_of(rank) {
            self.entries[place].entry.seen = now_seconds;
        }
    }

    /// Drops the entries of a file of which the content is another one now, and gives them.
    pub fn forget(&mut self, facts: &FileFacts) -> Vec<Ranked> {
        self.entries.extract_if(.., |ranked| ranked.entry.may_be(facts)).collect()
    }

    /// The entries that a configuration may claim, its own and those of one that is no more and
    /// had a path that `takes`, as they were written: the contents of a path follow each other.
    pub fn of_claim(&self, claim: Claim<'_>, takes: impl Fn(&Path) -> bool) -> Vec<Ranked> {
        let is_claimed = |ranked: &&Ranked| match claim.fit(&ranked.entry) {
            Some(2) => takes(&ranked.entry.path),
            fit => fit.is_some(),
        };
        self.entries.iter().filter(is_claimed).cloned().collect()
    }

    /// Drops the entries that are not worth keeping any more at `now_seconds`. Those for which
    /// `is_waiting` are kept for a month, because nobody has asked for them yet.
    pub fn drop_old(
        &mut self,
        now_seconds: u64,
        begun_seconds: u64,
        is_waiting: impl Fn(&Entry) -> bool,
    ) {
        self.entries.retain(|Ranked { entry, .. }| {
            let seen = entry.seen.max(begun_seconds).saturating_add(KEEP_SECONDS);
            let waits = entry.seen.saturating_add(KEEP_WAITING_SECONDS);
            match is_waiting(entry) {
                true => waits > now_seconds || seen > now_seconds,
                false => seen > now_seconds,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;

    fn facts(inode: u64) -> FileFacts {
        FileFacts { device: 1, inode, born_nanos: Some(77), modified_nanos: 0, size_bytes: 100 }
    }

    fn take(restored: &mut Restored, config: &str, logstore: &str, inode: u64) -> Option<Entry> {
        let running = HashSet::from(["mine".to_owned(), "runs".to_owned()]);
        let claim = Claim { config, project: "p", logstore, running: &running };
        restored.take(claim, &facts(inode)).map(|ranked| ranked.entry)
    }

    #[test]
    fn the_own_entry_is_preferred_and_taken_once() {
        let mut restored = Restored::new(vec![entry("other", 5, 1), entry("mine", 5, 2)]);
        assert_eq!(take(&mut restored, "mine", "l", 5), Some(entry("mine", 5, 2)));
        assert_eq!(take(&mut restored, "mine", "l", 5), Some(entry("other", 5, 1)));
        assert_eq!(take(&mut restored, "mine", "l", 5), None);
    }

    #[test]
    fn what_is_put_back_stands_where_it_stood() {
        let running = HashSet::new();
        let claim = Claim { config: "c", project: "p", logstore: "l", running: &running };
        let entries = [entry("c", 4, 1), entry("c", 5, 2), entry("c", 5, 3), entry("c", 6, 4)];
        let mut restored = Restored::new(entries.to_vec());
        let taken: Vec<Ranked> = std::iter::from_fn(|| restored.take(claim, &facts(5))).collect();
        assert_eq!(taken.len(), 2);
        restored.put_back(taken);
        assert_eq!(restored.all().cloned().collect::<Vec<_>>(), entries);
    }

    #[test]
    fn a_renamed_configuration_goes_on_and_a_stranger_does_not() {
        let mut restored = Restored::new(vec![entry("old", 5, 1), entry("runs", 7, 1)]);
        assert_eq!(take(&mut restored, "new", "elsewhere", 5), None);
        assert_eq!(take(&mut restored, "new", "l", 6), None);
        assert_eq!(take(&mut restored, "new", "l", 7), None, "it belongs to one that runs");
        assert!(take(&mut restored, "new", "l", 5).is_some());
    }

    #[test]
    fn entries_of_files_that_are_long_gone_are_forgotten() {
        let mut restored = Restored::new(vec![entry("c", 5, 1)]);
        let left = |restored: &mut Restored, seconds: u64, begun: u64, is_waiting: bool| {
            restored.drop_old(1_700_000_000 + seconds, 1_700_000_000 + begun, |_| is_waiting);
            restored.all().count()
        };
        assert_eq!(left(&mut restored, KEEP_WAITING_SECONDS - 1, 0, true), 1);
        assert_eq!(left(&mut restored, KEEP_SECONDS - 1, 0, false), 1);
        assert_eq!(
            left(&mut restored, KEEP_SECONDS, 1, false),
            1,
            "a day after the start at least"
        );
        assert_eq!(left(&mut restored, KEEP_SECONDS, 0, false), 0);
    }
}
