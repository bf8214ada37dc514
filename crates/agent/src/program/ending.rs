//! When the end begins and until when it may last (`agent` 1.5, 1.6): by signals, or by the
//! tombstone of the application. A pure account of requests; the keeper acts on it.

use std::time::{Duration, Instant};

/// How long the end may take after a second signal.
const HURRY: Duration = Duration::from_secs(2);

/// The times that are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Collecting goes on for so long after the first signal.
    pub(super) linger: Duration,
    /// The end may take so long after that.
    pub(super) drain: Duration,
    /// And so long after the tombstone.
    pub(super) tombstone: Duration,
}

/// What was asked for so far.
#[derive(Debug)]
pub(super) struct Ending {
    times: Times,
    signals: usize,
    lingers_until: Option<Instant>,
    deadline: Option<Instant>,
}

impl Ending {
    pub(super) fn new(times: Times) -> Self {
        Self { times, signals: 0, lingers_until: None, deadline: None }
    }

    /// Takes `count` signals; gives the deadline when it is another one now.
    pub(super) fn signalled(&mut self, count: usize, now: Instant) -> Option<Instant> {
        self.signals += count;
        if self.signals > 1 {
            self.lingers_until = None;
            return self.tighten(now + HURRY);
        }
        // Whoever has begun to end does not wait for more.
        if !self.times.linger.is_zero() && self.deadline.is_none() {
            self.lingers_until = Some(now + self.times.linger);
            return None;
        }
        self.tighten(now + self.times.drain)
    }

    /// The application has ended.
    pub(super) fn buried(&mut self, now: Instant) -> Option<Instant> {
        // A signal that waits has nothing to wait for any more.
        let after = match self.lingers_until.take() {
            Some(_) => self.times.drain,
            None => self.times.tombstone,
        };
        self.tighten(now + after)
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self, now: Instant) -> Option<Instant> {
        self.lingers_until.take_if(|until| *until <= now)?;
        self.tighten(now + self.times.drain)
    }

    /// When to look again.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.lingers_until
    }

    /// Whether the end has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.deadline.is_some()
    }

    fn tighten(&mut self, deadline: Instant) -> Option<Instant> {
        if self.deadline.is_some_and(|known| known <= deadline) {
            return None;
        }
        self.deadline = Some(deadline);
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn ending(linger: u64) -> (Ending, Instant) {
        let times = Times { linger: seconds(linger), drain: seconds(25), tombstone: seconds(600) };
        (Ending::new(times), Instant::now())
    }

    #[test]
    fn the_second_signal_hurries() {
        let (mut ending, now) = ending(0);
        assert_eq!(ending.signalled(1, now), Some(now + seconds(25)));
        assert_eq!(ending.signalled(1, now + seconds(1)), Some(now + seconds(3)));
        assert_eq!(ending.signalled(1, now + seconds(2)), None, "it never gets later");
    }

    #[test]
    fn two_signals_at_once_are_two() {
        let (mut ending, now) = ending(10);
        assert_eq!(ending.signalled(2, now), Some(now + seconds(2)));
    }

    #[test]
    fn collecting_lingers_before_the_end() {
        let (mut ending, now) = ending(10);
        assert_eq!(ending.signalled(1, now), None);
        assert_eq!(ending.look(now + seconds(9)), None);
        assert_eq!(ending.look_at(), Some(now + seconds(10)));
        assert_eq!(ending.look(now + seconds(10)), Some(now + seconds(35)));
        assert_eq!(ending.look(now + seconds(11)), None);
    }

    #[test]
    fn the_tombstone_gives_time_and_a_signal_takes_it() {
        let (mut ending, now) = ending(10);
        assert_eq!(ending.buried(now), Some(now + seconds(600)));
        assert!(ending.has_begun());
        assert_eq!(ending.signalled(1, now), Some(now + seconds(25)), "no lingering any more");
        let (mut ending, now) = self::ending(10);
        assert_eq!(ending.signalled(1, now), None);
        assert_eq!(ending.buried(now), Some(now + seconds(25)));
    }
}
