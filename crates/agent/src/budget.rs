//! The one account of bytes in memory, from the read to the acknowledgement (`agent` 5.6).
//!
//! When it is used up nothing is read: the log file is the buffer, and it costs nothing. Each
//! configuration has an account of its own in it, so that one whose logstore takes nothing does
//! not hold everything: an account may grow to as much as is then left for all others.

use std::collections::HashMap;

/// Whose bytes they are: a configuration, in this process.
pub type AccountId = u64;

/// Bytes allowed and bytes in use.
#[derive(Clone, Debug)]
pub struct Budget {
    limit_bytes: usize,
    used_bytes: usize,
    /// Accounts that hold something.
    accounts: HashMap<AccountId, usize>,
    /// Whether more than one account may come to hold something.
    is_shared: bool,
}

impl Budget {
    /// A budget of `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: 0, accounts: HashMap::new(), is_shared: false }
    }

    /// Says how many accounts there are. One alone may use everything.
    pub fn share(&mut self, accounts: usize) {
        self.is_shared = accounts > 1;
    }

    /// Whether `bytes` more fit for `account`. An empty account takes anything, so that one record
    /// larger than the whole budget does not stop everything for ever, and so that no number of
    /// full accounts stops another one.
    pub fn has_room(&self, account: AccountId, bytes: usize) -> bool {
        let held = self.held_bytes(account);
        let free = self.limit_bytes.saturating_sub(self.used_bytes);
        let most = if self.is_shared { free.saturating_sub(held) } else { free };
        held == 0 || bytes <= most
    }

    /// Notes bytes that are now held. How many a read takes is only known afterwards, so this
    /// may pass the limit by what one read makes more than was asked room for.
    pub fn charge(&mut self, account: AccountId, bytes: usize) {
        if bytes > 0 {
            self.used_bytes += bytes;
            *self.accounts.entry(account).or_default() += bytes;
        }
    }

    /// Notes bytes that are no longer held.
    pub fn release(&mut self, account: AccountId, bytes: usize) {
        let Some(held) = self.accounts.get_mut(&account) else {
            debug_assert_eq!(bytes, 0, "released more than was charged");
            return;
        };
        debug_assert!(bytes <= *held, "released more than was charged");
        let bytes = bytes.min(*held);
        *held -= bytes;
        if *held == 0 {
            self.accounts.remove(&account);
        }
        self.used_bytes -= bytes;
    }

    /// Bytes that one account holds.
    pub fn held_bytes(&self, account: AccountId) -> usize {
        self.accounts.get(&account).copied().unwrap_or(0)
    }

    /// Bytes held by all.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Bytes allowed.
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_account_alone_has_room_up_to_the_limit() {
        let mut budget = Budget::new(100);
        assert!(budget.has_room(1, 1000), "an empty account takes anything");
        budget.charge(1, 60);
        assert!(budget.has_room(1, 40));
        assert!(!budget.has_room(1, 41));
        budget.release(1, 60);
        assert_eq!(budget.used_bytes(), 0);
    }

    /// Charges as much as fits, a byte at a time.
    fn fill(budget: &mut Budget, account: AccountId) -> usize {
        while budget.has_room(account, 1) {
            budget.charge(account, 1);
        }
        budget.held_bytes(account)
    }

    #[test]
    fn an_account_leaves_as_much_as_it_takes() {
        let mut budget = Budget::new(120);
        budget.share(9);
        assert_eq!(fill(&mut budget, 1), 60);
        assert_eq!(fill(&mut budget, 2), 30);
        assert_eq!(fill(&mut budget, 3), 15);
        budget.release(1, 60);
        assert_eq!(fill(&mut budget, 3), 45);
    }

    proptest! {
        #[test]
        fn full_accounts_never_stop_an_empty_one(
            limit in 1usize..1000,
            charges in prop::collection::vec((0u64..6, 1usize..100), 0..60),
        ) {
            let mut budget = Budget::new(limit);
            budget.share(7);
            let mut held: HashMap<AccountId, usize> = HashMap::new();
            for (account, bytes) in charges {
                let known = held.entry(account).or_default();
                let fits = budget.has_room(account, bytes);
                prop_assert!(fits || *known > 0);
                if fits {
                    budget.charge(account, bytes);
                    *known += bytes;
                } else {
                    budget.release(account, *known);
                    *known = 0;
                }
                prop_assert_eq!(budget.used_bytes(), held.values().sum::<usize>());
                prop_assert!(budget.has_room(99, usize::MAX));
            }
            for (account, bytes) in held {
                budget.release(account, bytes);
            }
            prop_assert_eq!(budget.used_bytes(), 0);
        }
    }
}
