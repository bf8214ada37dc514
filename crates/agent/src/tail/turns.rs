//! Whose turn it is to be read: files that may have something to read, fairly among the
//! configurations and in turn among the files of each.
//!
//! A configuration is next when it was given the least, in bytes and in turns; one with a priority
//! pays less for the same. None is ever left out, and one that was quiet does not collect a claim.

use super::{FileKey, SourceId};
use std::collections::{BTreeMap, VecDeque};

/// What a turn costs beside the bytes that are read in it.
const TURN_BYTES: u64 = 4096;

/// The price of a byte, by priority: each gets twice of what the next one does.
const PRICES: [u64; 4] = [8, 1, 2, 4];

/// The queue of files to be read.
#[derive(Debug, Default)]
pub(super) struct Turns {
    accounts: BTreeMap<SourceId, Account>,
    /// Number of files in it.
    files: usize,
    /// What the configuration was given whose turn was last.
    given: u64,
}

#[derive(Debug, Default)]
struct Account {
    /// Each at most once.
    files: VecDeque<FileKey>,
    /// What it was given, in bytes times price.
    given: u64,
    priority: u8,
}

impl Account {
    fn pay(&mut self, bytes: u64) {
        let price = PRICES.get(usize::from(self.priority)).copied().unwrap_or(PRICES[0]);
        self.given = self.given.saturating_add(bytes.saturating_mul(price));
    }
}

impl Turns {
    /// Says how urgent a configuration is.
    pub(super) fn set_priority(&mut self, source: SourceId, priority: u8) {
        self.accounts.entry(source).or_default().priority = priority;
    }

    /// Forgets a configuration and its files.
    pub(super) fn forget(&mut self, source: SourceId) {
        if let Some(account) = self.accounts.remove(&source) {
            self.files -= account.files.len();
        }
    }

    /// Puts a file behind the others of its configuration.
    pub(super) fn push(&mut self, source: SourceId, key: FileKey) {
        let account = self.accounts.entry(source).or_default();
        if account.files.is_empty() {
            account.given = account.given.max(self.given);
        }
        account.files.push_back(key);
        self.files += 1;
    }

    /// The file whose turn it is.
    pub(super) fn next(&mut self) -> Option<FileKey> {
        let waiting = self.accounts.values_mut().filter(|account| !account.files.is_empty());
        let account = waiting.min_by_key(|account| account.given)?;
        self.given = account.given;
        account.pay(TURN_BYTES);
        self.files -= 1;
        account.files.pop_front()
    }

    /// Notes what was read for a configuration.
    pub(super) fn pay(&mut self, source: SourceId, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(&source) {
            account.pay(bytes);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes turns of `bytes` each, all files having more; gives how many each source had.
    fn serve(turns: &mut Turns, sources: &[(SourceId, u64)], count: usize) -> Vec<usize> {
        let mut had = vec![0; sources.len()];
        for _ in 0..count {
            let key = turns.next().unwrap();
            let at = sources.iter().position(|(source, _)| *source == key / 100).unwrap();
            had[at] += 1;
            turns.pay(sources[at].0, sources[at].1);
            turns.push(sources[at].0, key);
        }
        had
    }

    #[test]
    fn files_of_one_configuration_come_in_turn() {
        let mut turns = Turns::default();
        for key in [101, 102, 103] {
            turns.push(1, key);
        }
        let order: Vec<FileKey> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(order, [101, 102, 103]);
        assert!(turns.is_empty());
    }

    #[test]
    fn many_files_of_one_configuration_get_as_much_as_one_of_another() {
        let mut turns = Turns::default();
        for key in 100..150 {
            turns.push(1, key);
        }
        turns.push(2, 200);
        assert_eq!(serve(&mut turns, &[(1, 10_000), (2, 10_000)], 100), [50, 50]);
    }

    #[test]
    fn who_reads_little_at_a_time_comes_more_often() {
        let mut turns = Turns::default();
        turns.push(1, 100);
        turns.push(2, 200);
        let had = serve(&mut turns, &[(1, 400_000), (2, 4_000)], 204);
        assert!(had[1] > 40 * had[0], "{had:?}");
    }

    #[test]
    fn the_urgent_get_more_and_the_others_something() {
        let mut turns = Turns::default();
        let all = [(1, 10_000), (2, 10_000), (3, 10_000), (4, 10_000)];
        for ((source, _), priority) in all.iter().zip([0, 1, 2, 3]) {
            turns.set_priority(*source, priority);
            turns.push(*source, source * 100);
        }
        let had = serve(&mut turns, &all, 150);
        assert_eq!(had, [10, 80, 40, 20]);
    }

    #[test]
    fn who_was_quiet_has_no_claim() {
        let mut turns = Turns::default();
        turns.push(1, 100);
        serve(&mut turns, &[(1, 10_000)], 50);
        turns.push(2, 200);
        assert_eq!(serve(&mut turns, &[(1, 10_000), (2, 10_000)], 20), [10, 10]);
        turns.forget(1);
        assert_eq!(turns.next(), Some(200));
        assert!(turns.is_empty());
    }
}
