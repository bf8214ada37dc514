//! How fast bytes may be read at most: `max_bytes_per_sec` (`agent` 5.5).

use std::time::{Duration, Instant};

/// What was not used in the time before may be made up for, this much of it.
const CREDIT: Duration = Duration::from_millis(100);

/// One read is paid for within this time, whatever the pace.
const LONGEST: Duration = Duration::from_secs(3600);

/// Spreads bytes over time, so that no more than so many are read in a second.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bytes_per_second: u64,
    /// When everything that was read is paid for.
    paid_at: Option<Instant>,
}

impl Pace {
    /// At most `bytes_per_second`, which is above 0.
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid_at: None }
    }

    /// When something may be read again; `None` is now.
    pub fn waits(&self, now: Instant) -> Option<Instant> {
        self.paid_at.filter(|at| *at > now)
    }

    /// Notes what was read.
    pub fn spend(&mut self, bytes: u64, now: Instant) {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        let price = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        let from = self.paid_at.map_or(earliest, |at| at.max(earliest));
        self.paid_at = Some(from + price.min(LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[allow(clippy::disallowed_methods, reason = "the value is only a start to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn nothing_waits_that_is_slow_enough() {
        let (mut pace, mut now) = (Pace::new(1000), start());
        for _ in 0..100 {
            assert_eq!(pace.waits(now), None);
            pace.spend(10, now);
            now += Duration::from_millis(10);
        }
    }

    #[test]
    fn what_was_read_at_once_is_waited_for() {
        let (mut pace, now) = (Pace::new(1000), start());
        pace.spend(1100, now);
        assert_eq!(pace.waits(now), Some(now + Duration::from_secs(1)));
        assert_eq!(pace.waits(now + Duration::from_secs(1)), None);
    }

    proptest! {
        /// Whoever reads as soon as it may never reads faster, but for the credit and one read.
        #[test]
        fn the_pace_holds_over_any_time(
            rate in 1_u64..1 << 30,
            reads in proptest::collection::vec((1_u64..1 << 18, 0_u64..1 << 30), 1..50),
        ) {
            let start = start();
            let (mut pace, mut now, mut sum, mut last) = (Pace::new(rate), start, 0, 0);
            for (bytes, idle_nanos) in reads {
                now += Duration::from_nanos(idle_nanos);
                now = pace.waits(now).unwrap_or(now);
                let seconds = now.duration_since(start).as_secs_f64() + CREDIT.as_secs_f64();
                prop_assert!(sum as f64 <= seconds * rate as f64 * 1.001 + last as f64 + 1.0);
                pace.spend(bytes, now);
                (sum, last) = (sum + bytes, bytes);
            }
        }
    }
}
