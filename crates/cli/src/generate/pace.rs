//! How many records are due now: a token bucket filled by elapsed time.
//!
//! The account is kept in whole numbers from the start of the run, so that rounding never adds
//! up, and asking often or seldom makes no difference to the total.

use std::time::Duration;

/// How far a writer that was held up (a stopped process, a slow disk) may catch up in one go.
const LARGEST_BURST: Duration = Duration::from_secs(1);

/// Spreads records evenly over time.
#[derive(Debug, Clone)]
pub struct Pace {
    records_per_second: u64,
    /// Records handed out, plus those forfeited by being late.
    settled: u64,
}

/// The answer to "may I write?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Write this many records now (at least one).
    Now(u64),
    /// Nothing is due before this much more time has passed.
    In(Duration),
}

impl Pace {
    /// A pace of `records_per_second`; 0 stands for as fast as possible.
    #[must_use]
    pub fn new(records_per_second: u64) -> Self {
        Self { records_per_second, settled: 0 }
    }

    /// What is due when `elapsed` has passed since the start. `elapsed` must not go back. Records
    /// answered with [`Due::Now`] count as written.
    pub fn due(&mut self, elapsed: Duration) -> Due {
        if self.records_per_second == 0 {
            return Due::Now(u64::MAX);
        }
        let earned = earned(elapsed, self.records_per_second);
        let burst = earned_u64(LARGEST_BURST, self.records_per_second).max(1);
        if earned > self.settled {
            let records = (earned - self.settled).min(burst);
            self.settled = earned;
            return Due::Now(records);
        }
        let next_nanos = (u128::from(self.settled) * 1_000_000_000)
            .div_ceil(u128::from(self.records_per_second));
        let wait = next_nanos.saturating_sub(elapsed.as_nanos());
        Due::In(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
    }
}

/// Records earned after `elapsed`: the first one at once, one more each period.
fn earned(elapsed: Duration, records_per_second: u64) -> u64 {
    earned_u64(elapsed, records_per_second).saturating_add(1)
}

fn earned_u64(elapsed: Duration, records_per_second: u64) -> u64 {
    let records = elapsed.as_nanos() * u128::from(records_per_second) / 1_000_000_000;
    u64::try_from(records).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_record_is_due_at_once_and_the_next_one_period_later() {
        let mut pace = Pace::new(100);
        assert_eq!(pace.due(millis(0)), Due::Now(1));
        assert_eq!(pace.due(millis(0)), Due::In(millis(10)));
        assert_eq!(pace.due(millis(4)), Due::In(millis(6)));
        assert_eq!(pace.due(millis(10)), Due::Now(1));
    }

    #[test]
    fn a_writer_that_was_stopped_catches_up_by_one_second_at_most() {
        let mut pace = Pace::new(100);
        assert_eq!(pace.due(millis(0)), Due::Now(1));
        assert_eq!(pace.due(millis(60_000)), Due::Now(100));
        assert_eq!(pace.due(millis(60_000)), Due::In(millis(10)));
    }

    #[test]
    fn no_rate_means_no_waiting() {
        assert_eq!(Pace::new(0).due(millis(0)), Due::Now(u64::MAX));
    }

    proptest! {
        #[test]
        fn the_total_does_not_depend_on_how_often_is_asked(
            rate in 1_u64..200_000,
            steps_micros in proptest::collection::vec(1_u64..900_000, 1..200),
        ) {
            let mut pace = Pace::new(rate);
            let mut elapsed = Duration::ZERO;
            let mut total = 0;
            if let Due::Now(records) = pace.due(elapsed) { total += records; }
            for step in steps_micros {
                elapsed += Duration::from_micros(step);
                if let Due::Now(records) = pace.due(elapsed) { total += records; }
            }
            prop_assert_eq!(total, earned(elapsed, rate));
        }

        #[test]
        fn after_the_stated_wait_a_record_is_due(rate in 1_u64..3_000_000, at_micros in 0_u64..5_000_000) {
            let mut pace = Pace::new(rate);
            let at = Duration::from_micros(at_micros);
            pace.due(at);
            if let Due::In(wait) = pace.due(at) {
                prop_assert!(matches!(pace.due(at + wait), Due::Now(1)));
            } else {
                prop_assert!(false, "two answers at one instant");
            }
        }
    }
}
