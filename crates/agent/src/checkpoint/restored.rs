//! Positions that no running file has claimed yet: from before the start, or of configurations
//! that were removed and may come back under another name.

use super::Entry;
use pipeline::identity::FileFacts;
use std::collections::HashSet;

/// How long an entry is kept after its file was last seen, in seconds.
const KEEP_SECONDS: u64 = 24 * 60 * 60;

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

/// An entry, and the place it was taken from.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    place: usize,
    /// The entry.
    pub entry: Entry,
}

/// The unclaimed entries.
#[derive(Debug, Default)]
pub struct Restored {
    entries: Vec<Entry>,
}

impl Restored {
    /// Starts with the entries of the last run.
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Adds the entry of a file that was followed until now.
    pub fn put(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Puts back what was taken, the last first: the order of entries tells which content of a path
    /// came first.
    pub fn put_back(&mut self, taken: Vec<Taken>) {
        for Taken { place, entry } in taken.into_iter().rev() {
            self.entries.insert(place.min(self.entries.len()), entry);
        }
    }

    /// Takes the entry that fits best for the file with these facts. Whether the content is still
    /// the same is for the caller to judge.
    pub fn take(&mut self, claim: Claim<'_>, facts: &FileFacts) -> Option<Taken> {
        let best = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.may_be(facts))
            .filter_map(|(at, entry)| Some((entry.device != facts.device, claim.fit(entry)?, at)))
            .min()?;
        Some(Taken { place: best.2, entry: self.entries.remove(best.2) })
    }

    /// The entries, as they were written.
    pub fn all(&self) -> &[Entry] {
        &self.entries
    }

    /// Drops an entry whose content goes on in another file.
    pub fn remove(&mut self, entry: &Entry) {
        self.entries.retain(|other| other != entry);
    }

    /// Drops the entries of files of which the content is another one now.
    pub fn forget(&mut self, facts: &FileFacts) {
        self.entries.retain(|entry| !entry.may_be(facts));
    }

    /// The entries that a configuration may claim, its own and those of one that is no more and
    /// had a path that `takes`, as they were written: the contents of a path follow each other.
    pub fn of_claim(&self, claim: Claim<'_>, takes: impl Fn(&str) -> bool) -> Vec<Entry> {
        let is_claimed = |entry: &&Entry| match claim.fit(entry) {
            Some(2) => takes(&entry.path),
            fit => fit.is_some(),
        };
        self.entries.iter().filter(is_claimed).cloned().collect()
    }

    /// All entries that are still worth keeping at `now_seconds`.
    pub fn keep(&mut self, now_seconds: u64) -> &[Entry] {
        self.entries.retain(|entry| entry.seen + KEEP_SECONDS > now_seconds);
        &self.entries
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
        restored.take(claim, &facts(inode)).map(|taken| taken.entry)
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
        let taken: Vec<Taken> = std::iter::from_fn(|| restored.take(claim, &facts(5))).collect();
        assert_eq!(taken.len(), 2);
        restored.put_back(taken);
        assert_eq!(restored.all(), entries);
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
        assert_eq!(restored.keep(1_700_000_000 + KEEP_SECONDS - 1).len(), 1);
        assert_eq!(restored.keep(1_700_000_000 + KEEP_SECONDS).len(), 0);
    }
}
